"""One video in, what a head says of its clips or joints out, and the frames to show with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Manifest, Video
from aqa.annotations.urls import is_url
from aqa.errors import AqaError, UnknownNameError
from aqa.extract.remote.held import held_to_the_end
from aqa.extract.video.decode import content_of, open_video, read_frames
from aqa.features.body import are_fractions
from aqa.features.store import FeatureStore
from aqa.features.video_features import VideoFeatures, blank_of, of_store
from aqa.models.examples import example_of
from aqa.models.feedback import (
    AspectFeedback,
    Feedback,
    PoseFeedback,
    give_aspect_feedback,
    give_feedback,
    give_pose_feedback,
)
from aqa.models.runs import Run, load_run
from aqa.models.saved.hashes import check_learned, warn_unchecked
from aqa.target_names import PAIRS, RANK_VALUE, SCORE
from aqa.workflows.known_files import KnownFiles
from aqa.workflows.measure.again import measured_again, told_aspects
from aqa.workflows.measure.run import MeasuredVideo
from aqa.workflows.new_videos import VideoExtractor, check_told, extractor_for, reads_joints
from aqa.workflows.training_files import SAYS_NOTHING, TrainingFiles
from aqa.workflows.trust import unlike_training

Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class WrittenFeedback:
    """What a head that says nothing of single clips writes of a whole video, in one line."""

    video: str
    commentary: str


AnyFeedback = Feedback | PoseFeedback | AspectFeedback | WrittenFeedback


@dataclass(frozen=True)
class ExplainedVideo:
    """Feedback on one video, and where it comes from.

    path: the video file, None where there is none. manifest, store: where its exemplars are.
    warnings: why the feedback may mean less than it seems, one line each.
    """

    feedback: AnyFeedback
    run: Run
    path: Path | None
    manifest: Manifest
    store: Path
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClipFrames:
    """The middle frame of each clip, uint8 (H, W, 3), and those of the exemplar's clips.

    exemplar: its name, and how many there are besides; empty where there is none.
    """

    video: list[Frame]
    exemplar_frames: list[Frame]
    exemplar: str


@dataclass(frozen=True)
class SeenVideo:
    """A video as its features show it.

    blank: the feature of a clip of black frames, (dim,). warnings: why what is said of it may mean
    less than it seems, one line each. measured: its aspects, where they are known already.
    """

    video: Video
    features: VideoFeatures
    blank: NDArray[np.float32] | None
    warnings: tuple[str, ...]
    measured: MeasuredVideo | None = None


def explain(
    name: str,
    folders: Sequence[Path],
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
    heads: Sequence[str] = (),
) -> ExplainedVideo:
    """Feedback on a video: an id of the manifest, or else a file or address; it is extracted.

    A file that is a video of the manifest is that video.

    folders: runs of one head; the first that has not learned from the video is taken. store: None
    takes the run's own. type, difficulty, action: override the manifest's. weights, backbone: see
    `aqa.extract.rebuild.rebuild_backbone`. heads: what the user named with --head, see `load_run`.
    """
    runs = [load_run(folder, heads) for folder in folders]
    known = KnownFiles(manifest)
    asked, name = name, stored_id(name, manifest, known, store or runs[0].store)
    files = TrainingFiles(runs if name not in manifest.by_id else ())
    told = {"type": type, "difficulty": difficulty, "action": action}
    file = Path(name)
    if is_url(name):
        file = held_to_the_end(new_video(name, runs[0], manifest, known, told)).path or file
    ids = {name, *files.ids_of(file)}
    run = next((run for run in runs if run.learned_from.isdisjoint(ids)), runs[0])
    where, manifest = store or run.store, run.seen(manifest)
    check_run(run, manifest, where)
    if name in manifest.by_id:
        seen = from_store(manifest.by_id[name], run, where, told, asked)
    else:
        video = held_to_the_end(new_video(name, run, manifest, known, told))
        extractor = extractor_for(
            run.spec, weights=weights, backbone=backbone, device=device, store=run.store
        )
        seen = from_file(video, run, extractor)
        if learned := TrainingFiles([run]).warning(file):
            seen = replace(seen, warnings=(f"{video.id}: {learned}", *seen.warnings))
    feedback = feedback_on(run, seen, align)
    unlike = unlike_training([run], seen.features.features)
    warnings = (*seen.warnings, *((f"{seen.video.id}: {unlike}",) if unlike else ()))
    return ExplainedVideo(feedback, run, seen.video.path, manifest, where, warnings)


def feedback_on(run: Run, seen: SeenVideo, align: str = "index") -> AnyFeedback:
    """What the run's head says of a video's clips, joints or aspects, or writes of the whole."""
    head: Any = run.scoring_head()
    video, features = seen.video, seen.features
    if head.takes_joints:
        _check_pixels(run)
        return give_pose_feedback(head, video, features, run.spec["joints"], _frame_size(seen))
    if "aspects" in head.gives:
        one = seen.measured or measured_again(video, run.spec)
        told = told_aspects(video, run.spec, one)
        return give_aspect_feedback(head, video, features, run.spec.get("definition"), told)
    if "commentary" in head.gives and "clips" not in head.gives:
        return written_on(run, seen)
    feedback = give_feedback(head, video, features, seen.blank, align, run.clip_reference)
    if feedback.total is None or run.target == SCORE:
        return feedback
    of = RANK_VALUE if run.target == PAIRS else run.target
    of += feedback.total.of.removeprefix(SCORE)
    return replace(feedback, total=replace(feedback.total, of=of))


def written_on(run: Run, seen: SeenVideo) -> WrittenFeedback:
    """What the run's head, which writes, says of a whole video."""
    head: Any = run.scoring_head()
    example = example_of(
        seen.video, seen.features.features, seen.features.clips, head.answer_columns
    )
    return WrittenFeedback(seen.video.id, head.commentary(example)[0])


