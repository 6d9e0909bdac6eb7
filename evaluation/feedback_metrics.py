"""How often the clips that are called faulty are faulty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aqa.evaluation.metric import metrics_of
from aqa.evaluation.resampling import LEVEL, RESAMPLES, MetricValues, resampled
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
    counts = np.array(
        [[(t & s).sum(), s.sum(), t.sum(), len(t)] for t, s in zip(truth, said, strict=True)]
    )

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
