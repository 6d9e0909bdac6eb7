"""The clip features of one video, and which frames of its file the clips are of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aqa.features.clips import Clip
from aqa.features.store import FeatureStore, StoreError


@dataclass(frozen=True)
class VideoFeatures:
    """One video's clip features, from a store or extracted just now.

    features: (n_clips, dim). clips: half-open ranges of frames, counted from frame `offset` of the
    video file. n_frames: frames outside of [0, n_frames) are padding. fps: frames per second, NaN
    where it is not known.
    """

    features: NDArray[np.float32]
    clips: Sequence[Clip]
    n_frames: int
    offset: int
    fps: float

    def frames(self, number: int) -> tuple[int, int]:
        """The half-open range of frames of the file that a clip shows, without its padding."""
        clip = self.clips[number]
        start, stop = (min(max(frame, 0), self.n_frames) for frame in (clip.start, clip.stop))
        return start + self.offset, stop + self.offset

    def seconds(self, frame: int) -> float | None:
        """When a frame of the file is shown; None where the frame rate is not known."""
        return frame / self.fps if np.isfinite(self.fps) else None


def of_store(store: FeatureStore, video_id: str) -> VideoFeatures:
    """The features of a video that a store holds."""
    return VideoFeatures(
        store[video_id],
        store.clips(video_id),
        store.n_frames(video_id),
        store.frame_range(video_id)[0],
        store.fps(video_id),
    )


def blank_of(store: FeatureStore) -> NDArray[np.float32] | None:
    """The feature of a clip of black frames, (dim,); None where the store has none."""
    try:
        return store.blank
    except StoreError:
        return None
