"""Fit a head to two classes: by a logistic loss, or as 0 and 1 with a threshold.

The threshold is chosen on answers for training videos that were not learned from: those that the
fit held out to stop by, where they are many; or else each fifth of the training videos, answered
by the same head fitted on the others. Test videos are not looked at.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from aqa.annotations.folds import columns_kept_apart, labels_of_video
from aqa.annotations.manifest import Manifest
from aqa.annotations.split_drawing import connected_groups
from aqa.annotations.splits import Split
from aqa.annotations.two_classes import TwoClasses
from aqa.errors import AqaWarning
from aqa.evaluation.classes.training import good_share
from aqa.models.examples import Examples, Features, examples_of
from aqa.models.heads.base import Head, HeadError
from aqa.models.heads.base.source import HeadSource
from aqa.models.target_transforms import transformed
from aqa.models.target_transforms.class_rule import MIDDLE, ClassRule, best_threshold

FOLDS = 5
# So many training videos of each class the fit must have held out for a threshold to be chosen on.
LEAST_HELD_OUT = 10

# Fits the same head on the training videos of these ids.
Refit = Callable[[Sequence[str]], Head]


def class_params(
    source: HeadSource, values: dict[str, object], classes: TwoClasses | None
) -> dict[str, object]:
    """Hyper-parameters with the logistic loss, where classes can be learned by it.

    A loss that is given stays.
    """
    if classes is None or "loss" in values:
        return values
    head = transformed(source.head_class, values)
    return {**values, "loss": "logistic"} if head.takes_logistic else values


def first_rule(head: Head, classes: TwoClasses) -> ClassRule:
    """How a head's answers are read as classes before a threshold is chosen."""
    return ClassRule(classes, "probability" if head.says_probability else "score", MIDDLE)


def check_classes(head: Head, split: Split, manifest: Manifest) -> None:
    """Raise an error where a head cannot learn the classes of a manifest from a split."""
    classes = manifest.classes
    if classes is None or head.kind != "scores":
        return
    for name, value in (("difficulty", "multiply"), ("scale", "action")):
        if getattr(head, name, None) == value:
            raise HeadError(
                f"{name}={value} divides scores, and {manifest.score_column} has two classes: "
                f"leave out -p {name}"
            )
    good_share(split, manifest)


def class_rule(
    head: Head, split: Split, manifest: Manifest, features: Features, refit: Refit
) -> ClassRule:
    """How the answers of a fitted head are read as classes.

    Probabilities by the middle, as both classes weigh the same in the loss; others by a threshold.
    """
    assert manifest.classes is not None
    rule = first_rule(head, manifest.classes)
    if rule.says == "probability":
        return rule
    train = examples_of(split.train, manifest, features, head.columns)
    good = train.scores > 0.5
    numbers, answers = _unseen(head, train, good, refit, _groupings(split, manifest))
    return replace(rule, threshold=best_threshold(good[numbers], answers))


def _unseen(
    head: Head,
    train: Examples,
    good: NDArray[np.bool_],
    refit: Refit,
    groupings: Sequence[NDArray[np.int_]],
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Numbers of training videos, and the answers of a fit that has not learned from them."""
    out = head.held_out
    if min(good[out].sum(), (~good[out]).sum()) >= LEAST_HELD_OUT:
        return out, head.before_refit().predict_examples(train.select(out))
    answers = np.empty(len(good))
    for kept, held in _folds(good, groupings, head.seed):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AqaWarning)  # they are said of the fit that is kept
            fitted = refit([train.ids[i] for i in kept])
            answers[held] = fitted.predict_examples(train.select(held))
    return np.arange(len(good)), answers


def _groupings(split: Split, manifest: Manifest) -> list[NDArray[np.int_]]:
    """For each training video, the group of videos that are held out together, by number.

    Of all columns that are kept apart first, then without the last, and so on: as `draw_folds`.
    """
    columns = columns_kept_apart(split, manifest)
    videos = [manifest.by_id[i] for i in split.train]
    return [
        connected_groups([labels_of_video(video, columns[:n]) for video in videos])
        for n in range(len(columns), 0, -1)
    ]


def _folds(
    good: NDArray[np.bool_], groupings: Sequence[NDArray[np.int_]], seed: int
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """(learned from, held out) of each fold, by number; each has its share of both classes.

    Groups stay together, those of the first grouping by which every fold leaves both classes to
    learn from; by none of them where there is no such grouping.
    """
    n = min(FOLDS, int(good.sum()), int((~good).sum()))
    blank = np.zeros(len(good))
    for groups in groupings:
        if not n <= len(np.unique(groups)) < len(good):
            continue
        grouped = StratifiedGroupKFold(n, shuffle=True, random_state=seed)
        folds = [*grouped.split(blank, good, groups)]
        if all(0 < good[kept].sum() < len(kept) and len(held) for kept, held in folds):
            return folds
    return [*StratifiedKFold(n, shuffle=True, random_state=seed).split(blank, good)]
