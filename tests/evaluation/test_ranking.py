"""Pairwise accuracy: against the naive count, by weights as by repeats, and compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from aqa.annotations.pairs import Pair
from aqa.errors import RunError, WrongUsageError
from aqa.evaluation.compare import compare
from aqa.evaluation.predictions import Predictions, read_predictions
from aqa.evaluation.ranking import measure_ranking
from aqa.evaluation.result import Marks
from aqa.files import write_json, write_rows
from aqa.metrics import ranking_accuracy
from aqa.models.runs import METRICS_FILE, PREDICTIONS

NAMES = "abcdefgh"
PAIRS = [Pair(*two) for two in ("ab", "cb", "ad", "de", "fa", "gh", "hb", "ab")]
RANKS = dict(zip(NAMES, (2.0, 1.0, 1.0, 0.0, 1.0, 3.0, -1.0, 4.0), strict=True))
NUMBERS = np.array([[NAMES.index(i) for i in pair] for pair in PAIRS])
SAID = np.array(list(RANKS.values()))


def test_the_share_of_pairs_in_the_right_order() -> None:
    naive = np.mean([RANKS[a] > RANKS[b] for a, b in PAIRS])
    assert ranking_accuracy(NUMBERS, SAID) == pytest.approx(naive)
    assert ranking_accuracy(NUMBERS, np.zeros(8)) == 0  # equal rank values are wrong
    several = np.stack([SAID, -SAID, np.zeros(8)])
    expected = [ranking_accuracy(NUMBERS, one) for one in several]
    np.testing.assert_allclose(ranking_accuracy(NUMBERS, several), expected)


def test_weights_are_how_often_videos_are_drawn(rng: np.random.Generator) -> None:
    drawn = rng.integers(0, 3, size=(20, 8)).astype(float)
    drawn[0] = 0
    found = ranking_accuracy(NUMBERS, SAID, drawn)
    assert np.isnan(found[0])
    for value, counts in list(zip(found, drawn, strict=True))[1:]:
        repeated = [
            RANKS[a] > RANKS[b]
            for a, b in PAIRS
            for _ in range(int(counts[NAMES.index(a)] * counts[NAMES.index(b)]))
        ]
        assert value == pytest.approx(np.mean(repeated), nan_ok=True)


def test_both_intervals(rng: np.random.Generator) -> None:
    names = [f"v{i}" for i in range(30)]
    hidden = dict(zip(names, rng.normal(size=30).tolist(), strict=True))
    ranks = {name: value + rng.normal(scale=0.7) for name, value in hidden.items()}
    pairs = [
        Pair(a, b) if hidden[a] > hidden[b] else Pair(b, a)
        for i, a in enumerate(names)
        for b in names[:i]
    ]
    measured = measure_ranking(pairs, ranks, learned=3)
    right = sum(ranks[a] > ranks[b] for a, b in pairs)
    exact = binomtest(right, len(pairs)).proportion_ci(0.95, method="exact")
    assert measured.n == 435
    assert measured.values["accuracy"] == pytest.approx(right / 435)
    assert measured.counts["exact_interval"] == pytest.approx([exact.low, exact.high])
    assert (measured.counts["videos"], measured.counts["learned"]) == (30, 3)
    drawn = measured.intervals["accuracy"]
    assert drawn is not None
    assert drawn[0] < exact.low < right / 435 < exact.high < drawn[1]  # pairs share videos
    assert measure_ranking(pairs, ranks, resamples=0).intervals["accuracy"] is None


def predictions(name: str, ranks: np.ndarray, pairs: np.ndarray = NUMBERS) -> Predictions:
    folder = Path("runs") / f"{name}@pairs" / "split-1"
    return Predictions(folder, tuple(NAMES), pairs, ranks, 20, Marks(), "ranking")


def test_a_head_is_compared_with_itself_and_with_a_worse_one(rng: np.random.Generator) -> None:
    ids = tuple(f"v{i:02d}" for i in range(40))
    hidden = rng.normal(size=40)
    pairs = np.array([(i, j) for i in range(40) for j in range(40) if hidden[i] > hidden[j]])
    heads = {}
    for name, noise in (("good", 0.1), ("again", 0.1), ("poor", 3.0)):
        said = hidden + np.random.default_rng(1).normal(scale=noise, size=40)
        folder = Path("runs") / name / "split-1"
        heads[name] = {"1": Predictions(folder, ids, pairs, said, 80, Marks(), "ranking")}
    found = compare(heads, permutations=999, resamples=200)
    assert (found.metric, found.kind, found.videos) == ("accuracy", "ranking", 40)
    by_pair = {frozenset((pair.a, pair.b)): pair for pair in found.pairs}
    alike = by_pair[frozenset(("good", "again"))]
    assert (alike.difference, alike.p_videos, alike.better) == (0, 1, None)
    apart = by_pair[frozenset(("good", "poor"))]
    assert apart.better == "good"
    assert apart.p_videos == pytest.approx(1 / 1000)
    assert apart.interval is not None
    assert apart.interval[0] > 0


def test_validation_videos_are_counted_as_learned_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"better": "a", "worse": "b", "part": "test", "better_rank": 1, "worse_rank": 0}
    write_rows(tmp_path / PREDICTIONS, [row])
    write_json(tmp_path / METRICS_FILE, {"test": {}})
    parts = {"train": ["c", "d", "e"], "val": ["e", "f"]}  # of pairs, a video may be in both
    monkeypatch.setattr("aqa.evaluation.predictions.read_record", lambda _: {"split": parts})
    found = read_predictions(tmp_path)
    assert found is not None
    assert (found.n_train, found.n_val) == (4, 1)


def test_what_cannot_be_compared_is_refused() -> None:
    heads = {"a": {"1": predictions("a", SAID)}, "b": {"1": predictions("b", SAID, NUMBERS[:3])}}
    with pytest.raises(RunError, match="were evaluated by different pairs"):
        compare(heads)
    alike = {name: {"1": predictions(name, SAID)} for name in "ab"}
    with pytest.raises(WrongUsageError, match="--metric spearman is none of ranking"):
        compare(alike, "spearman")
