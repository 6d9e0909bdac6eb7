"""Is one head better than another on the same test videos? From saved predictions, no refit.

What is compared is the mean over splits of a metric. Test sets of random splits overlap, so their
results are not independent, and everything here draws videos, never splits: a video that is drawn
is drawn in every split that tests it. With one split that is the plain paired bootstrap.

- Intervals, of a head and of a difference: percentile bootstrap over videos; the same resamples
  for all heads.
- p: paired permutation test. If two heads were alike, whose answer is whose would not matter:
  for each video a coin decides, in all splits, whether the two answers change places. Two-sided,
  (1 + as far from 0 or farther) / (1 + permutations) (Phipson and Smyth 2010). Answers change
  places as what the metric sees of them: ranks within the split for Spearman, standardised values
  for Pearson, points for the others.
- A difference is shown where that p, adjusted by Holm (1979) for all the pairs that are compared,
  is below 0.05.

All of this takes the heads as they were fitted. Whether heads fitted on other training videos
would differ too is another question, which only several splits can answer: p over splits is that
of Nadeau and Bengio's corrected resampled t test (2003), whose variance is (1/splits + test/train)
times that of the differences, since the training sets overlap. Where it is not below 0.05, the
better head is called so "as fitted".
"""

from __future__ import annotations

import csv
import itertools
import json
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.stats

from aqa.annotations.splits import EVERYTHING
from aqa.errors import AqaWarning
from aqa.evaluation.baselines import ALL, PREFIX
from aqa.evaluation.metrics import METRICS, Values, interval, ranks, resample_counts
from aqa.models.runs import METRICS_FILE, PREDICTIONS, RunError

ALPHA = 0.05
# Lower is better; the others are correlations.
ERRORS = ("mse", "med")
COMPARED = ("spearman", "pearson", *ERRORS)
# What a result must say: that it has seen test videos, and what it was told beside pixels.
TOLD = ("difficulty", "told")
MARKS = ("leak", *TOLD)


@dataclass(frozen=True)
class Predictions:
    """What a head predicts for the test videos of a split.

    folder: of the run. ids: of the test videos, sorted; score, predicted: (n,), theirs. n_train:
    how many videos the head has learned from. marks: what a result must say, as in metrics.json.
    """

    folder: Path
    ids: tuple[str, ...]
    score: Values
    predicted: Values
    n_train: int
    marks: Mapping[str, Any]


class Pair(NamedTuple):
    """Of the heads a and b: a less b, in the units of the metric.

    p_videos: of the permutation test; p_holm: the same, adjusted for all pairs. p_splits: of the
    corrected t test, None for one split. better: the better head, where p_holm shows one.
    """

    a: str
    b: str
    difference: float
    interval: list[float] | None
    p_videos: float
    p_holm: float
    p_splits: float | None
    better: str | None


class Comparison(NamedTuple):
    """Heads by name with value, interval and marks, the best first; and every two of them.

    left_out: the splits that are not compared, each with the heads that were not evaluated on it.
    videos: how many are tested, each counted once.
    """

    metric: str
    splits: list[str]
    left_out: dict[str, list[str]]
    videos: int
    heads: dict[str, dict[str, Any]]
    pairs: list[Pair]

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {**self._asdict(), "pairs": [pair._asdict() for pair in self.pairs]}


def read_predictions(folder: Path) -> Predictions | None:
    """The test predictions of a run; None where they are no scores, but pairs or stages.

    `RunError` where the run was not evaluated yet.
    """
    try:
        with (folder / PREDICTIONS).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        metrics = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8"))
        if rows and not {"score", "predicted"} <= rows[0].keys():
            return None
        tested = sorted((r for r in rows if r["part"] == "test"), key=lambda r: r["video_id"])
        score, predicted = (
            np.array([float(row[name]) for row in tested]) for name in ("score", "predicted")
        )
    except FileNotFoundError as error:
        raise RunError(f"{error.filename}: no such file; run `aqa eval` first") from None
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{folder}: its predictions cannot be read ({error}); run `aqa eval` again"
        ) from None
    if not tested:
        raise RunError(
            f"{folder}: not evaluated on test videos yet; run `aqa eval` first, "
            "or choose other splits with --split"
        )
    marks = {key: metrics["test"][key] for key in MARKS if key in metrics["test"]}
    ids = tuple(row["video_id"] for row in tested)
    return Predictions(folder, ids, score, predicted, len(rows) - len(tested), marks)


