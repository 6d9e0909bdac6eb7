"""The annotation table `manifest.csv`: one row a video, read strictly, every problem at once."""

from __future__ import annotations

import csv
import io
import itertools
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aqa.annotations.splits import PARTS, Split
from aqa.errors import AqaError, UnknownNameError
from aqa.files import replacing

REQUIRED = ("video_id", "path", "score")
SPLIT_PREFIX = "split_"
SPLIT_NAME = re.compile(r"\w[\w.+-]*")
JUDGE_PREFIX = "judge_"
STAGE_PREFIX = "stage_"
# What a dive is made of, beside its type (MTL-AQA).
ATTRIBUTES = ("position", "armstand", "rotation", "somersaults", "twists")


class ManifestError(AqaError):
    """Everything that is wrong with a manifest, a line each; `problems` holds the lines."""

    def __init__(self, path: Path, problems: Sequence[str]):
        self.problems = list(problems)
        super().__init__("\n".join(f"{path}: {problem}" for problem in problems))


def as_name(label: str) -> str:
    """A label as part of a split's or a file's name: what neither may hold becomes dashes.

    >>> as_name("10 m/platform")
    '10-m-platform'
    """
    return re.sub(r"[^\w.+-]+", "-", label)


@dataclass(frozen=True)
class Video:
    """One row of a manifest.

    id: unique name. path: the video file or folder of numbered images, absolute; None where the
    features were imported. score: what is predicted, in the judges' points. start_frame,
    end_frame: the half-open range of frames that is the action; None means from the first, to
    the last. difficulty, execution: the score's factors or summands, in points. action, type:
    labels such as `diving` and `107B`. event, athlete, venue: who and where, for splits that keep
    them apart. attributes: name -> label, of `ATTRIBUTES`. judges: the marks of the columns
    judge_1, judge_2, ..., in points. stages: name -> the first frame of that stage, in order;
    frame 0 is `start_frame`. poses: the file or folder of the athlete's joints, absolute.
    similar_within: points; scores of this action that differ by less are alike. splits:
    split name -> train, val or test. row: every column as it was read.
    """

    id: str
    path: Path | None
    score: float
    start_frame: int | None = None
    end_frame: int | None = None
    difficulty: float | None = None
    execution: float | None = None
    action: str | None = None
    type: str | None = None
    event: str | None = None
    athlete: str | None = None
    venue: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    judges: tuple[float, ...] = ()
    stages: Mapping[str, int] = field(default_factory=dict)
    poses: Path | None = None
    similar_within: float | None = None
    splits: Mapping[str, str] = field(default_factory=dict)
    row: Mapping[str, str] = field(default_factory=dict, repr=False)


class Manifest(Sequence[Video]):
    """The videos of a dataset, in the order of the table; also found by id with `by_id`."""

    def __init__(self, videos: Sequence[Video], path: Path):
        self.videos = tuple(videos)
        self.path = path
        self.by_id = {video.id: video for video in self.videos}

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self.videos[index]

    def __iter__(self) -> Iterator[Video]:
        return iter(self.videos)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids, in order."""
        return tuple(video.id for video in self.videos)

    @property
    def split_names(self) -> tuple[str, ...]:
        """The names of the `split_<name>` columns, in order."""
        return tuple(self.videos[0].splits) if self.videos else ()

    def split(self, name: str) -> Split:
        """The split of the column `split_<name>`; `UnknownNameError` where there is none."""
        if name not in self.split_names:
            raise UnknownNameError(
                "split",
                name,
                self.split_names,
                remedy=f"a split is a column {SPLIT_PREFIX}<name> of {self.path} "
                "whose values are train, val, test or empty",
            )
        parts = {part: tuple(v.id for v in self.videos if v.splits[name] == part) for part in PARTS}
        return Split(name, **parts)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Manifest:
        """Read and check a manifest.

        Raises `ManifestError` with every problem of the file, each naming the row (as a
        spreadsheet numbers them: the header is row 1), the column, the value and what was
        expected.
        """
        path = Path(path)
        return cls.parse(path, *read_table(path))

    @classmethod
    def parse(cls, path: Path, header: list[str], rows: list[tuple[int, list[str]]]) -> Manifest:
        """Check a table that was read from `path`: its header, and its numbered rows.

        Raises `ManifestError` as `read` does.
        """
        problems = _check_header(header)
        if problems:
            raise ManifestError(path, problems)
        if not rows:
            raise ManifestError(path, ["it has a header but no rows; add one row a video"])
        videos = []
        first_row: dict[str, int] = {}
        for number, values in rows:
            if len(values) != len(header):
                problems.append(
                    f"row {number}: {len(values)} values for {len(header)} columns; "
                    "quote values that hold a comma"
                )
                continue
            parser = _Row(number, dict(zip(header, values, strict=True)), problems)
            video = parser.video(path.parent)
            if video.id in first_row:
                parser.problem("video_id", "a unique id", f"it is row {first_row[video.id]}'s too")
            first_row.setdefault(video.id, number)
            videos.append(video)
        if problems:
            raise ManifestError(path, problems)
        return cls(videos, path)


def read_table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header of a CSV, and (number, values) of its rows, stripped; blank rows are left out."""
    records = enumerate(read_records(path, read_text(path)), start=1)
    numbered = [(number, values) for number, (values, _) in records if any(values)]
    if not numbered:
        raise AqaError(f"{path}: it is empty; its first row must name {', '.join(REQUIRED)}")
    return numbered[0][1], numbered[1:]


