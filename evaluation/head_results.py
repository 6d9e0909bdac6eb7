"""All that is kept of a head's runs: what they predict, how they were fitted, what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.splits import EVERYTHING
from aqa.errors import RunError
from aqa.evaluation.predictions import Predictions
from aqa.metrics import Values
from aqa.models.run_source import file_option
from aqa.target_names import label_and_target
from aqa.workspace import BASELINE

# A row of history.csv: numbers, and names of the phase that they are of.
HistoryRow = Mapping[str, float | str]


@dataclass(frozen=True)
class ScorePoints:
    """The test videos of all splits of a head, one point per video and split that tests it.

    true, predicted, low, high: (n,) points; low and high are the ends of the range that holds the
    true score with a probability of 80 %, NaN where the head says none. splits: the names of those
    that are joined.
    """

    ids: tuple[str, ...]
    true: Values
    predicted: Values
    low: Values
    high: Values
    splits: tuple[str, ...]

    @property
    def has_ranges(self) -> bool:
        """Whether every point has a range."""
        return bool(len(self.low)) and bool(np.isfinite(self.low).all())

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Whether the true score lies in the range, (n,)."""
        return (self.low <= self.true) & (self.true <= self.high)

    @property
    def videos(self) -> int:
        """How many videos there are, each counted once."""
        return len(set(self.ids))


@dataclass(frozen=True)
class HeadResults:
    """The runs of one head, or the predictions of one baseline, by the names of their splits.

    name: of the folder that holds the splits, such as `svr` or `svr@tes`. folders: of every split.
    predictions: of the splits that `aqa eval` has evaluated, and that have scores, classes or
    ranks. measured: what metrics.json says of the test part. records, histories: run.json and
    history.csv; baselines have none. types: id -> type of the action, where the manifest tells it.
    """

    name: str
    folders: Mapping[str, Path]
    predictions: Mapping[str, Predictions]
    measured: Mapping[str, Mapping[str, Any]]
    records: Mapping[str, Mapping[str, Any]]
    histories: Mapping[str, Sequence[HistoryRow]]
    types: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_baseline(self) -> bool:
        """Whether it predicts without pixels."""
        return self.name.startswith(BASELINE)

    @property
    def kind(self) -> str | None:
        """The kind of its answers, see `Predictions`; None where nothing is evaluated or known."""
        return next((one.kind for one in self.predictions.values()), None)

    @property
    def target(self) -> str:
        """The target that its runs were fitted to, such as `score` or `tes`."""
        return label_and_target(self.name)[1]

    @property
    def not_evaluated(self) -> list[str]:
        """The splits whose test videos `aqa eval` has not answered for yet."""
        return [s for s in self.folders if s != EVERYTHING and not self.measured.get(s)]

    def points(self) -> ScorePoints:
        """The test videos of all splits; `RunError` where there are none, or no scores of them."""
        folder = next(iter(self.folders.values()))
        if self.kind is None and self.measured:
            raise RunError(f"{folder}: {self.name} predicts pairs or stages, and no scores")
        if self.kind is None and not self.not_evaluated:
            raise RunError(f"{folder}: {self.name} was fitted on every video; nothing tests it")
        if self.kind is None:
            raise RunError(f"{folder}: not evaluated yet; {eval_remedy(self)}")
        if self.kind != "scores":
            raise RunError(f"{folder}: {self.name} answers with {self.kind}, and no scores")
        each = list(self.predictions.values())
        bounds = [
            np.full((len(one.ids), 2), np.nan) if one.bounds is None else one.bounds for one in each
        ]
        low, high = np.concatenate(bounds).T
        return ScorePoints(
            tuple(i for one in each for i in one.ids),
            np.concatenate([one.score for one in each]),
            np.concatenate([one.predicted for one in each]),
            low,
            high,
            tuple(self.predictions),
        )


def eval_remedy(head: HeadResults) -> str:
    """Which command evaluates what is not."""
    splits = "".join(f" --split {split}" for split in head.not_evaluated)
    option = file_option(head.folders[head.not_evaluated[0]]) or f"--head {head.name}"
    return f"run `aqa eval {option}{splits}` first"
