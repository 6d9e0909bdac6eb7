"""Is one head better than another on the same test videos? From saved predictions, no refit.

What is compared is the mean over splits of a metric. Test sets of random splits overlap, so their
results are not independent, and everything here draws videos, never splits: a video that is drawn
is drawn in every split that tests it. With one split that is the plain paired bootstrap.

- Intervals, of a head and of a difference: percentile bootstrap over videos; the same resamples
  for all heads.
- p: paired permutation test, two-sided, see `aqa.evaluation.paired_tests`; of the accuracies of
  two classes on one split McNemar's exact test, which all permutations would give.
- A difference is shown where that p, adjusted (holm1979) for all the pairs that are compared,
  is below 0.05. Compared with one head alone, these are fewer, and less is asked of each.

All of this takes the heads as they were fitted. Whether heads fitted on other training videos
would differ too is another question, which only several splits can answer, by the corrected
resampled t test over splits; whether heads fitted by other seeds would, by a paired t test over
seeds. Where their p are not below 0.05, the better head is called so "as fitted". Splits of
different families are never averaged.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aqa.errors import AqaWarning, WrongUsageError, listed
from aqa.evaluation.classes.metrics import measure_classes
from aqa.evaluation.comparison import ComparedHead, ComparedPair, Comparison
from aqa.evaluation.metric import metric_of, metrics_of
from aqa.evaluation.paired_tests import (
    coins,
    corrected_t_p,
    holm,
    mcnemar_p,
    permutation_p,
    swapped_difference,
)
from aqa.evaluation.predictions import Predictions
from aqa.evaluation.resampling import interval, resample_counts
from aqa.evaluation.result import Marks
from aqa.evaluation.seeds import apart, joined_seeds, plain_split
from aqa.metrics import Values
from aqa.models.run_source import RunError
from aqa.split_names import split_family
from aqa.target_names import SCORE, label_and_target, without_seed
from aqa.workspace import BASELINE

ALPHA = 0.05

# What to do where --skip-incomplete or --skip-missing left out other videos for one head.
_ALIKE = "leave out the same for all: empty their split_<name> in the manifest and fit again"


def compare_targets(
    heads: Mapping[str, Mapping[str, Predictions]],
    metric: str | None = None,
    against: str | None = None,
) -> list[Comparison]:
    """Compare the heads that predict the same target, for each that two of them or more predict.

    heads: the name of their folder, such as `svr@tes` -> split -> predictions. against: see
    `compare`; a head's name without its target, too. A warning says which targets are left out, or
    families of splits on which there is no such head.
    """
    groups: dict[str, dict[str, Mapping[str, Predictions]]] = {}
    for name, answers in heads.items():
        groups.setdefault(label_and_target(name)[1], {})[name] = answers
    if all(len(group) < 2 for group in groups.values()):
        if len(groups) > 1:
            raise RunError(
                f"no two evaluated heads predict the same target: {', '.join(heads)}; fit or "
                "evaluate another"
            )
        return compare_families(heads, metric, against)
    comparisons = []
    for target, group in groups.items():
        if len(group) < 2:
            line = f"left out: only {next(iter(group))} predicts {target}"
            warnings.warn(line, AqaWarning, stacklevel=2)
            continue
        if len(groups) > 1 and not _holds(group, against):
            line = f"left out: {against} is not among the heads that predict {target}"
            warnings.warn(line, AqaWarning, stacklevel=2)
            continue
        shown = None if target == SCORE else target
        comparisons += [
            replace(one, target=shown) for one in compare_families(group, metric, against)
        ]
    if not comparisons:
        raise RunError(
            f"no evaluated head predicts the same target as --against {against}: "
            f"{', '.join(heads)}; fit or evaluate another"
        )
    return comparisons


def compare_families(
    heads: Mapping[str, Mapping[str, Predictions]],
    metric: str | None = None,
    against: str | None = None,
) -> list[Comparison]:
    """Compare heads over each family of splits that at least two of them were evaluated on.

    metric, against: see `compare`.
    """
    families = list(dict.fromkeys(split_family(s) for answers in heads.values() for s in answers))
    if len(families) < 2:
        return [compare(heads, metric, against)]
    comparisons = []
    for family in families:
        in_family = {
            head: {s: one for s, one in splits.items() if split_family(s) == family}
            for head, splits in heads.items()
        }
        absent = [head for head, splits in in_family.items() if not splits]
        present = {head: splits for head, splits in in_family.items() if splits}
        if len(present) < 2:
            continue
        if not _holds(present, against):
            splits = listed(dict.fromkeys(split for own in present.values() for split in own))
            line = f"left out: {against} was not evaluated on splits {splits}"
            warnings.warn(line, AqaWarning, stacklevel=2)
            continue
        comparisons.append(replace(compare(present, metric, against), absent=absent))
    return comparisons or [compare(heads, metric, against)]


def compare(
    heads: Mapping[str, Mapping[str, Predictions]],
    metric: str | None = None,
    against: str | None = None,
    *,
    resamples: int = 2000,
    permutations: int = 9999,
    seed: int = 0,
) -> Comparison:
    """Compare every two heads by their mean over the splits that all were evaluated on.

    heads: name -> split -> predictions. metric: None takes Spearman's correlation, of classes the
    balanced accuracy, and of who is better the share of pairs in the right order. against: the head
    that each of the others is compared with; None: every two are compared. `RunError` where
    they share no split, were evaluated on different videos or scores, or where the metric is
    undefined. Heads of several seeds are the mean over them, see `aqa.evaluation.seeds`.
    """
    heads, seeds = joined_seeds(heads)
    heads, left_out = _on_shared_splits(heads)
    _check_alike(heads)
    kind = next(iter(next(iter(heads.values())).values())).kind
    metric = compared_metric(metric, kind)
    splits = list(next(iter(heads.values())))
    tested = [next(iter(heads.values()))[split].ids for split in splits]
    place, places = _places(tested)
    values = _resampled(heads, metric, places, resample_counts(len(place), resamples, seed))
    sign = -1 if metric_of(metric, kind).lower_better else 1
    order = sorted(heads, key=lambda name: -sign * float(values[name][0]))
    pairs: list[dict[str, Any]] = []
    compared = {
        (a, b): [(heads[a][split], heads[b][split]) for split in splits]
        for a, b in _pairs(order, against)
    }
    permuted = _permuted(compared, metric, places, coins(len(place), permutations, seed))
    for (a, b), both in compared.items():
        each = [_value(one, metric) - _value(other, metric) for one, other in both]
        of_splits, of_seeds = apart(splits, each)
        pairs.append(
            {
                "a": a,
                "b": b,
                "difference": float(np.mean(each)),
                "interval": interval(values[a][1:] - values[b][1:], 1 - ALPHA),
                "p_videos": mcnemar_p(*both[0])
                if (metric, kind, len(both)) == ("accuracy", "classes", 1)
                else permutation_p(float(np.mean(each)), permuted[a, b]),
                "p_splits": corrected_t_p(of_splits, _test_to_train(both)),
                "p_seeds": corrected_t_p(of_seeds, 0.0),
            }
        )
    adjusted = holm([pair["p_videos"] for pair in pairs])
    over = "splits and seeds" if seeds else "splits"
    return Comparison(
        metric,
        kind,
        "/".join(dict.fromkeys(split_family(plain_split(split)) for split in splits)),
        list(dict.fromkeys(map(plain_split, splits))),
        {plain_split(split): names for split, names in left_out.items()},
        [],
        len(place),
        {name: _summary(values[name], [*heads[name].values()], metric, over) for name in order},
        [_verdict(pair, p, sign) for pair, p in zip(pairs, adjusted, strict=True)],
        seeds=seeds,
        against=against,
    )


def measure_alone(
    answers: Mapping[str, Predictions],
    metric: str | None = None,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> ComparedHead:
    """One head's mean over its splits, with its interval, both as `compare` would give them.

    answers: split -> predictions. metric: see `compare`.
    """
    metric = compared_metric(metric, next(iter(answers.values())).kind)
    for one in answers.values():
        _value(one, metric)
    place, places = _places([one.ids for one in answers.values()])
    counts = resample_counts(len(place), resamples, seed)
    values = _resampled({"": answers}, metric, places, counts)[""]
    return _summary(values, [*answers.values()], metric)


def compared_metric(metric: str | None, kind: str) -> str:
    """The metric that is compared; `WrongUsageError` where it is none of this kind of answers."""
    known = [one.name for one in metrics_of(kind) if one.compared]
    if metric is None:
        usual = {"scores": "spearman", "classes": "balanced_accuracy", "ranking": "accuracy"}
        return usual[kind]
    if metric not in known:
        raise WrongUsageError(
            f"--metric {metric} is none of {kind}; heads that tell {kind} are compared by "
            f"{', '.join(known)}"
        )
    return metric


def _holds(heads: Iterable[str], against: str | None) -> bool:
    """Whether the head is there that others are compared with, whatever its target or seed."""
    names = {name for head in heads for name in (head, without_seed(head)[0])}
    return against is None or against in names | {label_and_target(name)[0] for name in names}


def _pairs(heads: Sequence[str], against: str | None) -> list[tuple[str, str]]:
    """Which two are compared: every two heads, or each with the one that is named."""
    if against is None:
        return [*itertools.combinations(heads, 2)]
    named = [head for head in heads if against in (head, label_and_target(head)[0])]
    if len(named) != 1:
        raise RunError(
            f"--against {against}: it is not among the compared heads {', '.join(heads)}; name one "
            "of them"
        )
    return [(head, named[0]) for head in heads if head != named[0]]


def _on_shared_splits(
    heads: Mapping[str, Mapping[str, Predictions]],
) -> tuple[dict[str, dict[str, Predictions]], dict[str, list[str]]]:
    """The heads on the splits they share, and who lacks each of the others."""
    if len(heads) < 2:
        raise RunError(
            f"{len(heads)} evaluated heads that predict scores; it takes 2 or more to compare"
        )
    splits = dict.fromkeys(split for answers in heads.values() for split in answers)
    lacking = {s: [name for name, answers in heads.items() if s not in answers] for s in splits}
    shared = [split for split, names in lacking.items() if not names]
    if not shared:
        evaluated = (
            f"{name} was evaluated on {', '.join(answers)}" for name, answers in heads.items()
        )
        raise RunError(
            f"no split that all were evaluated on: {'; '.join(evaluated)}; "
            "name heads that share one"
        )
    kept = {name: {split: answers[split] for split in shared} for name, answers in heads.items()}
    return kept, {split: names for split, names in lacking.items() if names}


def _places(tested: Sequence[Sequence[str]]) -> tuple[dict[str, int], list[list[int]]]:
    """Each video's place among all that are tested, and those of each split's videos.

    tested: the ids of each split's test videos.
    """
    place = {i: k for k, i in enumerate(sorted({i for ids in tested for i in ids}))}
    return place, [[place[i] for i in ids] for ids in tested]


def _check_alike(heads: Mapping[str, Mapping[str, Predictions]]) -> None:
    expected, *others = heads.values()
    for answers in others:
        for split, one in expected.items():
            _check_same_videos(one, answers[split])
    for split in expected:
        _warn_of_other_videos(split, {name: answers[split] for name, answers in heads.items()})


def _warn_of_other_videos(split: str, heads: Mapping[str, Predictions]) -> None:
    """Warn where not all have learned from as many videos, or were stopped by as many.

    A baseline is stopped by none, where heads may be.
    """
    learned = {name: one.n_train - one.n_val for name, one in heads.items()}
    stopped = {one.n_val for name, one in heads.items() if not name.startswith(BASELINE)}
    if len({*learned.values()}) > 1 or len(stopped) > 1:
        val = {name: f" and {one.n_val} val" if one.n_val else "" for name, one in heads.items()}
        each = listed((f"{name} {n}{val[name]}" for name, n in learned.items()), len(learned))
        line = f"split {split}: heads learned from different numbers of videos, {each}; {_ALIKE}"
        warnings.warn(line, AqaWarning, stacklevel=3)


def _check_same_videos(one: Predictions, other: Predictions) -> None:
    where = f"{one.folder} and {other.folder}"
    if one.kind != other.kind:
        raise RunError(
            f"{where}: one tells {one.kind}, the other {other.kind}; fit both alike, see --good of "
            "`aqa fit`"
        )
    if one.ids != other.ids:
        odd = sorted(set(one.ids) ^ set(other.ids))
        raise RunError(
            f"{where} were evaluated on different test videos: {len(odd)} are tested by one of "
            f"them only, {listed(odd)}; run `aqa eval` again for both, or {_ALIKE}"
        )
    if one.kind == "ranking":
        if not np.array_equal(one.score, other.score):
            raise RunError(
                f"{where} were evaluated by different pairs; run `aqa eval` again for both"
            )
        return
    changed = [i for i, a, b in zip(one.ids, one.score, other.score, strict=True) if a != b]
    if changed:
        raise RunError(
            f"{where} were evaluated by different scores, such as that of {changed[0]}; "
            "run `aqa eval` again for both"
        )


def _value(predictions: Predictions, metric: str) -> float:
    function = metric_of(metric, predictions.kind).function
    value = float(function(predictions.score, predictions.predicted))
    if not np.isfinite(value):
        of = "predictions that are all equal"
        if predictions.kind == "classes":
            of = "test videos that are all of one class"
        raise RunError(
            f"{predictions.folder}: {metric} is undefined, as for {of}; compare by another --metric"
        )
    return value


def _resampled(
    heads: Mapping[str, Mapping[str, Predictions]],
    metric: str,
    places: Sequence[Sequence[int]],
    counts: Iterable[Values],
) -> dict[str, Values]:
    """Each head's mean over splits of the metric, first, and those of the resamples.

    places: of each split's videos in the columns of `counts`, see `resample_counts`.
    """
    samples = {
        name: [np.mean([[_value(one, metric)] for one in answers.values()], axis=0)]
        for name, answers in heads.items()
    }
    kind = next(iter(next(iter(heads.values())).values())).kind
    function = metric_of(metric, kind).function
    for drawn in counts:
        of_splits = [drawn[:, columns] for columns in places]
        with np.errstate(divide="ignore", invalid="ignore"):  # of one that draws no test video
            for name, answers in heads.items():
                each = [
                    function(one.score, one.predicted, weight)
                    for one, weight in zip(answers.values(), of_splits, strict=True)
                ]
                samples[name].append(np.mean(each, axis=0))
    return {name: np.concatenate(values) for name, values in samples.items()}


def _permuted(
    compared: Mapping[tuple[str, str], Sequence[tuple[Predictions, Predictions]]],
    metric: str,
    places: Sequence[Sequence[int]],
    coins: Iterable[Values],
) -> dict[tuple[str, str], Values]:
    """Each pair's mean difference over splits in each permutation, (permutations,)."""
    differences = {
        pair: [swapped_difference(one, other, metric) for one, other in both]
        for pair, both in compared.items()
    }
    samples: dict[tuple[str, str], list[Values]] = {pair: [] for pair in compared}
    for thrown in coins:
        swaps = [thrown[:, columns] for columns in places]
        for pair, of_splits in differences.items():
            each = [difference(swap) for difference, swap in zip(of_splits, swaps, strict=True)]
            samples[pair].append(np.mean(each, axis=0))
    return {pair: np.concatenate(values) for pair, values in samples.items()}


def _test_to_train(both: Sequence[tuple[Predictions, Predictions]]) -> float:
    return float(
        np.mean([len(predictions.ids) / predictions.n_train for two in both for predictions in two])
    )


def _summary(
    values: Values, predictions: Sequence[Predictions], metric: str, over: str = "splits"
) -> ComparedHead:
    first, found = predictions[0], interval(values[1:], 1 - ALPHA)
    if first.kind == "classes" and len(predictions) == 1:  # as `aqa eval` says it
        found = measure_classes(first.score > 0.5, first.predicted).intervals[metric]
    said = Marks.joined([one.marks for one in predictions], over)
    return ComparedHead(float(values[0]), found, said)


def _verdict(pair: dict[str, Any], p: float, sign: int) -> ComparedPair:
    winner = pair["a"] if sign * pair["difference"] > 0 else pair["b"]
    return ComparedPair(**pair, p_holm=p, better=winner if p < ALPHA else None)
