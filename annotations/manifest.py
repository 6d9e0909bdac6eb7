"""The annotation table `manifest.csv`: one row per video, read strictly, every problem at once."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from aqa.annotations.columns import SPLIT_PREFIX, header_problems
from aqa.annotations.csv_table import read_table
from aqa.annotations.pairs import FILE, PairTable
from aqa.annotations.row_parser import RowParser
from aqa.annotations.splits import PARTS, Split
from aqa.annotations.targets import score_targets, target_column, with_target
from aqa.annotations.two_classes import TwoClasses, classes_among, with_classes
from aqa.annotations.video import Video
from aqa.errors import AqaError, UnknownNameError
from aqa.files import write_text
from aqa.target_names import EVERY, PAIRS, SCORE

__all__ = ["Manifest", "ManifestError", "Video", "write_manifest"]


class ManifestError(AqaError):
    """A manifest that is not as it should be; `problems` holds one line for everything wrong."""

    def __init__(self, path: Path, problems: Sequence[str]):
        self.problems = list(problems)
        super().__init__("\n".join(f"{path}: {problem}" for problem in problems))


class Manifest(Sequence[Video]):
    """The videos of a dataset, in the order of the table; `by_id[id]` finds one.

    target: what the videos' `score` is, see `of_target`. score_column: the column it stands in.
    classes: the two values that it has, see `of_classes`; None where it is a number of points.
    pairs: who is better, where that is what heads learn, see `of_pairs`.
    """

    classes: TwoClasses | None = None

    def __init__(
        self,
        videos: Sequence[Video],
        path: Path,
        target: str = SCORE,
        pairs: PairTable | None = None,
    ):
        self.videos = tuple(videos)
        self.path = path
        self.target = target
        self.pairs = pairs
        self.score_column = target if target in (SCORE, PAIRS) else self._column_of(target)
        self.by_id = {video.id: video for video in self.videos}
        self._views = {target: self}  # target -> the same manifest seen with it

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self.videos[index]

    def __iter__(self) -> Iterator[Video]:
        return iter(self.videos)

    @property
    def ids(self) -> tuple[str, ...]:
        """The videos' ids, in order."""
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

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of the `score_<name>` columns, in order: the several scores of each video."""
        return score_targets(self._header)

    def of_target(self, target: str) -> Manifest:
        """The same videos, their `score` being the number of a column; NaN where it is empty.

        target: `score`; the name of a column `score_<name>`; or else any column of numbers, such
        as `difficulty`. `similar_within`, which is of the score, is left out for all others.
        `pairs`: no score at all, but who is better, by the table `pairs.csv` beside the manifest.
        `UnknownNameError` where there is no such column, `ManifestError` where it holds no numbers.

            tes = Manifest.read("manifest.csv").of_target("tes")
            tes.by_id["12"].score
        """
        if target == PAIRS:
            return self if self.pairs is not None else self.of_pairs(self.path.with_name(FILE))
        if target not in self._views:
            column = self._column_of(target)
            videos, problems = with_target(self._views.get(SCORE, self), column)
            if problems:
                raise ManifestError(self.path, problems)
            view = Manifest(videos, self.path, target)
            view._views = self._views
            self._views[target] = view
        if target == SCORE:  # as it was read; a table need not have this column
            self._column_of(target)
        return self._views[target]

    def of_classes(self, target: str, good: str | None = None) -> Manifest:
        """As `of_target`; but where a column has two values, they are classes.

        A video's score is then 1 where it is good and 0 where not, and `classes` names both. good:
        the value that is good, see `find_classes`, which says what is refused.
        """
        if target == PAIRS:
            return self.of_target(target)
        if target == SCORE and self._header and SCORE not in self._header:
            return self  # a table of videos without scores stays as it is
        column = self._column_of(target)
        videos = self._views.get(SCORE, self).videos
        try:
            classes = classes_among(videos, column, good)
        except AqaError as error:
            raise AqaError(f"{self.path}: {error}") from None
        if classes is None:
            return self.of_target(target)
        view = Manifest(with_classes(videos, classes), self.path, target)
        view.classes, view._views = classes, {**self._views, target: view}
        return view

    def of_pairs(self, path: str | os.PathLike[str]) -> Manifest:
        """The same videos without scores, and who of them is better, by a table of pairs.

        Its splits of pairs are splits of this one too, and take the place of splits of videos of
        the same name where the manifest does not have these. `AqaError` for a wrong table.
        """
        if (key := f"{PAIRS} {os.path.abspath(path)}") in self._views:
            return self._views[key]
        pairs = PairTable.read(path, self.by_id, self.path)
        new = {n: pairs.video_parts(n) for n in pairs.splits if n not in self.split_names}
        videos = [
            replace(
                video,
                score=math.nan,
                similar_within=None,
                splits={**video.splits, **{n: at.get(video.id, "") for n, at in new.items()}},
            )
            for video in self
        ]
        view = Manifest(videos, self.path, PAIRS, pairs)
        view._views = self._views
        self._views[key] = view
        return view

    def of_absent_pairs(self) -> Manifest:
        """As `of_pairs`, where the table of pairs is not there, as in a pack: to answer alone."""
        videos = [replace(video, score=math.nan, similar_within=None) for video in self]
        return Manifest(videos, self.path, PAIRS)

    def of_targets(
        self,
        asked: Sequence[str] = (),
        good: str | None = None,
        pairs: str | os.PathLike[str] | None = None,
    ) -> list[Manifest]:
        """The same videos seen with each of these targets; for none as they are.

        `all` is every column `score_<name>`; `AqaError` where there is none. A column of two values
        is seen as classes; good: which of them is good, see `of_classes`. pairs: the table of the
        target `pairs`, see `of_pairs`; it need not be asked for beside.
        """
        if EVERY in asked and not self.targets:
            raise AqaError(
                f"{self.path}: no columns score_<name>, so --target {EVERY} asks for nothing; "
                "leave it out to predict the score"
            )
        if pairs is not None:
            if {*asked} - {PAIRS}:
                raise AqaError(f"{pairs}: pairs are the target {PAIRS}; leave out --target")
            return [self.of_pairs(pairs)]
        if not asked:
            return [self if self.classes and not good else self.of_classes(self.target, good)]
        names = [each for name in asked for each in (self.targets if name == EVERY else [name])]
        return [self.of_classes(name, good) for name in dict.fromkeys(names)]

    @property
    def _header(self) -> tuple[str, ...]:
        return tuple(self.videos[0].row) if self.videos else ()

    def _column_of(self, target: str) -> str:
        if target == SCORE and not self._header:  # videos that were read of no table
            return SCORE
        return target_column(target, self._header, str(self.path))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Manifest:
        """Read and check a manifest.

        Raises `ManifestError` with every problem of the file, each naming the row (as a
        spreadsheet numbers them: the header is row 1), the column, the value and what was
        expected.
        """
        path = Path(path)
        return cls.parse(path, *read_table(path), scored=not path.with_name(FILE).exists())

    @classmethod
    def parse(
        cls,
        path: Path,
        header: list[str],
        rows: list[tuple[int, list[str]]],
        *,
        scored: bool = True,
    ) -> Manifest:
        """Check a table that was read from `path`: its header, and its numbered rows.

        scored: whether it must have a score; not where a table of pairs lies beside it. Raises
        `ManifestError` as `read` does.
        """
        problems = header_problems(header, scored)
        if problems:
            raise ManifestError(path, problems)
        if not rows:
            raise ManifestError(path, ["it has a header but no rows; add one row per video"])
        videos = []
        first_row: dict[str, int] = {}
        for number, values in rows:
            if len(values) != len(header):
                problems.append(
                    f"row {number}: {len(values)} values for {len(header)} columns; "
                    "quote values that hold a comma"
                )
                continue
            parser = RowParser(number, dict(zip(header, values, strict=True)), problems)
            video = parser.video(path.parent)
            if video.id in first_row:
                parser.problem("video_id", "a unique id", f"it is row {first_row[video.id]}'s too")
            first_row.setdefault(video.id, number)
            videos.append(video)
        if problems:
            raise ManifestError(path, problems)
        return cls(videos, path)


def write_manifest(
    path: str | os.PathLike[str], rows: Sequence[Mapping[str, object]], *, new: bool = False
) -> None:
    """Write a manifest in one step: a reader sees the old file or the whole new one.

    rows: column -> value; the first row's keys are the columns. None is written as empty.
    new: there must be no file yet.
    """
    write_text(Path(path), csv_text(rows), new=new)


def csv_text(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as a CSV table; the first row's keys are the columns, None is written as empty."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
