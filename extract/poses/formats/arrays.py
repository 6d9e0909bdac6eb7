"""Joints in NumPy's files: one array of a video's frames, with or without the joints' names."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aqa.extract.poses.names import ARRAYS, ARRAYS_3D, known_names
from aqa.extract.poses.poses import (
    Array,
    PoseError,
    Poses,
    ReadingRules,
    fourth_problem,
    holds_depth,
    positions,
)
from aqa.features.arrays import load_arrays

# Frames per second that a camera may take, or a time lapse: others make durations infinite.
_SLOWEST, _FASTEST = 1e-3, 1e5
# Flat rows that are joints of no other shape: 33 of MediaPipe x 3 or 4, 25 of Kinect x 4.
_FLAT = {99: (33, 3), 132: (33, 4), 100: (25, 4)}


def read_array_file(path: Path, rules: ReadingRules) -> Poses:
    """Read a .npy or .npz."""
    joints, names = load_joints(path)
    return from_array(path, joints, names, rules)


def told_rate(path: Path) -> float:
    """The frames per second that a .npz says it is of, in `fps`; NaN for none, or no camera's."""
    loaded = load_arrays(path) if path.suffix == ".npz" else None
    told = loaded.get("fps") if isinstance(loaded, dict) else None
    if told is None or told.dtype.kind not in "fiu" or told.size != 1:
        return float("nan")
    rate = float(told.reshape(-1)[0])
    return rate if _SLOWEST <= rate <= _FASTEST else float("nan")


def load_joints(path: Path) -> tuple[Array, tuple[str, ...] | None]:
    """The one array of joints in a file, (frames, joints, 2 to 5), and their names, if there."""
    loaded = load_arrays(path)
    arrays = loaded if isinstance(loaded, dict) else {path.name: loaded}
    names = arrays.pop("names", None)
    shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
    shaped = [
        array.reshape(-1, *_FLAT[array.shape[1]])
        if array.ndim == 2 and array.shape[1] in _FLAT
        else array
        for array in arrays.values()
    ]
    candidates = [array for array in shaped if array.ndim == 3]
    if len(candidates) != 1 or not 2 <= candidates[0].shape[2] <= 5 or 0 in candidates[0].shape:
        raise PoseError(
            f"{path}: it holds {shapes or 'nothing'}; expected one array of (frames, joints, 2): "
            "x, y; of 3: x, y and confidence or z; or of 4: x, y, z and confidence or tracking "
            "state"
        )
    if candidates[0].dtype.kind not in "fiu":
        raise PoseError(f"{path}: its joints are of {candidates[0].dtype}, not of numbers")
    joints = candidates[0].astype(np.float64)
    if names is not None and (names.dtype.kind != "U" or names.shape != joints.shape[1:2]):
        raise PoseError(f"{path}: names {names.shape}; expected a text for each joint")
    return joints, None if names is None else tuple(names.tolist())


def from_array(
    path: Path, joints: Array, names: tuple[str, ...] | None, rules: ReadingRules
) -> Poses:
    """The joints of an array of one body, with the names of a known skeleton of its size."""
    if rules.layout == "xyz" and joints.shape[2] == 2:
        raise PoseError(f"{path}: x and y of each joint, and no z; leave out --joints-format xyz")
    if rules.layout == "xyc" and joints.shape[2] == 3 and holds_depth(joints):
        third = joints[..., 2]
        raise PoseError(
            f"{path}: the third number of a joint is {np.nanmin(third):.3g} to "
            f"{np.nanmax(third):.3g}, which is no confidence; give --joints-format xyz"
        )
    if joints.shape[2] > 3 and (problem := fourth_problem(joints)):
        raise PoseError(f"{path}: {problem}")
    places = positions(joints, rules.layout)
    known = ARRAYS if places.shape[2] == 2 else ARRAYS_3D
    return Poses(places, known_names(known, joints.shape[1], names))
