"""`run.json`: read back with its structure checked, so that no reader of it has to check again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aqa.errors import RunError
from aqa.features.store.spec import spec_problems
from aqa.target_names import SCORE, SIGN, label_and_target, target_label

RECORD = "run.json"


def read_record(folder: Path) -> dict[str, Any]:
    """The record of a run; `RunError` with one line that names what is wrong in it."""
    path = folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        runs = sorted(one.parent for one in folder.glob(f"split-*/{RECORD}"))
        if runs:
            raise RunError(f"{folder}: holds the runs of a head; name one, as {runs[0]}") from None
        raise RunError(f"{path}: no such file; fit the head again") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(
            f"{path}: cannot be read as JSON ({error}); bring the file back, or fit the head again"
        ) from None
    if problem := _problem(record):
        raise RunError(
            f"{path}: {problem}; it was changed by hand or is damaged: bring the file back, or "
            "fit the head again"
        )
    found: dict[str, Any] = record
    return found


def target_of(record: Mapping[str, Any]) -> str:
    """What the head of a run predicts."""
    return str(record.get("target", SCORE))


def check_place(folder: Path, record: Mapping[str, Any]) -> None:
    """Raise `RunError` where the folder of a head's runs names another target than the run has."""
    if not folder.name.startswith("split-"):
        return  # no folder among a head's runs: its name says nothing
    of_head = folder.absolute().parent
    label, named = label_and_target(of_head.name)
    if named != target_of(record):
        right = target_label(label, target_of(record))
        raise RunError(
            f"{folder}: its head predicts {target_of(record)}, but its folder, {of_head.name}, is "
            f"of runs that predict {named}: what follows {SIGN} is the target; rename it {right}"
        )


def _problem(record: Any) -> str | None:
    """What is wrong with a record, or None."""
    if not isinstance(record, dict):
        return "it is no JSON object"
    for name, (fits, expected, required) in _FIELDS.items():
        value: Any = record
        for key in name.split("."):
            value = value.get(key, _MISSING) if isinstance(value, dict) else _MISSING
        if value is _MISSING:
            if required:
                return f"{name} is missing"
        elif not fits(value):
            return f"{name} is {_short(value)}, not {expected}"
    return next(
        (f"store.spec: {problem}" for problem in spec_problems(record["store"]["spec"])), None
    )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


# What a field may hold ----------------------------------------------------------------------------

_MISSING = object()


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_ids(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_bounds(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _is_left_out(value: Any) -> bool:
    """Ids, or what each of them lacks."""
    return _is_ids(value) or _is_hashes(value)


def _is_plain(value: Any) -> bool:
    """Whether a mapping holds only what hyper-parameters are: texts, numbers, true, false, null."""
    return isinstance(value, dict) and all(
        one is None or isinstance(one, str | bool) or _is_number(one) for one in value.values()
    )


def _is_origin(value: Any) -> bool:
    return value is None or (
        isinstance(value, dict)
        and value.get("source") in ("file", "package")
        and isinstance(value.get("name"), str)
        and isinstance(value.get("sha256"), str | None)
    )


def _is_start(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and _is_number(value.get("seconds", 0)))


def _is_hashes(value: Any) -> bool:
    """Whether it is id -> text, as hashes are for features and for each column."""
    return isinstance(value, dict) and all(
        isinstance(key, str) and isinstance(one, str) for key, one in value.items()
    )


def _is_classes(value: Any) -> bool:
    """Whether it names two classes, and how answers are read as them or neither."""
    if not isinstance(value, dict):
        return False
    named = all(_is_text(value.get(name)) for name in ("column", "bad", "good"))
    rule = value.get("says") in ("probability", "score") and _is_number(value.get("threshold"))
    return named and (rule or not {"says", "threshold"} & value.keys())


def _is_held_out(value: Any) -> bool:
    return isinstance(value, dict) and _is_ids(value.get("videos"))


def _is_columns(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_hashes, value.values()))


_OBJECT, _IDS = "an object", "a list of ids"
# Field -> whether a value fits, what is expected, and whether the field must be there.
_FIELDS: Mapping[str, tuple[Callable[[Any], bool], str, bool]] = {
    "head": (_is_text, "the name of a head", True),
    "source": (_is_origin, "null, or source, name and sha256", False),
    "params": (_is_plain, "an object of plain values", True),
    "chosen": (_is_object, _OBJECT, False),
    "seed": (_is_whole, "a whole number", False),
    "split": (_is_object, _OBJECT, True),
    "split.name": (_is_text, "the name of a split", True),
    "split.train": (_is_ids, _IDS, True),
    "split.val": (_is_ids, _IDS, True),
    "held_out": (_is_held_out, "an object with the ids of videos", False),
    "left_out": (_is_left_out, "ids of videos", False),
    "pairs": (_is_text, "a path", False),
    "hashes.pairs": (_is_text, "a hash", False),
    "target": (_is_text, "the name of a target", False),
    "classes": (_is_classes, "column, bad and good; says and threshold", False),
    "training_scores": (_is_bounds, "the lowest and the highest score", False),
    "no_range": (_is_text, "a text", False),
    "also_learned_from": (_is_ids, _IDS, False),
    "packed": (lambda value: isinstance(value, bool), "true or false", False),
    "learned_files": (_is_hashes, "hashes by id", False),
    "performances": (_is_ids, "a list of keys", False),
    "from": (_is_start, "null, or the run that fitting started from", False),
    "store": (_is_object, _OBJECT, True),
    "store.path": (_is_text, "a path", True),
    "store.spec": (_is_object, _OBJECT, True),
    "manifest": (_is_text, "a path", False),
    "seconds": (_is_number, "a number", True),
    "seconds_in_all": (_is_number, "a number", False),
    "finetuned": (_is_object, _OBJECT, False),
    "hashes": (_is_object, _OBJECT, False),
    "hashes.columns": (_is_columns, "hashes by column and id", False),
    "hashes.features": (_is_hashes, "hashes by id", False),
    "hashes.augmentations": (_is_whole, "a whole number", False),
    "hashes.clips": (lambda value: isinstance(value, bool), "true or false", False),
    "hashes.spec": (_is_text, "a hash", False),
    "hashes.model": (_is_text, "a SHA-256", False),
}
