from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from aqa.errors import AqaWarning
from aqa.evaluation.compare import compare, compare_families, compare_targets
from aqa.evaluation.metric import metric_of
from aqa.evaluation.paired_tests import corrected_t_p, holm, permutation_p
from aqa.evaluation.predictions import (
    Predictions,
    compared_folders,
    read_heads,
    read_predictions,
)
from aqa.evaluation.resampling import resample_counts
from aqa.evaluation.result import Marks
from aqa.files import write_json, write_rows
from aqa.models.runs import RunError
from aqa.report.comparison_table import comparison_table

Split = dict[str, Predictions]


def predictions(name: str, true: np.ndarray, pred: np.ndarray, ids=None, **marks) -> Predictions:
    ids = [f"v{k:03d}" for k in range(len(true))] if ids is None else ids
    return Predictions(Path(name), tuple(ids), true, pred, 3 * len(true), Marks(**marks))


def two_heads(rng: np.random.Generator, n: int, *noises: float) -> dict[str, Split]:
    true = rng.normal(size=n)
    return {
        f"h{k}": {"1": predictions(f"h{k}", true, true + rng.normal(scale=noise, size=n))}
        for k, noise in enumerate(noises)
    }


def overlapping(rng: np.random.Generator, *noises: float, splits: int = 4) -> dict[str, Split]:
    """Heads on splits that test 20 of the same 40 videos; a video's error is mostly its own."""
    true = rng.normal(size=40)
    own = [rng.normal(scale=noise, size=40) for noise in noises]
    heads: dict[str, Split] = {f"h{k}": {} for k in range(len(noises))}
    for split in range(splits):
        at = np.sort(rng.permutation(40)[:20])
        for k, error in enumerate(own):
            pred = true[at] + error[at] + rng.normal(scale=0.05, size=20)
            heads[f"h{k}"][str(split)] = predictions(
                f"h{k}", true[at], pred, [f"v{i:02d}" for i in at]
            )
    return heads


@pytest.mark.parametrize("metric", ["mse", "med"])
def test_p_is_scipys_paired_permutation_test(rng: np.random.Generator, metric: str) -> None:
    heads = two_heads(rng, 12, 0.3, 0.7)
    (pair,) = compare(heads, metric).pairs
    power = {"mse": 2, "med": 1}[metric]
    errors = [np.abs(h["1"].predicted - h["1"].score) ** power for h in heads.values()]
    expected = scipy.stats.permutation_test(
        errors,
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
    )  # all 4096 permutations
    assert abs(pair.difference) == pytest.approx(abs(expected.statistic))
    assert pair.p_videos == pytest.approx(expected.pvalue, abs=0.015)
    assert expected.pvalue < 0.5


@pytest.mark.parametrize("metric", ["spearman", "pearson"])
def test_ranks_change_places_not_points(rng: np.random.Generator, metric: str) -> None:
    """A head that predicts in other units is as good; its answers are compared all the same."""
    heads = two_heads(rng, 30, 0.8, 0.5)
    own = heads["h1"]["1"]
    scaled = {**heads, "h1": {"1": predictions("h1", own.score, 100 + 7 * own.predicted)}}
    (pair,), (again,) = (compare(both, metric).pairs for both in (heads, scaled))
    assert again.p_videos == pair.p_videos
    assert again.difference == pytest.approx(pair.difference)


def test_swapped_ranks_by_the_plain_way(rng: np.random.Generator) -> None:
    heads = overlapping(rng, 0.8, 0.6, splits=3)
    (pair,) = compare(heads, "spearman", permutations=200, seed=5).pairs
    videos = sorted({i for own in heads["h0"].values() for i in own.ids})
    coins = np.random.default_rng([5, 1]).random((200, len(videos))) < 0.5
    permuted = []
    for coin in coins:
        each = []
        for split, one in heads[pair.a].items():
            ranked = [scipy.stats.rankdata(heads[h][split].predicted) for h in (pair.a, pair.b)]
            swap = np.array([coin[videos.index(i)] for i in one.ids])
            a, b = np.where(swap, *ranked[::-1]), np.where(swap, *ranked)
            truth = scipy.stats.rankdata(one.score)
            each.append(np.corrcoef(truth, a)[0, 1] - np.corrcoef(truth, b)[0, 1])
        permuted.append(np.mean(each))
    assert pair.p_videos == permutation_p(pair.difference, np.array(permuted))


