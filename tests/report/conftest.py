"""One small picture of each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aqa.models.feedback import ClipFeedback, Feedback, JointMove, PoseFeedback
from aqa.workflows.embed import Embedding, Embeddings
from aqa.workflows.transfer.results import TransferResult


@pytest.fixture
def feedback() -> Callable[..., Feedback]:
    """Feedback with these values per clip, faulty below 0.5."""

    def make(values: list[float], meaning: str = "similarity to the exemplar") -> Feedback:
        clips = [
            ClipFeedback(
                *(i, 16 * i, 16 * i + 16, 0.5 * i, 0.5 * i + 0.5, v, None, 0.5),
                *(v < 0.5, False, None, 0.5, v < 0.5, "faulty" if v < 0.5 else "", {"e": i}),
            )
            for i, v in enumerate(values)
        ]
        said = ("faulty", "below 0.5", "", "faulty", "", "faulty")
        return Feedback("dive_0007", meaning, *said, None, clips)

    return make


@pytest.fixture
def frames() -> Callable[..., list[np.ndarray]]:
    """So many frames of one grey."""

    def make(n: int, grey: int = 100, size: tuple[int, int] = (24, 32)) -> list[np.ndarray]:
        return [np.full((*size, 3), grey, np.uint8)] * n

    return make


@pytest.fixture
def pose_feedback() -> PoseFeedback:
    """Two joints on frames 10 and 11; the second joint gains most on the last, downwards."""
    joints = np.tile(np.float32([[20, 30], [60, 40]]), (2, 1, 1))
    gradient = np.array([[(0, 0), (0, 0)], [(0.5, 0), (0, 2.0)]])
    moves = [JointMove("left hand", 11, 0.44, 60, 40, 0, 2.0, 2.0)]
    return PoseFeedback("v", "points", moves, ["head", "left hand"], joints, gradient, 10)


@pytest.fixture
def embeddings() -> Embeddings:
    """Two embeddings of 12 videos of three types; the last four are for tests, one has no score."""
    rng = np.random.default_rng(0)
    types = ["101B", "107B", ""] * 4
    names = [("LSTM", {"train": 0.25, "test": None}), ("D2", {"train": 0.5, "test": -0.1})]
    made = [
        Embedding(name, rng.normal(size=(12, 5)), rng.normal(size=(12, 2)), silhouette)
        for name, silhouette in names
    ]
    scores = np.array([*range(20, 31), np.nan], np.float64)
    tested = np.arange(12) >= 8
    return Embeddings([f"v{i}" for i in range(12)], types, scores, "score", tested, made)


@pytest.fixture
def fragment_rows() -> list[dict[str, Any]]:
    """Three fragments, of which the second has no correlation, and all together."""
    rows = [(0, "takeoff", 0.2, 0.1), (1, "flight", None, None), (2, "entry", 0.6, 0.05)]
    return [
        {"fragment": fragment, "stage": stage, "spearman": value, "spearman_std": deviation}
        for fragment, stage, value, deviation in [*rows, ("all", "", 0.7, 0.02)]
    ]


@pytest.fixture
def transfer() -> TransferResult:
    """Two draws of each start on 25 and on 75 videos; random weights have no zero-shot value."""
    curves = [
        {
            "samples": samples,
            "draw": draw,
            "start": start,
            "iteration": 100 * i,
            "spearman": None if start == "random" and i == 0 else 0.1 * i + 0.01 * draw,
        }
        for samples in (25, 75)
        for start in ("random", "multi-action")
        for draw in range(2)
        for i in range(4)
    ]
    return TransferResult("ski", ("diving",), 90, 120, 50, {}, curves)
