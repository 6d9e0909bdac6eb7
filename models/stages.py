"""The stages of an action: from posteriors to boundaries, from boundaries to labels (li2018scoringnet §3.1).

Stages follow each other in a fixed order. `starts` (n_stages,) holds the first frame of each; the
first is 0, and a stage that starts where the next one does has no frames. Stage 0 is the time
before the first stage with a label, which li2018scoringnet calls noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from aqa.models.heads.base import HeadError, name_of

BEFORE = "before"


def stage_labels(starts: NDArray[np.integer], n_frames: int) -> NDArray[np.intp]:
    """The number of the stage of each frame, (n_frames,).

    >>> stage_labels(np.array([0, 2, 3]), 5)
    array([0, 0, 1, 2, 2])
    """
    return np.searchsorted(starts, np.arange(n_frames), side="right") - 1


def stages_at(starts: NDArray[np.integer], clips: NDArray[np.integer]) -> NDArray[np.intp]:
    """The stage of the middle of each clip, (n_clips,); padding in front is of stage 0.

    clips: (n_clips, 2), half-open ranges of frames.
    """
    middle = (clips[:, 0] + clips[:, 1]) // 2
    return np.maximum(np.searchsorted(starts, middle, side="right") - 1, 0)


def frame_posteriors(
    posteriors: NDArray[np.floating], clips: NDArray[np.integer], n_frames: int
) -> NDArray[np.float64]:
    """Posteriors of frames, (n_frames, n_stages), from those of clips, (n_clips, n_stages).

    Linear between the clips' middles, and constant before the first and after the last.
    """
    middle = (clips[:, 0] + clips[:, 1] - 1) / 2
    frames = np.arange(n_frames)
    return np.stack([np.interp(frames, middle, column) for column in posteriors.T], axis=1)


def stage_starts(posteriors: NDArray[np.floating]) -> NDArray[np.intp]:
    """Where each stage starts, (n_stages,), of frames' posteriors (n_frames, n_stages).

    The starts, in the stages' order, under which the most frames can be expected to be right: each
    stage becomes one run, the heaviest that fits, and stray frames are outvoted. Keeping merely
    the longest run of each stage would lose all that follows one stray frame. li2018scoringnet does
    not say what becomes of strays. Of equals the earlier starts are taken.
    """
    chances = np.asarray(posteriors, np.float64)
    n_frames, n_stages = chances.shape
    # best[t]: the most that the stages so far gain of the frames before t, the last of them
    # ending there; came[s][t]: where stage s starts then.
    best = np.concatenate([[0.0], np.cumsum(chances[:, 0])])
    came = []
    for stage in range(1, n_stages):
        gain = np.concatenate([[0.0], np.cumsum(chances[:, stage])])
        ahead = best - gain
        highest = np.maximum.accumulate(ahead)
        new = np.concatenate([[True], ahead[1:] > highest[:-1]])
        came.append(np.maximum.accumulate(np.where(new, np.arange(n_frames + 1), 0)))
        best = highest + gain
    starts, stop = [], n_frames
    for start_of in reversed(came):
        stop = int(start_of[stop])
        starts.append(stop)
    return np.array([0, *reversed(starts)], np.intp)


def stage_names(stages: Sequence[Mapping[str, int]]) -> tuple[str, ...]:
    """The names of the stages, in order, the time before them first.

    stages: of each video, name -> first frame, as `Video.stages`.
    """
    longest = max(stages, key=len, default={})
    if not longest:
        raise HeadError(
            "no video has stages; fill in the manifest's columns stage_<name>, the first frame "
            "of each stage"
        )
    return (BEFORE, *longest)


def hand_starts(
    stages: Sequence[Mapping[str, int]], names: Sequence[str], ids: Sequence[str] | None = None
) -> list[NDArray[np.intp]]:
    """The hand-labelled starts of the stages, (n_stages,) a video.

    names: of the stages, the time before them first. ids: what an error calls the videos.
    """
    found = []
    for i, own in enumerate(stages):
        missing = [name for name in names[1:] if name not in own]
        if missing:
            raise HeadError(
                f"{name_of(i, ids)} has no first frame of {', '.join(missing)}; fill in the "
                "manifest's columns stage_<name>"
            )
        found.append(np.array([0, *(own[name] for name in names[1:])], np.intp))
    return found
