"""The test predictions that `aqa eval` has kept, by head and split."""

from __future__ import annotations

import csv
import json
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aqa.annotations.pairs import BETTER, WORSE
from aqa.annotations.splits import EVERYTHING
from aqa.errors import AqaWarning, RunError
from aqa.evaluation.baselines import ALL, PREFIX
from aqa.evaluation.classes.rows import MARGIN, are_classes
from aqa.evaluation.result import Marks
from aqa.metrics import Values
from aqa.models.run_source import file_option
from aqa.models.runs import METRICS_FILE, PREDICTIONS, read_model
from aqa.models.saved.hashes import check_beside, warn_unchecked
from aqa.models.saved.record import RECORD, check_place, read_record
from aqa.target_names import label_and_target

# Columns that heads have which learned who is better.
RANKS = {f"{BETTER}_rank", f"{WORSE}_rank"}
# Columns of the range that a score lies in with a probability of 80 %.
_BOUNDS = ("quantile_0.1", "quantile_0.9")


@dataclass(frozen=True)
class Predictions:
    """What a head predicts for the test videos of a split.

    folder: of the run. ids: of the test videos, sorted; score, predicted: (n,), theirs; of classes
    1 and 0, and how far above the threshold the prediction lies. n_train: how many videos the head
    has learned from, `n_val` of them as validation videos, which it may be stopped by. marks: what
    a result must say, as in metrics.json. kind: scores, classes, or ranking, whose `score` are the
    pairs instead, (pairs, 2) numbers of the better and worse video. bounds: (n, 2), between which a
    true score lies with a probability of 80 %; None where the head says no such range.
    """

    folder: Path
    ids: tuple[str, ...]
    score: Values
    predicted: Values
    n_train: int
    marks: Marks
    kind: str = "scores"
    bounds: Values | None = None
    n_val: int = 0


def read_predictions(folder: Path) -> Predictions | None:
    """The test predictions of a run; None where they are no scores, but pairs or stages.

    `RunError` where the run was not evaluated yet.
    """
    try:
        with (folder / PREDICTIONS).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
        metrics = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8"))
        if rows and rows[0].keys() >= RANKS:
            return _ranking(folder, rows, metrics)
        if rows and not {"score", "predicted"} <= rows[0].keys():
            return None
        tested = sorted((r for r in rows if r["part"] == "test"), key=lambda r: r["video_id"])
        ids = tuple(row["video_id"] for row in tested)
        kind, answer = ("classes", MARGIN) if are_classes(rows) else ("scores", "predicted")
        score, predicted = (
            np.array([_number(row, name) for row in tested]) for name in ("score", answer)
        )
        bounds = None
        if tested and {*_BOUNDS} <= tested[0].keys():
            bounds = np.array([[_number(row, name) for name in _BOUNDS] for row in tested])
        if len(set(ids)) < len(ids):
            raise ValueError("a video stands twice in it")
        marks = marks_of(metrics) if tested else Marks()
    except FileNotFoundError as error:
        raise RunError(
            f"{error.filename}: no such file; run `{eval_command(folder)}` first"
        ) from None
    except (KeyError, TypeError, ValueError, csv.Error, RecursionError, OSError) as error:
        raise RunError(
            f"{folder}: its {PREDICTIONS} or {METRICS_FILE} cannot be read ({error}); run "
            "`aqa eval` again"
        ) from None
    if not tested:
        raise RunError(
            f"{folder}: not evaluated on test videos yet; run `{eval_command(folder)}` first, "
            "or choose other splits with --split"
        )
    learned = len(rows) - len(tested)
    n_val = sum(row["part"] == "val" for row in rows)
    return Predictions(folder, ids, score, predicted, learned, marks, kind, bounds, n_val)


def eval_command(folder: Path) -> str:
    """What evaluates a run: a head of a Python file's own is only evaluated where it is named."""
    return f"aqa eval {file_option(folder)}".rstrip()


def _ranking(folder: Path, rows: Sequence[dict[str, str]], metrics: object) -> Predictions:
    """The rank values of the videos in test pairs; `RunError` where there are none."""
    tested = [row for row in rows if row["part"] == "test"]
    if not tested:
        raise RunError(
            f"{folder}: not evaluated on test pairs yet, of two test videos each; run "
            f"`{eval_command(folder)}` first, or choose other splits with --split"
        )
    ranks = {row[end]: _number(row, f"{end}_rank") for row in tested for end in (BETTER, WORSE)}
    place = {video_id: number for number, video_id in enumerate(sorted(ranks))}
    pairs = np.array(sorted((place[row[BETTER]], place[row[WORSE]]) for row in tested), float)
    predicted = np.array([ranks[video_id] for video_id in place])
    split, marks = read_record(folder)["split"], marks_of(metrics)
    n_val = len({*split["val"]} - {*split["train"]})
    learned = len(split["train"]) + n_val
    return Predictions(
        folder, tuple(place), pairs, predicted, learned, marks, "ranking", n_val=n_val
    )


def _number(row: dict[str, str], name: str) -> float:
    value = float(row[name])
    if not math.isfinite(value):
        raise ValueError(f"{name} of {next(iter(row.values()))} is {row[name]}")
    return value


def marks_of(metrics: object) -> Marks:
    """What metrics.json says of the test part; `ValueError` where it is not as it was written."""
    test = metrics.get("test") if isinstance(metrics, dict) else None
    if not isinstance(test, dict):
        raise ValueError("no metrics of the test part")
    for name, kinds in _MARKS.items():
        value = test.get(name)
        if value is not None and not isinstance(value, kinds):
            raise ValueError(f"{name} is {value!r}")
        if isinstance(value, list) and not all(isinstance(one, str) for one in value):
            raise ValueError(f"{name} is {value!r}")
    return Marks.from_dict(test)


_MARKS: Mapping[str, type | tuple[type, ...]] = {
    "difficulty": str,
    "told": str,
    "leak": list,
    "baseline": list,
    "alpha": (int, float),
    "made_up": str,
}


def compared_folders(folders: Sequence[Path]) -> list[Path]:
    """What is compared where no heads are named: all, of baselines the one of all columns.

    Where one column is usable, there is that baseline alone. A head fitted on every video is
    tested on none.
    """
    names = {folder.parent.name for folder in folders}
    baselines = {name for name in names if name.startswith(PREFIX)}
    alls = {name for name in baselines if label_and_target(name)[0] == PREFIX + ALL}
    have_all = {label_and_target(name)[1] for name in alls}
    left_out = {name for name in baselines - alls if label_and_target(name)[1] in have_all}
    return [
        folder
        for folder in folders
        if folder.parent.name not in left_out and folder.name != f"split-{EVERYTHING}"
    ]


def check_fitted(folders: Sequence[Path]) -> None:
    """Refuse runs that are not what was evaluated, or did not learn from what there is now."""
    runs = [(folder, read_record(folder)) for folder in folders]
    for folder, record in runs:
        check_place(folder, record)
        read_model(folder, record)
    check_beside(runs)
    warn_unchecked(runs)


def read_heads(folders: Sequence[Path], *, strict: bool) -> dict[str, dict[str, Predictions]]:
    """Head -> split -> predictions, of the folders of runs and of kept baselines.

    strict: a run that was not evaluated, or scores nothing, is an error, rather than left out.
    `ChangedError` where a model file, or what a head learned from, has changed since.
    """
    check_fitted([folder for folder in folders if (folder / RECORD).exists()])
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