def compared_folders(folders: Sequence[Path]) -> list[Path]:
    """What is compared where no heads are named: all, of baselines the one of all columns.

    A manifest with one usable column has that baseline alone. A head fitted on every video is
    tested on none.
    """
    names = {folder.parent.name for folder in folders}
    left_out = {name for name in names if name.startswith(PREFIX)} - {PREFIX + ALL}
    if PREFIX + ALL not in names:
        left_out = set()
    return [
        folder
        for folder in folders
        if folder.parent.name not in left_out and folder.name != f"split-{EVERYTHING}"
    ]


def read_heads(folders: Sequence[Path], *, strict: bool) -> dict[str, dict[str, Predictions]]:
    """Head -> split -> predictions, of the folders of runs and of kept baselines.

    strict: a run that was not evaluated, or scores nothing, is an error, rather than left out.
    """
    heads: dict[str, dict[str, Predictions]] = {}
    for folder in folders:
        try:
            found = read_predictions(folder)
        except RunError as error:
            if strict:
                raise
            warnings.warn(f"left out: {error}", AqaWarning, stacklevel=2)
            continue
        if found is not None:
            heads.setdefault(folder.parent.name, {})[folder.name.removeprefix("split-")] = found
        elif strict:
            raise RunError(
                f"{folder}: {folder.parent.name} predicts pairs or stages, and scores none"
            )
    return heads


def compare(
    heads: Mapping[str, Mapping[str, Predictions]],
    metric: str = "spearman",
    *,
    resamples: int = 2000,
    permutations: int = 9999,
    seed: int = 0,
) -> Comparison:
    """Compare every two heads by their mean over the splits that all were evaluated on.

    heads: name -> split -> predictions. `RunError` where they share no split, were evaluated on
    different videos or scores, or where the metric is undefined.
    """
    heads, left_out = _on_shared_splits(heads)
    _check_alike(heads)
    splits = list(next(iter(heads.values())))
    tested = [next(iter(heads.values()))[split].ids for split in splits]
    place = {i: k for k, i in enumerate(sorted({i for ids in tested for i in ids}))}
    places = [[place[i] for i in ids] for ids in tested]
    counts = resample_counts(len(place), resamples, seed)
    drawn = [counts[:, own] for own in places]
    coins = np.random.default_rng([seed, 1]).random((permutations, len(place))) < 0.5
    swaps = [coins[:, own].astype(float) for own in places]

    values = {
        name: np.mean([_values(own[s], metric, w) for s, w in zip(splits, drawn, strict=True)], 0)
        for name, own in heads.items()
    }
    sign = -1 if metric in ERRORS else 1
    order = sorted(heads, key=lambda name: -sign * float(values[name][0]))
    pairs: list[dict[str, Any]] = []
    for a, b in itertools.combinations(order, 2):
        both = [(heads[a][split], heads[b][split]) for split in splits]
        each = [_value(one, metric) - _value(other, metric) for one, other in both]
        swapped = [_swapped(*two, metric, swap) for two, swap in zip(both, swaps, strict=True)]
        pairs.append(
            {
                "a": a,
                "b": b,
                "difference": float(np.mean(each)),
                "interval": interval(values[a][1:] - values[b][1:], 1 - ALPHA),
                "p_videos": permutation_p(float(np.mean(each)), np.mean(swapped, axis=0)),
                "p_splits": corrected_t_p(each, _test_to_train(both)),
            }
        )
    adjusted = holm([pair["p_videos"] for pair in pairs])
    return Comparison(
        metric,
        splits,
        left_out,
        len(place),
        {name: _summary(values[name], heads[name].values()) for name in order},
        [_verdict(pair, p, sign) for pair, p in zip(pairs, adjusted, strict=True)],
    )


def permutation_p(observed: float, permuted: Values) -> float:
    """Two-sided, with the observed one among the permutations, so that it is never 0."""
    # A permutation that only renames the two must not fall below by rounding.
    extreme = np.abs(permuted) >= abs(observed) * (1 - 1e-9)
    return float((1 + extreme.sum()) / (1 + len(permuted)))