def test_the_interval_draws_videos_in_all_splits_that_test_them(rng: np.random.Generator) -> None:
    heads = overlapping(rng, 0.8, 0.5)
    found = compare(heads, "spearman", resamples=150, seed=2)
    (pair,) = found.pairs
    videos = sorted({i for own in heads["h0"].values() for i in own.ids})
    samples = {name: [] for name in heads}
    for count in next(resample_counts(len(videos), 150, 2)).astype(int):
        for name, own in heads.items():
            each = []
            for split in own.values():
                copies = count[[videos.index(i) for i in split.ids]]
                drawn = [np.repeat(y, copies) for y in (split.score, split.predicted)]
                each.append(scipy.stats.spearmanr(*drawn).statistic)
            samples[name].append(np.mean(each))
    difference = np.subtract(samples[pair.a], samples[pair.b])
    np.testing.assert_allclose(pair.interval, np.quantile(difference, [0.025, 0.975]))
    for name, own in found.heads.items():
        np.testing.assert_allclose(own.interval, np.quantile(samples[name], [0.025, 0.975]))
        each = [
            float(metric_of("spearman").function(s.score, s.predicted))
            for s in heads[name].values()
        ]
        assert own.value == pytest.approx(np.mean(each))


def test_alike_heads_are_told_apart_as_rarely_as_it_says(rng: np.random.Generator) -> None:
    """The plain t test over overlapping splits, here for contrast, errs far more often."""
    times, ours, plain, covered = 150, 0, 0, 0
    for k in range(times):
        heads = overlapping(rng, 0.6, 0.6)
        (pair,) = compare(heads, "mse", resamples=200, permutations=199, seed=k).pairs
        ours += pair.p_videos < 0.05
        covered += pair.interval[0] < 0 < pair.interval[1]
        errors = [
            [metric_of("mse").function(s.score, s.predicted) for s in own.values()]
            for own in heads.values()
        ]
        plain += scipy.stats.ttest_rel(*errors).pvalue < 0.05
    assert 0.01 <= ours / times <= 0.1
    assert 0.88 <= covered / times <= 0.99
    assert plain / times > 0.2


def test_a_better_head_is_called_so(rng: np.random.Generator) -> None:
    found = compare(two_heads(rng, 80, 0.9, 0.2, 0.9))
    assert next(iter(found.heads)) == "h1"
    assert [pair.better for pair in found.pairs] == ["h1", "h1", None]
    by_error = compare(two_heads(rng, 80, 0.9, 0.2), "mse")
    assert list(by_error.heads) == ["h1", "h0"]
    assert by_error.pairs[0].difference < 0
    assert by_error.pairs[0].better == "h1"


def test_corrected_t_by_its_formula(rng: np.random.Generator) -> None:
    d = rng.normal(0.1, 0.1, size=5)
    mean = sum(d) / 5
    variance = sum((x - mean) ** 2 for x in d) / 4
    t = mean / ((1 / 5 + 0.25) * variance) ** 0.5
    assert corrected_t_p(d, 0.25) == pytest.approx(2 * (1 - scipy.stats.t.cdf(abs(t), 4)))
    assert corrected_t_p([0.3], 0.25) is None
    assert corrected_t_p([0.0, 0.0], 0.25) == 1.0
    # Without overlap, that is the plain paired t test.
    assert corrected_t_p(d, 0.0) == pytest.approx(scipy.stats.ttest_1samp(d, 0).pvalue)


