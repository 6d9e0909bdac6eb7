"""One setting on one split: fitted on a part of the training videos, evaluated on the others.

Test videos have no part in it. Folds are drawn by the search's seed, the same for every setting.
"""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.base import clone

from aqa.annotations.folds import Folds, draw_folds
from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.annotations.video_groups import video_groups
from aqa.errors import AqaWarning, HeadUsageError
from aqa.evaluation.metric import metric_of
from aqa.features.store import FeatureStore
from aqa.models.examples import Features, examples_of
from aqa.models.heads import find_head
from aqa.models.heads.base import Head, HeadError
from aqa.models.heads.base.params import check_params
from aqa.models.run_source import RunError
from aqa.models.target_transforms import transformed
from aqa.target_names import target_label
from aqa.workflows.fit import fit_head, head_values
from aqa.workflows.sweep.grid import Setting


@dataclass(frozen=True)
class Search:
    """What all settings of a search have in common.

    head: its name or file. seed: of the heads' random numbers and of the folds. metric: of scores,
    by which settings are ranked. runs: the folder of runs; label: what the winner's are called.
    by: columns of the manifest that folds keep apart; None: see `draw_folds`.
    """

    head: str
    manifest: Manifest
    runs: Path
    label: str
    metric: str = "spearman"
    folds: int = 3
    seed: int = 0
    by: tuple[str, ...] | None = None

    @property
    def folder(self) -> Path:
        """Where the winner's runs lie, and the journal of the search."""
        return self.runs / target_label(self.label, self.manifest.target)


class TrialTask(NamedTuple):
    """A trial that is to be made. key: of the journal."""

    key: str
    setting: Setting
    split: Split

    @property
    def where(self) -> str:
        """What messages call it."""
        return f"{' '.join(self.setting)} on split {self.split.name}"


@dataclass(frozen=True)
class SweepTrial:
    """How well a setting did: the metric of each fold, or why it could not be fitted."""

    values: tuple[float, ...]
    failed: str
    seconds: float

    @property
    def mean(self) -> float:
        """Over folds; NaN where it could not be fitted, or a fold has no value."""
        return float(np.mean(self.values)) if self.values else math.nan

    @property
    def std(self) -> float:
        """The sample standard deviation over folds."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else math.nan


def make_head(search: Search, setting: Setting, store: FeatureStore) -> Head:
    """The head of a setting, not fitted; `HeadError` for values that it does not take."""
    source = find_head(search.head)
    values = head_values(source, setting, search.seed, search.manifest, store)
    head = transformed(source.head_class, values)
    if head.kind != "scores":
        raise HeadUsageError(
            f"{search.head}: a search ranks heads that predict scores, and this one does not: fit "
            "its settings one by one with --name"
        )
    if search.manifest.classes or search.manifest.pairs:
        raise RunError(
            f"{search.head}: a search ranks heads that predict scores, and what it is fitted to "
            "here are pairs or classes: fit its settings one by one with --name"
        )
    for one in (head, getattr(head, "head", None)):
        if one is not None:
            check_params(one)
    return head


def folds_of(search: Search, split: Split) -> Folds:
    """The parts of a split's training videos, the same for every setting."""
    if len(split.train) < 2 * search.folds:
        raise RunError(
            f"{len(split.train)} training videos are too few for {search.folds} folds; use fewer "
            "--folds"
        )
    return draw_folds(split, search.manifest, search.folds, search.seed, search.by)


def run_trial(search: Search, setting: Setting, split: Split, store: FeatureStore) -> SweepTrial:
    """Fit a setting once per fold of a split's training videos, and measure those held out."""
    started = time.perf_counter()
    features, metric = Features.of(store), metric_of(search.metric).function
    values, failed = [], ""
    groups = video_groups(split, search.manifest)
    for kept, out in folds_of(search, split):
        fresh = clone(make_head(search, setting, store))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", AqaWarning)  # they are said of the winner's fit
                fit_head(
                    *(fresh, Split(split.name, tuple(kept), split.val), search.manifest, features),
                    groups=groups,
                )
            asked = examples_of(out, search.manifest, features, fresh.answer_columns)
            value = float(metric(asked.scores, fresh.predict_examples(asked)))
        except HeadError as error:
            failed = str(error)
            break
        if not math.isfinite(value):
            failed = f"{search.metric} is undefined: it predicts the same for all held-out videos"
            break
        values.append(value)
    return SweepTrial(() if failed else tuple(values), failed, time.perf_counter() - started)
