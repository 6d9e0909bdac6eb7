"""How far a head's scores may be trusted: learned from its training videos, told of new ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.folds import Folds
from aqa.annotations.manifest import Manifest, Video
from aqa.annotations.splits import Split
from aqa.annotations.video_groups import VideoGroups
from aqa.errors import AqaWarning
from aqa.evaluation.beside_scores import quantile_column
from aqa.evaluation.evaluated import Evaluated
from aqa.features.store import FeatureStore
from aqa.features.video_features import VideoFeatures
from aqa.models.examples import Features, example_of, examples_of
from aqa.models.heads.base import Head, HeadError
from aqa.models.runs import Run
from aqa.models.trust.likeness import likeness
from aqa.models.trust.score_range import (
    LEAST_ERRORS,
    QUANTILES,
    ScoreRange,
    range_of,
    shown_bounds,
)

FOLDS = 3
# So many videos that were held out to stop by do as well as folds, though the epoch was chosen by
# them; with 13 of 88 drawn dives, ranges of 80 % held 73 % of the test videos.
ENOUGH_HELD_OUT = 100


@dataclass(frozen=True)
class Trust:
    """How far the score of one video may be trusted.

    bounds: the scores that the true one lies between with a probability of 80 %; None where that is
    not known. unlike: why the score should not be trusted at all; "" where the video looks like the
    training videos, or these are not known.
    """

    bounds: tuple[float, float] | None = None
    unlike: str = ""


def trust_in(
    runs: Sequence[Run], scores: Mapping[str, float], video: Video, seen: VideoFeatures
) -> Trust:
    """Of the mean score of several runs of one head. scores: what each says, by its split."""
    return Trust(_bounds(runs, scores, video, seen), unlike_training(runs, seen.features))


def unlike_training(runs: Sequence[Run], features: NDArray[np.floating]) -> str:
    """Why a score should not be trusted at all; "" where most runs do not say so.

    features: (n_clips, dim) of the video.
    """
    known = [run.likeness for run in runs if run.likeness is not None]
    said = [text for text in (one.unlike(features) for one in known) if text]
    return said[0] if 2 * len(said) > len(known) else ""


def _bounds(
    runs: Sequence[Run], scores: Mapping[str, float], video: Video, seen: VideoFeatures
) -> tuple[float, float] | None:
    """The range of the mean score: as wide as the runs' in the mean, though the mean's own error is
    rather smaller.
    """
    found = []
    for run in runs:
        known, head = run.score_range, run.scoring_head()
        if known is None:
            return None
        asked = example_of(video, seen.features, seen.clips, head.answer_columns)
        found.append(shown_bounds(known.of_videos(head, asked, [scores[run.split]]))[0])
    low, high = np.mean(found, axis=0).tolist()
    return low, high


def known_to_network(split: Split, store: FeatureStore) -> str:
    """Why no range can be learned from training videos' features; "" where it can.

    The features of a video that their network has learned from tell more than a new video's will,
    also where the head has not seen that video: ranges would be far too narrow.
    """
    known = set(store.spec["weights"]["fitted_on"] or ()).intersection(split.train)
    if not known:
        return ""
    return (
        f"the network behind {store.path} has learned from {len(known)} of the "
        f"{len(split.train)} training videos"
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
            return range_of_rows(part.rows, "videos that were held out to stop by")
    if len(folds.ids) < LEAST_ERRORS:
        return None
    true, predicted, own = [], [], []
    for rest, out in folds:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", AqaWarning)  # they are said of the fit that is kept
                head: Any = refit(rest)
                asked = examples_of(out, manifest, features, head.answer_columns)
                predicted.append(head.predict_examples(asked))
                if "quantiles" in head.gives:
                    own.append(head.quantiles(asked, QUANTILES))
            true.append(asked.scores)
        except HeadError:  # a third that lacks a type, or too few for the head
            return None
    said = f" ({folds.said})" if folds.said else ""
    source = f"training videos, in thirds that a fit had not seen{said}"
    return range_of(
        *(np.concatenate(true), np.concatenate(predicted), source),
        np.concatenate(own) if own else None,
    )


def range_of_rows(rows: Sequence[Mapping[str, Any]], source: str) -> ScoreRange | None:
    """The range of a head's scores by its answers for videos that it had not learned from.

    rows: of `evaluate_run`, of a run that has no range yet. None where they are too few.
    """
    true, predicted = ([row[name] for row in rows] for name in ("score", "predicted"))
    names = [quantile_column(q) for q in QUANTILES]
    own = [[row[name] for name in names] for row in rows if names[0] in row]
    return range_of(true, predicted, source, own or None)


def likeness_of(
    ids: Sequence[str], features: Features, seed: int, groups: VideoGroups
) -> bytes | None:
    """What training videos look like, as a file's bytes; None where that cannot be learned."""
    if "joints" in features.store.spec:  # where a body is says nothing of what it does
        return None
    learned = likeness([features.arrays[i] for i in ids], seed, groups.of(ids))
    return None if learned is None else learned.to_bytes()
