"""Which clips of a performance are at fault, and how often that is right."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Manifest, Video
from aqa.errors import AqaError
from aqa.evaluation.metrics import report_feedback
from aqa.features.clips import Clip
from aqa.features.store import FeatureStore, StoreError
from aqa.models.examples import videos_columns
from aqa.models.heads.base import BaseHead, Explanation, Head

FAULTY_CLIPS = "faulty_clips"


class FeedbackError(AqaError):
    """Feedback that cannot be given, or not be evaluated."""


@dataclass(frozen=True)
class ClipFeedback:
    """What is said of one clip.

    clip: its number, from 0. start, stop: half-open range of frames of the video file, and the
    same in seconds, None where the frame rate is not known. value: the head's number for it.
    reference_clips: for each reference, the clip that it was compared with.
    """

    clip: int
    start: int
    stop: int
    start_seconds: float | None
    stop_seconds: float | None
    value: float
    faulty: bool
    reference_clips: Mapping[str, int]


@dataclass(frozen=True)
class Feedback:
    """What is said of a video: what its clips' values mean, the limit to faulty ones, the clips."""

    video: str
    meaning: str
    limit: float
    clips: list[ClipFeedback]


@dataclass(frozen=True)
class JointMove:
    """Where the score would gain most from another place of a joint (Pirsiavash et al. 2014).

    joint: its name. frame: the number of the frame in the video file, and the same in seconds,
    None where the frame rate is not known. x, y: where the joint is, pixels. right, down: points
    for each pixel that it moves to the right and down. gain: points for a pixel the best way.
    """

    joint: str
    frame: int
    seconds: float | None
    x: float
    y: float
    right: float
    down: float
    gain: float


@dataclass(frozen=True)
class PoseFeedback:
    """What is said of a video's joints: of each the frame of its largest gain, the best first.

    names: of the joints. joints, gradient: (frames, joints, 2), all places and their gradients.
    offset: the number of the first of these frames in the video file.
    """

    video: str
    meaning: str
    moves: list[JointMove]
    names: list[str]
    joints: NDArray[np.float32]
    gradient: NDArray[np.float64]
    offset: int


class Cut(NamedTuple):
    """A video's features, and what its clips are of.

    features: (n_clips, dim). clips: ranges of frames, counted from `offset` of the video file.
    n_frames: those outside [0, n_frames) are padding. fps: NaN where unknown.
    """

    features: NDArray[np.float32]
    clips: Sequence[Clip]
    n_frames: int
    offset: int
    fps: float

    def frames(self, number: int) -> tuple[int, int]:
        """The half-open range of frames of the file that a clip shows, without its padding."""
        clip = self.clips[number]
        start, stop = (min(max(frame, 0), self.n_frames) for frame in (clip.start, clip.stop))
        return start + self.offset, stop + self.offset


def stored(store: FeatureStore, video_id: str) -> Cut:
    """A video of a store."""
    return Cut(
        store[video_id],
        store.clips(video_id),
        store.n_frames(video_id),
        store.frames(video_id)[0],
        store.fps(video_id),
    )


def blank_of(store: FeatureStore) -> NDArray[np.float32] | None:
    """The response to a blank clip, None where the store has none."""
    try:
        return store.blank
    except StoreError:
        return None


def give_feedback(
    head: Head,
    video: Video,
    sequence: Cut,
    blank: NDArray[np.float32] | None,
    align: str = "index",
) -> Feedback:
    """Explain a video clip by clip; clips that are all padding are left out."""
    columns = videos_columns([video], head.answer_columns, [sequence.clips])
    found = head.explain([sequence.features], blank, align=align, **columns)
    kept = [i for i, c in enumerate(sequence.clips) if not c.is_blank(sequence.n_frames)]
    clips = [_clip_feedback(i, sequence, found) for i in kept]
    return Feedback(video.id, found.meaning, found.limit, clips)


def give_pose_feedback(
    head: Head, video: Video, sequence: Cut, names: Sequence[str]
) -> PoseFeedback:
    """Say of each joint, by its name, on which frame and which way it had better be elsewhere."""
    columns = videos_columns([video], head.answer_columns, [sequence.clips])
    gradient = head.gradient(sequence.features, **columns)
    joints = sequence.features.reshape(gradient.shape)
    gains = np.linalg.norm(gradient, axis=2)  # (frames, joints)
    frames = gains.argmax(axis=0)
    moves = []
    for j in np.argsort(-gains.max(axis=0), kind="stable"):
        at = frames[j]
        frame = int(sequence.frames(at)[0])
        (x, y), (right, down) = joints[at, j].tolist(), gradient[at, j].tolist()
        seconds = frame / sequence.fps if np.isfinite(sequence.fps) else None
        moves.append(JointMove(names[j], frame, seconds, x, y, right, down, float(gains[at, j])))
    meaning = "points gained by each pixel that a joint moves"
    return PoseFeedback(video.id, meaning, moves, list(names), joints, gradient, sequence.offset)


def _clip_feedback(number: int, sequence: Cut, found: Explanation) -> ClipFeedback:
    start, stop = sequence.frames(number)
    known = np.isfinite(sequence.fps)
    return ClipFeedback(
        clip=number,
        start=start,
        stop=stop,
        start_seconds=start / sequence.fps if known else None,
        stop_seconds=stop / sequence.fps if known else None,
        value=float(found.values[number]),
        faulty=bool(found.faulty[number]),
        reference_clips={name: int(clips[number]) for name, clips in found.matched.items()},
    )


def explains(head: BaseHead) -> bool:
    """Whether a fitted head gives feedback."""
    return isinstance(head, Head) and head.explaining


class Evaluated(NamedTuple):
    """Metrics of feedback, and the rows behind them."""

    metrics: dict[str, Any]
    rows: list[dict[str, Any]]


def evaluate_feedback(
    head: Head, ids: Sequence[str], manifest: Manifest, store: FeatureStore, align: str = "index"
) -> Evaluated:
    """Evaluate which clips are called faulty against the manifest's column `faulty_clips`."""
    blank = blank_of(store)
    truths, said, rows = [], [], []
    for video_id in ids:
        video, sequence = manifest.by_id[video_id], stored(store, video_id)
        faulty = faulty_clips(video, len(sequence.clips), manifest)
        feedback = give_feedback(head, video, sequence, blank, align)
        truths.append(np.array([clip.clip in faulty for clip in feedback.clips]))
        said.append(np.array([clip.faulty for clip in feedback.clips]))
        rows += [
            {
                "video_id": video_id,
                "clip": clip.clip,
                "value": clip.value,
                "said_faulty": int(clip.faulty),
                "faulty": int(clip.clip in faulty),
            }
            for clip in feedback.clips
        ]
    return Evaluated(report_feedback(truths, said), rows)


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
