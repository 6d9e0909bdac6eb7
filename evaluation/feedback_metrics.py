"""How often the clips that are called faulty are faulty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aqa.evaluation.metric import metric_of, metrics_of
from aqa.evaluation.resampling import LEVEL, RESAMPLES, MetricValues, interval, resampled
from aqa.metrics import Values


def measure_feedback(
    truth: Sequence[NDArray[np.bool_]],
    said: Sequence[NDArray[np.bool_]],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> MetricValues:
    """Precision, recall and F1 of faulty clips, pooled over videos (jain2020 Table VIII).

    truth, said: for each video, which of its clips are faulty. The bootstrap draws videos, since
    the clips of one are not independent.
    """
    counts = _counts(truth, said)

    def measure(drawn: Values) -> dict[str, Values]:
        hits, said_faulty, faulty, _ = (drawn @ counts).T
        return {m.name: m.function(hits, said_faulty, faulty) for m in metrics_of("feedback")}

    samples = resampled(len(counts), measure, resamples, seed)
    return MetricValues.of(
        len(counts),
        samples,
        level,
        clips=int(counts[:, 3].sum()),
        faulty=int(counts[:, 2].sum()),
        said_faulty=int(counts[:, 1].sum()),
    )


def f1_of_all_faulty(truth: Sequence[NDArray[np.bool_]]) -> float:
    """The F1 of calling every clip faulty, which takes no looking."""
    every = [np.ones(len(one), bool) for one in truth]
    return measure_feedback(truth, every, resamples=0).values["f1"] or 0.0


def is_better_than_all(
    truth: Sequence[NDArray[np.bool_]],
    said: Sequence[NDArray[np.bool_]],
    *,
    level: float = LEVEL,
    seed: int = 0,
) -> bool:
    """Whether the F1 is above that of calling every clip faulty, at the low end of its interval."""
    counts, function = _counts(truth, said), metric_of("f1", "feedback").function

    def measure(drawn: Values) -> dict[str, Values]:
        hits, said_faulty, faulty, clips = (drawn @ counts).T
        return {"ahead": function(hits, said_faulty, faulty) - function(faulty, clips, faulty)}

    found = interval(resampled(len(counts), measure, RESAMPLES, seed)["ahead"][1:], level)
    return found is not None and found[0] > 0


def _counts(
    truth: Sequence[NDArray[np.bool_]], said: Sequence[NDArray[np.bool_]]
) -> NDArray[np.float64]:
    """Of each video the hits, the clips called faulty, the faulty ones, and all: (videos, 4)."""
    rows = [[(t & s).sum(), s.sum(), t.sum(), len(t)] for t, s in zip(truth, said, strict=True)]
    return np.array(rows, np.float64)
