"""Resamples: the same draws as ever, in as little memory as one step of them takes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aqa.evaluation import resampling
from aqa.evaluation.compare import compare
from aqa.evaluation.metric import metrics_of
from aqa.evaluation.predictions import Predictions
from aqa.evaluation.resampling import resample_counts, resampled
from aqa.evaluation.result import Marks
from aqa.evaluation.score_metrics import measure_scores

# What measure_scores gave of `made_scores()` when it held all resamples at once: value, interval.
KNOWN = {
    "spearman": (0.8226669675780623, [0.6865339816048475, 0.8879854186228024]),
    "pearson": (0.8324154500746741, [0.726975848685755, 0.903369189727323]),
    "kendall": (0.6181460827498294, [0.4976164539470928, 0.7067783209202253]),
    "mse": (341.45183333333335, [240.99480833333342, 458.25210416666664]),
    "med": (15.004999999999999, [12.303208333333334, 17.713375]),
    "relative_l2": (5.47110772846232, [3.861477460876997, 7.342607020776585]),
}


def made_scores() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    true = rng.integers(20, 100, 60).astype(float)
    return true, (true + rng.normal(size=60) * 20).round(1)


def steps_of(monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    monkeypatch.setattr(resampling, "_CELLS", cells)


@pytest.mark.parametrize("cells", [1, 700, 4_000_000])
def test_draws_are_those_of_all_at_once(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    steps_of(monkeypatch, cells)
    n, seed = 101, 3
    steps = list(resample_counts(n, 50, seed))
    assert max(step.size for step in steps) <= max(cells, n)
    draws = np.random.default_rng(seed).integers(n, size=(50, n))
    expected = [np.bincount(own, minlength=n) for own in draws]
    np.testing.assert_array_equal(np.concatenate(steps), expected)


@pytest.mark.parametrize("cells", [600, 4_000_000])
def test_intervals_are_those_of_before(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    steps_of(monkeypatch, cells)
    found = measure_scores(*made_scores(), seed=0)
    for name, (value, interval) in KNOWN.items():
        assert found.values[name] == pytest.approx(value, rel=1e-12)
        assert found.intervals[name] == pytest.approx(interval, rel=1e-12)


def test_the_whole_sample_stands_first_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    steps_of(monkeypatch, 30)
    found = resampled(10, lambda counts: {"first": counts[:, 0], "all": counts.sum(axis=1)}, 20)
    assert found["first"][0] == 1
    np.testing.assert_array_equal(found["all"], np.full(21, 10))
    np.testing.assert_array_equal(
        found["first"][1:], np.concatenate(list(resample_counts(10, 20)))[:, 0]
    )


def test_without_resamples_there_are_values_alone() -> None:
    found = measure_scores(*made_scores(), resamples=0)
    assert found.values == pytest.approx({name: value for name, (value, _) in KNOWN.items()})
    assert set(found.intervals.values()) == {None}


def test_memory_does_not_grow_with_resamples(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps_of(monkeypatch, 200_000)
    true = rng.normal(size=4000)
    pred = true + rng.normal(size=4000)
    few, many = (peak_of(lambda n=n: measure_scores(true, pred, resamples=n)) for n in (50, 800))
    assert many < 1.2 * few


def test_a_comparisons_memory_does_not_grow_with_permutations(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps_of(monkeypatch, 100_000)
    true = rng.normal(size=5000)
    ids = tuple(f"v{i:04d}" for i in range(5000))
    heads = {
        name: {"1": Predictions(Path(name), ids, true, true + rng.normal(size=5000), 9, Marks())}
        for name in ("svr", "wd")
    }
    few, many = (
        peak_of(lambda n=n: compare(heads, resamples=n, permutations=n)) for n in (50, 1000)
    )
    assert many < 1.5 * few


def test_a_comparison_is_the_same_in_steps(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = rng.normal(size=60)
    ids = tuple(f"v{i:02d}" for i in range(60))
    heads = {
        name: {
            split: Predictions(
                *(Path(name), ids[own], true[own]),
                *(true[own] + rng.normal(size=len(true[own])), 9, Marks()),
            )
            for split, own in (("1", slice(0, 40)), ("2", slice(20, 60)))
        }
        for name in ("svr", "wd", "lstm")
    }
    at_once = compare(heads, resamples=300, permutations=500).to_dict()
    steps_of(monkeypatch, 700)
    in_steps = compare(heads, resamples=300, permutations=500).to_dict()
    assert [pair.pop("p_videos") for pair in in_steps["pairs"]] == [
        pair.pop("p_videos") for pair in at_once["pairs"]
    ]
    for one, other in zip(in_steps["pairs"], at_once["pairs"], strict=True):
        assert one["interval"] == pytest.approx(other["interval"], rel=1e-12)


def test_every_metric_of_scores_is_the_same_in_steps(rng: np.random.Generator) -> None:
    """Of many videos, too, where Kendall's tau is counted without a matrix of pairs."""
    true = rng.integers(0, 300, 1500).astype(float)
    pred = (true + rng.normal(size=1500) * 90).round()
    counts = next(resample_counts(1500, 12, 1))
    for metric in metrics_of("scores"):
        each = [metric.function(true, pred, count) for count in counts]
        np.testing.assert_allclose(metric.function(true, pred, counts), each, rtol=1e-12)


def peak_of(work: Callable[[], object]) -> int:
    """The most memory, in bytes, that is allocated at once meanwhile."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
