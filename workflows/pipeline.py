"""Both stages joined: a video file in, a score or feedback out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Manifest, Video
from aqa.errors import AqaError, AqaWarning, UnknownNameError
from aqa.extract.backbones import load_backbone
from aqa.extract.backbones.base import Backbone
from aqa.extract.encode import Encoder, encode_video
from aqa.extract.poses.run import video_poses
from aqa.extract.preprocess import Preprocess
from aqa.extract.run import VIDEO_FAULTS, make_spec
from aqa.extract.video.clip_reader import ClipReader
from aqa.extract.video.decode import read_frames
from aqa.features.clips import ClipRule
from aqa.features.store import FeatureStore, Spec, spec_differences, views_of
from aqa.features.video_features import VideoFeatures, blank_of, of_store
from aqa.models.examples import videos_columns
from aqa.models.feedback import Feedback, PoseFeedback, give_feedback, give_pose_feedback
from aqa.models.runs import Run, load_run
from aqa.report.pictures import (
    Image,
    Panel,
    Point,
    draw_curve,
    draw_feedback,
    draw_moves,
    draw_panels,
    draw_tuning,
    save_picture,
    shown_frames,
)
from aqa.workflows.embed import Embeddings
from aqa.workflows.transfer.results import TransferResult


@dataclass(frozen=True)
class Scored:
    """One video's predicted score, in points: the mean over `by_split`, one value a run."""

    path: Path
    score: float
    by_split: dict[str, float]
    warning: str | None = None


@dataclass
class Scoring:
    """What became of the videos: scores, and (path, reason) of those that failed."""

    scored: list[Scored] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)


def rebuild_backbone(spec: Spec, weights: str | Path | None = None) -> Backbone:
    """The backbone that a store was made with; `AqaError` where its weights are others now.

    weights: a checkpoint file; None takes the one that the spec remembers.
    """
    made = spec["weights"]
    if made["sha256"] is None:
        raise AqaError(
            f"the features of {spec['backbone']!r} were imported: "
            "the network behind them is not known, so new videos cannot be scored"
        )
    if weights is None and made["name"] != "shipped":
        weights = "random" if made["name"] == "random" else made["path"]
        if weights != "random" and not Path(weights).exists():
            raise AqaError(f"{weights}: the weights have moved; give their place with --weights")
    backbone = load_backbone(
        spec["backbone"], weights, spec["layer"], seed=0 if made["seed"] is None else made["seed"]
    )
    backbone.preprocess = Preprocess.from_dict(spec["preprocess"])
    differences = spec_differences(
        spec,
        make_spec(
            backbone,
            rule_of(spec),
            spec["shape"],
            views_of(spec),
            spec["view_seed"],
            spec["precision"],
            spec["dtype"],
        ),
    )
    if differences:
        raise AqaError(f"not the network that the head was fitted on: {'; '.join(differences)}")
    return backbone


def rule_of(spec: Spec) -> ClipRule:
    """The clip rule that a store was made with."""
    return ClipRule(
        length=spec["clip_length"],
        stride=spec["stride"],
        frames=spec["frames"],
        pad=spec["padding"],
        tail=spec["tail"],
    )


class Extracted(NamedTuple):
    """A new video's features; a line where the video was not all that it promised."""

    cut: VideoFeatures
    warning: str | None = None


def extractor(
    spec: Spec, weights: str | Path | None, device: str
) -> tuple[Callable[[Video], Extracted], NDArray[np.float32] | None]:
    """What extracts new videos as a store was made, and the response to a blank clip, if any.

    A new "video" for a store of joints is a file of joints. weights: see `rebuild_backbone`.
    """
    if "joints" in spec:
        if weights is not None:
            raise AqaError(f"{weights}: joints are read from files; leave out --weights")
        return lambda video: _read_joints(video, spec), None
    backbone = rebuild_backbone(spec, weights)
    rule = rule_of(spec)
    encoder = Encoder(backbone, device, precision=spec["precision"])
    blank = encoder.blank(rule.length)

    def extract_video(video: Video) -> Extracted:
        reader = ClipReader(video, backbone.preprocess, rule, encoder.batch_size)
        ((features, clips),) = encode_video(reader, encoder, blank, dtype=spec["dtype"])
        return Extracted(
            VideoFeatures(features, clips, reader.n_frames, 0, reader.fps), reader.warning
        )

    return extract_video, blank


def _read_joints(video: Video, spec: Spec) -> Extracted:
    file = replace(video, path=None, poses=video.path)
    found = video_poses(file, spec["preprocess"]["max_missing"], spec["joints"])
    return Extracted(VideoFeatures(found.joints, found.clips, len(found.joints), 0, found.fps))


def score_videos(
    paths: Sequence[Path],
    runs: Sequence[Run],
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    type: str | None = None,
    difficulty: float | None = None,
    action: str | None = None,
) -> Scoring:
    """Extract videos as the runs' store was made, and predict with each run.

    runs: of one head, fitted on one kind of store; several are averaged. type, difficulty,
    action: of all the videos, for a head that takes it. A video that fails is reported in the
    result and stops nothing.
    """
    heads = {run.split: run.scoring_head() for run in runs}
    known: dict[str, Any] = {"type": type, "difficulty": difficulty, "action": action}
    _check_known(runs, known)
    spec = runs[0].spec
    for run in runs[1:]:
        differences = spec_differences(spec, run.spec)
        if differences:
            raise AqaError(
                f"{runs[0].folder} and {run.folder} were fitted on different features: "
                f"{'; '.join(differences)}; choose one with --split"
            )
    extract_video, _ = extractor(spec, weights, device)
    scoring = Scoring()
    for path in paths:
        video = Video(id=str(path), path=path, score=np.nan, **known)
        try:
            cut, warning = extract_video(video)
        except VIDEO_FAULTS as error:
            scoring.failed.append((path, str(error)))
            continue
        by_split = {
            split: float(
                head.predict(
                    [cut.features], **videos_columns([video], head.answer_columns, [cut.clips])
                )[0]
            )
            for split, head in heads.items()
        }
        mean = float(np.mean(list(by_split.values())))
        scoring.scored.append(Scored(path, mean, by_split, warning))
    return scoring


