"""Whose head a saved run holds, and whether its code may be run.

A run records where its head came from. An installed package's head is imported; a file is run only
where the user names it again, since a run folder may come from anywhere.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aqa.errors import AqaError, AqaWarning, RunError, UnknownNameError, listed
from aqa.models.heads import ENTRY_POINTS, find_head, own_names, unknown_head
from aqa.models.heads.base.source import HeadSource, file_head, from_package, own_head
from aqa.models.saved.old_names import HEADS, present_head
from aqa.models.saved.record import read_record
from aqa.plugins import PluginError, file_path, file_stem, installed, is_file
from aqa.split_names import split_family
from aqa.target_names import EVERY, SCORE, SIGN, label_and_seed, label_and_target, without_seed
from aqa.workspace import every_run_folder, run_folders

__all__ = [
    "RunError",
    "chosen_runs",
    "file_option",
    "labels_of",
    "means",
    "names_of",
    "runs_of_one_target",
    "source_of",
]


def source_of(
    folder: Path, record: Mapping[str, Any], heads: Sequence[str]
) -> tuple[HeadSource, str]:
    """The head of a run, and in words whether its code has changed since; "" where not.

    heads: what the user named with --head: names and files. Raises `RunError` that says which
    option to give.
    """
    saved = record.get("source")
    name = str(record["head"])
    if saved is None:
        present = present_head(name)
        if present not in own_names():
            raise RunError(f"{folder}: its head {name!r} is none of this version's heads")
        return own_head(present), ""
    if saved["source"] == "package":
        source = _installed(folder, name, saved)
    else:
        source = _given(folder, name, saved, heads)
    assert source.origin is not None
    if source.origin.sha256 == saved["sha256"]:
        return source, ""
    changed = f"the code of its head, {source.origin.name}, has changed since it was fitted"
    warnings.warn(f"{folder}: {changed}", AqaWarning, stacklevel=3)
    return source, changed


def _installed(folder: Path, name: str, saved: Mapping[str, Any]) -> HeadSource:
    offered = installed(ENTRY_POINTS)
    if name not in offered:
        raise RunError(
            f"{folder}: its head {name!r} was that of {saved['name']}, which is not installed; "
            "install that package"
        )
    return from_package(name, offered[name])


def _given(folder: Path, name: str, saved: Mapping[str, Any], heads: Sequence[str]) -> HeadSource:
    path, _, attribute = str(saved["name"]).rpartition(":")
    for text in heads:
        if is_file(text) and file_stem(text) == name and _names(text, attribute):
            return file_head(text, attribute)
    remedy = "a file is only run where you name it: give"
    if not Path(path).exists():
        remedy = "which is not there; give its present place,"
    raise RunError(f"{folder}: its head is the file {path}, {remedy} {_option(path, attribute)}")


def _option(path: str, attribute: str) -> str:
    """The option that names a head's file, of which the present place may not be known."""
    shown = path if Path(path).exists() else f"FOLDER/{Path(path).name}"
    shown = shown if attribute == "HEAD" else f"{shown}:{attribute}"
    return f"--head '{shown}'" if " " in shown else f"--head {shown}"


def file_option(folder: Path) -> str:
    """The option that a run's head needs where it is a Python file's; else "".

    `aqa eval` without it does not evaluate such a run.
    """
    saved = _saved_source(folder)
    if saved is None or saved["source"] != "file":
        return ""
    path, _, attribute = str(saved["name"]).rpartition(":")
    return _option(path, attribute)


def chosen_runs(
    runs: Path,
    heads: Sequence[str] = (),
    splits: Sequence[str] = (),
    targets: Sequence[str] = (),
    *,
    holding: str = "run.json",
) -> list[Path]:
    """The folders of runs of these heads, splits and targets if given; see `run_folders`.

    heads: names of folders, and files, which mean the runs that their heads were fitted in. A name
    without a target and a seed, such as `svr`, means the runs of all its targets and seeds.
    """
    labels = labels_of(runs, heads)
    folders = _fitted(runs, splits, holding)
    if targets:
        chosen = _of_targets(runs, labels, targets, folders)
    else:
        chosen = [name for label in labels for name in _of_every_target(label, folders)]
    return run_folders(runs, tuple(dict.fromkeys(chosen)), tuple(splits), holding=holding)


def runs_of_one_target(
    runs: Path, head: str, splits: Sequence[str] = (), target: str | None = None
) -> list[Path]:
    """The folders of a head's runs that predict one target, for what cannot show several.

    target: None takes the score, or the only target that the head was fitted to; `AqaError` where
    it was not fitted to the score, but to several others, or where the name means several heads or
    seeds: these have runs of the same splits.
    """
    folders = chosen_runs(runs, (head,), splits, (target,) if target else ())
    known = list(dict.fromkeys(label_and_target(path.parent.name)[1] for path in folders))
    if len(known) > 1 and SCORE not in known:
        raise AqaError(
            f"{runs}: {head} is fitted to {listed(known)}; choose one with --target {known[0]}"
        )
    wanted = SCORE if SCORE in known else known[0]
    chosen = [path for path in folders if label_and_target(path.parent.name)[1] == wanted]
    check_one_head(runs, head, chosen)
    return chosen


def check_one_head(runs: Path, head: str, folders: Sequence[Path]) -> None:
    """Raise `AqaError` where a name means runs of several heads or seeds."""
    labels = sorted({label_and_target(path.parent.name)[0] for path in folders})
    if len(labels) > 1:
        raise AqaError(f"{runs}: {head} means several; choose one of {', '.join(labels)}")


