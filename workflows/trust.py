"""How far a head's scores may be trusted: learned from its training videos, told of new ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.folds import Folds
from aqa.annotations.manifest import Manifest
from aqa.annotations.video_groups import VideoGroups
from aqa.errors import AqaWarning
from aqa.evaluation.evaluated import Evaluated
from aqa.models.examples import Features, examples_of
from aqa.models.heads.base import Head, HeadError
from aqa.models.runs import Run
from aqa.models.trust.likeness import likeness
from aqa.models.trust.score_range import LEAST_ERRORS, SHOWN, ScoreRange, range_of

FOLDS = 3
# So many videos that were held out to stop by do as well as folds, though the epoch was chosen by
# them; with 13 of 88 drawn dives, ranges of 80 % held 73 % of the test videos.
ENOUGH_HELD_OUT = 100


@dataclass(frozen=True)
class Trust:
    """How far the score of one video may be trusted.

    half_width: points to either side of the score that the true one lies within with a probability
    of 80 %; None where that is not known. unlike: why the score should not be trusted at all; ""
    where the video looks like the training videos, or these are not known.
    """

    half_width: float | None = None
    unlike: str = ""


def trust_in(runs: Sequence[Run], features: NDArray[np.floating]) -> Trust:
    """Of the mean score of several runs of one head. features: (n_clips, dim) of the video.

    The range is as wide as theirs in the mean, though the mean's own error is rather smaller. A
    video is unlike the training videos where most runs say so.
    """
    ranges = [run.score_range for run in runs]
    widths = [one.half_widths[SHOWN] for one in ranges if one is not None]
    known = [run.likeness for run in runs if run.likeness is not None]
    said = [text for text in (one.unlike(features) for one in known) if text]
    return Trust(
        float(np.mean(widths)) if widths and len(widths) == len(runs) else None,
        said[0] if 2 * len(said) > len(known) else "",
    )


def score_range(
    folds: Folds,
    manifest: Manifest,
    features: Features,
    seen: Evaluated,
    refit: Callable[[Sequence[str]], Head],
) -> ScoreRange | None:
    """The range of a head's scores; None where its training videos are too few.

    folds: thirds of the training videos. seen: what the head said of training or validation videos
    that it had not learned from. Where these are few, it is fitted anew on two thirds of the
    training videos, three times, and scores the other third. refit: fits the same head on some of
    the videos; that of `clip_reference` is asked for the same thirds.
    """
    for part in seen.values():
        if len(part.rows) >= ENOUGH_HELD_OUT:
            errors = [row["score"] - row["predicted"] for row in part.rows]
            return range_of(errors, "videos that were held out to stop by")
    if len(folds.ids) < LEAST_ERRORS:
        return None
    errors = []
    for rest, out in folds:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", AqaWarning)  # they are said of the fit that is kept
                head = refit(rest)
            asked = examples_of(out, manifest, features, head.answer_columns)
            errors += (asked.scores - head.predict_examples(asked)).tolist()
        except HeadError:  # a third that lacks a type, or too few for the head
            return None
    said = f" ({folds.said})" if folds.said else ""
    return range_of(errors, f"training videos, in thirds that a fit had not seen{said}")


def likeness_of(
    ids: Sequence[str], features: Features, seed: int, groups: VideoGroups
) -> bytes | None:
    """What training videos look like, as a file's bytes; None where that cannot be learned."""
    if "joints" in features.store.spec:  # where a body is says nothing of what it does
        return None
    learned = likeness([features.arrays[i] for i in ids], seed, groups.of(ids))
    return None if learned is None else learned.to_bytes()
