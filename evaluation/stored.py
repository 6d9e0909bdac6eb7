"""Results as `aqa eval` has kept them beside the runs, without scoring any video again."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aqa.annotations.manifest import Manifest
from aqa.errors import RunError
from aqa.evaluation.families import Tested
from aqa.evaluation.head_results import HeadResults
from aqa.evaluation.metric import KINDS, metrics_of
from aqa.evaluation.predictions import marks_of
from aqa.evaluation.result import Evaluation, Marks, Result
from aqa.evaluation.score_metrics import FEWEST_RANKED
from aqa.evaluation.score_rows import Row
from aqa.evaluation.summing_up import summed_up
from aqa.metrics import spearman
from aqa.models.runs import METRICS_FILE, PREDICTIONS
from aqa.target_names import SCORE, label_and_target

# Kinds that stand under a name of their own in metrics.json, beside the answers themselves.
_BESIDE = ("coverage", "attributes", "commentary")


@dataclass(frozen=True)
class TypeRow:
    """What a head is worth on the test videos of one type, over the splits that test them.

    videos: how many there are, each counted once. predictions: how many answers for them. bias:
    mean of predicted less true, in points. med: mean distance. spearman: mean over the splits that
    test 6 videos of the type or more; None where none does.
    """

    type: str
    videos: int
    predictions: int
    med: float
    bias: float
    spearman: float | None


def stored_evaluation(heads: Sequence[HeadResults], manifest: Manifest) -> Evaluation:
    """The results of heads and baselines as `evaluate_runs` gave them, with the same averages."""
    results: list[Result] = []
    tested: dict[Tested, Sequence[Row]] = {}
    for head in heads:
        label, target = label_and_target(head.name)
        for split, measured in head.measured.items():
            results += _results(head, split, measured)
            if split in head.predictions and head.kind in ("scores", "classes"):
                tested[label, target, split] = _test_rows(head, split)
    return summed_up(results, tested, manifest)


def type_rows(head: HeadResults) -> list[TypeRow]:
    """A row for each type whose test videos a head has scored, the most frequent first."""
    points = head.points()
    labels = np.array([head.types.get(i, "") for i in points.ids])
    splits = np.repeat(points.splits, [len(one.ids) for one in head.predictions.values()])
    ids = np.array(points.ids)
    rows = []
    for label, count in Counter(labels.tolist()).most_common():
        chosen = labels == label
        error = points.predicted[chosen] - points.true[chosen]
        of_splits = []
        for split in points.splits:
            own = chosen & (splits == split)
            if own.sum() >= FEWEST_RANKED:
                of_splits.append(float(spearman(points.true[own], points.predicted[own])))
        known = [value for value in of_splits if math.isfinite(value)]
        rows.append(
            TypeRow(
                *(label or "(no type)", len({*ids[chosen]}), count),
                *(float(np.abs(error).mean()), float(error.mean())),
                float(np.mean(known)) if known else None,
            )
        )
    return rows


def _results(head: HeadResults, split: str, measured: Mapping[str, Any]) -> Iterator[Result]:
    """What was measured of the answers for one split, and of what is said beside them."""
    folder = head.folders[split]
    try:
        marks = marks_of({"test": measured})
        one = head.predictions.get(split)
        kind = one.kind if one is not None else _other_kind(measured)
        yield _result(kind, head, split, measured, marks)
        for beside in _BESIDE:
            if beside in measured:
                yield _result(beside, head, split, measured[beside], marks)
        for name, values in measured.get("parts", {}).items():
            yield _result("parts", head, split, values, marks, part=str(name))
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise RunError(
            f"{folder / METRICS_FILE}: not as it was written ({error}); run `aqa eval` again"
        ) from None


def _other_kind(measured: Mapping[str, Any]) -> str:
    return "stages" if "start_error" in measured else "pairs"


def _result(
    kind: str,
    head: HeadResults,
    split: str,
    measured: Mapping[str, Any],
    marks: Marks,
    part: str | None = None,
) -> Result:
    assert kind in KINDS
    names = [metric.name for metric in metrics_of(kind) if metric.name in measured]
    values = {name: _number(measured[name]) for name in names}
    intervals = {name: _interval(measured.get(f"{name}_interval")) for name in names}
    known = {"n", *names, *(f"{name}_interval" for name in names), *_BESIDE, "parts"}
    label, target = label_and_target(head.name)
    return Result(
        *(kind, label, split, int(measured["n"]), values, intervals),
        part=part,
        counts={key: value for key, value in measured.items() if key not in known},
        marks=marks,
        target=None if target == SCORE else target,
    )


def _number(value: Any) -> float | None:
    if value is None:
        return None
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is no finite number")
    return number


def _interval(ends: Any) -> list[float] | None:
    if ends is None:
        return None
    low, high = ends
    return [float(low), float(high)]


def _test_rows(head: HeadResults, split: str) -> list[Row]:
    """The rows of predictions.csv of the test videos, which were read and checked before."""
    with (head.folders[split] / PREDICTIONS).open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["part"] == "test"]