def test_p_over_splits_takes_test_videos_per_training_video(rng: np.random.Generator) -> None:
    heads = overlapping(rng, 0.9, 0.3)
    (pair,) = compare(heads, "mse", resamples=20, permutations=20).pairs
    each = [
        np.mean((a.predicted - a.score) ** 2) - np.mean((b.predicted - b.score) ** 2)
        for a, b in zip(heads[pair.a].values(), heads[pair.b].values(), strict=True)
    ]
    assert pair.p_splits == pytest.approx(corrected_t_p(each, 20 / 60))
    assert pair.p_splits < corrected_t_p(each, 60 / 20)


def test_splits_of_several_families_are_not_averaged(rng: np.random.Generator) -> None:
    whole = overlapping(rng, 0.8, 0.5)
    names = {"0": "fold0", "1": "fold1", "2": "louo-B", "3": "louo-C"}
    heads = {head: {names[s]: one for s, one in own.items()} for head, own in whole.items()}
    folds_alone = {head: {s: own[s] for s in ("fold0", "fold1")} for head, own in heads.items()}
    heads["only"] = {s: heads["h0"][s] for s in ("louo-B", "louo-C")}
    folds, left_out = compare_families(heads)
    assert (folds.family, folds.splits, folds.absent) == ("fold", ["fold0", "fold1"], ["only"])
    assert (left_out.family, set(left_out.heads)) == ("louo", {"h1", "h0", "only"})
    shown = comparison_table(folds)
    assert "Spearman, mean of 2 splits of fold, " in shown
    assert "only is left out: no results on these splits" in shown
    assert compare_families(folds_alone) == [replace(folds, absent=[])]


def test_holm_step_by_step(rng: np.random.Generator) -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    p = rng.random(9) / 5
    for alpha in (0.05, 0.3):
        rejected = []  # by Holm's own words: stop at the first that is too large
        for k, i in enumerate(np.argsort(p)):
            if p[i] > alpha / (9 - k):
                break
            rejected.append(i)
        assert set(rejected) == {i for i, q in enumerate(holm(p)) if q <= alpha}


def test_p_is_never_0() -> None:
    assert permutation_p(5.0, np.zeros(99)) == 0.01
    assert permutation_p(0.0, np.zeros(99)) == 1.0
    assert permutation_p(0.1 + 0.2, np.full(99, -0.3)) == 1.0  # as far, but for rounding


TRUE, PRED = np.arange(6.0), np.array([0.0, 2, 1, 3, 5, 4])


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        (
            {"1": predictions("b", TRUE[:5], PRED[:5])},
            "a and b were .* different test videos: 1 .* only, v005; .* empty their split_<name>",
        ),
        ({"1": predictions("b", TRUE + 1, PRED)}, "a and b .* different scores, .* v000"),
        ({"2": predictions("b", TRUE, PRED)}, "h0 was evaluated on 1; h1 was evaluated on 2"),
        ({"1": predictions("b", TRUE, PRED * 0)}, "b: spearman is undefined"),
    ],
)
def test_what_is_unlike_is_refused(other: Split, problem: str) -> None:
    with pytest.raises(RunError, match=problem):
        compare({"h0": {"1": predictions("a", TRUE, PRED)}, "h1": other})


def test_heads_that_learned_from_other_videos_are_named() -> None:
    one = predictions("a", TRUE, PRED)
    fewer = replace(one, n_train=17)
    with pytest.warns(
        AqaWarning, match="split 1: .* different numbers of videos, a 18, b 17; leave"
    ):
        compare({"a": {"1": one}, "b": {"1": fewer}})


