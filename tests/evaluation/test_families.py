"""Results over the splits of a family."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import Manifest, Video
from aqa.annotations.two_classes import TwoClasses
from aqa.evaluation.classes.rows import with_classes
from aqa.evaluation.families import means_over_splits, pooled_results, pooled_rows
from aqa.evaluation.result import Evaluation, Marks, Result
from aqa.evaluation.score_metrics import measure_scores
from aqa.evaluation.score_rows import part_rows
from aqa.models.target_transforms.class_rule import ClassRule
from aqa.report.result_tables import results_table


def result(split: str, value: float | None, **more) -> Result:
    return Result("scores", "svr", split, 10, {"spearman": value}, {"spearman": None}, **more)


def test_a_mean_is_over_one_family() -> None:
    results = [result("fold0", 0.2), result("fold1", 0.6), result("louo-B", 0.9)]
    (mean,) = means_over_splits(results)
    assert (mean.family, mean.splits, mean.values["spearman"]) == ("fold", 2, pytest.approx(0.4))
    assert mean.stds["spearman"] == pytest.approx(np.std([0.2, 0.6], ddof=1))
    (mean,) = means_over_splits(results, family=lambda split: "")
    assert mean.splits == 3


def test_a_mean_is_over_what_is_alike() -> None:
    told = Marks(difficulty="multiply")
    one, other = result("1", 0.2), result("2", 0.6, marks=told)
    assert means_over_splits([one, other]) == []
    parts = [result(s, 0.5, part=part) for s in "12" for part in ("difficulty", "execution")]
    assert [mean.part for mean in means_over_splits(parts)] == ["difficulty", "execution"]


def test_one_undefined_value_leaves_no_mean_and_leaks_are_counted() -> None:
    leaky = result("1", None, marks=Marks(leak=("the head has learned",)))
    made_up = result("2", 0.6, marks=Marks(made_up="random numbers"))
    (mean,) = means_over_splits([leaky, made_up])
    assert mean.values["spearman"] is None
    assert mean.marks == Marks(leak=("1 of 2 splits",), made_up="random numbers")


@pytest.fixture
def folds(rng: np.random.Generator) -> tuple[dict, Manifest]:
    videos = [Video(f"v{k:02d}", None, float(rng.uniform(0, 50)), action="a") for k in range(12)]
    tested = {}
    for fold in range(3):
        own = videos[4 * fold : 4 * fold + 4]
        predicted = [video.score + rng.normal(scale=9) for video in own]
        rows = part_rows("test", [v.id for v in own], [v.score for v in own], predicted)
        tested["svr", "score", f"louo-{'BCD'[fold]}"] = rows
    return tested, Manifest(videos, Path("m.csv"))


def test_test_videos_of_a_family_are_pooled(folds) -> None:
    tested, manifest = folds
    results = [result(split, 0.5) for *_, split in tested]
    (pooled,) = pooled_results(results, pooled_rows(tested), manifest)
    rows = [row for own in tested.values() for row in own]
    true, predicted = ([row[name] for row in rows] for name in ("score", "predicted"))
    expected = measure_scores(true, predicted, span=np.ptp([v.score for v in manifest]))
    assert (pooled.split, pooled.pooled, pooled.n) == ("louo", 3, 12)
    assert pooled.values == expected.values
    assert pooled.intervals == expected.intervals
    assert pooled.intervals["mse"] is not None  # of each split alone there is none


def test_videos_that_are_tested_twice_are_not_pooled(folds) -> None:
    tested, _ = folds
    tested["svr", "score", "louo-E"] = tested["svr", "score", "louo-B"]
    assert pooled_rows(tested) == {}


def test_scores_are_not_pooled_with_classes(folds) -> None:
    tested, _ = folds
    rule = ClassRule(TwoClasses("score", "0", "1"), "score", 0.5)
    for split in ("louo-B", "louo-D"):  # first in the family, or last
        key = "svr", "score", split
        assert pooled_rows(tested | {key: with_classes(tested[key], rule)}) == {}
    classes = {key: with_classes(rows, rule) for key, rows in tested.items()}
    assert [splits for splits, _ in pooled_rows(classes).values()] == [3]


def test_means_are_shown_first_and_splits_on_request() -> None:
    results = [result("1", 0.21), result("2", 0.61), result("published", 0.9)]
    full = [
        Result.of(measure_scores([1, 2, 3], [1, 2, 4]), "scores", "svr", r.split) for r in results
    ]
    found = Evaluation(full, means=means_over_splits(full))
    shown = results_table(found)
    assert shown.index("mean of 2 splits, ") < shown.index("split published, 3 test videos")
    assert "split 1," not in shown
    assert "no interval where there are fewer than 8 videos" in shown
    assert "split 1," in results_table(found, by_split=True)


@pytest.mark.parametrize("width", ["80", "200"])
def test_no_line_is_wider_than_the_terminal(width: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", width)
    rng = np.random.default_rng(0)
    heads = ["score-estimation", "svr", "baseline-difficulty", "baseline-all"]
    results = [
        Result.of(
            measure_scores(rng.uniform(0, 100, 30), rng.uniform(0, 100, 30)),
            *("scores", head, split),
            marks=Marks(baseline=("event", "difficulty") if head.startswith("baseline") else ()),
        )
        for split in "12"
        for head in heads
    ]
    found = Evaluation(results, means=means_over_splits(results))
    lines = results_table(found, by_split=True).split("\n")
    assert max(map(len, lines)) <= int(width)
    names = [line.split()[0] for line in lines if line.startswith(("s", "w", "  "))]
    assert names.index("without") > names.index("svr")


def test_correlations_of_tiny_parts_are_not_shown(rng: np.random.Generator) -> None:
    """Two videos have a correlation of 1 or -1 by chance alone; all ten together are shown."""

    def measured(n: int, split: str, **more) -> Result:
        scores = measure_scores(rng.random(n), rng.random(n))
        return Result.of(scores, "scores", "svr", split, **more)

    folds = [measured(2, f"kfold-{k}") for k in range(5)]
    pooled = [measured(10, "kfold", pooled=5)]
    means = means_over_splits(folds)
    assert means[0].to_dict()["fewest"] == 2
    shown = results_table(Evaluation(folds, pooled, means), by_split=True)
    mean, whole, *single = shown.split("\n\n")
    assert all("too few" in part for part in (mean, *single[:5]))
    assert "too few" not in whole
    assert f"{pooled[0].values['spearman']:.3f}" in whole
    assert "correlations of fewer than 6 test videos say nothing" in single[-1].replace("\n", " ")
    assert "one that knows nothing comes out below 0" in single[-1].replace("\n", " ")
    six = [measured(6, f"kfold-{k}") for k in range(5)]
    assert "too few" not in results_table(Evaluation(six, means=means_over_splits(six)))
