"""What the files of a data set say of each other: one layout, one first frame, the same joints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from aqa.annotations.manifest import Video
from aqa.errors import listed
from aqa.extract.poses.files import frame_numbers, read_poses
from aqa.extract.poses.fill import NeverSeen, missing_share, never_seen
from aqa.extract.poses.formats.arrays import load_joints
from aqa.extract.poses.names import chosen_joints
from aqa.extract.poses.normalise import check_normalise
from aqa.extract.poses.poses import NO_JOINTS, Layout, PoseError, Poses, ReadingRules, holds_depth
from aqa.extract.poses.settings import JointOptions, JointSettings
from aqa.extract.summary import reason_of
from aqa.extract.video.decode import DECODE_ERRORS

Tell = Callable[[str], None]


def survey(videos: Sequence[Video], options: JointOptions, tell: Tell) -> JointSettings:
    """Settle what the user left open, the same for all videos; `PoseError` where none is read.

    tell: is given a line for each thing that was found out and could be meant otherwise.
    """
    rules = ReadingRules(
        options.declared or _layout(videos, tell),
        _first_frame(videos, tell) if options.first_frame is None else options.first_frame,
    )
    first = _first(videos, rules)
    names = first.names
    if options.joints is not None:
        names = chosen_joints(options.joints, first.names)
    check_normalise(options.normalise or "none", names, first.joints.shape[2])
    rule: NeverSeen = options.never_seen or "fill"
    unseen = {} if rule == "refuse" else _unseen(videos, rules, names, options.max_missing)
    if unseen and rule == "leave-out":
        names = tuple(name for name in names if name not in unseen)
        if not names:
            raise PoseError("each joint is never seen in some video; give --never-seen fill")
    if unseen:
        tell(_told(unseen, rule, len(videos)))
    return JointSettings(
        names,
        first.joints.shape[2],
        options.joints is not None or (rule == "leave-out" and bool(unseen)),
        rules,
        rule,
        options.normalise or "none",
        options.max_missing,
    )


def _told(unseen: dict[str, int], rule: NeverSeen, n_videos: int) -> str:
    most = sorted(unseen, key=lambda name: (-unseen[name], name))
    done = (
        "put where the other side's is, or in the body's middle"
        if rule == "fill"
        else "left out of all videos"
    )
    counts = listed([f"{name} ({unseen[name]})" for name in most], 8)
    some = f"joints that no frame shows in some of {n_videos} videos"
    return f"{some}: {counts}: {done} (--never-seen)"


def _layout(videos: Sequence[Video], tell: Tell) -> Layout:
    """Depth, where the third number of any array of three is no confidence."""
    layout: Layout = "auto"
    for path in _paths(videos, ".npy", ".npz"):
        try:
            joints, _ = load_joints(path)
        except DECODE_ERRORS:
            continue  # told where it is read
        if joints.shape[2] == 3:
            if holds_depth(joints):
                low, high = np.nanmin(joints[..., 2]), np.nanmax(joints[..., 2])
                tell(
                    f"joints have x, y, z: the third number is {low:.3g} to {high:.3g} in "
                    f"{path.name}, which is no confidence (--joints-format)"
                )
                return "xyz"
            layout = "xyc"
    return layout


def _first_frame(videos: Sequence[Video], tell: Tell) -> int | None:
    """0 where somebody is on a frame 0 in any file; 1 where none is and some begin with 1.

    None where no file numbers its frames.
    """
    lists = begins_at_1 = 0
    for path in _paths(videos):
        try:
            found, from_1 = frame_numbers(path)
        except DECODE_ERRORS:
            continue
        if 0 in found:
            return 0
        lists += bool(found)
        begins_at_1 += from_1
    if not lists:
        return None
    first = 1 if begins_at_1 else 0
    what = "one counts from 1" if begins_at_1 else "none begins with frame 1"
    tell(
        f"frames are counted from {first}: nobody is on a frame 0 in any of {lists} files, and "
        f"{what} (--first-frame)"
    )
    return first


def _unseen(
    videos: Sequence[Video], rules: ReadingRules, names: Sequence[str], max_missing: float
) -> dict[str, int]:
    """Joint -> in how many videos no frame shows it, of those that are not refused for gaps."""
    counts: dict[str, int] = {}
    for poses in _read(videos, rules):
        if missing_share(poses, names) > max_missing:
            continue
        for name in set(never_seen(poses)) & set(names):
            counts[name] = counts.get(name, 0) + 1
    return counts


def _first(videos: Sequence[Video], rules: ReadingRules) -> Poses:
    """The joints of the first video that can be read."""
    problems: list[str] = []
    for poses in _read(videos, rules, problems):
        return poses
    first = next(iter(problems), "none has any: fill the column poses, or give --poses")
    raise PoseError(f"the joints of no video can be read; the first: {first}")


def _read(
    videos: Sequence[Video], rules: ReadingRules, problems: list[str] | None = None
) -> Iterator[Poses]:
    """The joints of each video that can be read, of the frames that the manifest asks for."""
    for video in videos:
        if video.poses is None:
            if problems is not None:
                problems.append(f"{video.id}: {NO_JOINTS}")
            continue
        try:
            poses = read_poses(video.poses, None, rules)
        except DECODE_ERRORS as error:
            if problems is not None:
                problems.append(reason_of(video.poses, error))
            continue
        part = poses.joints[video.start_frame or 0 : video.end_frame]
        if len(part):
            yield Poses(part, poses.names)


def _paths(videos: Sequence[Video], *suffixes: str) -> Iterator[Path]:
    for video in videos:
        if video.poses is not None and (not suffixes or video.poses.suffix in suffixes):
            yield video.poses
