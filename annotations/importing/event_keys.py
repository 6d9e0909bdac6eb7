"""Pickles whose dives or routines are named by event and number, as FineDiving's and LOGO's."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from aqa.annotations.importing.pickles import read_dictionary, read_pickle
from aqa.errors import AqaError

Key = tuple[str, int]


def read_by_event(path: Path, kind: str) -> dict[Key, Any]:
    """A pickled dictionary, its keys read as (event, number). kind: such as "dive", for messages.

    `AqaError` where it is empty or another value, or where a key is not (event, number).
    """
    content = read_dictionary(path, f"{kind}s")
    return {_key(path, key, kind): value for key, value in content.items()}


def read_event_keys(
    path: Path, known: Collection[Key], kind: str, name: Callable[[Key], str]
) -> set[Key]:
    """A pickled list of (event, number): known ones, each listed once. name: for messages."""
    content = read_pickle(path)
    if not isinstance(content, list) or not content:
        raise AqaError(f"{path}: no list of {kind}s")
    keys = [_key(path, key, kind) for key in content]
    if unknown := sorted(set(keys) - set(known)):
        raise AqaError(f"{path}: {kind} {name(unknown[0])} has no annotation")
    if len(set(keys)) < len(keys):
        raise AqaError(f"{path}: {len(keys) - len(set(keys))} {kind}s are listed twice")
    return set(keys)


def _key(path: Path, key: object, kind: str) -> Key:
    """(event, number); the number may be written as text."""
    match key:
        case (str() as event, int() | str() as number) if event and str(number).isdecimal():
            return event, int(number)
    raise AqaError(f"{path}: {reprlib.repr(key)} is not a {kind}'s (event, number)")
