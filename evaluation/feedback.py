"""How often a head's feedback is right: the clips that it calls faulty, against the manifest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from aqa.annotations.manifest import Manifest, Video
from aqa.errors import AqaError
from aqa.evaluation.feedback_metrics import measure_feedback
from aqa.evaluation.resampling import MetricValues
from aqa.features.store import FeatureStore
from aqa.features.video_features import blank_of, of_store
from aqa.models.feedback import ClipReference, give_feedback
from aqa.models.heads.base import Head

FAULTY_CLIPS = "faulty_clips"


class FeedbackError(AqaError):
    """Feedback that cannot be evaluated against this manifest."""


def explains(head: Head) -> bool:
    """Whether a fitted head gives feedback."""
    return "clips" in head.gives


class EvaluatedFeedback(NamedTuple):
    """Metrics of feedback, and the rows of feedback.csv behind them."""

    metrics: MetricValues
    rows: list[dict[str, Any]]


def evaluate_feedback(
    head: Head,
    ids: Sequence[str],
    manifest: Manifest,
    store: FeatureStore,
    align: str = "index",
    reference: ClipReference | None = None,
) -> EvaluatedFeedback:
    """Evaluate which clips are called faulty against the manifest's column `faulty_clips`.

    Clips that are called below average, by a head that does not tell faulty ones, count as called
    faulty. reference: see `give_feedback`.
    """
    blank = blank_of(store)
    truths, said, rows = [], [], []
    for video_id in ids:
        video, sequence = manifest.by_id[video_id], of_store(store, video_id)
        faulty = faulty_clips(video, len(sequence.clips), manifest)
        feedback = give_feedback(head, video, sequence, blank, align, reference)
        truths.append(np.array([clip.clip in faulty for clip in feedback.clips]))
        said.append(np.array([clip.marked for clip in feedback.clips]))
        rows += [
            {
                "video_id": video_id,
                "clip": clip.clip,
                "value": clip.value,
                "limit": clip.limit,
                "said_faulty": int(clip.marked),
                "faulty": int(clip.clip in faulty),
            }
            for clip in feedback.clips
        ]
    return EvaluatedFeedback(measure_feedback(truths, said), rows)


def faulty_clips(video: Video, n_clips: int, manifest: Manifest) -> set[int]:
    """The numbers, from 0, of a video's faulty clips as the manifest names them."""
    if FAULTY_CLIPS not in video.row:
        raise FeedbackError(
            f"{manifest.path}: no column {FAULTY_CLIPS} to evaluate feedback against; it holds the "
            "numbers of a video's faulty clips, counted from 0, as in 2;5"
        )
    text = video.row[FAULTY_CLIPS]
    if text and not re.fullmatch(r"[0-9]+(;[0-9]+)*", text):
        raise FeedbackError(
            f"{manifest.path}: {video.id}, column {FAULTY_CLIPS}: {text!r} is not clip numbers "
            "such as 2;5"
        )
    numbers = {int(number) for number in text.split(";") if number}
    if numbers and max(numbers) >= n_clips:
        raise FeedbackError(
            f"{manifest.path}: {video.id} has clips 0 to {n_clips - 1} in the store, and "
            f"{FAULTY_CLIPS}={text}: it was counted by another clip length or stride"
        )
    return numbers
