"""The ways to draw splits of a manifest, by name, each with the options that it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aqa.annotations.columns import SPLIT_PREFIX
from aqa.annotations.manifest import Manifest
from aqa.annotations.split_drawing import (
    balanced_splits,
    grouped_kfold_splits,
    grouped_splits,
    kfold_splits,
    leave_one_out,
    random_splits,
)
from aqa.annotations.split_lists import split_of_lists, splits_of_folds
from aqa.annotations.splits import PARTS, Split
from aqa.errors import AqaError, UnknownNameError

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Maker:
    """A way to draw splits.

    help: what it does. draw: makes splits from a manifest, the options and a seed. options: those
    it takes, with their defaults, which are ours: n, how many splits; test, a count or a share;
    by, columns of the manifest; kinds, how many labels or which; folds, how many, or their file.
    """

    help: str
    draw: Callable[[Manifest, Options, int], list[Split]]
    options: Options


def labels_of(
    manifest: Manifest, columns: Sequence[str], complete: bool = False
) -> list[tuple[str, ...]]:
    """Each video's labels in these columns; complete: `AqaError` where a video lacks one."""
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


def _random(manifest: Manifest, options: Options, seed: int) -> list[Split]:
    test = options["test"]
    if isinstance(test, Mapping):
        if len(manifest) not in test:
            raise AqaError(
                f"{manifest.path}: {len(manifest)} videos; this protocol is made for datasets of "
                f"{', '.join(map(str, test))}; `aqa split random --test ...` takes any dataset"
            )
        test = test[len(manifest)]
    return random_splits(manifest.ids, n=options["n"], test=test, seed=seed)


def _stratified(manifest: Manifest, options: Options, seed: int) -> list[Split]:
    strata = ["/".join(each) for each in labels_of(manifest, options["by"])]
    n, test = options["n"], options["test"]
    return random_splits(manifest.ids, n=n, test=test, seed=seed, strata=strata)


def _balanced(manifest: Manifest, options: Options, seed: int) -> list[Split]:
    labels = ["/".join(each) for each in labels_of(manifest, options["by"])]
    n, test, kinds = options["n"], options["test"], options["kinds"]
    return balanced_splits(manifest.ids, labels, n=n, test=test, kinds=kinds, seed=seed)


def _grouped(manifest: Manifest, options: Options, seed: int) -> list[Split]:
    groups = labels_of(manifest, options["by"], complete=True)
    return grouped_splits(manifest.ids, groups, n=options["n"], test=options["test"], seed=seed)


def _kfold(manifest: Manifest, options: Options, seed: int) -> list[Split]:
    strata = ["/".join(each) for each in labels_of(manifest, options["by"])]
    return kfold_splits(manifest.ids, folds=options["folds"], seed=seed, strata=strata)


def _grouped_kfold(manifest: Manifest, options: Options, seed: int) -> list[Split]:
    groups = labels_of(manifest, options["by"], complete=True)
    return grouped_kfold_splits(manifest.ids, groups, folds=options["folds"], seed=seed)


def _lists(manifest: Manifest, options: Options, seed: int) -> list[Split]:
    parts = {part: Path(options[part]) for part in PARTS if options[part]}
    if options["folds"] and not parts:
        return splits_of_folds(manifest, Path(options["folds"]), options["skip_unknown"])
    if options["folds"] or not {"train", "test"} <= parts.keys():
        raise AqaError("lists of ids: give --train FILE and --test FILE, or --folds FILE alone")
    return [split_of_lists(manifest, parts, options["skip_unknown"])]


def _leave_one_out(manifest: Manifest, options: Options, seed: int) -> list[Split]:
    labels = labels_of(manifest, options["by"], complete=True)
    return leave_one_out(manifest.ids, ["/".join(each) for each in labels])


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
        counts = f"{sizes['train']} and {sizes['test']}"
        expected = " or ".join(f"{each['train']} and {each['test']}" for each in options["sizes"])
        raise AqaError(f"{manifest.path}: {counts} videos in {split.name}, where it has {expected}")
    return [split]


MAKERS = {
    "random": Maker("test videos drawn at random", _random, {"n": 1, "test": 0.2}),
    "stratified": Maker(
        "at random, with every type's share of the videos kept in the test part",
        _stratified,
        {"n": 1, "test": 0.2, "by": ("type",)},
    ),
    "balanced": Maker(
        "as many test videos of each of the most frequent types; videos of others in no part",
        _balanced,
        {"n": 10, "test": 15, "by": ("type",), "kinds": 6},
    ),
    "grouped": Maker(
        "no event (or other label, see --by) in both the training and the test part",
        _grouped,
        {"n": 1, "test": 0.2, "by": ("event",)},
    ),
    "kfold": Maker(
        "each video tested in one of the folds; --by: a label's videos spread evenly over them",
        _kfold,
        {"folds": 5, "by": ()},
    ),
    "grouped-kfold": Maker(
        "each video tested in one of the folds, no event (or other label, see --by) in two",
        _grouped_kfold,
        {"folds": 5, "by": ("event",)},
    ),
    "lists": Maker(
        "from files of ids: --train FILE --test FILE, or --folds FILE (.json or .pkl)",
        _lists,
        {"train": "", "val": "", "test": "", "folds": "", "skip_unknown": False},
    ),
    "leave-one-out": Maker(
        "one split per action (or other label, see --by), which is tested and not trained on",
        _leave_one_out,
        {"by": ("action",)},
    ),
    "published": Maker(
        "the split that the dataset was published with; its sizes are checked",
        _published,
        {"sizes": ()},
    ),
}
