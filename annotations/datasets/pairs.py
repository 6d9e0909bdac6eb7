"""Who is better: pairs of videos, as of BEST, EPIC-Skills (doughty2018) and EgoExoLearn.

A row of SOURCE names the better video and then the worse one; columns Vid1, Vid2 and Best are read
too, and columns split_NAME that say of each pair train, val or test. A file whose name says train,
val or test holds the pairs of that part: of split 2 where it is called train_split2.txt or
train_2.csv, and else of the published one. Where no file is called test, val is what was tested.
Splits are of videos where no video is in pairs of two parts, and otherwise of pairs. Lists of
videos (*_vid_list.txt) are read beside the pairs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aqa.annotations.columns import SPLIT_PREFIX
from aqa.annotations.csv_table import read_text
from aqa.annotations.importing import Imported, Importer, Request, SourceFile, VideoFolder
from aqa.annotations.importing.checks import check_size
from aqa.annotations.importing.loose_table import read_loose_table
from aqa.annotations.pair_checks import told_of_pairs
from aqa.annotations.pairs import BETTER, FILE, WORSE, Pair
from aqa.annotations.splits import PARTS
from aqa.errors import AqaError, listed

_FILES = ("*.csv", "*.txt", "*.tsv")
_LIST = "vid_list"
_PART = re.compile(r"(?:^|[^a-z])(train|val|valid|validation|test)(?![a-z])")
_NUMBER = re.compile(r"([0-9]+)$")
_PUBLISHED = "published"
_TIES = ("", "-", "tie", "equal", "same", "both", "none", "draw")
_PAIR, _BEST = ("better", "worse"), ("vid1", "vid2", "best")


@dataclass(frozen=True)
class _Source:
    """A file: the split and the part that its name says, and its pairs, or videos of a list.

    parts: split -> part of each pair, of columns of the table.
    """

    path: Path
    split: str
    part: str
    pairs: tuple[Pair, ...] = ()
    parts: tuple[dict[str, str], ...] = ()
    videos: tuple[str, ...] = ()
    ties: int = 0


def read(request: Request) -> Imported:
    """Read every table of pairs, and put together which pair is in which part of which split."""
    paths = [path for path in request.find_all(*_FILES) if _is_source(path, request)]
    if not paths:
        where = listed(request.sources)
        raise AqaError(f"{where}: no table of pairs ({', '.join(_FILES)}); name the file or folder")
    sources = _tested(list(map(_read, paths)))
    rows = _merged(sources)
    if not rows:
        raise AqaError(f"{paths[0]}: no pairs of a better and a worse video")
    ids = dict.fromkeys(i for pair, _ in rows for i in pair)
    ids |= dict.fromkeys(i for source in sources for i in source.videos)
    splits = dict.fromkeys(source.split for source in sources if source.part)
    splits |= dict.fromkeys(name for _, parts in rows for name in parts)
    by_video = {name: at for name in splits if (at := _video_parts(name, rows, sources))}
    by_pair = [name for name in splits if name not in by_video]
    videos = VideoFolder(request.videos)
    return Imported(
        [
            {
                "video_id": i,
                "path": videos.find(i),
                **{SPLIT_PREFIX + name: at.get(i, "") for name, at in by_video.items()},
            }
            for i in ids
        ],
        paths[0],
        notes=list(_notes(sources, rows, by_video, by_pair)),
        pairs=[
            {
                BETTER: pair.better,
                WORSE: pair.worse,
                **{SPLIT_PREFIX + name: parts.get(name, "") for name in by_pair},
            }
            for pair, parts in rows
        ],
    )


def _is_source(path: Path, request: Request) -> bool:
    """Whether a file may be the authors': in a folder, what this importer writes is not."""
    return path in request.sources or not (
        path.name.startswith(".") or path.name in ("manifest.csv", FILE)
    )


def _read(path: Path) -> _Source:
    """One file; its part and its split by its name."""
    name = path.stem.lower()
    match = _PART.search(name)
    part = "" if match is None else match[1].replace("validation", "val").replace("valid", "val")
    if _LIST in name:
        check_size(path)
        lines = read_text(path).splitlines()
        return _Source(path, _PUBLISHED, part, videos=tuple(filter(None, map(str.strip, lines))))
    number = _NUMBER.search(name) if part else None
    name_of = number[1] if number else _PUBLISHED
    rows, ties = _rows(path)
    pairs, parts = tuple(pair for pair, _ in rows), tuple(parts for _, parts in rows)
    return _Source(path, name_of, part, pairs, parts, ties=ties)


def _rows(path: Path) -> tuple[list[tuple[Pair, dict[str, str]]], int]:
    """The pairs of a table with their parts, and how many ties it has."""
    table = read_loose_table(path, ("",))  # all rows, be the first one a header or not
    first = tuple(value.lower() for value in _stripped(table.rows[0][1]))
    named = first[:2] == _PAIR or first == _BEST
    header = first if named else _PAIR
    rows, ties = [], 0
    for number, values in table.rows[named:]:
        kept = [*_stripped(values), *[""] * len(header)]
        if len(_stripped(values)) > len(header):
            expected = ", ".join(header)
            raise AqaError(f"{path}: row {number}: {len(values)} values, not {expected}")
        row = dict(zip(header, kept, strict=False))
        pair = _best(path, number, row) if header == _BEST else Pair(row[BETTER], row[WORSE])
        if pair is None:
            ties += 1
        elif not all(pair) or pair.better == pair.worse:
            raise AqaError(
                f"{path}: row {number}: {', '.join(values)} are not two videos; "
                "take the row out of the table"
            )
        else:
            rows.append((pair, _parts(path, number, row)))
    return rows, ties


