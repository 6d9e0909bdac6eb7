"""What is shown of an evaluated run: one result, or one per part of its answers or per group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from aqa.annotations.manifest import Manifest
from aqa.evaluation.evaluated import Evaluated
from aqa.evaluation.groups import measure_groups
from aqa.evaluation.result import Marks, Result
from aqa.target_names import SCORE


def results_of(
    kind: str,
    head: str,
    split: str,
    evaluated: Evaluated,
    marks: Marks,
    manifest: Manifest,
    by: str | None = None,
) -> list[Result]:
    """The results of a run on its test videos.

    Of pairs, and of who is better, those of each part but what was learned from; of stages all
    together and each; of scores and classes all, or with `by` each group and averages over them.
    Beside whole scores, as kinds of their own, what the head says beside them and the parts it
    makes them of. manifest: seen with what the head predicts.
    """
    if kind in ("pairs", "ranking"):
        results = _pairs(kind, head, split, evaluated, marks)
    elif kind == "stages":
        results = _stages(head, split, evaluated, marks)
    elif by is None:
        results = _scores(kind, head, split, evaluated, marks)
    else:
        results = (
            Result.of(measured, kind, head, split, by=by, group=group, marks=marks)
            for group, measured in measure_groups(evaluated["test"].rows, manifest, by).items()
        )
    target = None if manifest.target == SCORE else manifest.target
    return [replace(one, target=target) for one in results]


def _pairs(
    kind: str, head: str, split: str, evaluated: Evaluated, marks: Marks
) -> Iterator[Result]:
    for part, answers in evaluated.items():
        if part not in ("train", "val"):
            yield Result.of(answers.whole, kind, head, split, part=part, marks=marks)


def _stages(head: str, split: str, evaluated: Evaluated, marks: Marks) -> Iterator[Result]:
    tested = evaluated["test"]
    for stage, metrics in {"all": tested.whole, **tested.pieces}.items():
        yield Result.of(metrics, "stages", head, split, part=stage, marks=marks)


def _scores(
    kind: str, head: str, split: str, evaluated: Evaluated, marks: Marks
) -> Iterator[Result]:
    tested = evaluated["test"]
    yield Result.of(tested.whole, kind, head, split, marks=marks)
    for beside, metrics in tested.beside.items():
        yield Result.of(metrics, beside, head, split, marks=marks)
    for name, metrics in tested.pieces.items():
        yield Result.of(metrics, "parts", head, split, part=name, marks=marks)