def test_a_baseline_is_stopped_by_no_video_and_learns_from_as_many() -> None:
    one = replace(predictions("a", TRUE, PRED), n_train=21, n_val=3)
    baseline = replace(one, n_train=18, n_val=0)
    compare({"a": {"1": one}, "baseline-type": {"1": baseline}})  # warnings are errors here
    with pytest.warns(AqaWarning, match="a 18 and 3 val, b 18; leave"):
        compare({"a": {"1": one}, "b": {"1": baseline}})
    with pytest.warns(AqaWarning, match="a 18 and 3 val, baseline-type 17; leave"):
        compare({"a": {"1": one}, "baseline-type": {"1": replace(baseline, n_train=17)}})


def test_heads_are_compared_on_the_splits_they_share(rng: np.random.Generator) -> None:
    whole = overlapping(rng, 0.8, 0.5, 0.3)
    partly = {"h0": whole["h0"], "h1": {s: whole["h1"][s] for s in "310"}, "h2": whole["h2"]}
    del partly["h2"]["1"]
    found = compare(partly)
    shared = {name: {s: own[s] for s in ("0", "3")} for name, own in whole.items()}
    assert found == replace(compare(shared), left_out={"1": ["h2"], "2": ["h1"]})
    assert found.splits == ["0", "3"]
    shown = comparison_table(found)
    assert "Spearman, mean of 2 splits" in shown
    assert "split 1 is left out: no results of h2\nsplit 2 is left out: no results of h1" in shown


def test_what_heads_were_told_is_said(rng: np.random.Generator) -> None:
    heads = two_heads(rng, 30, 0.8, 0.5)
    own = heads["h1"]["1"]
    marks = {"difficulty": "input", "told": "stages"}
    heads["h1"]["1"] = predictions("h1", own.score, own.predicted, **marks)
    found = compare(heads)
    assert found.heads["h1"].to_dict().items() >= marks.items()
    assert not marks.keys() & found.heads["h0"].to_dict().keys()
    shown = comparison_table(found)
    assert "h1 + difficulty" in shown
    assert shown.endswith("h1: told each video's stages beside its features")


def test_of_baselines_the_one_of_all_columns_is_compared() -> None:
    names = ["svr/split-1", "svr/split-all", "baseline-type/split-1", "baseline-all/split-1"]
    folders = [Path(name) for name in names]
    assert compared_folders(folders) == [folders[0], folders[3]]
    assert compared_folders(folders[:3]) == [folders[0], folders[2]]  # there is no other


def test_one_head_cannot_be_compared() -> None:
    with pytest.raises(RunError, match="1 evaluated heads"):
        compare({"h0": {"1": predictions("a", TRUE, PRED)}})


