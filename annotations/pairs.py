"""Who is better: a table of pairs of videos, `pairs.csv` beside the manifest, read strictly.

Its columns are `better` and `worse`, ids of the manifest. A tie is no pair. Columns `split_<name>`
may say of each pair that it is `train`, `val` or `test` (or empty): the split is then one of pairs,
whose videos may be in several parts. Without such a column a split is one of videos, and a pair is
where its videos are.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from aqa.annotations.columns import SPLIT_PREFIX, name_problems
from aqa.annotations.csv_table import read_table
from aqa.annotations.splits import PARTS, Split
from aqa.errors import AqaError, listed

BETTER, WORSE = "better", "worse"
FILE = "pairs.csv"
# The part of a pair of a test video and one that is learned from, where videos are split.
ACROSS = "test-train"
# So many lines on a table are printed; more would hide them all.
_MOST = 20


class Pair(NamedTuple):
    """The ids of two videos: who is better, and who is worse."""

    better: str
    worse: str


@dataclass(frozen=True)
class PairTable:
    """Pairs of videos in the order of their table; a pair may stand there more than once.

    splits: name -> part of each pair, of the splits of pairs.
    """

    path: Path
    pairs: tuple[Pair, ...]
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pairs)

    @classmethod
    def read(cls, path: str | os.PathLike[str], ids: Collection[str], manifest: Path) -> PairTable:
        """Read and check a table; ids: of the videos of the manifest.

        `AqaError` with one line for everything wrong: with the row, as a spreadsheet numbers it.
        """
        path = Path(path)
        if not path.exists():
            raise AqaError(
                f"{path}: no such table of pairs; write one with the columns {BETTER}, {WORSE} "
                f"(ids of {manifest}), make one with `aqa import pairs`, or name it with --pairs"
            )
        header, rows = read_table(path, (BETTER, WORSE))
        problems = _header_problems(header) or _row_problems(header, rows, ids, manifest)
        if not problems and not rows:
            problems = ["it has a header but no rows; add one row per pair"]
        if problems:
            more = [f"and {len(problems) - _MOST} more problems"] * (len(problems) > _MOST)
            raise AqaError("\n".join(f"{path}: {one}" for one in [*problems[:_MOST], *more]))
        columns = dict(zip(header, zip(*(values for _, values in rows), strict=True), strict=True))
        return cls(
            path,
            tuple(map(Pair, columns[BETTER], columns[WORSE])),
            {
                name.removeprefix(SPLIT_PREFIX): column
                for name, column in columns.items()
                if name.startswith(SPLIT_PREFIX)
            },
        )

    def parts(self, split: Split) -> list[str]:
        """The part of each pair: train, val, test, or empty; of a split of videos also `ACROSS`.

        Of a split of videos, `train` are pairs of two training videos, `test` of two test videos;
        `val` pairs hold a validation video and no test video. Pairs with a video that is not in
        the split are in no part. `AqaError` where a split of pairs learns from test videos.
        """
        part_of = {i: part for part in PARTS for i in split.part(part)}
        ends = [(part_of.get(one.better, ""), part_of.get(one.worse, "")) for one in self.pairs]
        if split.name not in self.splits:
            return [_part_of_videos(*both) for both in ends]
        parts = [
            part if all(both) else ""
            for part, both in zip(self.splits[split.name], ends, strict=True)
        ]
        leaks = [
            pair
            for pair, part, both in zip(self.pairs, parts, ends, strict=True)
            if part in ("train", "val") and "test" in both
        ]
        if leaks:
            raise AqaError(
                f"{self.path}: split {split.name} learns from {len(leaks)} pairs with a video "
                f"that the manifest's column {SPLIT_PREFIX}{split.name} tests, such as "
                f"{leaks[0].better} and {leaks[0].worse}; take one of the two columns out"
            )
        return parts

    def by_part(self, split: Split) -> dict[str, list[Pair]]:
        """The pairs of each part: of train, val, test and `ACROSS`; see `parts`."""
        found: dict[str, list[Pair]] = {part: [] for part in (*PARTS, ACROSS)}
        for pair, part in zip(self.pairs, self.parts(split), strict=True):
            if part:
                found[part].append(pair)
        return found

    def video_parts(self, split: str) -> dict[str, str]:
        """Where the videos of a split of pairs are: `train` in any such pair, else val, else test.

        Videos of no pair of the split are left out.
        """
        found: dict[str, str] = {}
        for part in reversed(PARTS):
            chosen = zip(self.pairs, self.splits[split], strict=True)
            found |= {i: part for pair, its in chosen if its == part for i in pair}
        return found


def _part_of_videos(one: str, other: str) -> str:
    both = {one, other}
    if "" in both:
        return ""
    if "test" in both:
        return "test" if both == {"test"} else ACROSS
    return "val" if "val" in both else "train"


def _header_problems(header: Sequence[str]) -> list[str]:
    problems = [
        f"row 1: no column {name}; required are {BETTER} and {WORSE}, found {', '.join(header)}"
        for name in (BETTER, WORSE)
        if name not in header
    ]
    return problems + name_problems(header)


def _row_problems(
    header: Sequence[str],
    rows: Sequence[tuple[int, list[str]]],
    ids: Collection[str],
    manifest: Path,
) -> list[str]:
    problems: list[str] = []
    unknown: dict[str, int] = {}
    for number, values in rows:
        if len(values) != len(header):
            problems.append(f"row {number}: {len(values)} values for {len(header)} columns")
            continue
        row = dict(zip(header, values, strict=True))
        ends = row[BETTER], row[WORSE]
        if not all(ends):
            problems.append(f"row {number}: it names one video; leave ties out of the table")
        elif ends[0] == ends[1]:
            problems.append(f"row {number}: {ends[0]!r} is compared with itself")
        for one in ends:
            if one and one not in ids:
                unknown.setdefault(one, number)
        problems += [
            f"row {number}, column {name}: {value!r} is not train, val, test or empty"
            for name, value in row.items()
            if name.startswith(SPLIT_PREFIX) and value and value not in PARTS
        ]
    if unknown:
        first, number = next(iter(unknown.items()))
        problems.append(
            f"{len(unknown)} videos are not in {manifest}: {listed(unknown)}; the first, "
            f"{first!r}, is in row {number}"
        )
    return problems
