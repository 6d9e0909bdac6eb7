"""Heads that learned who is better: how many pairs they have in the right order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aqa.annotations.manifest import Manifest
from aqa.annotations.pairs import ACROSS, Pair, PairTable
from aqa.annotations.splits import Split
from aqa.evaluation.classes.intervals import share_interval
from aqa.evaluation.evaluated import Evaluated, EvaluatedPart, resamples_of
from aqa.evaluation.metric import metrics_of
from aqa.evaluation.pair_metrics import RESAMPLES
from aqa.evaluation.resampling import LEVEL, MetricValues, resampled
from aqa.metrics import Values
from aqa.models.examples import Features, examples_of
from aqa.models.runs import Run


def evaluate_ranking(
    run: Run, split: Split, manifest: Manifest, features: Features, parts: Sequence[str]
) -> Evaluated:
    """Put the videos of these parts' pairs in order, and compare with the pairs.

    With the test part, of a split of videos, come the pairs of a test video and one that was
    learned from. Training pairs are measured, but their rows are not kept.
    """
    assert manifest.pairs is not None
    by_part = manifest.pairs.by_part(split)
    wanted = [*parts, *([ACROSS] if "test" in parts else [])]
    every = [pair for part in wanted for pair in by_part[part]]
    ranks = rank_values(run, every, manifest, features)
    return {
        part: _evaluate_part(part, by_part[part], ranks, run.learned_from)
        for part in wanted
        if by_part[part]
    }


def evaluate_held_out(run: Run, split: Split, manifest: Manifest, features: Features) -> Evaluated:
    """The training pairs that a fit was stopped by, of the head that had not learned from them."""
    assert manifest.pairs is not None
    out = {split.train[i] for i in run.head.held_out}
    pairs = [pair for pair in manifest.pairs.by_part(split)["train"] if out & {*pair}]
    if not pairs:
        return {}
    before = replace(run, head=run.head.before_refit())
    ranks = rank_values(before, pairs, manifest, features)
    return {"val": _evaluate_part("val", pairs, ranks, run.learned_from)}


def tested_pairs(pairs: PairTable, split: Split) -> list[Pair]:
    """The pairs that a split tests, be it of videos or of pairs."""
    by_part = pairs.by_part(split)
    return [*by_part["test"], *by_part[ACROSS]]


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
    ranks: Mapping[str, float],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
    **counts: Any,
) -> MetricValues:
    """The share of pairs in the right order, with two intervals.

    ranks: the rank value of every video in them. The interval is a bootstrap over videos, see
    `ranking_accuracy`. counts: what else is counted; `videos` is added, and `exact_interval`, which
    takes pairs as independent (clopper1934) and so is too narrow.
    """
    videos, numbers = np.unique([[*pair] for pair in pairs], return_inverse=True)
    ordered = numbers.reshape(-1, 2)
    said = np.array([ranks[name] for name in videos.tolist()])
    metrics = metrics_of("ranking")

    def measure(drawn: Values) -> dict[str, Values]:
        return {metric.name: metric.function(ordered, said, drawn) for metric in metrics}

    samples = resampled(len(videos), measure, resamples, seed)
    right = sum(ranks[pair.better] > ranks[pair.worse] for pair in pairs)
    exact = share_interval(right, len(pairs), level)
    return MetricValues.of(
        len(pairs), samples, level, videos=len(videos), **counts, exact_interval=exact
    )


def _evaluate_part(
    part: str, pairs: Sequence[Pair], ranks: Mapping[str, float], learned: set[str]
) -> EvaluatedPart:
    rows = [
        {
            "better": pair.better,
            "worse": pair.worse,
            "part": part,
            "better_rank": ranks[pair.better],
            "worse_rank": ranks[pair.worse],
        }
        for pair in pairs
        if part != "train"
    ]
    seen = len({i for pair in pairs for i in pair} & learned)
    measured = measure_ranking(pairs, ranks, resamples=resamples_of(part, RESAMPLES), learned=seen)
    return EvaluatedPart(rows, measured)
