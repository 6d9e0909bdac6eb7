"""All that a page on a few videos shows: scores, what cost points, the exemplars beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from aqa.annotations.manifest import Manifest, Video
from aqa.annotations.video import called
from aqa.errors import AqaError, UnknownNameError
from aqa.extract.poses.poses import PoseError
from aqa.extract.remote.held import held
from aqa.extract.summary import reason_of
from aqa.extract.video.browser import BrowserVideo as BrowserVideo
from aqa.extract.video.browser import jpeg
from aqa.extract.video.decode import DECODE_ERRORS, read_frames
from aqa.features.video_features import VideoFeatures
from aqa.models.feedback import AspectFeedback, Feedback, PoseFeedback
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
    written_on,
)
from aqa.workflows.known_files import KnownFiles
from aqa.workflows.measure.again import measured_again
from aqa.workflows.measure.shown import ShownAspects, shown_aspects
from aqa.workflows.moments import Moment as Moment
from aqa.workflows.moments import compared_with, moments_of, weakest
from aqa.workflows.new_videos import (
    VideoExtractor,
    check_same_features,
    extractor_for,
    predicted_score,
    reads_joints,
)
from aqa.workflows.shown_joints import ShownJoints, joints_of_feedback, joints_of_file
from aqa.workflows.training_files import TrainingFiles
from aqa.workflows.true_faults import TrueFault, told_faults
from aqa.workflows.trust import Trust, trust_in
from aqa.workflows.video_shelf import MOST_EXEMPLARS, VideoShelf

# Most pixels that a still is high: a small picture in a table, a larger one on paper.
_STILL = 320


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
    writes, "" for nothing. writer: the head that writes it, where that is another one. joints: to
    draw over the copy; None where none are known. copy: to play; None where there is no video file.
    thumbnail: JPEG of the moment that the feedback speaks of first. run: whose feedback it is.
    trust: how far the score may be trusted. warnings: why this may mean less than it seems, one
    line each. true_faults: where somebody has told them. aspects: what was measured, the worst
    first. costs: what the head says of these.
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
    aspects: ShownAspects = field(default_factory=ShownAspects)
    writer: str = ""
    costs: AspectFeedback | None = None

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
    checked once. writers: runs of another head, fitted on the same features, which writes a line on
    each video; the first that has not learned from a video writes.
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
        writers: Sequence[Run] = (),
    ):
        check_beside([(run.folder, run.record) for run in (*runs, *writers)])
        self.runs, self.manifest = tuple(runs), runs[0].seen(manifest)
        self._writers = tuple(writers)
        for run in writers:
            if "commentary" not in run.head.gives:
                raise AqaError(
                    f"{run.folder}: {run.name} writes nothing; name a head that does, as mtl that "
                    "was fitted on the manifest's column commentary"
                )
        for run in runs:
            if run.kind != "scores":
                raise AqaError(
                    f"{run.folder}: its answers are no points, which a page shows; use `aqa score`"
                )
            check_run(run, self.manifest, store or run.store)
        check_same_features((*runs, *writers))
        self._align, self._extractor = align, extractor
        self._network: dict[str, Any] = {"weights": weights, "backbone": backbone, "device": device}
        self._shelf = VideoShelf(self.manifest, store or runs[0].store, runs[0].spec)

    @property
    def extractor(self) -> VideoExtractor:
        """What extracts new videos; its network is built when it is first needed."""
        if self._extractor is None:
            run = self.runs[0]
            self._extractor = extractor_for(run.spec, store=run.store, **self._network)
        return self._extractor

    @cached_property
    def _training_files(self) -> TrainingFiles:
        return TrainingFiles(self.runs)

    @cached_property
    def _files_of_writers(self) -> TrainingFiles:
        return TrainingFiles(self._writers)

    def stored(
        self, video_id: str, told: Mapping[str, Any] | None = None, asked: str = ""
    ) -> ReportedVideo:
        """A video of the manifest, by those runs that did not learn from it, if there are any.

        told: what the user says of it, before what the manifest does; asked: how the user named it;
        see `from_store`.
        """
        chosen = [run for run in self.runs if video_id not in run.learned_from] or [self.runs[0]]
        video = self.manifest.by_id[video_id]
        seen = from_store(video, chosen[0], self._shelf.store, dict(told or {}), asked)
        writers = [run for run in self._writers if video_id not in run.learned_from]
        if not self._shelf.has(video_id):
            return self._reported(seen, chosen, writers)
        with held(seen.video) as (there, _):
            return self._reported(replace(seen, video=there), chosen, writers)

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
        return self._reported(seen, chosen, self._files_of_writers.unlearned(video.path))

    def _reported(
        self, seen: SeenVideo, runs: Sequence[Run], writers: Sequence[Run]
    ) -> ReportedVideo:
        """writers: those that did not learn from the video."""
        made = _reported(seen, runs, self._shelf, self._align)
        if not self._writers:
            return made
        writer = (writers or self._writers)[0]
        if not writers:
            line = f"{seen.video.id}: {writer.folder}, which writes of it, has learned from it"
            made = replace(made, warnings=(*made.warnings, line))
        said = written_on(writer, seen)
        return replace(made, commentary=said.commentary, writer=writer.label)

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
    writers: Sequence[Run] = (),
) -> VideosReport:
    """Score and explain videos: ids of the manifest, or else files, which are extracted.

    A file that is a video of the manifest is that video. One of the manifest is scored by those
    runs that did not learn from it, if there are any; the first of these explains it. type,
    difficulty, action: of the new files; where there are none, of all, before what the manifest
    says. The other arguments are those of `VideoReporter`. A video that fails stops nothing: it is
    in `failed`.
    """
    network: dict[str, Any] = {"weights": weights, "backbone": backbone, "device": device}
    reporter = VideoReporter(runs, manifest, store, align=align, writers=writers, **network)
    told = {"type": type, "difficulty": difficulty, "action": action}
    files, where = KnownFiles(reporter.manifest), store or runs[0].store
    asked = {stored_id(name, reporter.manifest, files, where): name for name in names}
    names = list(asked)
    videos: dict[str, Video] = {}
    failed: dict[str, str] = {}
    for name in (name for name in names if name not in reporter.manifest.by_id):
        try:
            videos[name] = new_video(name, runs[0], reporter.manifest, files, told)
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
            stored = (name, {} if videos else told, asked[name])
            done.append(reporter.new(videos[name]) if new else reporter.stored(*stored))
        except DECODE_ERRORS as error:
            failed[called(name)] = _why_not(called(name), error)
    return reporter.together(done, failed)


def _why_not(name: str, error: Exception) -> str:
    reason = reason_of(name, error)
    return reason.removeprefix(f"{name}: ").removeprefix(f"{Path(name)}: ")


def _reported(seen: SeenVideo, runs: Sequence[Run], shelf: VideoShelf, align: str) -> ReportedVideo:
    video, run = seen.video, runs[0]
    heads = {one.split: one.scoring_head() for one in runs}
    by_split = {split: predicted_score(head, video, seen.features) for split, head in heads.items()}
    if "aspects" in run.head.gives and seen.measured is None:
        seen = replace(seen, measured=measured_again(video, run.spec))
    explains = not {"clips", "joints", "aspects", "commentary"}.isdisjoint(run.head.gives)
    said = feedback_on(run, seen, align) if explains else None
    pose = said if isinstance(said, PoseFeedback) else None
    feedback = said if isinstance(said, Feedback) else None
    costs = said if isinstance(said, AspectFeedback) else None
    written = said.commentary if isinstance(said, WrittenFeedback) else ""
    shown = video.path is not None and video.path.exists()
    copy = shelf.copy(video) if shown else None
    exemplars, matched = _exemplars(seen, run, feedback, shelf) if copy else ((), [])
    beside, levels = compared_with(run, seen, feedback)
    trust = trust_in(runs, by_split, video, seen.features)
    moments = moments_of(seen, feedback, levels, copy, matched)
    joints, unshown = _joints(video, pose, copy)
    faults: tuple[TrueFault, ...] = ()
    if copy and not reads_joints(run.spec):
        faults = told_faults(video, seen.features, shelf.manifest, copy)
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
        thumbnail=jpeg(_frame_of_interest(seen, feedback, moments, pose), _STILL) if copy else None,
        run=run,
        trust=trust,
        warnings=(
            *((f"{video.id}: {trust.unlike}",) if trust.unlike else ()),
            *(*seen.warnings, *unshown),
        ),
        true_faults=faults,
        pose=pose,
        joints=joints,
        aspects=shown_aspects(
            video,
            shelf.manifest,
            run.record["split"]["train"],
            shelf.store,
            costs,
            None if seen.measured is None else (run.spec, seen.measured),
        ),
        costs=costs,
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
    seen: SeenVideo, run: Run, feedback: Feedback | None, shelf: VideoShelf
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
    seen: SeenVideo,
    feedback: Feedback | None,
    moments: Sequence[Moment],
    pose: PoseFeedback | None,
) -> Frame:
    """Where a joint gains most, or the middle of the weakest moment, or of the video."""
    assert seen.video.path is not None
    first = seen.features.offset
    middle = first + seen.features.n_frames // 2
    if feedback is not None and (worst := weakest(moments)) is not None:
        clip = next(one for one in feedback.clips if one.clip == worst.number)
        middle = (clip.start + clip.stop) // 2
    if pose is not None:
        middle = pose.moves[0].frame
    return read_frames(seen.video.path, [middle])[middle]
