"""The epochs whose weights are kept, by the names of their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# A result's name -> what its run is called, after `<head>-finetuned`.
SUFFIXES = {"chosen": "", "last": "-last", "best-on-test": "-best-on-test"}


def chosen_epochs(history: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The epoch of each result, by the result's name.

    chosen: the one with the lowest validation loss. last: the last one. best-on-test: the one with
    the lowest test loss, where the history has it. history: a row per epoch, the first of which is
    before training and is never taken.
    """
    rows = history[1:]
    if not rows:
        return {}
    chosen = {"chosen": _best(rows, "val_loss"), "last": int(rows[-1]["epoch"])}
    if "test_loss" in rows[0]:
        chosen["best-on-test"] = _best(rows, "test_loss")
    return chosen


def _best(rows: Sequence[Mapping[str, Any]], loss: str) -> int:
    return int(min(rows, key=lambda row: row[loss])["epoch"])
