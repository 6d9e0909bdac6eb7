"""What heads take: features, scores, and columns of what else is known of videos and clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Manifest, Video
from aqa.features.clips import Clip
from aqa.features.store import FeatureStore


@dataclass(frozen=True)
class Features:
    """A store and its videos' features, read once."""

    store: FeatureStore
    arrays: Mapping[str, NDArray[np.float32]]

    @classmethod
    def of(cls, store: FeatureStore) -> Features:
        """Read them all."""
        return cls(store, dict(zip(store.ids, store.load(store.ids), strict=True)))


def inputs_of(
    ids: Sequence[str],
    manifest: Manifest,
    features: Features,
    columns: Sequence[str],
) -> tuple[list[Any], np.ndarray, dict[str, list[Any]]]:
    """Features, scores and columns of these videos."""
    videos = [manifest.by_id[i] for i in ids]
    scores = np.array([video.score for video in videos])
    clips = [features.store.clips(i) for i in ids] if "clips" in columns else []
    return [features.arrays[i] for i in ids], scores, videos_columns(videos, columns, clips)


def videos_columns(
    videos: Sequence[Video], columns: Sequence[str], clips: Sequence[Sequence[Clip]] = ()
) -> dict[str, list[Any]]:
    """Attributes of videos, as heads with such `columns` take them; `clips` come from the store."""
    return {
        name: [np.asarray(ranges) for ranges in clips]
        if name == "clips"
        else [getattr(video, name) for video in videos]
        for name in columns
    }
