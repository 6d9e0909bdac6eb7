"""From the texts of one row of a manifest to a `Video`, with every problem on the way."""

from __future__ import annotations

import itertools
import math
import os
import re
from pathlib import Path
from typing import Any

from aqa.annotations.columns import ATTRIBUTES, JUDGE_PREFIX, SPLIT_PREFIX, STAGE_PREFIX
from aqa.annotations.numbers import number_of, shortened, why_no_number
from aqa.annotations.splits import PARTS
from aqa.annotations.urls import is_url, local_path, shown_url, why_not_read
from aqa.annotations.video import Video
from aqa.target_names import SCORE

# Of a frame number: a video of 100 million frames lasts 46 days.
_MOST_DIGITS = 9


def _number_of_judge(column: str) -> tuple[int, str]:
    """Sorts judge_10 behind judge_9, however long the numbers are."""
    digits = column.removeprefix(JUDGE_PREFIX).lstrip("0")
    return len(digits), digits


class RowParser:
    """Reads the texts of one row and collects what is wrong with them.

    number: the row's number, as a spreadsheet counts. row: column -> text. problems: the list to
    which each problem adds a line.
    """

    def __init__(self, number: int, row: dict[str, str], problems: list[str]):
        self.number, self.row, self.problems = number, row, problems

    def problem(self, column: str, expected: str, why: str = "") -> None:
        """Note that the value of a column is not what is expected there."""
        self.problems.append(
            f"row {self.number}, column {column}: {shortened(self.row[column])} is not {expected}"
            + (f" ({why})" if why else "")
        )

    def video(self, folder: Path) -> Video:
        """The video of this row, its paths taken from `folder`; wrong values are left out."""
        for column, text in self.row.items():
            if "\0" in text:
                self.problem(column, "text", "it holds a zero byte")
        if not self.row["video_id"]:
            self.problem("video_id", "an id")
        score = self._number("score")
        if SCORE in self.row and self._text("score") is None:
            self.problem("score", "a finite number")
        start, end = self._frame("start_frame"), self._frame("end_frame")
        if end is not None and end <= (start or 0):
            self.problem("end_frame", f"after the first frame {start or 0}", "ranges are half-open")
            end = None
        length = None if end is None else end - (start or 0)
        return Video(
            id=self.row["video_id"],
            **self._place(folder),
            score=math.nan if score is None else score,
            start_frame=start,
            end_frame=end,
            difficulty=self._number("difficulty", least=0),
            execution=self._number("execution"),
            action=self._text("action"),
            type=self._text("type"),
            event=self._text("event"),
            athlete=self._text("athlete"),
            venue=self._text("venue"),
            attributes={name: value for name in ATTRIBUTES if (value := self._text(name))},
            judges=self._judges(),
            stages=self._stages(length),
            steps=tuple(s.strip() for s in (self._text("steps") or "").split(";") if s.strip()),
            commentary=self._text("commentary"),
            poses=self._poses(folder),
            similar_within=self._number("similar_within", least=0),
            splits=self._splits(),
            row=self.row,
        )

    def _text(self, column: str) -> str | None:
        return self.row.get(column) or None

    def _place(self, folder: Path) -> dict[str, Any]:
        """The video's `path` or `url`."""
        text = self._text("path")
        if text is None or not is_url(text):
            return {"path": None if text is None else Path(os.path.abspath(folder / text))}
        why = why_not_read(text)
        if why:  # the value is not shown: it may hold keys
            self.problems.append(f"row {self.number}, column path: {shown_url(text)} is {why}")
        local = local_path(text)
        return {"path": local, "url": text if local is None else None}

    def _poses(self, folder: Path) -> Path | None:
        text = self._text("poses")
        if text is not None and is_url(text):
            self.problems.append(
                f"row {self.number}, column poses: {shown_url(text)} is not a file or folder on "
                "this machine; only videos may be at an address"
            )
        return None if text is None else Path(os.path.abspath(folder / text))

    def _number(self, column: str, least: float = -math.inf) -> float | None:
        text = self._text(column)
        if text is None:
            return None
        value = number_of(text)
        if value is None:
            self.problem(column, "a finite number", why_no_number(text))
            return None
        if value < least:
            self.problem(column, f"{least:g} or more")
            return None
        return value

    def _frame(self, column: str) -> int | None:
        text = self._text(column)
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]+", text):
            self.problem(column, "a frame number (a whole number from 0)")
            return None
        if len(text) > _MOST_DIGITS:
            self.problem(column, f"a frame number of {_MOST_DIGITS} digits or less")
            return None
        return int(text)

    def _judges(self) -> tuple[float, ...]:
        columns = sorted(
            (c for c in self.row if re.fullmatch(JUDGE_PREFIX + "[0-9]+", c)),
            key=_number_of_judge,
        )
        marks = [self._number(column) for column in columns]
        return tuple(mark for mark in marks if mark is not None)

    def _stages(self, length: int | None) -> dict[str, int]:
        """The stages, in order; length: frames of the video, where the manifest tells."""
        columns = [column for column in self.row if column.startswith(STAGE_PREFIX)]
        frames = {column: self._frame(column) for column in columns}
        stages = {c.removeprefix(STAGE_PREFIX): f for c, f in frames.items() if f is not None}
        for (before, start), (name, frame) in itertools.pairwise(stages.items()):
            if frame < start:
                self.problem(STAGE_PREFIX + name, f"frame {start} or later", f"of {before}")
        for name, frame in stages.items():
            if length is not None and frame >= length:
                self.problem(
                    STAGE_PREFIX + name,
                    f"one of the video's frames 0 to {length - 1}",
                    "stages count from start_frame",
                )
        return stages

    def _splits(self) -> dict[str, str]:
        splits = {
            column.removeprefix(SPLIT_PREFIX): value
            for column, value in self.row.items()
            if column.startswith(SPLIT_PREFIX)
        }
        for name, value in splits.items():
            if value and value not in PARTS:
                self.problem(SPLIT_PREFIX + name, "train, val, test or empty")
        return splits
