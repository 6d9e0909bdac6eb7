"""Heads that compare pairs of videos: how likely each pair is to be similar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.evaluation.evaluated import Evaluated, EvaluatedPart, resamples_of
from aqa.evaluation.pair_metrics import RESAMPLES, measure_pairs
from aqa.evaluation.resampling import MetricValues
from aqa.models.examples import Features, examples_of
from aqa.models.heads.base import PairHead
from aqa.models.runs import Run


def evaluate_pairs(
    run: Run, split: Split, manifest: Manifest, features: Features, parts: Sequence[str]
) -> Evaluated:
    """Compare pairs, each in both orders.

    train: two videos that were learned from. held-out: a video that training was stopped by and
    that was not learned from since, and any training video. test: two test videos. test-train: a
    test video and one learned from.
    """
    head = run.head
    assert isinstance(head, PairHead)
    fitted, stopped = run.record["split"]["train"], run.record["split"]["val"]
    stopped = stopped or [fitted[i] for i in head.unseen]
    trained = [i for i in fitted if i not in set(stopped)]
    tested = list(split.test) if "test" in parts else []
    ids = [*trained, *stopped, *tested]
    examples = examples_of(ids, manifest, features, run.head.answer_columns)
    pairs = head.pairs(examples).both_orders()
    chance = head.similarity(examples, pairs.first, pairs.second)
    part_of = np.repeat(["train", "held-out", "test"], [len(trained), len(stopped), len(tested)])
    first, second = part_of[pairs.first], part_of[pairs.second]
    tests = (first == "test").astype(int) + (second == "test")
    trains = (first == "train").astype(int) + (second == "train")
    chosen = {
        "train": trains == 2,
        "held-out": (tests == 0) & (trains < 2),
        "test": tests == 2,
        "test-train": (tests == 1) & (trains == 1),
    }
    evaluated = {}
    for part, mask in chosen.items():
        if mask.any():
            of_part = pairs.where(mask)
            rows = [
                {
                    "first": ids[a],
                    "second": ids[b],
                    "part": part,
                    "similar": int(t),
                    "probability": p,
                }
                for a, b, t, p in zip(*of_part, chance[mask].tolist(), strict=True)
                if part != "train"
            ]
            resamples = resamples_of(part, RESAMPLES)
            metrics = measure_pairs(of_part, chance[mask], resamples=resamples)
            evaluated[part] = EvaluatedPart(rows, _one_order(metrics))
    return evaluated


def _one_order(metrics: MetricValues) -> MetricValues:
    """Counts of pairs, of which both orders are evaluated, but which are one pair."""
    counts = {name: count // 2 for name, count in metrics.counts.items()}
    return replace(metrics, n=metrics.n // 2, counts=counts)
