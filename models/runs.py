"""A fitted head on disk: no pickle, every setting, and enough to make it again.

model.safetensors   the fitted arrays
run.json            head, parameters, seed, split, store's spec, versions
history.csv         a row for each step of the search or each epoch
predictions.csv     video_id, part, score, predicted; or first, second, part, similar, probability;
                    or video_id, part, stage, start, predicted
feedback.csv        a row a clip of the test videos, where `aqa eval --feedback` was run
metrics.json        part -> metrics with intervals
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import safetensors
import safetensors.numpy

from aqa import __version__
from aqa.annotations.splits import Split
from aqa.errors import AqaError
from aqa.features.store import FeatureStore, Spec
from aqa.files import replacing, replacing_folder
from aqa.files import write_json as write_json
from aqa.files import write_rows as write_rows
from aqa.models.difficulty import make_head
from aqa.models.heads.base import BaseHead, Head
from aqa.workspace import run_folder

MODEL, RECORD, HISTORY = "model.safetensors", "run.json", "history.csv"
PREDICTIONS, METRICS_FILE = "predictions.csv", "metrics.json"
FEEDBACK = "feedback.csv"


_NOT_TOLD = ("id", "clips", "difficulty", "similar_within")
# What a head does that predicts no scores.
_DOES = {"pairs": "compares two videos", "stages": "tells the stages of videos"}


class RunError(AqaError):
    """A run that cannot be read, or that does not fit the data it is used on."""


@dataclass(frozen=True)
class Run:
    """A fitted head, where it lies, and its record (`run.json`)."""

    folder: Path
    head: BaseHead
    record: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The head's name."""
        return str(self.record["head"])

    @property
    def label(self) -> str:
        """What its results are called: the name of the folder that holds its splits."""
        return self.folder.absolute().parent.name

    @property
    def split(self) -> str:
        """The name of the split it was fitted on."""
        return str(self.record["split"]["name"])

    @property
    def spec(self) -> Spec:
        """The spec of the store it was fitted on."""
        return dict(self.record["store"]["spec"])

    @property
    def store(self) -> Path:
        """The feature store it was fitted on; recorded relative to the run, so both can move."""
        return Path(os.path.normpath(self.folder / self.record["store"]["path"]))

    @property
    def learned_from(self) -> set[str]:
        """The ids of the videos it was fitted on, stopped by, or has learned from otherwise."""
        parts = (self.record["split"]["train"], self.record["split"]["val"])
        return {*parts[0], *parts[1], *self.record.get("also_learned_from", ())}

    @property
    def known_difficulty(self) -> str | None:
        """How its head is told each video's difficulty to answer: `multiply`, `input`, or not."""
        how = self.head.difficulty if isinstance(self.head, Head) else "none"
        if how == "none":
            return "input" if "difficulty" in self.head.answer_columns else None
        return how

    @property
    def told(self) -> str:
        """What else its head is told of each video to answer, beside pixels: `stages`, `type`."""
        # Of pixels are clips; an id says nothing, and what is alike is a rule of judging pairs.
        return ", ".join(n for n in self.head.answer_columns if n not in _NOT_TOLD)

    @property
    def origin(self) -> dict[str, Any]:
        """What a run that starts from this one remembers of it."""
        kept = {key: self.record[key] for key in ("head", "params", "seconds")}
        return {"run": str(self.folder), "split": self.split, "store": str(self.store), **kept}

    def scoring_head(self) -> Head:
        """Its head, if it is of the kind that predicts scores."""
        if not isinstance(self.head, Head):
            raise RunError(
                f"{self.folder}: {self.name} {_DOES[self.head.kind]} and scores none; "
                "choose a head that scores, such as `score`, with --head"
            )
        return self.head


def make_record(
    name: str,
    head: BaseHead,
    split: Split,
    store: FeatureStore,
    folder: Path,
    seconds: float,
    start: Run | None = None,
) -> dict[str, Any]:
    """What `run.json` of a run in `folder` holds: every setting with its default filled in.

    start: the run that fitting started from. What it has learned from, this run has too: an id is
    a video, whatever store its features are in, as it is of a network's own training videos.
    """
    also = set(head.learned_from_others)
    if start is not None:
        also |= start.learned_from
    return {
        "head": name,
        "params": head.params,
        "chosen": head.chosen,
        "seed": head.seed,
        "split": {"name": split.name, "train": list(split.train), "val": list(split.val)},
        "also_learned_from": sorted(also - {*split.train, *split.val}),
        "from": None if start is None else start.origin,
        "store": {"path": os.path.relpath(store.path, folder), "spec": store.spec},
        "seconds": round(seconds, 3),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": {
            "aqa": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "numpy", "scikit-learn")},
        },
    }


def save_run(folder: Path, head: BaseHead, record: Mapping[str, Any]) -> Run:
    """Write a run in one step, in place of an earlier one."""
    with replacing_folder(folder) as temporary:
        write_run(temporary, head, record)
    return Run(folder, head, record)


def write_run(folder: Path, head: BaseHead, record: Mapping[str, Any]) -> None:
    """Write a run's files into a folder; last the one that makes it a run."""
    with replacing(folder / MODEL) as temporary:
        safetensors.numpy.save_file(
            {name: array.copy() for name, array in head.state().items()}, temporary
        )
    write_rows(folder / HISTORY, head.history_)
    write_json(folder / RECORD, record)


def load_run(folder: Path) -> Run:
    """Read a run back; its head predicts as it did when it was saved."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        head = make_head(record["head"], record["params"])
        head.restore(safetensors.numpy.load_file(folder / MODEL))
    except FileNotFoundError as error:
        raise RunError(
            f"{error.filename or folder / MODEL}: no such file; fit the head again"
        ) from None
    except (
        *(ValueError, KeyError, TypeError, RuntimeError, OSError),
        safetensors.SafetensorError,
    ) as error:
        raise RunError(
            f"{folder}: not a run that this version reads ({error}); fit the head again"
        ) from None
    return Run(folder, head, record)


def load_start(start: Path, split: str) -> Run:
    """The run that another starts from. start: its folder; or that of a head, for this split's."""
    named = (start / RECORD).exists()
    return load_run(start if named else run_folder(start.parent, start.name, split))
