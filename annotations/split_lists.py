"""Splits that come as lists of ids: text, JSON, MATLAB, or pickles, which are read as data.

Authors publish splits as a list for each part, as a list of folds, or as a dictionary of them, and
write ids with folders, endings or leading zeros of their own.
"""

from __future__ import annotations

import json
import re
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aqa.annotations.importing.checks import check_size
from aqa.annotations.importing.matlab import read_vector, whole_numbers
from aqa.annotations.importing.pickles import read_pickle
from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import PARTS, Split
from aqa.errors import AqaError, AqaWarning, listed

# What the parts are called in such files.
_PART_NAMES = {
    **dict.fromkeys(("train", "training", "trn", "train_ids"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "val_ids"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "test_ids"), "test"),
}
_SHAPES = (
    "lists of train and test ids, several of these (by name or in order), or a list of folds, each "
    "a list of the ids that are tested in it"
)

Parts = dict[str, list[Any]]


def split_of_lists(manifest: Manifest, parts: Mapping[str, Path], skip_unknown: bool) -> Split:
    """A split from one file of ids for each part; its name is to be given.

    A file of ids has one per line (what follows a blank or comma is ignored), or is a JSON or
    pickled list, or a .mat of one vector of the videos' numbers. skip_unknown: leave out ids of no
    video of the manifest, with a warning.
    """
    lists = {part: _ids_of(path, manifest) for part, path in parts.items()}
    source = ", ".join(str(path) for path in parts.values())
    return _matched(manifest, {"1": lists}, source, skip_unknown)[0]


def splits_of_folds(manifest: Manifest, path: Path, skip_unknown: bool) -> list[Split]:
    """The splits of a JSON or pickled file of folds; see `_SHAPES` for what it may hold."""
    value = _value(path)
    if value is None:
        raise AqaError(f"{path}: folds come as .json or .pkl, with {_SHAPES}")
    return _matched(manifest, _splits(path, value), str(path), skip_unknown)


# Files ------------------------------------------------------------------------------------------


def _value(path: Path) -> Any:
    """What a JSON file or a pickle holds; None for a file of another ending."""
    if not path.is_file():
        raise AqaError(f"{path}: no such file")
    if path.suffix.lower() in (".pkl", ".pickle", ".p"):
        return read_pickle(path)
    if path.suffix.lower() != ".json":
        return None
    check_size(path)
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise AqaError(f"{path}: not JSON: {error}") from None


def _ids_of(path: Path, manifest: Manifest) -> list[Any]:
    if path.suffix.lower() == ".mat" and path.is_file():
        return whole_numbers(path, read_vector(path, None))
    value = _value(path)
    if value is None:
        return _lines(path, manifest)
    if not _is_ids(value):
        raise AqaError(f"{path}: not a list of ids; folds are taken by --folds")
    return list(value)


def _lines(path: Path, manifest: Manifest) -> list[str]:
    """The ids of a text file: whole lines where these are ids, else what stands first in them."""
    check_size(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AqaError(f"{path}: byte {error.start} is not UTF-8") from None
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    known = manifest.by_id
    return [line if line in known else re.split(r"[\s,;]", line, maxsplit=1)[0] for line in lines]


# Shapes -----------------------------------------------------------------------------------------


def _is_id(value: Any) -> bool:
    """A text, a whole number, or several of these, as (event, number)."""
    if isinstance(value, tuple):
        return bool(value) and all(_is_id(part) and not isinstance(part, tuple) for part in value)
    return isinstance(value, str | int) and not isinstance(value, bool)


def _is_ids(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(map(_is_id, value))


def _splits(path: Path, value: Any) -> dict[str, Parts]:
    """Name -> part -> ids, from whatever shape such files have."""
    if isinstance(value, Mapping) and (parts := _parts(value)):
        return {"1": parts}
    named = dict(value) if isinstance(value, Mapping) else None
    if named is None and isinstance(value, list | tuple):
        named = {str(number): one for number, one in enumerate(value, start=1)}
    if named:
        found = {str(name): _parts(one) for name, one in named.items()}
        if all(found.values()):
            return {name: parts for name, parts in found.items() if parts}
        no_parts = not any(str(name).lower() in _PART_NAMES for name in named)
        if no_parts and len(named) > 1 and all(_is_ids(one) for one in named.values()):
            return _folds(path, {str(name): list(one) for name, one in named.items()})
    raise AqaError(f"{path}: no splits that are understood; it may hold {_SHAPES}")


def _parts(value: Any) -> Parts | None:
    """The parts of one split: a dictionary of them, or a pair of lists, train and test."""
    if isinstance(value, Mapping):
        names = [_PART_NAMES.get(str(name).lower()) for name in value]
        if None in names or "test" not in names or not all(map(_is_ids, value.values())):
            return None
        return {str(name): list(ids) for name, ids in zip(names, value.values(), strict=True)}
    if isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_ids, value)):
        # A tuple of two ids, as (event, number), is itself an id.
        one_id = any(isinstance(one, tuple) and _is_id(one) for one in value)
        return None if one_id else {"train": list(value[0]), "test": list(value[1])}
    return None


