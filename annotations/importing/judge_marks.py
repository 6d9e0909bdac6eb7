"""Judges' marks of dives, held against difficulty and score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aqa.annotations.columns import JUDGE_PREFIX
from aqa.annotations.importing.importer import Row
from aqa.annotations.importing.mtl_annotations import Dives, Key, dive_name
from aqa.errors import AqaError

N_JUDGES = 7
HIGHEST = 10.0
# Of seven marks the two highest and the two lowest do not count.
_COUNTED = slice(2, 5)
# Scores are published with two digits or one; a difference below is of rounding.
_ROUNDING = 0.05 + 1e-6

Marks = dict[Key, tuple[float | None, ...]]


def read_marks(paths: Sequence[Path], versions: Sequence[Dives]) -> tuple[Marks, list[str]]:
    """The seven marks of each dive, and notes on those that do not fit.

    paths, versions: the files and what they hold, the most trusted first. A mark outside 0 to 10
    is taken from the next version that has one inside, or None. Empty where no version has marks.
    """
    with_marks = [
        (path, dives)
        for path, dives in zip(paths, versions, strict=True)
        if any("judge_scores" in dive for dive in dives.values())
    ]
    if not with_marks:
        return {}, []
    for path, dives in with_marks:
        for key, dive in dives.items():
            _check(path, key, dive)
    marks: Marks = {}
    notes: list[str] = []
    for key in versions[0]:
        given = [(path, dives[key]["judge_scores"]) for path, dives in with_marks]
        marks[key] = tuple(_choose(key, number, given, notes) for number in range(N_JUDGES))
    return marks, [*notes, *_against_scores(versions[0], marks)]


def mark_columns(marks: Sequence[float | None]) -> Row:
    """The columns judge_1 to judge_7 of a manifest."""
    return {f"{JUDGE_PREFIX}{number}": mark for number, mark in enumerate(marks, start=1)}


def _check(path: Path, key: Key, dive: Mapping[str, Any]) -> None:
    marks = dive.get("judge_scores")
    if (
        not isinstance(marks, list)
        or len(marks) != N_JUDGES
        or not all(isinstance(mark, int | float) for mark in marks)
    ):
        raise AqaError(
            f"{path}: dive {dive_name(key)}: judge_scores is {marks}, not {N_JUDGES} numbers"
        )


def _choose(
    key: Key, number: int, given: Sequence[tuple[Path, list[float]]], notes: list[str]
) -> float | None:
    """A mark, from the first file in which it is one; what is wrong with it goes to `notes`."""
    inside = [marks[number] for _, marks in given if 0 <= marks[number] <= HIGHEST]
    chosen = inside[0] if inside else None
    taken = "left empty" if chosen is None else f"{chosen:g} is taken"
    values = ", ".join(f"{marks[number]:g} in {path.name}" for path, marks in given)
    where = f"mark {number + 1} of dive {dive_name(key)} is {values}"
    if len(inside) < len(given):
        notes.append(f"{where}: marks are 0 to {HIGHEST:g}; {taken}")
    elif len(set(inside)) > 1:
        notes.append(f"{where}: {taken}")
    return chosen


def _against_scores(dives: Dives, marks: Marks) -> list[str]:
    """A note on dives whose middle three marks times the difficulty are not the score."""
    whole = {key: sorted(m for m in ms if m is not None) for key, ms in marks.items()}
    whole = {key: ms for key, ms in whole.items() if len(ms) == N_JUDGES}
    products = {key: sum(ms[_COUNTED]) * dives[key]["difficulty"] for key, ms in whole.items()}
    scores = {key: dives[key]["final_score"] for key in products}
    exact = sum(abs(products[key] - score) < 1e-6 for key, score in scores.items())
    odd = [key for key, score in scores.items() if abs(products[key] - score) > _ROUNDING]
    note = (
        f"marks: the middle three times the difficulty are the score of {exact} of {len(marks)} "
        f"dives, and of {len(scores) - len(odd)} within {_ROUNDING:.2f}"
    )
    if odd:
        shown = ", ".join(f"{dive_name(k)} {products[k]:.2f} ({scores[k]:g})" for k in odd)
        note += f"; all are kept; these differ (the score in brackets): {shown}"
    return [note]
