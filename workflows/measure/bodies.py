"""The body of a video, with confidences, from a file of joints or a store of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from aqa.annotations.dive_steps import position_of_dive
from aqa.annotations.manifest import Video
from aqa.extract.poses.files import find_poses
from aqa.extract.poses.formats.arrays import load_joints
from aqa.extract.poses.poses import MOST_CONFIDENT, PoseError, ReadingRules, holds_depth
from aqa.extract.poses.run import poses_and_rate
from aqa.extract.poses.settings import JointOptions
from aqa.extract.poses.survey import Tell, survey
from aqa.features.aspects.body import Array, BodyJoints
from aqa.features.body import are_fractions
from aqa.features.store import FeatureStore
from aqa.features.video_features import of_store


@dataclass(frozen=True)
class BodySource:
    """Where bodies come from.

    store: of joints (`aqa extract --backbone pose`); None: each video's file. rules: how files are
    read, the same for all.
    """

    store: Path | None
    rules: ReadingRules

    def body(self, video: Video) -> tuple[BodyJoints, float]:
        """The body on the frames that the manifest asks for, and frames per second (NaN)."""
        return _of_file(video, self.rules) if self.store is None else _of_store(video, self.store)


def bodies_from(
    videos: Sequence[Video], place: Path | None, options: JointOptions, tell: Tell
) -> tuple[list[Video], BodySource]:
    """The videos, told where their joints lie, and what reads these.

    place: a folder of files named by the videos' ids, or a store; None: the manifest's poses.
    """
    if place is not None and place.is_file():
        with FeatureStore.open(place) as store:
            if "joints" not in store.spec:
                raise PoseError(
                    f"{place}: it holds no joints; name a store of `aqa extract --backbone pose`, "
                    "or a folder of files"
                )
            if (store.spec.get("preprocess") or {}).get("normalise", "none") != "none":
                raise PoseError(f"{place}: its joints are normalised; extract them without")
        return list(videos), BodySource(place, ReadingRules())
    if place is not None:
        if not place.is_dir():
            raise PoseError(f"{place}: no such folder of joints, and no store of them")
        videos = [replace(video, poses=find_poses(place, video.id)) for video in videos]
    settings = survey(videos, replace(options, never_seen="refuse"), tell)
    return list(videos), BodySource(None, settings.rules)


def columns_of(video: Video) -> dict[str, str]:
    """Column of the manifest -> text; a dive's position also by its number, such as 107B."""
    told = position_of_dive(video.type or "")
    return {**({"position": told} if told else {}), **{k: v for k, v in video.row.items() if v}}


def _of_file(video: Video, rules: ReadingRules) -> tuple[BodyJoints, float]:
    if video.poses is None:
        raise PoseError(f"{video.id}: no joints: fill the manifest's column poses, or give --poses")
    poses, fps = poses_and_rate(video.poses, video.path, rules)
    start, stop = video.start_frame or 0, video.end_frame or len(poses.joints)
    if stop > len(poses.joints) or start >= stop:
        raise PoseError(
            f"{video.poses}: joints of {len(poses.joints)} frames, "
            f"the manifest asks for frames {start} to {stop}"
        )
    sure = _confidences(video.poses, rules, poses.joints.shape[:2])
    part = slice(start, stop)
    _check_pixels(poses.joints[part], video.poses)
    return BodyJoints.of(poses.joints[part], poses.names, None if sure is None else sure[part]), fps


def _check_pixels(joints: Array, path: Path) -> None:
    """Refuse parts of a picture's width and height, in which angles are other than they look."""
    if joints.shape[2] == 2 and are_fractions(joints):
        raise PoseError(
            f"{path}: places are parts of the picture's width and height; angles take pixels"
        )


def _confidences(path: Path, rules: ReadingRules, shape: tuple[int, int]) -> Array | None:
    """(frames, joints), 0 to 1; None where the file is none of NumPy's or has none."""
    if path.suffix not in (".npy", ".npz"):
        return None
    joints, _ = load_joints(path)
    width = joints.shape[2]
    depth = rules.layout == "xyz" or (rules.layout == "auto" and width == 3 and holds_depth(joints))
    if width == 2 or (width == 3 and (depth or rules.layout == "xy")):
        return None
    sure = np.nan_to_num(joints[..., 2 if width == 3 else 3])
    # Kinect's tracking state: 1 is inferred, 2 is tracked.
    return sure / 2 if sure.size and sure.max() > MOST_CONFIDENT else sure


def _of_store(video: Video, path: Path) -> tuple[BodyJoints, float]:
    with FeatureStore.open(path) as store:
        if video.id not in store:
            raise PoseError(f"{path}: it does not hold {video.id}; extract its joints first")
        features, spec = of_store(store, video.id), store.spec
    joints = features.features.reshape(len(features.features), len(spec["joints"]), -1)
    _check_pixels(joints.astype(np.float64), path)
    return BodyJoints.of(joints.astype(np.float64), spec["joints"]), features.fps
