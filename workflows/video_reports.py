"""All that a page on a few videos shows: scores, what cost points, the exemplars beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from aqa.annotations.manifest import Manifest, Video
from aqa.annotations.video import called
from aqa.errors import AqaError, UnknownNameError
from aqa.extract.poses.poses import PoseError
from aqa.extract.remote.held import can_be_held, held
from aqa.extract.summary import reason_of
from aqa.extract.video.browser import BrowserVideo as BrowserVideo
from aqa.extract.video.browser import browser_video, jpeg
from aqa.extract.video.decode import DECODE_ERRORS, read_frames
from aqa.features.store import FeatureStore
from aqa.features.video_features import VideoFeatures, of_store
from aqa.models.feedback import Feedback, PoseFeedback
from aqa.models.runs import Run
from aqa.models.saved.hashes import check_beside
from aqa.workflows.feedback import (
    Frame,
    SeenVideo,
    WrittenFeedback,
    check_run,
    feedback_on,
    from_file,
    from_store,
    new_video,
    stored_id,
)
from aqa.workflows.moments import Moment as Moment
from aqa.workflows.moments import compared_with, moments_of
from aqa.workflows.new_videos import (
    VideoExtractor,
    check_same_features,
    extractor_for,
    predicted_score,
)
from aqa.workflows.shown_joints import ShownJoints, joints_of_feedback, joints_of_file
from aqa.workflows.training_files import TrainingFiles
from aqa.workflows.true_faults import TrueFault, told_faults
from aqa.workflows.trust import Trust, trust_in

# So many exemplars can be chosen between on a page.
MOST_EXEMPLARS = 3
# So many copies of exemplars are kept for the next video.
_COPIES = 24


@dataclass(frozen=True)
class Exemplar:
    """A training video that is shown beside another one, and its score in points."""

    id: str
    type: str
    score: float
    copy: BrowserVideo


@dataclass(frozen=True)
class ReportedVideo:
    """One video, scored and explained.

    score: points, the mean of `by_split`, which holds one prediction per run by its split's name.
    truth: the judges' score; None where not known. type: as told or in the manifest, "" where not
    known. feedback: on its clips, None where the head says nothing of clips; pose: on its joints.
    beside: what clips are compared with, in words; "" where with nothing. commentary: what the head
    writes, "" for nothing. joints: to draw over the copy; None where none are known. copy: to play;
    None where there is no video file. thumbnail: JPEG. run: whose feedback it is. trust: how far
    the score may be trusted. warnings: why this may mean less than it seems, one line each.
    true_faults: where somebody has told them.
    """

    name: str
    score: float
    by_split: Mapping[str, float]
    truth: float | None
    type: str
    feedback: Feedback | None
    beside: str
    commentary: str
    moments: tuple[Moment, ...]
    exemplars: tuple[Exemplar, ...]
    copy: BrowserVideo | None
    thumbnail: bytes | None
    run: Run
    trust: Trust
    warnings: tuple[str, ...] = ()
    true_faults: tuple[TrueFault, ...] = ()
    pose: PoseFeedback | None = None
    joints: ShownJoints | None = None

    @property
    def title(self) -> str:
        """Its name on a page that may be sent on: an id, or a file's name without its folder."""
        return Path(self.name).name


@dataclass(frozen=True)
class VideosReport:
    """What a page shows.

    videos: the highest score first. failed: name -> why it could not be scored, in a line that does
    not name it again. training: the scores of the videos that the head learned from, in points.
    """

    head: str
    videos: tuple[ReportedVideo, ...]
    failed: Mapping[str, str]
    training: tuple[float, ...]
    runs: tuple[Run, ...] = field(repr=False)