def _stripped(values: Sequence[str]) -> list[str]:
    """The values of a row without the empty ones at its end: authors end rows with a comma."""
    kept = list(values)
    while kept and not kept[-1]:
        kept.pop()
    return kept


def _best(path: Path, number: int, row: dict[str, str]) -> Pair | None:
    """The pair of Vid1, Vid2 and Best; None for a tie."""
    one, other, best = (row[name] for name in _BEST)
    if best.lower() in _TIES:
        return None
    if best not in (one, other):
        raise AqaError(
            f"{path}: row {number}, column Best: {best!r} is neither {one} nor {other}, nor empty "
            "for a tie"
        )
    return Pair(best, other if best == one else one)


def _parts(path: Path, number: int, row: dict[str, str]) -> dict[str, str]:
    """Split -> part, of the columns split_NAME."""
    parts = {
        name.removeprefix(SPLIT_PREFIX): part
        for name, part in row.items()
        if name.startswith(SPLIT_PREFIX) and part
    }
    for name, part in parts.items():
        if part not in PARTS:
            where = f"{path}: row {number}, column {SPLIT_PREFIX}{name}"
            raise AqaError(f"{where}: {part!r} is not train, val, test or empty")
    return parts


def _tested(sources: Sequence[_Source]) -> list[_Source]:
    """The files, those of `val` being the test part of a split where no file is called test."""
    tested = {source.split for source in sources if source.part == "test"}
    return [
        replace(source, part="test")
        if source.part == "val" and source.split not in tested
        else source
        for source in sources
    ]


def _merged(sources: Sequence[_Source]) -> list[tuple[Pair, dict[str, str]]]:
    """Every pair as often as it stands in one split, with its part of each split.

    Every split divides the same pairs, and a file without a part may hold all of them once more.
    """
    places: dict[tuple[Pair, int], dict[str, str]] = {}
    for split in dict.fromkeys((source.split, bool(source.part)) for source in sources):
        seen: Counter[Pair] = Counter()
        for source in sources:
            if (source.split, bool(source.part)) != split:
                continue
            for pair, told in zip(source.pairs, source.parts, strict=True):
                parts = places.setdefault((pair, seen[pair]), {})
                parts |= told
                if source.part:
                    parts[source.split] = source.part
                seen[pair] += 1
    return [(pair, parts) for (pair, _), parts in places.items()]


def _video_parts(
    split: str, rows: Sequence[tuple[Pair, dict[str, str]]], sources: Sequence[_Source]
) -> dict[str, str] | None:
    """Where the videos of a split are; None where some are in pairs of several parts."""
    found: dict[str, str] = {}
    told = [(i, parts[split]) for pair, parts in rows if split in parts for i in pair]
    told += [(i, s.part) for s in sources if s.split == split and s.part for i in s.videos]
    for video_id, part in told:
        if found.setdefault(video_id, part) != part:
            return None
    return found


def _notes(
    sources: Sequence[_Source],
    rows: Sequence[tuple[Pair, dict[str, str]]],
    by_video: dict[str, dict[str, str]],
    by_pair: Sequence[str],
) -> Iterator[str]:
    renamed = [s.path.name for s in sources if s.part == "test" and "val" in s.path.name.lower()]
    if renamed:
        yield f"no file is called test; taken for what is tested: {listed(renamed)}"
    for name in by_video:
        yield f"split {name}: of videos; a pair is where its videos are"
    for name in by_pair:
        counts = Counter(parts.get(name, "") for _, parts in rows)
        shown = ", ".join(f"{n} {part or 'in no part'}" for part, n in sorted(counts.items()))
        pairs = {part: {p for p, its in rows if its.get(name) == part} for part in counts}
        both = pairs.get("train", set()) & pairs.get("test", set())
        again = f"; pairs both learned and tested: {len(both)}" if both else ""
        yield f"split {name}: of pairs ({shown}), whose videos are in several parts{again}"
    if ties := sum(source.ties for source in sources):
        yield f"ties: {ties} rows without a better video are left out"
    yield from told_of_pairs([pair for pair, _ in rows])


IMPORTER = Importer(
    read,
    citation="doughty2019",
    origin="BEST, and EPIC-Skills' splits: github.com/hazeld/rank-aware-attention-network (folders "
    "data/BEST/splits/TASK, data/EPIC-Skills/splits/TASK); EPIC-Skills: github.com/hazeld/"
    "EPIC-Skills2018 (annotations/TASK/splits); EgoExoLearn: github.com/OpenGVLab/EgoExoLearn "
    "(skill_benchmark/annotations)",
    files=(
        SourceFile("*.txt", "or .csv, .tsv: rows of a better and a worse video", optional=True),
    ),
    options={"videos": "folder of videos named after the ids of the pairs"},
    videos="BEST: 500 of YouTube; EPIC-Skills and EgoExoLearn: from their authors",
    tried="none of the three: written from their authors' descriptions and a look at the form of "
    "their files; tried on drawn tables of that form",
)
