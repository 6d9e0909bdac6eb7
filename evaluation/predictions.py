"""The test predictions that `aqa eval` has kept, by head and split."""

from __future__ import annotations

import csv
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aqa.annotations.splits import EVERYTHING
from aqa.errors import AqaWarning
from aqa.evaluation.baselines import ALL, PREFIX
from aqa.evaluation.result import Marks
from aqa.metrics import Values
from aqa.models.run_source import RunError
from aqa.models.runs import METRICS_FILE, PREDICTIONS


@dataclass(frozen=True)
class Predictions:
    """What a head predicts for the test videos of a split.

    folder: of the run. ids: of the test videos, sorted; score, predicted: (n,), theirs. n_train:
    how many videos the head has learned from. marks: what a result must say, as in metrics.json.
    """

    folder: Path
    ids: tuple[str, ...]
    score: Values
    predicted: Values
    n_train: int
    marks: Marks


def read_predictions(folder: Path) -> Predictions | None:
    """The test predictions of a run; None where they are no scores, but pairs or stages.

    `RunError` where the run was not evaluated yet.
    """
    try:
        with (folder / PREDICTIONS).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        metrics = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8"))
        if rows and not {"score", "predicted"} <= rows[0].keys():
            return None
        tested = sorted((r for r in rows if r["part"] == "test"), key=lambda r: r["video_id"])
        score, predicted = (
            np.array([float(row[name]) for row in tested]) for name in ("score", "predicted")
        )
    except FileNotFoundError as error:
        raise RunError(f"{error.filename}: no such file; run `aqa eval` first") from None
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{folder}: its predictions cannot be read ({error}); run `aqa eval` again"
        ) from None
    if not tested:
        raise RunError(
            f"{folder}: not evaluated on test videos yet; run `aqa eval` first, "
            "or choose other splits with --split"
        )
    marks = Marks.from_dict(metrics["test"])
    ids = tuple(row["video_id"] for row in tested)
    return Predictions(folder, ids, score, predicted, len(rows) - len(tested), marks)


def compared_folders(folders: Sequence[Path]) -> list[Path]:
    """What is compared where no heads are named: all, of baselines the one of all columns.

    A manifest with one usable column has that baseline alone. A head fitted on every video is
    tested on none.
    """
    names = {folder.parent.name for folder in folders}
    left_out = {name for name in names if name.startswith(PREFIX)} - {PREFIX + ALL}
    if PREFIX + ALL not in names:
        left_out = set()
    return [
        folder
        for folder in folders
        if folder.parent.name not in left_out and folder.name != f"split-{EVERYTHING}"
    ]


def read_heads(folders: Sequence[Path], *, strict: bool) -> dict[str, dict[str, Predictions]]:
    """Head -> split -> predictions, of the folders of runs and of kept baselines.

    strict: a run that was not evaluated, or scores nothing, is an error, rather than left out.
    """
    heads: dict[str, dict[str, Predictions]] = {}
    for folder in folders:
        try:
            predictions = read_predictions(folder)
        except RunError as error:
            if strict:
                raise
            warnings.warn(f"left out: {error}", AqaWarning, stacklevel=2)
            continue
        if predictions is not None:
            heads.setdefault(folder.parent.name, {})[folder.name.removeprefix("split-")] = (
                predictions
            )
        elif strict:
            raise RunError(
                f"{folder}: {folder.parent.name} predicts pairs or stages, and scores none"
            )
    return heads