class VideoReporter:
    """Scores and explains video after video with the runs of one head; the networks stay loaded.

    manifest: where the exemplars are. store: holds their features; None takes the runs' own. align,
    weights, backbone, device: see `aqa.workflows.feedback.explain`. What the runs learned from is
    checked once.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        manifest: Manifest,
        store: Path | None = None,
        *,
        align: str = "index",
        weights: str | Path | None = None,
        backbone: str | None = None,
        device: str = "auto",
        extractor: VideoExtractor | None = None,
    ):
        check_beside([(run.folder, run.record) for run in runs])
        self.runs, self.manifest = tuple(runs), runs[0].seen(manifest)
        for run in runs:
            if run.kind != "scores":
                raise AqaError(
                    f"{run.folder}: its answers are no points, which a page shows; use `aqa score`"
                )
            check_run(run, self.manifest, store or run.store)
        check_same_features(runs)
        self._align, self._extractor = align, extractor
        self._network: dict[str, Any] = {"weights": weights, "backbone": backbone, "device": device}
        self._shelf = _Shelf(self.manifest, store or runs[0].store, runs[0].spec)

    @property
    def extractor(self) -> VideoExtractor:
        """What extracts new videos; its network is built when it is first needed."""
        if self._extractor is None:
            self._extractor = extractor_for(self.runs[0].spec, **self._network)
        return self._extractor

    @cached_property
    def _training_files(self) -> TrainingFiles:
        return TrainingFiles(self.runs)

    def stored(self, video_id: str, told: Mapping[str, Any] | None = None) -> ReportedVideo:
        """A video of the manifest, by those runs that did not learn from it, if there are any.

        told: what the user says of it, before what the manifest does; see `from_store`.
        """
        chosen = [run for run in self.runs if video_id not in run.learned_from] or [self.runs[0]]
        video = self.manifest.by_id[video_id]
        seen = from_store(video, chosen[0], self._shelf.store, dict(told or {}))
        if not self._shelf.has(video_id):
            return _reported(seen, chosen, self._shelf, self._align)
        with held(seen.video) as (there, _):
            return _reported(replace(seen, video=there), chosen, self._shelf, self._align)

    def new(self, video: Video) -> ReportedVideo:
        """A video file that the manifest does not hold; raises one of `DECODE_ERRORS`.

        By those runs that did not learn from this very file, if there are any.
        """
        with held(video) as (there, _):
            return self._new(there)

    def _new(self, video: Video) -> ReportedVideo:
        assert video.path is not None
        unlearned = self._training_files.unlearned(video.path)
        chosen = unlearned or self.runs
        seen = from_file(video, chosen[0], self.extractor)
        if not unlearned:
            learned = self._training_files.warning(video.path)
            seen = replace(seen, warnings=(f"{video.id}: {learned}", *seen.warnings))
        return _reported(seen, chosen, self._shelf, self._align)

    def together(self, done: Sequence[ReportedVideo], failed: Mapping[str, str]) -> VideosReport:
        """All that one page shows; failed: name -> why."""
        ranked = tuple(sorted(done, key=lambda video: -video.score))
        scores = self._shelf.scores_of(self.runs)
        return VideosReport(self.runs[0].label, ranked, failed, scores, self.runs)


def report_videos(
    names: Sequence[str],
    runs: Sequence[Run],
    manifest: Manifest,
    store: Path | None = None,
    *,
    type: str | None = None,
    difficulty: float | None = None,
    action: str | None = None,
    align: str = "index",
    weights: str | Path | None = None,
    backbone: str | None = None,
    device: str = "auto",
) -> VideosReport:
    """Score and explain videos: ids of the manifest, or else files, which are extracted.

    A file that is a video of the manifest is that video. One of the manifest is scored by those
    runs that did not learn from it, if there are any; the first of these explains it. type,
    difficulty, action: of the new files; where there are none, of all, before what the manifest
    says. The other arguments are those of `VideoReporter`. A video that fails stops nothing: it is
    in `failed`.
    """
    network: dict[str, Any] = {"weights": weights, "backbone": backbone, "device": device}
    reporter = VideoReporter(runs, manifest, store, align=align, **network)
    told = {"type": type, "difficulty": difficulty, "action": action}
    where = store or runs[0].store
    names = list(dict.fromkeys(stored_id(name, reporter.manifest, where) for name in names))
    videos: dict[str, Video] = {}
    failed: dict[str, str] = {}
    for name in (name for name in names if name not in reporter.manifest.by_id):
        try:
            videos[name] = new_video(name, runs[0], reporter.manifest, told)
        except UnknownNameError:
            if len(names) == 1:
                raise
            failed[called(name)] = f"no id of {manifest.path} and no file"
    if videos:
        _ = reporter.extractor  # a network that cannot be built stops all
    done = []
    for name in (name for name in names if name not in failed):
        try:
            new = name in videos
            known = {} if videos else told
            done.append(reporter.new(videos[name]) if new else reporter.stored(name, known))
        except DECODE_ERRORS as error:
            failed[called(name)] = _why_not(called(name), error)
    return reporter.together(done, failed)


def _why_not(name: str, error: Exception) -> str:
    reason = reason_of(name, error)
    return reason.removeprefix(f"{name}: ").removeprefix(f"{Path(name)}: ")


class _Shelf:
    """The videos of a manifest, as copies for the page; those shown last are not encoded again."""

    def __init__(self, manifest: Manifest, store: Path, spec: Mapping[str, Any]):
        self.manifest, self.store, self.spec = manifest, store, dict(spec)
        self._encoded = lru_cache(_COPIES)(browser_video)

    def copy(self, video: Video) -> BrowserVideo:
        # A new file is shown once, and another may lie under its name next time.
        encode = self._encoded if video.id in self.manifest.by_id else browser_video
        with held(video) as (there, _):
            assert there.path is not None
            return encode(there.path, video.start_frame or 0, video.end_frame)

    def features(self, video_id: str) -> VideoFeatures:
        with FeatureStore.open(self.store, self.spec) as opened:
            return of_store(opened, video_id)

    def scores_of(self, runs: Sequence[Run]) -> tuple[float, ...]:
        ids = {i for run in runs for i in run.record["split"]["train"]}
        return tuple(self.manifest.by_id[i].score for i in sorted(ids & set(self.manifest.ids)))

    def best(self, run: Run, video: Video) -> list[str]:
        """Training videos with the highest scores of the video's type, or of all if it has none."""
        learned = [self.manifest.by_id[i] for i in run.record["split"]["train"] if self.has(i)]
        others = [one for one in learned if one.id != video.id]
        same = [one for one in others if video.type and one.type == video.type]
        ranked = sorted(same or others, key=lambda one: (-one.score, one.id))
        return [one.id for one in ranked[:MOST_EXEMPLARS]]

    def has(self, video_id: str) -> bool:
        """Whether the video can be shown."""
        video = self.manifest.by_id.get(video_id)
        return video is not None and can_be_held(video)


