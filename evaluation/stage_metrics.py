"""How well the stages of videos are told, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aqa.evaluation.metric import metric_of
from aqa.evaluation.resampling import (
    LEVEL,
    RESAMPLES,
    MetricValues,
    resample_counts,
    whole_first,
)
from aqa.metrics import Values
from aqa.models.stages import stage_labels


def measure_stages(
    names: Sequence[str],
    true: Sequence[NDArray[np.integer]],
    predicted: Sequence[NDArray[np.integer]],
    n_frames: Sequence[int],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, MetricValues]:
    """All frames together, under "all", and those of each stage, under its name.

    true, predicted: for each video the first frame of each stage, (n_stages,). accuracy: the share
    of a stage's frames that are said to be of it (li2018scoringnet §4.4). start_error: the mean
    distance of its start from the true one, in frames; None for the first stage, which starts with
    the video. The bootstrap draws videos.
    """
    frames, hits = np.zeros((2, len(n_frames), len(names)))
    for i, (one, other, n) in enumerate(zip(true, predicted, n_frames, strict=True)):
        labels = stage_labels(one, n)
        frames[i] = np.bincount(labels, minlength=len(names))
        right = labels[labels == stage_labels(other, n)]
        hits[i] = np.bincount(right, minlength=len(names))
    error = np.abs(np.stack(predicted) - np.stack(true)).astype(float)
    drawn = whole_first(resample_counts(len(frames), resamples, seed))

    def measured(count: Values, hit: Values, off: Values) -> MetricValues:
        samples = {
            "accuracy": metric_of("accuracy", "stages").function(drawn @ hit, drawn @ count),
            "start_error": metric_of("start_error", "stages").function(drawn @ off, len(frames)),
        }
        return MetricValues.of(len(frames), samples, level, frames=int(count.sum()))

    no_start = np.full(len(frames), np.nan)
    return {
        "all": measured(frames.sum(axis=1), hits.sum(axis=1), error[:, 1:].mean(axis=1)),
        **{
            name: measured(frames[:, i], hits[:, i], error[:, i] if i else no_start)
            for i, name in enumerate(names)
        },
    }
