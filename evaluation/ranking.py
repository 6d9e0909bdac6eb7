"""Heads that learned who is better: how many pairs they have in the right order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Manifest
from aqa.annotations.pairs import ACROSS, Pair, PairTable
from aqa.annotations.splits import Split
from aqa.evaluation.classes.intervals import share_interval
from aqa.evaluation.evaluated import Evaluated, EvaluatedPart, resamples_of
from aqa.evaluation.pair_metrics import RESAMPLES
from aqa.evaluation.resampling import LEVEL, MetricValues, resampled
from aqa.metrics import Values
from aqa.models.examples import Features, examples_of
from aqa.models.runs import Run

# So many weights are in memory at once.
_WEIGHTS = 500_000


def evaluate_ranking(
    run: Run, split: Split, manifest: Manifest, features: Features, parts: Sequence[str]
) -> Evaluated:
    """Put the videos of these parts' pairs in order, and compare with the pairs.

    With the test part, of a split of videos, come the pairs of a test video and one that was
    learned from. Training pairs are measured, but their rows are not kept.
    """
    assert manifest.pairs is not None
    part_of = manifest.pairs.parts(split)
    wanted = [*parts, *([ACROSS] if "test" in parts else [])]
    chosen = {part: _of_part(manifest.pairs, part_of, part) for part in wanted}
    every = [pair for pairs in chosen.values() for pair in pairs]
    ranks = rank_values(run, every, manifest, features)
    return {
        part: _evaluate_part(part, pairs, ranks, run.learned_from)
        for part, pairs in chosen.items()
        if pairs
    }


def evaluate_held_out(run: Run, split: Split, manifest: Manifest, features: Features) -> Evaluated:
    """The training pairs that a fit was stopped by, of the head that had not learned from them."""
    assert manifest.pairs is not None
    out = {split.train[i] for i in run.head.held_out}
    train = _of_part(manifest.pairs, manifest.pairs.parts(split), "train")
    pairs = [pair for pair in train if out & {*pair}]
    if not pairs:
        return {}
    before = replace(run, head=run.head.before_refit())
    ranks = rank_values(before, pairs, manifest, features)
    return {"val": _evaluate_part("val", pairs, ranks, run.learned_from)}


def tested_pairs(pairs: PairTable, split: Split) -> list[Pair]:
    """The pairs that a split tests, be it of videos or of pairs."""
    parts = pairs.parts(split)
    return [pair for pair, part in zip(pairs.pairs, parts, strict=True) if part in ("test", ACROSS)]


def rank_values(
    run: Run, pairs: Sequence[Pair], manifest: Manifest, features: Features
) -> dict[str, float]:
    """The rank value of every video in some pairs."""
    head = run.scoring_head()
    ids = list(dict.fromkeys(i for pair in pairs for i in pair))
    if not ids:
        return {}
    examples = examples_of(ids, manifest, features, head.answer_columns)
    return dict(zip(ids, head.predict_examples(examples).tolist(), strict=True))


def measure_ranking(
    pairs: Sequence[Pair],
    right: NDArray[np.bool_],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
    **counts: Any,
) -> MetricValues:
    """The share of pairs in the right order, with two intervals.

    right: (pairs,); two videos of the same rank value are not. The interval is a bootstrap over
    videos, since pairs that share a video are not independent: a pair counts as often as both of
    its videos are drawn, the number of one times that of the other. counts: what else is counted;
    `exact_interval` is added, which takes pairs as independent (clopper1934) and so is too narrow.
    """
    videos, ends = np.unique([[*pair] for pair in pairs], return_inverse=True)
    first, second = ends.reshape(-1, 2).T

    def measure(drawn: Values) -> dict[str, Values]:
        values = []
        for step in np.array_split(drawn, -(-len(drawn) * len(right) // _WEIGHTS) or 1):
            weight = np.take(step, first, axis=1) * np.take(step, second, axis=1)
            with np.errstate(invalid="ignore"):  # no pair has both of its videos drawn
                values.append(weight @ right / weight.sum(axis=1))
        return {"accuracy": np.concatenate(values)}

    samples = resampled(len(videos), measure, resamples, seed)
    exact = share_interval(int(right.sum()), len(right), level)
    return MetricValues.of(
        len(right), samples, level, videos=len(videos), **counts, exact_interval=exact
    )


def _of_part(pairs: PairTable, part_of: Sequence[str], part: str) -> list[Pair]:
    return [pair for pair, its in zip(pairs.pairs, part_of, strict=True) if its == part]


def _evaluate_part(
    part: str, pairs: Sequence[Pair], ranks: dict[str, float], learned: set[str]
) -> EvaluatedPart:
    better, worse = (np.array([ranks[pair[end]] for pair in pairs]) for end in (0, 1))
    rows = [
        {"better": a, "worse": b, "part": part, "better_rank": x, "worse_rank": y}
        for (a, b), x, y in zip(pairs, better.tolist(), worse.tolist(), strict=True)
        if part != "train"
    ]
    seen = len({i for pair in pairs for i in pair} & learned)
    measured = measure_ranking(
        pairs, better > worse, resamples=resamples_of(part, RESAMPLES), learned=seen
    )
    return EvaluatedPart(rows, measured)