def read_text(path: Path) -> str:
    """The text of a table as it is, but without a byte order mark; `AqaError` where it is none."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise AqaError(
            f"{path}: no such manifest; write a CSV with the columns {', '.join(REQUIRED)}, "
            "or name it with --manifest"
        ) from None
    except UnicodeDecodeError as error:
        raise AqaError(
            f"{path}: byte {error.start} is not UTF-8; save the table as UTF-8"
        ) from None
    except OSError as error:
        raise AqaError(f"{path}: cannot be read: {error.strerror}") from None


def read_records(path: Path, text: str) -> list[tuple[list[str], str]]:
    """The records of a CSV: their values, stripped, and their text with the end of the line."""
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, strict=True)
    records, done = [], 0
    try:
        for values in reader:
            records.append(
                ([value.strip() for value in values], "".join(lines[done : reader.line_num]))
            )
            done = reader.line_num
    except csv.Error as error:
        raise AqaError(f"{path}: line {reader.line_num}: not CSV: {error}") from None
    return records


def _check_header(header: list[str]) -> list[str]:
    if len(header) == 1 and (separated := re.search(r"[;\t]", header[0])):
        return [f"row 1: its columns are separated by {separated[0]!r}; save it with commas"]
    problems = [
        f"row 1: no column {name}; required are {', '.join(REQUIRED)}, found {', '.join(header)}"
        for name in REQUIRED
        if name not in header
    ]
    problems += [
        f"row 1: the column {name!r} stands twice; every column needs its own name"
        for name in dict.fromkeys(header)
        if header.count(name) > 1
    ]
    problems += [
        f"row 1: the column {name!r} names no split; use letters, digits, '.', '_', '+' and '-'"
        for name in header
        if name.startswith(SPLIT_PREFIX)
        and not SPLIT_NAME.fullmatch(name.removeprefix(SPLIT_PREFIX))
    ]
    return problems


class _Row:
    """Parses the fields of one row and collects what is wrong with them."""

    def __init__(self, number: int, row: dict[str, str], problems: list[str]):
        self.number, self.row, self.problems = number, row, problems

    def problem(self, column: str, expected: str, why: str = "") -> None:
        self.problems.append(
            f"row {self.number}, column {column}: {self.row[column]!r} is not {expected}"
            + (f" ({why})" if why else "")
        )

    def text(self, column: str) -> str | None:
        return self.row.get(column) or None

    def path(self, column: str, folder: Path) -> Path | None:
        text = self.text(column)
        return None if text is None else Path(os.path.abspath(folder / text))

    def number_of(self, column: str) -> float | None:
        text = self.text(column)
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            self.problem(column, "a finite number")
            return None
        return value

    def frame(self, column: str) -> int | None:
        text = self.text(column)
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]+", text):
            self.problem(column, "a frame number (a whole number from 0)")
            return None
        return int(text)

    def judges(self) -> tuple[float, ...]:
        columns = sorted(
            (c for c in self.row if re.fullmatch(JUDGE_PREFIX + "[0-9]+", c)),
            key=lambda column: int(column.removeprefix(JUDGE_PREFIX)),
        )
        marks = [self.number_of(column) for column in columns]
        return tuple(mark for mark in marks if mark is not None)

    def stages(self) -> dict[str, int]:
        columns = [column for column in self.row if column.startswith(STAGE_PREFIX)]
        frames = {column: self.frame(column) for column in columns}
        stages = {c.removeprefix(STAGE_PREFIX): f for c, f in frames.items() if f is not None}
        for (before, start), (name, frame) in itertools.pairwise(stages.items()):
            if frame < start:
                self.problem(STAGE_PREFIX + name, f"frame {start} or later", f"of {before}")
        return stages

    def splits(self) -> dict[str, str]:
        splits = {
            column.removeprefix(SPLIT_PREFIX): value
            for column, value in self.row.items()
            if column.startswith(SPLIT_PREFIX)
        }
        for name, value in splits.items():
            if value and value not in PARTS:
                self.problem(SPLIT_PREFIX + name, "train, val, test or empty")
        return splits

    def video(self, folder: Path) -> Video:
        if not self.row["video_id"]:
            self.problem("video_id", "an id")
        score = self.number_of("score")
        if self.text("score") is None:
            self.problem("score", "a finite number")
        start, end = self.frame("start_frame"), self.frame("end_frame")
        if end is not None and end <= (start or 0):
            self.problem("end_frame", f"after the first frame {start or 0}", "ranges are half-open")
        return Video(
            id=self.row["video_id"],
            path=self.path("path", folder),
            score=math.nan if score is None else score,
            start_frame=start,
            end_frame=end,
            difficulty=self.number_of("difficulty"),
            execution=self.number_of("execution"),
            action=self.text("action"),
            type=self.text("type"),
            event=self.text("event"),
            athlete=self.text("athlete"),
            venue=self.text("venue"),
            attributes={name: value for name in ATTRIBUTES if (value := self.text(name))},
            judges=self.judges(),
            stages=self.stages(),
            poses=self.path("poses", folder),
            similar_within=self.number_of("similar_within"),
            splits=self.splits(),
            row=self.row,
        )


def write_manifest(path: str | os.PathLike[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Write a table in one step: a reader sees the old file or the whole new one.

    rows: column -> value; the first row's keys are the columns. None is written as empty.
    """
    path = Path(path)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with replacing(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", newline="")