def _frame_size(seen: SeenVideo) -> tuple[int, int] | None:
    """Width and height of the frames, in pixels, where joints are told as parts of these.

    None where they are not, or there is no video file.
    """
    path, first = seen.video.path, seen.features.offset
    if path is None or not path.exists() or not are_fractions(seen.features.features):
        return None
    height, width = read_frames(path, [first])[first].shape[:2]
    return width, height


def _check_pixels(run: Run) -> None:
    """Refuse joints that do not lie in a picture, as what is said of them is said in pixels."""
    if run.spec.get("coordinates", 2) != 2:
        raise AqaError(f"{run.folder}: its joints are x, y, z; feedback is given on x and y")
    how = (run.spec.get("preprocess") or {}).get("normalise", "none")
    if how != "none":
        raise AqaError(
            f"{run.folder}: its joints were extracted with --normalise {how}; feedback is given in "
            "pixels, so fit on a store without it"
        )


def check_run(run: Run, manifest: Manifest, store: Path) -> None:
    """Refuse a run that learned from other values or features than there are now."""
    warn_unchecked([(run.folder, run.record)])
    check_learned(run.folder, run.record, manifest)
    if store.exists():
        with FeatureStore.open(store) as opened:
            check_learned(run.folder, run.record, None, opened)


def from_store(
    video: Video, run: Run, store: Path, told: dict[str, Any], asked: str = ""
) -> SeenVideo:
    """A video of the manifest, with the features that a store holds of it.

    told: what the user says of it; overrides the manifest's where it is not None. asked: how the
    user named it; a file is read once more, for what is wrong with it.
    """
    with FeatureStore.open(store, run.spec) as opened:
        features, blank = of_store(opened, video.id), blank_of(opened)
    video = replace(video, **{name: value for name, value in told.items() if value is not None})
    learned = video.id in run.learned_from
    warnings = [f"{run.folder} has learned from {video.id}: {SAYS_NOTHING}"] if learned else []
    path = video.path
    if path is not None and asked not in ("", video.id) and _same_file(asked, path):
        source = open_video(path)
        for _ in source.frames(video.start_frame or 0, video.end_frame):
            pass
        warnings += [f"{asked}: {line}" for line in source.warnings()]
    return SeenVideo(video, features, blank, tuple(warnings))