def corrected_t_p(differences: Sequence[float], test_to_train: float) -> float | None:
    """Two-sided p of Nadeau and Bengio's corrected resampled t test; None for one split."""
    n = len(differences)
    if n < 2:
        return None
    mean, variance = np.mean(differences), np.var(differences, ddof=1)
    if variance == 0:
        return float(mean == 0)
    t = mean / np.sqrt((1 / n + test_to_train) * variance)
    return float(2 * scipy.stats.t.sf(abs(t), n - 1))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment for several tests, at most 1."""
    order = np.argsort(p, kind="stable")
    steps = np.asarray(p, float)[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted.tolist()


def _on_shared_splits(
    heads: Mapping[str, Mapping[str, Predictions]],
) -> tuple[dict[str, dict[str, Predictions]], dict[str, list[str]]]:
    """The heads on the splits they share, and who lacks each of the others."""
    if len(heads) < 2:
        raise RunError(
            f"{len(heads)} evaluated heads that predict scores; it takes 2 or more to compare"
        )
    splits = dict.fromkeys(split for own in heads.values() for split in own)
    lacking = {s: [name for name, own in heads.items() if s not in own] for s in splits}
    shared = [split for split, names in lacking.items() if not names]
    if not shared:
        evaluated = (f"{name} was evaluated on {', '.join(own)}" for name, own in heads.items())
        raise RunError(
            f"no split that all were evaluated on: {'; '.join(evaluated)}; name heads that share one"
        )
    kept = {name: {split: own[split] for split in shared} for name, own in heads.items()}
    return kept, {split: names for split, names in lacking.items() if names}


def _check_alike(heads: Mapping[str, Mapping[str, Predictions]]) -> None:
    expected, *others = heads.values()
    for own in others:
        for split, one in expected.items():
            _check_same_videos(one, own[split])


def _check_same_videos(one: Predictions, other: Predictions) -> None:
    where = f"{one.folder} and {other.folder}"
    if one.ids != other.ids:
        odd = sorted(set(one.ids) ^ set(other.ids))
        raise RunError(
            f"{where} were evaluated on different test videos: {len(odd)} are tested by one of them "
            f"only, such as {odd[0]}; run `aqa eval` again for both"
        )
    changed = [i for i, a, b in zip(one.ids, one.score, other.score, strict=True) if a != b]
    if changed:
        raise RunError(
            f"{where} were evaluated by different scores, such as that of {changed[0]}; "
            "run `aqa eval` again for both"
        )


def _value(own: Predictions, metric: str) -> float:
    value = float(METRICS[metric](own.score, own.predicted))
    if not np.isfinite(value):
        raise RunError(
            f"{own.folder}: {metric} is undefined, as for predictions that are all equal; "
            "compare by another --metric"
        )
    return value


def _values(own: Predictions, metric: str, counts: Values) -> Values:
    """The value, and those of the resamples."""
    with np.errstate(divide="ignore", invalid="ignore"):  # of one that draws no test video
        return np.r_[_value(own, metric), METRICS[metric](own.score, own.predicted, counts)]


def _swapped(one: Predictions, other: Predictions, metric: str, swap: Values) -> Values:
    """The difference of two heads after their answers changed places where `swap` is 1.

    swap: (permutations, n) of 0 and 1. Gives (permutations,).
    """
    true, a = _as_seen(one.score, one.predicted, metric)
    _, b = _as_seen(other.score, other.predicted, metric)
    return _mixed(true, a, b, metric, swap) - _mixed(true, b, a, metric, swap)


def _as_seen(true: Values, pred: Values, metric: str) -> tuple[Values, Values]:
    """Scores and predictions as what the metric sees of them."""
    if metric in ERRORS:
        return true, pred
    true, pred = (ranks(true), ranks(pred)) if metric == "spearman" else (true, pred)
    return true - true.mean(), (pred - pred.mean()) / pred.std()


def _mixed(true: Values, own: Values, other: Values, metric: str, swap: Values) -> Values:
    """The metric of predictions that are `other` where `swap` is 1, and `own` elsewhere."""

    def mean(term: Callable[[Values], Values]) -> Values:
        of_own, of_other = term(own), term(other)
        return (of_own.sum() + swap @ (of_other - of_own)) / len(true)

    if metric == "mse":
        return mean(lambda pred: np.square(pred - true))
    if metric == "med":
        return mean(lambda pred: np.abs(pred - true))
    variance = mean(np.square) - mean(np.asarray) ** 2
    return mean(lambda pred: pred * true) / (np.sqrt(variance) * true.std())


def _test_to_train(both: Sequence[tuple[Predictions, Predictions]]) -> float:
    return float(np.mean([len(own.ids) / own.n_train for two in both for own in two]))


def _summary(values: Values, own: Collection[Predictions]) -> dict[str, Any]:
    """A head's mean over splits, its interval, and what must be said of it."""
    leaky = sum("leak" in found.marks for found in own)
    told = {name: {found.marks[name] for found in own if name in found.marks} for name in TOLD}
    return {
        "value": float(values[0]),
        "interval": interval(values[1:], 1 - ALPHA),
        **{name: "/".join(sorted(known)) for name, known in told.items() if known},
        **({"leak": [f"{leaky} of {len(own)} splits"]} if leaky else {}),
    }


def _verdict(pair: dict[str, Any], p: float, sign: int) -> Pair:
    winner = pair["a"] if sign * pair["difference"] > 0 else pair["b"]
    return Pair(**pair, p_holm=p, better=winner if p < ALPHA else None)