def _check_known(runs: Sequence[Run], known: Mapping[str, Any]) -> None:
    """Refuse, before anything is extracted, runs whose head must be told more of a video."""
    for run in runs:
        if known["action"] is None and "action" in run.head.answer_columns:
            raise AqaError(
                f"{run.folder}: fitted on several actions; give that of the video, with --action"
            )
        if known["difficulty"] is None and run.known_difficulty:
            raise AqaError(
                f"{run.folder}: fitted with difficulty={run.known_difficulty}; "
                "give the difficulty of the video, as --difficulty 3.2"
            )


@dataclass(frozen=True)
class Explained:
    """Feedback, the run that gave it, and where the video and the references are."""

    feedback: Feedback | PoseFeedback
    run: Run
    path: Path | None
    manifest: Manifest
    store: Path


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
    device: str = "auto",
) -> Explained:
    """Feedback on a video: an id of the manifest, or else a file, which is extracted.

    folders: runs of one head; the first that has not learned from the video is taken. store:
    None takes the run's own. type, difficulty, action: override the manifest's.
    """
    runs = [load_run(folder) for folder in folders]
    run = next((run for run in runs if name not in run.learned_from), runs[0])
    path = store or run.store
    given: dict[str, Any] = {"type": type, "difficulty": difficulty, "action": action}
    known = manifest.by_id.get(name)
    if known is None:
        video = Video(id=name, path=Path(name), score=np.nan, **given)
        if not Path(name).exists():
            raise UnknownNameError(
                "video", name, manifest.ids, remedy=f"it is no id of {manifest.path} and no file"
            )
        _check_known([run], given)
        extract_video, blank = extractor(run.spec, weights, device)
        cut, _ = extract_video(video)
        if "joints" in run.spec:
            video = replace(video, path=None)
    else:
        video = replace(known, **{k: v for k, v in given.items() if v is not None})
        with FeatureStore.open(path, run.spec) as opened:
            cut, blank = of_store(opened, name), blank_of(opened)
        if name in run.learned_from:
            warnings.warn(f"{run.folder} has learned from {name}", AqaWarning, stacklevel=2)
    head = run.scoring_head()
    feedback = (
        give_pose_feedback(head, video, cut, run.spec["joints"])
        if head.takes_joints
        else give_feedback(head, video, cut, blank, align)
    )
    return Explained(feedback, run, video.path, manifest, path)


def picture_explained(explained: Explained, output: Path) -> None:
    """Draw the video's frames over those of its first reference, over the curve of its clips.

    A frame is the middle one of its clip. Of joints, the frames of the largest gains, or a blank
    canvas where there is no video.
    """
    feedback, manifest = explained.feedback, explained.manifest
    if isinstance(feedback, PoseFeedback):
        numbers = shown_frames(feedback)
        seen = explained.path is not None and explained.path.exists()
        frames = read_frames(explained.path, numbers) if seen and explained.path else {}
        save_picture(draw_moves(feedback, frames), output)
        return
    if explained.path is None:
        raise AqaError(f"{manifest.path}: {feedback.video} has no path, so there are no frames")
    athlete = _middle_frames(explained.path, [(clip.start, clip.stop) for clip in feedback.clips])
    names = list(feedback.clips[0].exemplar_clips)
    if not names:
        save_picture(draw_feedback(feedback, athlete), output)
        return
    reference = manifest.by_id.get(names[0])
    if reference is None or reference.path is None:
        raise AqaError(f"{manifest.path}: no path of the reference {names[0]}, so no frames of it")
    with FeatureStore.open(explained.store, explained.run.spec) as opened:
        cut = of_store(opened, names[0])
    ranges = [cut.frames(clip.exemplar_clips[names[0]]) for clip in feedback.clips]
    expert = _middle_frames(reference.path, ranges)
    others = f" (and {len(names) - 1} more, not shown)" if len(names) > 1 else ""
    save_picture(draw_feedback(feedback, athlete, expert, names[0] + others), output)


def _middle_frames(path: Path, ranges: Sequence[tuple[int, int]]) -> list[Image]:
    middles = [(start + max(stop - 1, start)) // 2 for start, stop in ranges]
    frames = read_frames(path, middles)
    return [frames[number] for number in middles]


def draw_embeddings(found: Embeddings, title: str, output: Path) -> None:
    """Draw each embedding's t-SNE; rings are test videos."""
    panels = [Panel(e.name, e.flat, found.types, found.tested) for e in found.all]
    save_picture(draw_panels(panels, f"t-SNE by {title}; rings: test videos"), output)


def draw_fragments(rows: Sequence[Mapping[str, Any]], output: Path) -> None:
    """Draw the Spearman correlation of each fragment, and of all as a line (li2018end Fig. 2)."""
    points = {
        row["fragment"]: Point(
            str(row["fragment"]), row["stage"], row["spearman"], row["spearman_std"]
        )
        for row in rows
        if row["spearman"] is not None  # all predictions were the same
    }
    level = points.pop("all", None)
    title = "Spearman by fragment; line: all fragments"
    save_picture(draw_curve(list(points.values()), level, title), output)


def draw_transfer(found: TransferResult, output: Path) -> None:
    """Draw the curves of fine-tuning."""
    save_picture(draw_tuning(found), output)