def _same_file(name: str, path: Path) -> bool:
    return path.exists() and Path(name).exists() and path.samefile(name)


def stored_id(name: str, manifest: Manifest, files: KnownFiles, store: Path) -> str:
    """The id of the manifest's video that a file is, if the store holds it; else the name given.

    A file that is another one than when the store was made is not what the store holds.
    """
    known = None if name in manifest.by_id else files.video(name)
    if known is None or not store.exists():
        return name
    with FeatureStore.open(store) as opened:
        if known.id not in opened.ids:
            return name
        content, joints = opened.content(known.id), "joints" in opened.spec
    source = known.poses if joints else known.path
    if content is None or source is None or not _same_file(name, source):
        return known.id
    return known.id if content == content_of(Path(name)) else name


def new_video(
    name: str, run: Run, manifest: Manifest, files: KnownFiles, told: dict[str, Any]
) -> Video:
    """A video that no store holds; `UnknownNameError` for no file and no address.

    told: what the user says of it, before what the manifest does, if the file is one of its own.
    """
    if not is_url(name) and not Path(name).exists():
        raise UnknownNameError(
            "video", name, manifest.ids, remedy=f"it is no id of {manifest.path} and no file"
        )
    video = files.as_new(name, told)
    check_told(run, video)
    return video


def from_file(video: Video, run: Run, extractor: VideoExtractor) -> SeenVideo:
    """A new video, extracted as the run's store was made."""
    extracted = extractor.extract(video)
    if reads_joints(run.spec):  # the file holds no frames
        video = replace(video, path=None, poses=video.path)
    warnings = tuple(f"{video.id}: {line}" for line in extracted.warnings)
    return SeenVideo(video, extracted.features, extractor.blank, warnings, extracted.measured)


def clip_frames(explained: ExplainedVideo) -> ClipFrames:
    """The frames to show with feedback on clips; `AqaError` where a video has no file."""
    feedback, manifest = explained.feedback, explained.manifest
    if not isinstance(feedback, Feedback):
        raise AqaError(
            f"{explained.run.folder}: it says nothing of single clips; leave out --picture"
        )
    if explained.path is None:
        raise AqaError(f"{manifest.path}: {feedback.video} has no path, so there are no frames")
    frames = _middle_frames(explained.path, [(clip.start, clip.stop) for clip in feedback.clips])
    names = list(feedback.clips[0].exemplar_clips)
    if not names:
        return ClipFrames(frames, [], "")
    exemplar = manifest.by_id.get(names[0])
    if exemplar is None or exemplar.path is None:
        raise AqaError(f"{manifest.path}: no path of the exemplar {names[0]}, so no frames of it")
    with FeatureStore.open(explained.store, explained.run.spec) as opened:
        features = of_store(opened, names[0])
    ranges = [features.frames(clip.exemplar_clips[names[0]]) for clip in feedback.clips]
    others = f" (and {len(names) - 1} more, not shown)" if len(names) > 1 else ""
    return ClipFrames(frames, _middle_frames(exemplar.path, ranges), names[0] + others)


def numbered_frames(explained: ExplainedVideo, numbers: Sequence[int]) -> dict[int, Frame]:
    """Frames of the video by their numbers; none where there is no video file."""
    if explained.path is None or not explained.path.exists():
        return {}
    return read_frames(explained.path, numbers)


def _middle_frames(path: Path, ranges: Sequence[tuple[int, int]]) -> list[Frame]:
    middles = [(start + max(stop - 1, start)) // 2 for start, stop in ranges]
    frames = read_frames(path, middles)
    return [frames[number] for number in middles]
