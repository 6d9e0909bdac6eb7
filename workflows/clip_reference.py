"""Makes what the clips of other videos are compared with: training videos' clips, and margins.

Where the manifest names the faulty clips of training videos (column `faulty_clips`), the margin
below which a clip is faulty is chosen on training videos that a fit has not seen, and how well it
tells faulty clips is measured on others of these. A head that was trained together with its
backbone is not fitted anew: these are then its validation videos. Test videos are not looked at.

A clip is said to be bad outright, where a page says but one thing, by a margin of its own: it is
chosen on held-out videos with high scores, so that most of these are left in peace.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.folds import Folds, draw_folds
from aqa.annotations.manifest import Manifest, Video
from aqa.annotations.splits import Split
from aqa.errors import AqaWarning, first_line
from aqa.evaluation.feedback import FeedbackError, explains, faulty_clips
from aqa.evaluation.feedback_metrics import f1_of_all_faulty, is_better_than_all, measure_feedback
from aqa.features.store import FeatureStore
from aqa.features.video_features import VideoFeatures, blank_of, of_store
from aqa.models.examples import example_of
from aqa.models.feedback import Claims, ClipReference, Told, shown_clips
from aqa.models.feedback.reference import (
    LEAST_GOOD,
    TypePoints,
    best_margin,
    best_quarter,
    claims_of,
    summarise,
)
from aqa.models.heads.base import Explanation, Head, HeadError
from aqa.workflows.trust import FOLDS

# With fewer training videos, margins are chance.
LEAST_VIDEOS = 12

# Fits the same head on the training videos of these ids.
Refit = Callable[[Sequence[str]], Head]


@dataclass(frozen=True)
class Unseen:
    """Videos that a head has not learned from, though those that it did are of the same data set.

    head: has learned from `learned`, and not from `ids`.
    """

    head: Head
    learned: Sequence[str]
    ids: Sequence[str]


@dataclass(frozen=True)
class _HeldOut:
    """A video that a fit has not seen, by its clips that are not padding.

    below: points that each is below `good`. faulty: whether the manifest says so; None where it
    does not say. score: of the judges.
    """

    fold: int
    below: NDArray[np.float64]
    faulty: NDArray[np.bool_] | None
    score: float
    type: str


def clip_reference(
    head: Head,
    ids: Sequence[str],
    manifest: Manifest,
    store: FeatureStore,
    refit: Refit,
    unseen: Unseen | None = None,
    always: bool = True,
    folds: Folds | None = None,
) -> ClipReference | None:
    """What to compare other videos' clips with; None for a head whose clips add no points.

    head: fitted on the training videos `ids`. unseen: videos to choose by how far below a clip
    stands out, where nobody says which clips are faulty; None: those of fits on two thirds. always:
    whether it is fitted on these where nobody says so. folds: those thirds; None: see `draw_folds`.
    """
    types = _types(head, ids, manifest, store)
    if types is None:
        return None
    try:
        truth = _truth(ids, manifest, store, "training")
    except FeedbackError as error:
        why = first_line(error)
        if unseen is not None:
            return ClipReference(types, untold=why, claims=_claims(_of(unseen, manifest, store)))
        if not always or len(ids) < 4 * LEAST_GOOD:
            unasked = "" if always else "the head was fitted with --no-ranges"
            return ClipReference(types, untold=why, claims=Claims(None, 0, unasked))
        truth = None
    else:
        why = ""
    try:
        folds = folds or draw_folds(Split("", tuple(ids)), manifest, FOLDS, head.seed)
        held = _held_out(head, folds, manifest, store, refit, truth)
    except HeadError as error:
        untold = why or first_line(error)
        return ClipReference(types, untold=untold, claims=Claims(None, 0, _not_fitted(error)))
    return _with_margin(types, held, why)


def _not_fitted(error: HeadError) -> str:
    return f"the head cannot be fitted on two thirds of its training videos ({first_line(error)})"


def trained_reference(
    head: Head, split: Split, manifest: Manifest, store: FeatureStore
) -> ClipReference | None:
    """As `clip_reference`, for a head that was trained together with its backbone.

    split: what both learned from, and by which videos the epoch was chosen. store: holds features
    of that backbone, which no fit on them could forget.
    """
    types = _types(head, split.train, manifest, store)
    if types is None:
        return None
    truth, why = None, ""
    try:
        truth = _truth(split.val, manifest, store, "validation")
    except FeedbackError as error:
        why = first_line(error)
    try:
        held = _unseen_by(head, split.val, types, manifest, store, truth)
    except HeadError as error:
        return ClipReference(types, untold=why or first_line(error), claims=Claims(None, 0))
    return _with_margin(types, held, why)


def _types(
    head: Head, ids: Sequence[str], manifest: Manifest, store: FeatureStore
) -> dict[str, TypePoints] | None:
    """What training videos' clips add, by type; None for a head whose clips add no points.

    None also where it cannot explain on this store, such as one without the response to a blank
    clip: it predicts all the same, and says why when it is asked for feedback.
    """
    first = manifest.by_id[ids[0]]
    if not explains(head):
        return None
    try:
        explained = _explain(head, first, of_store(store, ids[0]), store)
    except HeadError:
        return None
    if explained.base is None:
        return None
    return _summary(head, ids, manifest, store)


def _summary(
    head: Head, ids: Sequence[str], manifest: Manifest, store: FeatureStore
) -> dict[str, TypePoints]:
    points = [_points(head, i, manifest, store) for i in ids]
    return summarise(points, [_type(i, manifest) for i in ids])


def _with_margin(
    types: Mapping[str, TypePoints], held: Sequence[_HeldOut], untold: str
) -> ClipReference:
    """What clips are compared with, and the margins that held-out videos tell.

    untold: why nobody knows which of their clips are faulty; "" where it is known.
    """
    if untold:
        return ClipReference(types, untold=untold, claims=_claims(held))
    return ClipReference(types, _margin(held), _told(held), claims=_claims(held))


def _claims(held: Sequence[_HeldOut]) -> Claims:
    """How far below a clip stands out: by the worst clips of the held-out videos that are good."""
    scored = [video for video in held if np.isfinite(video.score) and len(video.below)]
    good = best_quarter([video.score for video in scored], [video.type for video in scored])
    worst = [video.below.max() for video, chosen in zip(scored, good, strict=True) if chosen]
    return claims_of(np.array(worst, float))


def _of(unseen: Unseen, manifest: Manifest, store: FeatureStore) -> list[_HeldOut]:
    types = _summary(unseen.head, unseen.learned, manifest, store)
    return _unseen_by(unseen.head, unseen.ids, types, manifest, store, None)


def _unseen_by(
    head: Head,
    ids: Sequence[str],
    types: Mapping[str, TypePoints],
    manifest: Manifest,
    store: FeatureStore,
    truth: Mapping[str, set[int]] | None,
) -> list[_HeldOut]:
    """Videos that the head has not seen, in folds: each is measured by the margin of the others."""
    reference, held = ClipReference(types), []
    order = np.random.default_rng(head.seed).permutation(len(ids))
    for place, number in enumerate(order.tolist()):
        video = ids[number]
        added = _points(head, video, manifest, store)
        held.append(_compared(place % FOLDS, video, added, truth, reference, manifest))
    return held


def _truth(
    ids: Sequence[str], manifest: Manifest, store: FeatureStore, part: str
) -> dict[str, set[int]]:
    """The faulty clips of each video; `FeedbackError` where they are too few to learn from."""
    truth = {i: faulty_clips(manifest.by_id[i], len(store.clips(i)), manifest) for i in ids}
    if not any(truth.values()):
        raise FeedbackError(f"no {part} video has a faulty clip")
    if len(ids) < LEAST_VIDEOS:
        raise FeedbackError(
            f"{len(ids)} {part} videos are too few to learn it from; it takes {LEAST_VIDEOS}"
        )
    return truth


def _compared(
    fold: int,
    video: str,
    added: NDArray[np.float64],
    truth: Mapping[str, set[int]] | None,
    reference: ClipReference,
    manifest: Manifest,
) -> _HeldOut:
    """added: points of each clip of the video, NaN for padding. truth: its faulty clips."""
    good = reference.compare(len(added), _type(video, manifest)).good
    shown = np.flatnonzero(np.isfinite(added))
    faulty = None if truth is None else np.isin(shown, list(truth[video]))
    score = manifest.by_id[video].score
    return _HeldOut(fold, (good - added)[shown], faulty, score, _type(video, manifest))


def _held_out(
    head: Head,
    folds: Folds,
    manifest: Manifest,
    store: FeatureStore,
    refit: Refit,
    truth: Mapping[str, set[int]] | None,
) -> list[_HeldOut]:
    """Every training video, explained by a fit that has not seen it."""
    held = []
    for fold, (seen, out) in enumerate(folds):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AqaWarning)  # they are said of the fit that is kept
            fitted = refit(seen)
            points = {i: _points(fitted, i, manifest, store) for i in folds.ids}
        types = summarise([points[i] for i in seen], [_type(i, manifest) for i in seen])
        reference = ClipReference(types)
        held += [_compared(fold, i, points[i], truth, reference, manifest) for i in out]
    return held


def _margin(held: Sequence[_HeldOut]) -> float:
    return best_margin(
        np.concatenate([video.below for video in held]),
        np.concatenate(_faulty(held)),
    )


def _told(held: Sequence[_HeldOut]) -> Told:
    """How well margins that were chosen on the other folds tell the faulty clips of each fold."""
    margins = [_margin([v for v in held if v.fold != fold]) for fold in range(FOLDS)]
    truth = _faulty(held)
    said = [video.below >= margins[video.fold] for video in held]
    found = measure_feedback(truth, said, resamples=0).values
    return Told(
        len(held),
        found["precision"] or 0.0,
        found["recall"] or 0.0,
        found["f1"] or 0.0,
        f1_of_all_faulty(truth),
        is_better_than_all(truth, said),
    )


def _faulty(held: Sequence[_HeldOut]) -> list[NDArray[np.bool_]]:
    return [video.faulty for video in held if video.faulty is not None]


def _type(video_id: str, manifest: Manifest) -> str:
    return manifest.by_id[video_id].type or ""


def _points(
    head: Head, video_id: str, manifest: Manifest, store: FeatureStore
) -> NDArray[np.float64]:
    """What each clip of a video adds, (n_clips,); NaN for one that is all padding."""
    seen = of_store(store, video_id)
    values = _explain(head, manifest.by_id[video_id], seen, store).values
    points = np.full(len(values), np.nan)
    shown = shown_clips(seen)
    points[shown] = values[shown]
    return points


def _explain(head: Head, video: Video, seen: VideoFeatures, store: FeatureStore) -> Explanation:
    return head.explain(
        example_of(video, seen.features, seen.clips, head.answer_columns, blank_of(store))
    )
