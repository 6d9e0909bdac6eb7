"""Every metric of scores, their intervals, and the averages that papers print."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from aqa.evaluation.metric import Metric, metrics_of
from aqa.evaluation.score_metrics import measure_scores
from aqa.metrics import fisher_z

METRICS = metrics_of("scores")
# The papers whose printed values lie beside the project, in the order of their files.
PAPERS = ("jain2020", "li2018end", "li2018scoringnet", "farabi2021", "parmar2019action")


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_weight_is_a_number_of_copies(metric: Metric, rng: np.random.Generator) -> None:
    true, pred = rng.integers(0, 9, size=(2, 15)).astype(float)
    true[:2] = 0, 8  # the range, which a resample keeps
    counts = rng.integers(0, 4, size=(6, 15)).astype(float)
    counts[:, :2] += 1
    expected = [
        metric.function(np.repeat(true, c.astype(int)), np.repeat(pred, c.astype(int)))
        for c in counts
    ]
    np.testing.assert_allclose(metric.function(true, pred, counts), expected, atol=1e-14)


def test_intervals_are_quantiles_of_plain_resamples(rng: np.random.Generator) -> None:
    true = rng.normal(size=25)
    pred = true + rng.normal(size=25)
    found = measure_scores(true, pred, resamples=200, seed=3)
    draws = np.random.default_rng(3).integers(25, size=(200, 25))
    for name, expected in (
        ("spearman", [scipy.stats.spearmanr(true[d], pred[d]).statistic for d in draws]),
        ("med", [np.abs(true[d] - pred[d]).mean() for d in draws]),
    ):
        np.testing.assert_allclose(found.intervals[name], np.quantile(expected, [0.025, 0.975]))


def test_intervals_hold_the_value_and_narrow_with_more_videos(rng: np.random.Generator) -> None:
    widths = []
    for n in (30, 300):
        true = rng.normal(size=n)
        found = measure_scores(true, true + rng.normal(size=n))
        for name, (low, high) in found.intervals.items():
            assert low < found.values[name] < high
        low, high = found.intervals["spearman"]
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_intervals_cover_as_often_as_they_say(rng: np.random.Generator) -> None:
    """A narrower quantile, say of 85 %, would leave these bounds."""
    rho, n, times = 0.7, 40, 200
    truths = {"spearman": 6 / np.pi * np.arcsin(rho / 2), "pearson": rho, "mse": 2 - 2 * rho}
    hits = dict.fromkeys(truths, 0)
    for k in range(times):
        true, noise = rng.normal(size=(2, n))
        found = measure_scores(
            true, rho * true + np.sqrt(1 - rho**2) * noise, resamples=200, seed=k
        )
        for name, truth in truths.items():
            low, high = found.intervals[name]
            hits[name] += low < truth < high
    assert all(0.89 < hit / times < 0.985 for hit in hits.values()), hits


def test_what_is_undefined_is_none() -> None:
    assert measure_scores([], []).values["mse"] is None
    one = measure_scores([5.0], [6.0])
    assert (one.values["spearman"], one.values["mse"]) == (None, 1.0)
    constant = measure_scores([5.0] * 9, np.arange(9.0))
    assert (constant.values["spearman"], constant.values["relative_l2"]) == (None, None)
    assert constant.intervals["spearman"] is None
    flat = measure_scores(np.arange(9.0), [0.1] * 9)
    assert [flat.values[name] for name in ("spearman", "pearson", "kendall")] == [None, None, None]


def test_of_fewer_than_eight_videos_there_is_no_interval(rng: np.random.Generator) -> None:
    """At four, an interval that says 95 % holds the truth in 71 % of samples."""
    for n in (1, 4, 7, 8):
        found = measure_scores(rng.normal(size=n), rng.normal(size=n))
        assert (found.intervals["mse"] is None) == (n < 8)
        assert found.values["mse"] is not None


def test_difficulty_alone_on_real_dives(shared: Path) -> None:
    with (shared / "data" / "unlv-dive-p3d" / "videos.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    score, difficulty = ([float(row[c]) for row in rows] for c in ("score", "difficulty"))
    assert measure_scores(score, difficulty).values["spearman"] == pytest.approx(0.286, abs=5e-4)


@pytest.fixture(scope="module")
def printed(shared: Path) -> dict[tuple[str, str], dict[str, dict[str, float]]]:
    """(paper and table, metric) -> system -> what each value is of -> value."""
    found: dict = defaultdict(lambda: defaultdict(dict))
    with (shared / "paper_results.csv").open() as file:
        rows = list(csv.DictReader(file))
    files = sorted({row["paper_file"] for row in rows})
    keys = dict(zip(files, PAPERS, strict=True))
    for row in rows:
        key = keys[row["paper_file"]]
        of = row["subset"] if key == "parmar2019action" else row["split"]
        found[f"{key} {row['table']}", row["metric"]][row["system"]][of] = float(row["value"])
    return found


class TestPrintedAverages:
    """The averages that the papers print, recomputed from the values beside them."""

    @pytest.mark.parametrize(
        ("table", "metric", "average", "systems", "strange"),
        [
            ("jain2020 Table I", "SRC", "avg10", 11, {}),
            (
                *("jain2020 Table II", "MSE", "avg10", 11),
                {
                    "C3D+LSTM+SVR (F)": (105.357, 105.35),
                    "Siamese constant expert bias (type 1)": (107.172, 107.18),
                },
            ),
            ("jain2020 Table VI", "SRC", "avg5", 5, {"C3D+LSTM (I)": (0.476, 0.47)}),
            ("jain2020 Table VI", "MSE", "avg5", 5, {}),
        ],
    )
    def test_over_splits(self, printed, table, metric, average, systems, strange) -> None:
        rows = printed[table, metric]
        assert len(rows) == systems
        differing = {}
        for name, values in rows.items():
            mean = np.mean([value for split, value in values.items() if split != average])
            if (
                abs(mean - values[average]) > 0.005 + 1e-9
            ):  # jain2020 rounds some and cuts off others
                differing[name] = (round(mean, 3), values[average])
        assert differing == strange

    @pytest.mark.parametrize(
        ("table", "by_fisher", "by_mean"),
        [("parmar2019action Table 2", 3, 0), ("parmar2019action Table 3", 0, 8)],
    )
    def test_over_actions(self, printed, table, by_fisher, by_mean) -> None:
        """Table 3's are means of the actions that were not trained on, not Fisher's as it says."""
        agreeing = [0, 0]
        for system, values in printed[table, "SRC"].items():
            if "avg_fisher_z" not in values:
                continue
            own = system.partition("trained on ")[2]
            each = [v for action, v in values.items() if action not in ("avg_fisher_z", own)]
            for i, mean in enumerate((fisher_z(each), np.mean(each))):
                agreeing[i] += abs(mean - values["avg_fisher_z"]) < 0.00005
        assert agreeing == [by_fisher, by_mean]
