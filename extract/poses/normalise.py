"""Joints relative to the body: from the middle of the hips, in lengths of the trunk, facing on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aqa.errors import listed
from aqa.extract.poses.poses import PoseError
from aqa.features.body import plain

# As they are; centred and scaled; and, of x, y, z, also turned about the vertical.
Normalise = Literal["none", "trunk", "forward"]
_PAIRS = ("shoulder", "hip")


def normalised(
    joints: NDArray[np.float32], names: Sequence[str], how: Normalise, path: Path
) -> NDArray[np.float32]:
    """Joints (frames, joints, 2 or 3) in the body's own measure.

    "trunk": on each frame relative to the middle of the hips, in lengths of the trunk (middle of
    the hips to middle of the shoulders, the median of the video's frames). "forward": of x, y, z,
    also turned about the y axis, by one angle for the whole video, so that the line from right to
    left hip and shoulder points along x on average. `PoseError` where shoulders or hips are not
    among the joints, or the trunk has no length.
    """
    if how == "none":
        return joints
    try:
        check_normalise(how, names, joints.shape[2])
    except PoseError as error:
        raise PoseError(f"{path}: {error}") from None
    by_name = {plain(name): j for j, name in enumerate(names)}
    sides = {pair: [by_name[name] for name in _both(pair)] for pair in _PAIRS}
    body = joints.astype(np.float64)
    root = body[:, sides["hip"]].mean(axis=1)
    trunk = body[:, sides["shoulder"]].mean(axis=1) - root
    length = float(np.median(np.linalg.norm(trunk, axis=1)))
    if not length > 0:
        raise PoseError(f"{path}: hips and shoulders are in the same place; leave out --normalise")
    body = (body - root[:, None]) / length
    if how == "forward":
        across = np.mean([body[:, b[0]] - body[:, b[1]] for b in sides.values()], axis=(0, 1))
        body = _turned(body, float(np.arctan2(across[2], across[0])))
    return body.astype(np.float32)


def check_normalise(how: Normalise, names: Sequence[str], n_coordinates: int) -> None:
    """Raise `PoseError` where joints of these names, of 2 or 3 coordinates, cannot be put so."""
    if how == "none":
        return
    known = {plain(name) for name in names}
    if any(name not in known for pair in _PAIRS for name in _both(pair)):
        raise PoseError(
            f"--normalise {how} takes left and right shoulders and hips, and the joints are "
            f"{listed(names, 4)}; leave it out, or name others with --joints"
        )
    if how == "forward" and n_coordinates != 3:
        raise PoseError(
            "--normalise forward takes x, y, z of each joint, and there are x and y; give "
            "--normalise trunk, or leave it out"
        )


def _both(pair: str) -> list[str]:
    return [f"{side} {pair}" for side in ("left", "right")]


def _turned(body: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """Points turned about the y axis, so that a direction at `angle` from x to z becomes x."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, y, z = np.moveaxis(body, 2, 0)
    return np.stack([cos * x + sin * z, y, cos * z - sin * x], axis=2)
