"""Splits by name: the makers with their options, the papers' protocols, and how both are kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aqa import __version__
from aqa.annotations.manifest import SPLIT_NAME, SPLIT_PREFIX, Manifest, as_name
from aqa.annotations.manifest_edit import set_columns
from aqa.annotations.split_drawing import (
    balanced_splits,
    grouped_splits,
    leave_one_out,
    random_splits,
    with_validation,
)
from aqa.annotations.splits import PARTS, Split
from aqa.errors import AqaError, UnknownNameError
from aqa.files import replacing

Options = Mapping[str, Any]
# The columns whose labels a fair split does not share between training and test.
GROUPS = ("event", "athlete", "venue")


@dataclass(frozen=True)
class Maker:
    """A way to draw splits.

    help: what it does. draw: manifest, options and seed -> splits. options: those it takes, with
    their defaults (ours): n splits; test, a count or a share; by, columns of the manifest; kinds,
    how many labels or which.
    """

    help: str
    draw: Callable[[Manifest, Options, int], list[Split]]
    options: Options


@dataclass(frozen=True)
class Protocol:
    """A published way to draw splits: a maker, and the options that the paper fixes."""

    help: str
    maker: str
    fixed: Options


def _random(manifest: Manifest, options: Options, seed: int) -> list[Split]:
    test = options["test"]
    if isinstance(test, Mapping):
        if len(manifest) not in test:
            raise AqaError(
                f"{manifest.path}: {len(manifest)} videos; this protocol is one of datasets of "
                f"{', '.join(map(str, test))}; `aqa split random --test ...` takes any"
            )
        test = test[len(manifest)]
    return random_splits(manifest.ids, n=options["n"], test=test, seed=seed)


def _stratified(manifest: Manifest, options: Options, seed: int) -> list[Split]:
    strata = ["/".join(labels) for labels in _labels(manifest, options["by"])]
    n, test = options["n"], options["test"]
    return random_splits(manifest.ids, n=n, test=test, seed=seed, strata=strata)


def _balanced(manifest: Manifest, options: Options, seed: int) -> list[Split]:
    labels = ["/".join(own) for own in _labels(manifest, options["by"])]
    n, test, kinds = options["n"], options["test"], options["kinds"]
    return balanced_splits(manifest.ids, labels, n=n, test=test, kinds=kinds, seed=seed)


def _grouped(manifest: Manifest, options: Options, seed: int) -> list[Split]:
    groups = _labels(manifest, options["by"], complete=True)
    return grouped_splits(manifest.ids, groups, n=options["n"], test=options["test"], seed=seed)


def _leave_one_out(manifest: Manifest, options: Options, seed: int) -> list[Split]:
    labels = _labels(manifest, options["by"], complete=True)
    return leave_one_out(manifest.ids, ["/".join(own) for own in labels])


def _published(manifest: Manifest, options: Options, seed: int) -> list[Split]:
    """The split that came with the dataset, its size checked."""
    if "published" not in manifest.split_names:
        raise AqaError(
            f"{manifest.path}: no column {SPLIT_PREFIX}published; `aqa import` writes it from "
            "the dataset's own lists"
        )
    split = manifest.split("published")
    sizes = {"train": len(split.train) + len(split.val), "test": len(split.test)}
    if options["sizes"] and sizes not in options["sizes"]:
        found = f"{sizes['train']} and {sizes['test']}"
        expected = " or ".join(f"{each['train']} and {each['test']}" for each in options["sizes"])
        raise AqaError(f"{manifest.path}: {found} videos in {split.name}, where it has {expected}")
    return [split]


def _sizes(*pairs: tuple[int, int]) -> list[dict[str, int]]:
    return [{"train": train, "test": test} for train, test in pairs]


MAKERS = {
    "random": Maker("videos drawn at random", _random, {"n": 1, "test": 0.2}),
    "stratified": Maker(
        "at random, every type tested in its share",
        _stratified,
        {"n": 1, "test": 0.2, "by": ("type",)},
    ),
    "balanced": Maker(
        "as many test videos of each of the most frequent types; others in no part",
        _balanced,
        {"n": 10, "test": 15, "by": ("type",), "kinds": 6},
    ),
    "grouped": Maker(
        "no event (or what --by names) both in training and in test",
        _grouped,
        {"n": 1, "test": 0.2, "by": ("event",)},
    ),
    "leave-one-out": Maker(
        "one split an action, tested by a head that has not seen it",
        _leave_one_out,
        {"by": ("action",)},
    ),
    "published": Maker("the dataset's own split, checked", _published, {"sizes": ()}),
}
PROTOCOLS = {
    "jain2020-diving": Protocol(
        "jain2020: ten splits, 15 test dives of each of the six most frequent types",
        "balanced",
        {"n": 10, "test": 15, "by": ("type",)},
    ),
    "li2018": Protocol(
        "li2018end: UNLV's published splits, diving 300/70 and vault 120/56",
        "published",
        {"sizes": _sizes((300, 70), (120, 56))},
    ),
    "scoringnet": Protocol(
        "li2018scoringnet: six random splits, 300/70 (diving), 120/56 (vault) or 100/59 (MIT)",
        "random",
        {"n": 6, "test": {370: 70, 176: 56, 159: 59}},
    ),
    "mtl-aqa": Protocol(
        "farabi2021: the official split, 1059/353", "published", {"sizes": _sizes((1059, 353))}
    ),
    "mtl-aqa-events": Protocol(
        "ours: five splits of MTL-AQA, a quarter tested, no event in both parts",
        "grouped",
        {"n": 5, "test": 0.25, "by": ("event",)},
    ),
    "aqa-7": Protocol(
        "parmar2019action: split 4, 803/303", "published", {"sizes": _sizes((803, 303))}
    ),
    "aqa-7-zero-shot": Protocol(
        "parmar2019action §5.2: train on five actions, test on all of the sixth (all: ours)",
        "leave-one-out",
        {"by": ("action",)},
    ),
    "mit-diving": Protocol(
        "MIT-Diving's: 200 random splits, 100/59", "random", {"n": 200, "test": {159: 59}}
    ),
}


@dataclass(frozen=True)
class Made:
    """Splits ready to be kept.

    base: the name that theirs begin with; None where they stand in the manifest already. splits:
    under the names of their columns. record: maker, options, seed, sizes.
    """

    base: str | None
    splits: list[Split]
    record: dict[str, Any]


def make_splits(
    manifest: Manifest,
    name: str,
    given: Options,
    *,
    val: float | None = None,
    seed: int = 0,
    base: str | None = None,
) -> Made:
    """Draw the splits of a maker or a protocol.

    given: options of the maker that are not its defaults; those that a protocol fixes cannot be.
    val: hold out this count or share of the training videos, by the maker's own rule (events kept
    apart stay apart). base: what to call the splits instead of `name`. `AqaError` where the
    manifest lacks the labels, or the options fit neither maker nor manifest.
    """
    maker, options = _resolve(name, given)
    splits = MAKERS[maker].draw(manifest, options, seed)
    if val is not None:
        labels = _labels(manifest, options.get("by", ()))
        splits = with_validation(
            splits, manifest.ids, labels, val=val, seed=seed, grouped=maker == "grouped"
        )
    if maker == "published" and val is None:
        names = [base or splits[0].name]
    else:
        base = base or ("published-val" if maker == "published" else name)
        names = [f"{base}-{as_name(s.name)}" if len(splits) > 1 else base for s in splits]
    for own in names:
        if not SPLIT_NAME.fullmatch(own) or names.count(own) > 1:
            raise AqaError(
                f"{own!r} names no split, or two; use letters, digits, '.', '_', '+' and '-'"
            )
    splits = [replace(split, name=own) for split, own in zip(splits, names, strict=True)]
    record = {
        "made_by": name,
        "maker": maker,
        "options": dict(options),
        "val": val,
        "seed": seed,
        "aqa": __version__,
        "splits": {split.name: {part: len(split.part(part)) for part in PARTS} for split in splits},
    }
    return Made(base, splits, record)


def _resolve(name: str, given: Options) -> tuple[str, dict[str, Any]]:
    """The maker behind a name, and its options: defaults, then the protocol's, then the given."""
    protocol = PROTOCOLS.get(name)
    maker = protocol.maker if protocol else name
    if maker not in MAKERS:
        raise UnknownNameError("way to split", name, [*MAKERS, *PROTOCOLS])
    fixed = protocol.fixed if protocol else {}
    defaults = MAKERS[maker].options
    for option in given:
        if option in fixed:
            raise AqaError(f"--{option}: {name} fixes it; `aqa split {maker}` does not")
        if option not in defaults:
            raise AqaError(f"--{option} means nothing to `aqa split {name}`")
    return maker, {**defaults, **fixed, **given}


