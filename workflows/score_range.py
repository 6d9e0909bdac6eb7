"""Measures how far a head's scores are off, on training videos that it had not seen."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np

from aqa.annotations.manifest import Manifest
from aqa.errors import AqaWarning
from aqa.evaluation.evaluated import Evaluated
from aqa.models.examples import Features, examples_of
from aqa.models.heads.base import Head, HeadError
from aqa.models.score_range import LEAST_ERRORS, ScoreRange, range_of

FOLDS = 3


def score_range(
    ids: Sequence[str],
    manifest: Manifest,
    features: Features,
    seen: Evaluated,
    refit: Callable[[Sequence[str]], Head],
    seed: int,
) -> ScoreRange | None:
    """The range of a head's scores; None where its training videos are too few.

    ids: the training videos. seen: what the head said of training or validation videos that it had
    not learned from. Where these are few, it is fitted anew on two thirds of the training videos,
    three times, and scores the other third. refit: fits the same head on some of the videos.
    """
    for part in seen.values():
        if len(part.rows) >= LEAST_ERRORS:
            errors = [row["score"] - row["predicted"] for row in part.rows]
            return range_of(errors, "training videos that were held out to stop by")
    if len(ids) < 2 * LEAST_ERRORS:
        return None
    order = np.random.default_rng(seed).permutation(len(ids))
    errors = []
    for fold in range(FOLDS):
        out = [ids[i] for i in order[fold::FOLDS]]
        rest = [i for i in ids if i not in set(out)]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", AqaWarning)  # they are said of the fit that is kept
                head = refit(rest)
            asked = examples_of(out, manifest, features, head.answer_columns)
            errors += (asked.scores - head.predict_examples(asked)).tolist()
        except HeadError:  # a third that lacks a type, or too few for the head
            return None
    return range_of(errors, "training videos of folds that it was fitted without")
