"""Missing joints: interpolated between frames, or from the other side the body's middle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aqa.extract.poses.names import other_side
from aqa.extract.poses.poses import Array, PoseError, Poses

# What becomes of a joint that no frame of a video shows.
NeverSeen = Literal["refuse", "fill", "leave-out"]


def never_seen(poses: Poses) -> tuple[str, ...]:
    """The names of the joints that no frame shows."""
    seen = np.asarray(np.isfinite(poses.joints).all(axis=2).any(axis=0))
    return tuple(name for name, shown in zip(poses.names, seen, strict=True) if not shown)


def missing_share(poses: Poses, names: Sequence[str]) -> float:
    """Which part of the places of some joints is missing; 1 where none of them is there."""
    columns = [poses.names.index(name) for name in names if name in poses.names]
    if not columns:
        return 1.0
    return float(1 - np.isfinite(poses.joints[:, columns]).all(axis=2).mean())


def filled(
    poses: Poses,
    max_missing: float,
    path: Path,
    *,
    chosen: Sequence[str] | None = None,
    unseen: NeverSeen = "refuse",
) -> NDArray[np.float32]:
    """The joints, (frames, joints, 2 or 3), with missing ones interpolated linearly in time.

    Before the first and after the last frame that shows a joint it stays where it is. A joint that
    no frame shows is where the same joint of the other side is, or else in the middle of the
    joints that are seen, with unseen="fill". chosen: the joints to give, in this order; None: all.
    Raises `PoseError` where more than the share `max_missing` of them is missing, where nothing
    is seen, or where a joint is never seen and that is refused.
    """
    names = poses.names if chosen is None else tuple(chosen)
    columns = [poses.names.index(name) for name in names]
    seen = np.asarray(np.isfinite(poses.joints).all(axis=2))
    share = missing_share(poses, names)
    if share > max_missing:
        raise PoseError(
            f"{path}: {share:.0%} of the joints are missing, more than {max_missing:.0%} "
            "(--max-missing)"
        )
    never = [name for name, j in zip(names, columns, strict=True) if not seen[:, j].any()]
    if never and unseen != "fill":
        raise PoseError(
            f"{path}: no frame has a position of {', '.join(never)}; choose other joints with "
            "--joints, or leave them out or fill them with --never-seen"
        )
    joints = _interpolated(poses.joints, seen)
    if never:
        joints = _from_others(joints, np.asarray(seen.any(axis=0)), poses.names)
    return joints[:, columns].astype(np.float32)


def _interpolated(joints: Array, seen: NDArray[np.bool_]) -> Array:
    """(frames, joints, axes) without gaps in the joints that some frame shows."""
    frames = np.arange(len(seen))
    joints = joints.copy()
    for j in np.flatnonzero(~seen.all(axis=0) & seen.any(axis=0)):
        for axis in range(joints.shape[2]):
            known = joints[seen[:, j], j, axis]
            joints[:, j, axis] = np.interp(frames, frames[seen[:, j]], known)
    return joints


def _from_others(joints: Array, shown: NDArray[np.bool_], names: Sequence[str]) -> Array:
    """Joints that no frame shows, put where the other side's is, or in the body's middle."""
    middle = joints[:, shown].mean(axis=1)
    joints = joints.copy()
    for j in np.flatnonzero(~shown).tolist():
        other = other_side(names[j])
        k = names.index(other) if other in names else None
        joints[:, j] = joints[:, k] if k is not None and shown[k] else middle
    return joints
