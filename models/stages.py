"""The stages of an action: starts from posteriors, labels from starts (li2018scoringnet §3.1).

Stages follow each other in a fixed order. `starts` (n_stages,) holds the first frame of each; the
first of them is 0, and a stage that starts where the next one starts has no frames. Stage 0 is the
time before the first labelled stage, which li2018scoringnet calls noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from aqa.errors import HeadError, listed

BEFORE = "before"


def stage_labels(starts: NDArray[np.integer], n_frames: int) -> NDArray[np.intp]:
    """The number of the stage of each frame, (n_frames,).

    >>> stage_labels(np.array([0, 2, 3]), 5)
    array([0, 0, 1, 2, 2])
    """
    return np.searchsorted(starts, np.arange(n_frames), side="right") - 1


def stages_at(starts: NDArray[np.integer], clips: NDArray[np.integer]) -> NDArray[np.intp]:
    """The stage at the middle of each clip, (n_clips,); padding before the video is of stage 0.

    clips: (n_clips, 2), half-open ranges of frames.
    """
    middle = (clips[:, 0] + clips[:, 1]) // 2
    return np.maximum(np.searchsorted(starts, middle, side="right") - 1, 0)


def frame_posteriors(
    posteriors: NDArray[np.floating], clips: NDArray[np.integer], n_frames: int
) -> NDArray[np.float64]:
    """Posteriors of frames, (n_frames, n_stages), from posteriors of clips, (n_clips, n_stages).

    Linear between the middles of clips; constant before the first and after the last.
    """
    middle = (clips[:, 0] + clips[:, 1] - 1) / 2
    frames = np.arange(n_frames)
    return np.stack([np.interp(frames, middle, column) for column in posteriors.T], axis=1)


def stage_starts(posteriors: NDArray[np.floating]) -> NDArray[np.intp]:
    """The first frame of each stage, (n_stages,), from posteriors of frames (n_frames, n_stages).

    Of all starts in the order of the stages, those with the largest sum of posteriors, that is,
    with the most frames expected to be right; single wrong frames are outvoted. Keeping only the
    longest run of each stage would lose all frames after one wrong frame; li2018scoringnet does not
    say what it does with these. Of equally good starts the earlier are taken.
    """
    chances = np.asarray(posteriors, np.float64)
    n_frames, n_stages = chances.shape
    # best[t]: the largest sum over the frames before t, when the stages so far end there.
    # came[s][t]: where stage s starts then.
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
    """The names of the stages, in order; the first is the time before them.

    stages: for each video, name -> first frame, as in `Video.stages`.
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
    """The hand-labelled starts of the stages, (n_stages,) for each video.

    names: as `stage_names` returns them. ids: the videos' names in error messages.
    """
    lacking = [
        f"{f'row {i}' if ids is None else ids[i]} ({', '.join(missing)})"
        for i, first_frames in enumerate(stages)
        if (missing := [name for name in names[1:] if name not in first_frames])
    ]
    if lacking:
        raise HeadError(
            f"{len(lacking)} of {len(stages)} videos have no first frame of some stages: "
            f"{listed(lacking)}; fill in the manifest's columns stage_<name>, leave them out with "
            "--skip-incomplete, or take another head"
        )
    return [
        np.array([0, *(first_frames[name] for name in names[1:])], np.intp)
        for first_frames in stages
    ]
