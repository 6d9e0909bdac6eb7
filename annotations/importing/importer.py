"""The record of an importer, what it is asked for, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aqa.errors import AqaError

# The column of the split that a dataset was published with, in every imported manifest.
PUBLISHED = "split_published"

# One row of a manifest: column -> value; None is written as empty.
Row = dict[str, object]


@dataclass(frozen=True)
class Request:
    """What an importer is asked for.

    sources: files of the dataset, or folders that hold them. videos: the folder of its videos.
    last_frames: take so many frames of each action, the last ones. columns: manifest column ->
    the source's own name for it. header: names of a table's columns, where it has no header.
    skip_unscored: leave out rows that have no score. means: manifest column -> the columns whose
    mean it is, such as several people's scores.
    """

    sources: tuple[Path, ...]
    videos: Path | None = None
    last_frames: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    header: tuple[str, ...] = ()
    skip_unscored: bool = False
    means: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def find(self, *patterns: str) -> Path:
        """The one source that matches a pattern; `AqaError` where there are none or several."""
        match = self.find_optional(*patterns)
        if match is None:
            where = ", ".join(map(str, self.sources))
            first, *others = patterns
            names = f"{first} or {others[0]}" if len(others) == 1 else first
            more = f" there, nor in {len(others)} folders of the release" if len(others) > 1 else ""
            raise AqaError(f"{where}: no {names}{more}; `aqa import NAME` lists the files it needs")
        return match

    def find_optional(self, *patterns: str) -> Path | None:
        """The one source that matches a pattern, or None; `AqaError` where there are several."""
        matches = self.find_all(*patterns)
        if len(matches) > 1:
            raise AqaError(f"several files match: {matches[0]}, {matches[1]}; name one of them")
        return matches[0] if matches else None

    def find_all(self, *patterns: str) -> list[Path]:
        """Every source that matches a pattern: a file that was given, or one in a given folder."""
        by_place: dict[Path, Path] = {}
        for source in self.sources:
            if source.is_dir():
                matches = [path for pattern in patterns for path in sorted(source.glob(pattern))]
            elif source.exists():
                matches = [source] if any(source.match(pattern) for pattern in patterns) else []
            else:
                raise AqaError(f"{source}: no such file or folder")
            by_place |= {path.resolve(): path for path in matches}
        return list(by_place.values())


@dataclass(frozen=True)
class Imported:
    """What an importer has read.

    rows: of the manifest, all with the same columns, `video_id`, `path` and `score` among them;
    paths are absolute. source: the file that they come from, for messages. numbers: their row
    numbers in it; None counts from 1. notes: lines to print with the summary. lists: name -> ids;
    each is written beside the manifest as <name>.txt. features: backbone -> file with features of
    the videos of the list `ids`; the summary says how to import them. counts: as
    `Importer.counts`, where SOURCE was another published part of the dataset than the whole. pairs:
    who is better, the rows of `pairs.csv` beside the manifest, which then needs no `score`; see
    `aqa.annotations.pairs`.
    """

    rows: list[Row]
    source: Path
    numbers: Sequence[int] | None = None
    notes: Sequence[str] = ()
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)
    features: Mapping[str, Path] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    pairs: Sequence[Row] = ()


@dataclass(frozen=True)
class Version:
    """One published version of a file.

    size: in bytes. sha256: its checksum in hex digits; empty where it is not known. release: which
    release of the dataset it is of, or what tells it from the other versions.
    """

    size: int
    sha256: str = ""
    release: str = ""


@dataclass(frozen=True)
class SourceFile:
    """One of the files that a dataset's authors publish.

    pattern: its name, or what it matches, such as *overall_scores.mat. holds: what is in it.
    optional: whether the import does without it. folders: those of SOURCE that it may lie in,
    besides SOURCE itself. versions: the published ones; none where their sizes are not known.
    """

    pattern: str
    holds: str
    optional: bool = False
    folders: tuple[str, ...] = ()
    versions: tuple[Version, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        """Where it is looked for in SOURCE: patterns for `Request.find`."""
        return (self.pattern, *(f"{folder}/{self.pattern}" for folder in self.folders))


@dataclass(frozen=True)
class Importer:
    """One dataset: who made it, which files it consists of, and how they are read.

    read: makes the rows of a manifest from a request; raises `AqaError` where the files are not
    what was published. citation: its key in `aqa.papers`, or how to cite it. origin: the address
    where its authors publish the files. files: its index, of the files that SOURCE holds. options:
    the fields of `Request` that it uses besides `sources` -> what each means for this dataset.
    counts: what was published -> how many: `videos`, and parts of the published split, `train`,
    `test`, which are checked; others, such as `subjects`, are told. videos: where its videos come
    from, and how large they are. tried: the real files that
    it was run on, or that there were none. What nobody states is "not known", never a guess.

    The docstring of its module is printed too: the first line is the title, what follows are
    remarks. `aqa.testing.check_importer` checks all this.
    """

    read: Callable[[Request], Imported]
    citation: str = ""
    origin: str = ""
    files: tuple[SourceFile, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    videos: str = ""
    tried: str = ""