def _fitted(runs: Path, splits: Sequence[str], holding: str) -> list[str]:
    """The names of the folders that hold runs, of these splits or families if given."""
    paths = every_run_folder(runs, holding)
    names = [(path.parent.name, path.name.removeprefix("split-")) for path in paths]
    return list(
        dict.fromkeys(
            folder
            for folder, split in names
            if not splits or split in splits or split_family(split) in splits
        )
    )


def _of_every_target(label: str, folders: Sequence[str]) -> list[str]:
    """The folders that the name of a head's runs means: those of its targets and its seeds."""
    return [name for name in folders if means(label, name)] or [label]


def means(asked: str, folder: str) -> bool:
    """Whether the name of runs means a folder: its own, or that of one of its targets or seeds.

    >>> means("lstm", "lstm~seed2@tes"), means("lstm@tes", "lstm~seed2@tes"), means("lstm", "svr")
    (True, True, False)
    """
    (label, target), (own, of_target) = label_and_target(asked), label_and_target(folder)
    return label in (own, label_and_seed(own)[0]) and (SIGN not in asked or target == of_target)


def _of_targets(
    runs: Path, labels: Sequence[str], targets: Sequence[str], folders: Sequence[str]
) -> list[str]:
    """The folders of runs that predict these targets, of the heads of these labels if given.

    `all` is, as in fitting, every target beside the score.
    """
    known = list(dict.fromkeys(label_and_target(name)[1] for name in folders))
    for target in targets:
        if target not in (*known, EVERY):
            remedy = f"fit it with `aqa fit --target {target}` (looked in {runs})"
            raise UnknownNameError("fitted target", target, known, remedy)
    every = {*known} - {SCORE} if EVERY in targets else set()
    wanted = {*targets} | every
    heads = list(dict.fromkeys(label_and_target(name)[0] for name in labels or folders))
    pairs = [(name, label_and_target(name)[1]) for name in folders]
    chosen = [
        name
        for name, target in pairs
        if target in wanted and any(means(head, name.partition(SIGN)[0]) for head in heads)
    ]
    if not chosen:
        raise AqaError(
            f"{runs}: {listed(heads)} is not fitted to {listed(targets)}; fit it with `aqa fit "
            "--target`, or leave it out"
        )
    return chosen


def labels_of(runs: Path, heads: Sequence[str]) -> tuple[str, ...]:
    """The folders of runs that are meant by what the user named with --head, by their names.

    A name is that of a folder. A file means all runs that its heads were fitted in, `file.py:Class`
    those of this class.
    """
    labels: list[str] = []
    for text in heads:
        if not is_file(text):
            if text in HEADS and not (runs / text).exists():
                raise unknown_head(text)
            labels.append(text if (runs / text).exists() else _earlier(runs, text))
            continue
        records = [path for path in runs.glob("*/split-*/run.json") if _of(path, text)]
        folders = sorted({path.parent.parent.name for path in records})
        if not folders:
            raise AqaError(f"{runs}: no fitted {text}; fit it first with `aqa fit --head {text}`")
        labels += folders
    return tuple(dict.fromkeys(labels))


def names_of(runs: Path, heads: Sequence[str]) -> tuple[str, ...]:
    """What files of results are named after: as `labels_of`, but all seeds of a file as one."""
    names: list[str] = []
    for text in heads:
        labels = labels_of(runs, (text,))
        names += [without_seed(label)[0] for label in labels] if is_file(text) else labels
    return tuple(dict.fromkeys(names))


def is_of(folder: Path, source: HeadSource) -> bool:
    """Whether a run may be replaced by one of this class: it is of the same, or of none left."""
    earlier = attribute_of(folder)
    if source.origin is None or earlier is None or source.attribute == earlier:
        return True
    try:
        return file_head(source.text, earlier).head_class is source.head_class
    except PluginError:
        return True


def attribute_of(folder: Path) -> str | None:
    """What a run's head is called in its file, such as `HEAD`; None where it is of no file."""
    saved = _saved_source(folder)
    return str(saved["name"]).rpartition(":")[2] if saved else None


def other_file(folder: Path, source: HeadSource) -> str | None:
    """The file of a run's head where that is another one than `source`; None where it is not.

    A file that is where it was no longer has been moved, and may be the same.
    """
    saved = _saved_source(folder)
    if saved is None or saved["source"] != "file" or not is_file(source.text):
        return None
    before = Path(str(saved["name"]).rpartition(":")[0])
    now = file_path(source.text)
    return str(before) if before.exists() and before.resolve() != now.resolve() else None


def _saved_source(folder: Path) -> Mapping[str, Any] | None:
    try:
        return read_record(folder).get("source")
    except RunError:
        return None


def _earlier(runs: Path, name: str) -> str:
    """The folder of runs that a head had before it was renamed, where there is one; else itself."""
    earlier = [old for old, new in HEADS.items() if new == name and (runs / old).exists()]
    return earlier[0] if earlier else name


def _of(record: Path, text: str) -> bool:
    """Whether a run is of a file's head: of its class, where the text names one."""
    try:
        saved = read_record(record.parent)
    except RunError:
        return False
    if not saved.get("source") or saved.get("head") != file_stem(text):
        return False
    return _names(text, str(attribute_of(record.parent)))


def _names(text: str, attribute: str) -> bool:
    """Whether a file that the user named, and a class in it where he did, means this attribute.

    The same class can be named twice in a file, as `HEAD` and as itself.
    """
    if text.endswith((".py", f":{attribute}")):
        return True
    try:
        return file_head(text, attribute).head_class is find_head(text).head_class
    except PluginError:
        return False
