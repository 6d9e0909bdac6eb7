"""Several seeds of a head: their mean, and the spread over seeds, over splits and together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from aqa.errors import AqaWarning, RunError
from aqa.evaluation.compare import compare, compare_targets
from aqa.evaluation.predictions import Predictions
from aqa.evaluation.result import Evaluation, Marks, Result
from aqa.evaluation.seed_means import means_over_seeds
from aqa.metrics import spearman
from aqa.report.result_tables import results_table

Split = dict[str, Predictions]


@pytest.fixture
def heads(rng: np.random.Generator) -> dict[str, Split]:
    """lstm of three seeds, and svr, on two splits of 20 videos."""
    true = {split: rng.normal(size=20) for split in "12"}

    def of(name: str, noise: float) -> Split:
        return {
            split: Predictions(
                Path(name),
                tuple(f"v{split}{k:02d}" for k in range(20)),
                scores,
                scores + rng.normal(scale=noise, size=20),
                60,
                Marks(),
            )
            for split, scores in true.items()
        }

    return {**{f"lstm~seed{k}": of("lstm", 0.4) for k in range(3)}, "svr": of("svr", 2.0)}


def value(one: Predictions) -> float:
    return float(spearman(one.score, one.predicted))


def test_a_head_of_several_seeds_is_the_mean_over_them(heads: dict[str, Split]) -> None:
    compared = compare(heads)
    table = np.array([[value(heads[f"lstm~seed{k}"][s]) for s in "12"] for k in range(3)])
    assert compared.heads["lstm"].value == pytest.approx(table.mean())
    assert (compared.seeds, compared.splits, compared.videos) == ((0, 1, 2), ["1", "2"], 40)
    apart = table - np.array([value(heads["svr"][s]) for s in "12"])
    (pair,) = compared.pairs
    assert (pair.a, pair.b, pair.better) == ("lstm", "svr", "lstm")
    assert pair.difference == pytest.approx(apart.mean())
    over_seeds = scipy.stats.ttest_1samp(apart.mean(axis=1), 0)
    assert pair.p_seeds == pytest.approx(over_seeds.pvalue)


def test_repeating_a_seed_shows_no_more_than_one(heads: dict[str, Split]) -> None:
    """Seeds are no videos: the same predictions three times over have the same interval and p."""
    once = {"lstm": heads["lstm~seed0"], "svr": heads["svr"]}
    thrice = {**{f"lstm~seed{k}": heads["lstm~seed0"] for k in range(3)}, "svr": heads["svr"]}
    (one,), (three,) = compare(once).pairs, compare(thrice).pairs
    assert three.p_videos == one.p_videos
    assert three.interval == pytest.approx(one.interval)
    assert three.p_splits == pytest.approx(one.p_splits)


def test_seeds_that_only_some_have_are_left_out(heads: dict[str, Split]) -> None:
    both = {**heads, "gdlt~seed1": heads["svr"], "gdlt~seed5": heads["svr"]}
    with pytest.warns(AqaWarning, match="left out: seeds") as caught:
        compared = compare(both)
    assert compared.seeds == (1,)
    assert [
        str(one.message).removeprefix("left out: ").partition(", which")[0] for one in caught
    ] == ["seeds 0, 2 of lstm", "seeds 5 of gdlt"]
    others = {"a~seed1": heads["svr"], "b~seed2": heads["svr"]}
    with pytest.raises(RunError, match="no seed that all heads were fitted with: a has 1; b has 2"):
        compare(others)


def test_a_split_that_one_seed_lacks_is_left_out_of_all_of_them(heads: dict[str, Split]) -> None:
    heads["lstm~seed1"] = {"1": heads["lstm~seed1"]["1"]}
    with pytest.warns(AqaWarning, match="split 2 of lstm, which not all of its seeds"):
        compared = compare(heads)
    assert (compared.splits, compared.left_out) == (["1"], {"2": ["lstm"]})
    each = [value(heads[f"lstm~seed{k}"]["1"]) for k in range(3)]
    assert compared.heads["lstm"].value == pytest.approx(np.mean(each))


def test_seeds_of_one_head_alone_are_compared_with_each_other(heads: dict[str, Split]) -> None:
    compared = compare({name: own for name, own in heads.items() if name != "svr"})
    assert set(compared.heads) == {"lstm~seed0", "lstm~seed1", "lstm~seed2"}
    assert compared.seeds == ()


def test_a_head_without_seeds_of_the_same_name_stays_apart(heads: dict[str, Split]) -> None:
    compared = compare({**heads, "lstm": heads["svr"]})
    assert set(compared.heads) == {"lstm~seeds", "svr", "lstm"}


def test_targets_are_compared_each_over_its_seeds(heads: dict[str, Split]) -> None:
    targets = {
        **{f"{name}@tes": own for name, own in heads.items()},
        "svr": heads["svr"],
        "lstm~seed0": heads["lstm~seed0"],
    }
    compared = {one.target: one for one in compare_targets(targets)}
    assert set(compared["tes"].heads) == {"lstm@tes", "svr@tes"}
    assert compared["tes"].seeds == (0, 1, 2)


def result(head: str, split: str, value: float | None) -> Result:
    return Result("scores", head, split, 20, {"spearman": value}, {"spearman": None})


def test_deviations_over_seeds_over_splits_and_together() -> None:
    table = np.array([[0.5, 0.7, 0.6], [0.4, 0.8, 0.9]])  # seeds, splits
    results = [result(f"lstm~seed{k}", str(s + 1), table[k, s]) for k in range(2) for s in range(3)]
    (one,) = means_over_seeds([*results, result("svr", "1", 0.5)])
    assert (one.head, one.seeds, one.splits) == ("lstm", [0, 1], ["1", "2", "3"])
    assert one.values["spearman"] == pytest.approx(table.mean())
    assert one.over_seeds["spearman"] == pytest.approx(table.mean(axis=1).std(ddof=1))
    assert one.over_splits["spearman"] == pytest.approx(table.mean(axis=0).std(ddof=1))
    assert one.together["spearman"] == pytest.approx(table.std(ddof=1))
    (less,) = means_over_seeds(results[:-1])  # a seed lacks the last split
    assert less.splits == ["1", "2"]
    undefined = [replace(results[0], values={"spearman": None}), *results[1:]]
    (unknown,) = means_over_seeds(undefined)
    assert unknown.values["spearman"] is None
    assert means_over_seeds(results[:3]) == []


def test_tables_say_of_all_seeds_what_must_be_said_of_one() -> None:
    results = [result(f"lstm~seed{k}", split, 0.5) for k in range(2) for split in "12"]
    marks = Marks(difficulty="multiply", told="type", leak=("learned from v1",))
    results = [replace(one, marks=replace(marks, leak=())) for one in results]
    results[0] = replace(results[0], marks=marks)
    means = means_over_seeds(results)
    text = results_table(Evaluation(results, over_seeds=means))
    assert "lstm x difficulty" in text
    assert "lstm: told each video's type" in text
    assert "LEAK lstm mean: 1 of 4 splits and seeds" in text
    (row,) = Evaluation(results, over_seeds=means).seed_rows()
    assert row["leak"] == ["1 of 4 splits and seeds"]
    few = [replace(one, n=3) for one in results]
    assert "too few" in results_table(Evaluation(few, over_seeds=means_over_seeds(few)))