class TestRead:
    ROWS = (
        {"video_id": "b", "part": "test", "score": 2.0, "predicted": 2.5},
        {"video_id": "c", "part": "train", "score": 3.0, "predicted": 3.0},
        {"video_id": "a", "part": "test", "score": 1.0, "predicted": 0.5},
    )

    def test_test_videos_in_order_with_their_marks(self, tmp_path: Path) -> None:
        write_rows(tmp_path / "predictions.csv", self.ROWS)
        write_json(tmp_path / "metrics.json", {"test": {"mse": 1, "leak": ["x"]}})
        found = read_predictions(tmp_path)
        assert (found.ids, found.predicted.tolist()) == (("a", "b"), [0.5, 2.5])
        assert (found.n_train, found.marks) == (1, Marks(leak=("x",)))

    @pytest.mark.parametrize(
        "row",
        [
            {"first": "a", "second": "b", "part": "test", "similar": 1, "probability": 0.5},
            {"video_id": "a", "part": "test", "stage": "entry", "start": 3, "predicted": 4},
        ],
    )
    def test_pairs_and_stages_are_none(self, tmp_path: Path, row: dict) -> None:
        write_rows(tmp_path / "predictions.csv", [row])
        write_json(tmp_path / "metrics.json", {})
        assert read_predictions(tmp_path) is None

    @pytest.mark.parametrize(
        ("rows", "problem"),
        [
            (ROWS[1:2], "not evaluated on test videos yet; run `aqa eval` first"),
            (({**ROWS[0], "score": "much"},), "cannot be read .*; run `aqa eval` again"),
            (None, r"predictions\.csv: no such file; run `aqa eval` first"),
        ],
    )
    def test_what_cannot_be_read(self, tmp_path: Path, rows, problem: str) -> None:
        if rows:
            write_rows(tmp_path / "predictions.csv", rows)
        write_json(tmp_path / "metrics.json", {"test": {}})
        with pytest.raises(RunError, match=problem):
            read_predictions(tmp_path)

    def test_what_was_not_evaluated_is_left_out_where_it_was_not_named(
        self, tmp_path: Path
    ) -> None:
        for name, rows in (("evaluated", self.ROWS), ("fitted", self.ROWS[1:2])):
            folder = tmp_path / name / "split-1"
            folder.mkdir(parents=True)
            write_rows(folder / "predictions.csv", rows)
            write_json(folder / "metrics.json", {"test": {}})
        folders = [tmp_path / name / "split-1" for name in ("evaluated", "fitted")]
        with pytest.warns(AqaWarning, match="left out: .*fitted.*run `aqa eval` first"):
            assert list(read_heads(folders, strict=False)) == ["evaluated"]
        with pytest.raises(RunError, match="not evaluated on test videos yet"):
            read_heads(folders, strict=True)


def test_against_one_head_holm_counts_its_own_pairs_alone(rng: np.random.Generator) -> None:
    heads = two_heads(rng, 30, 0.3, 0.5, 0.7, 0.9)
    every = {(pair.a, pair.b): pair for pair in compare(heads).pairs}
    found = compare(heads, against="h2")
    assert [(pair.a, pair.b) for pair in found.pairs] == [("h0", "h2"), ("h1", "h2"), ("h3", "h2")]
    p_videos = []
    for pair in found.pairs:
        forward = (pair.a, pair.b) in every
        same = every[(pair.a, pair.b) if forward else (pair.b, pair.a)]
        assert pair.difference == pytest.approx((1 if forward else -1) * same.difference)
        assert pair.p_videos == same.p_videos
        p_videos.append(pair.p_videos)
    assert [pair.p_holm for pair in found.pairs] == pytest.approx(holm(p_videos))
    assert found.to_dict()["against"] == "h2"
    assert "against" not in compare(heads).to_dict()
    with pytest.raises(RunError, match="--against svr: it is not among the compared heads h0, h1"):
        compare(heads, against="svr")


def test_what_the_one_head_did_not_answer_is_left_out(rng: np.random.Generator) -> None:
    a, b, c = ({"1": h["1"], "louo-A": h["1"]} for h in two_heads(rng, 30, 0.3, 0.5, 0.7).values())
    del a["louo-A"]
    with pytest.warns(AqaWarning, match="left out: a was not evaluated on splits louo-A"):
        (found,) = compare_families({"a": a, "b": b, "c": c}, against="a")
    assert found.splits == ["1"]
    heads = {"a": a, "b": {"1": b["1"]}, "b@tes": b, "c@tes": c}
    with pytest.warns(AqaWarning, match="left out: a is not among the heads that predict tes"):
        (found,) = compare_targets(heads, against="a")
    assert [(pair.a, pair.b) for pair in found.pairs] == [("b", "a")]
    seeds = {f"{name}~seed{k}": own for name, own in (("a", a), ("b", b)) for k in (0, 1)}
    with pytest.warns(AqaWarning, match="left out: a was not"):
        compare_families({**seeds, "c": c}, against="a")
    del heads["b"]
    with (
        pytest.warns(AqaWarning, match="left out"),
        pytest.raises(RunError, match="predicts the same target as --against a: a, b@tes, c@tes"),
    ):
        compare_targets(heads, against="a")
