"""How well the stages of videos are told, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aqa.evaluation.metric import metric_of
from aqa.evaluation.resampling import LEVEL, RESAMPLES, MetricValues, resampled
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
    accuracy, start_error = (metric_of(name, "stages") for name in ("accuracy", "start_error"))
    # Frames, those labelled rightly, and how far off the start is, of each video.
    counted = {"all": (frames.sum(axis=1), hits.sum(axis=1), error[:, 1:].mean(axis=1))}
    no_start = np.full(len(frames), np.nan)
    for i, name in enumerate(names):
        counted[name] = frames[:, i], hits[:, i], error[:, i] if i else no_start

    def measure(drawn: Values) -> dict[str, Values]:
        found = {}
        for name, (count, hit, off) in counted.items():
            found[f"{name} accuracy"] = accuracy.function(drawn @ hit, drawn @ count)
            found[f"{name} start_error"] = start_error.function(drawn @ off, len(frames))
        return found

    samples = resampled(len(frames), measure, resamples, seed)
    return {
        name: MetricValues.of(
            len(frames),
            {metric: samples[f"{name} {metric}"] for metric in ("accuracy", "start_error")},
            level,
            frames=int(count.sum()),
        )
        for name, (count, *_) in counted.items()
    }