def _reported(seen: SeenVideo, runs: Sequence[Run], shelf: _Shelf, align: str) -> ReportedVideo:
    video, run = seen.video, runs[0]
    heads = {one.split: one.scoring_head() for one in runs}
    by_split = {split: predicted_score(head, video, seen.features) for split, head in heads.items()}
    explains = not {"clips", "joints", "commentary"}.isdisjoint(run.head.gives)
    said = feedback_on(run, seen, align) if explains else None
    pose = said if isinstance(said, PoseFeedback) else None
    feedback = said if isinstance(said, Feedback) else None
    written = said.commentary if isinstance(said, WrittenFeedback) else ""
    shown = video.path is not None and video.path.exists()
    copy = shelf.copy(video) if shown else None
    exemplars, matched = _exemplars(seen, run, feedback, shelf) if copy else ((), [])
    beside, levels = compared_with(run, seen, feedback)
    trust = trust_in(runs, seen.features.features)
    moments = moments_of(seen, feedback, levels, copy, matched)
    joints, unshown = _joints(video, pose, copy)
    return ReportedVideo(
        name=video.id,
        score=float(np.mean(list(by_split.values()))),
        by_split=by_split,
        truth=None if np.isnan(video.score) else video.score,
        type=video.type or "",
        feedback=feedback,
        beside=beside,
        commentary=written,
        moments=moments,
        exemplars=exemplars,
        copy=copy,
        thumbnail=jpeg(_frame_of_interest(seen, feedback, pose)) if copy else None,
        run=run,
        trust=trust,
        warnings=(
            *((f"{video.id}: {trust.unlike}",) if trust.unlike else ()),
            *(*seen.warnings, *unshown),
        ),
        true_faults=told_faults(video, seen.features, shelf.manifest, copy) if copy else (),
        pose=pose,
        joints=joints,
    )


def _joints(
    video: Video, pose: PoseFeedback | None, copy: BrowserVideo | None
) -> tuple[ShownJoints | None, tuple[str, ...]]:
    """The joints to draw over the copy, and why there are none where they cannot be read."""
    if copy is None:
        return None, ()
    if pose is not None:
        return joints_of_feedback(pose, copy), ()
    try:
        return joints_of_file(video, copy), ()
    except PoseError as error:
        return None, (f"{video.id}: its joints are not shown: {error}",)


def _exemplars(
    seen: SeenVideo, run: Run, feedback: Feedback | None, shelf: _Shelf
) -> tuple[tuple[Exemplar, ...], list[dict[int, tuple[float, float]]]]:
    """Exemplars, and for each the seconds that each clip of the video is compared with.

    Those that the head compared with; else the best training videos, matched by the clip's part of
    the video.
    """
    clips = [] if feedback is None else feedback.clips
    named = list(clips[0].exemplar_clips) if clips else []
    ids = [i for i in named if shelf.has(i)][:MOST_EXEMPLARS] or shelf.best(run, seen.video)
    exemplars, matched = [], []
    for video_id in ids:
        video, features = shelf.manifest.by_id[video_id], shelf.features(video_id)
        copy = shelf.copy(video)
        exemplars.append(Exemplar(video_id, video.type or "", video.score, copy))
        ratio = max(len(features.clips) - 1, 0) / max(len(seen.features.clips) - 1, 1)
        numbers = {
            clip.clip: clip.exemplar_clips.get(video_id, round(clip.clip * ratio)) for clip in clips
        }
        matched.append({i: _seconds(features, copy, n) for i, n in numbers.items()})
    return tuple(exemplars), matched


def _seconds(features: VideoFeatures, copy: BrowserVideo, number: int) -> tuple[float, float]:
    start, stop = features.frames(number)
    return copy.seconds(start), copy.seconds(stop)


def _frame_of_interest(
    seen: SeenVideo, feedback: Feedback | None, pose: PoseFeedback | None
) -> Frame:
    """Where a joint gains most, or the middle of the clip of the lowest value, or of the video."""
    assert seen.video.path is not None
    first = seen.features.offset
    middle = first + seen.features.n_frames // 2
    if feedback is not None and feedback.clips:
        worst = min(feedback.clips, key=lambda clip: clip.value)
        middle = (worst.start + worst.stop) // 2
    if pose is not None:
        middle = pose.moves[0].frame
    return read_frames(seen.video.path, [middle])[middle]