def _folds(path: Path, folds: dict[str, list[Any]]) -> dict[str, Parts]:
    """Each fold is tested once, and the others are trained on then."""
    counts = Counter(one for ids in folds.values() for one in dict.fromkeys(ids))
    if twice := [_shown(one) for one, count in counts.items() if count > 1]:
        raise AqaError(f"{path}: ids that are in two folds: {listed(twice)}")
    return {
        name: {
            "train": [one for other, some in folds.items() if other != name for one in some],
            "test": ids,
        }
        for name, ids in folds.items()
    }


# Ids --------------------------------------------------------------------------------------------


def _matched(
    manifest: Manifest, splits: Mapping[str, Parts], source: str, skip_unknown: bool
) -> list[Split]:
    """The splits with the manifest's own ids; says where ids were not written as they are there."""
    find = _finder(manifest)
    unknown: dict[str, None] = {}
    loose: dict[str, str] = {}
    made = []
    for name, parts in splits.items():
        ids: dict[str, tuple[str, ...]] = {}
        for part in PARTS:
            found: dict[str, None] = {}
            for one in parts.get(part, ()):
                video_id = find(one)
                if video_id is None:
                    unknown[_shown(one)] = None
                    continue
                if video_id != one:
                    loose[_shown(one)] = video_id
                found[video_id] = None
            ids[part] = tuple(found)
        made.append(Split(name, **ids))
    _tell(manifest, source, list(unknown), loose, skip_unknown)
    for split in made:
        if not split.train or not split.test:
            raise AqaError(f"{source}: split {split.name} has no training or no test video")
    return made


def _tell(
    manifest: Manifest, source: str, unknown: Sequence[str], loose: Mapping[str, str], skip: bool
) -> None:
    if unknown:
        text = f"{source}: {len(unknown)} ids are of no video of {manifest.path}: {listed(unknown)}"
        if not skip:
            raise AqaError(f"{text}; leave them out with --skip-unknown")
        warnings.warn(f"{text}; left out", AqaWarning, stacklevel=2)
    if loose:
        theirs, ours = next(iter(loose.items()))
        warnings.warn(
            f"{source}: {len(loose)} ids are written otherwise than in the manifest, and were "
            f"matched by their names and numbers, such as {theirs} for {ours}",
            AqaWarning,
            stacklevel=2,
        )


def _finder(manifest: Manifest) -> Callable[[Any], str | None]:
    """Finds a video by an id: as it is, else by the names and numbers in it, where one has them."""
    by_key: dict[tuple[str, ...], list[str]] = {}
    for video_id in manifest.ids:
        by_key.setdefault(_key(video_id), []).append(video_id)
    known = manifest.by_id

    def find(one: Any) -> str | None:
        if isinstance(one, str) and one in known:
            return one
        alike = by_key.get(_key(one), [])
        return alike[0] if len(alike) == 1 else None

    return find


def _key(one: Any) -> tuple[str, ...]:
    """The names and numbers of an id, without folders, ending and leading zeros.

    `videos/dive_0001.mp4` and `dive_1` have one key, and so have `(1, 4)` and `01_04`.
    """
    if isinstance(one, tuple):
        return tuple(key for part in one for key in _key(part))
    name = re.split(r"[\\/]", str(one))[-1].lower()
    name = re.sub(r"\.[a-z][a-z0-9]{1,3}$", "", name)
    return tuple(part.lstrip("0") or "0" for part in re.findall(r"\d+|[^\W\d_]+", name))


def _shown(one: Any) -> str:
    text = f"({', '.join(map(str, one))})" if isinstance(one, tuple) else str(one)
    return text if text.isprintable() else ascii(text)