def _labels(
    manifest: Manifest, columns: Sequence[str], complete: bool = False
) -> list[tuple[str, ...]]:
    """Each video's labels in these columns; `AqaError` where one is missing, if `complete`."""
    known = list(manifest[0].row)
    for column in columns:
        if column not in known:
            raise UnknownNameError("column", column, known, remedy=f"of {manifest.path}")
        unlabelled = [video.id for video in manifest if not video.row[column]]
        if unlabelled and complete:
            raise AqaError(
                f"{manifest.path}: {len(unlabelled)} videos have no {column}, such as "
                f"{unlabelled[0]}, so it cannot be kept apart"
            )
    return [tuple(video.row[column] for column in columns) for video in manifest]


def record_path(manifest: Path) -> Path:
    """Where the record of a manifest's splits lies: manifest.splits.json for manifest.csv."""
    return manifest.with_suffix(".splits.json")


def write_splits(manifest: Path, made: Made, force: bool = False) -> None:
    """Set the columns split_<name> of a manifest, and record how they were made.

    Every other byte of the manifest stays. A column that is there already is an `AqaError`;
    `force` replaces it, and takes away what an earlier draw of the same name made besides.
    """
    if made.base is None:
        return
    path = record_path(manifest)
    records = _read_records(path)
    columns = {
        f"{SPLIT_PREFIX}{split.name}": {i: part for part in PARTS for i in split.part(part)}
        for split in made.splits
    }
    earlier = records.get(made.base, {}).get("splits", ()) if force else ()
    stale = [f"{SPLIT_PREFIX}{name}" for name in earlier]
    records[made.base] = made.record
    text = json.dumps(records, indent=1)
    set_columns(manifest, columns, replace=force, remove=[s for s in stale if s not in columns])
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _read_records(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AqaError(f"{path}: cannot be read: {error}; move it away") from None
    if not isinstance(records, dict) or not all(isinstance(r, dict) for r in records.values()):
        raise AqaError(f"{path}: not a record of splits; move it away")
    return records
