"""Drawing the diver: shaded limbs, trunk, head, hair and swimsuit, nearest last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from aqa.workflows.demo.camera import CameraView
from aqa.workflows.demo.diver import Array, Joint

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

SHIFT = 4  # sub-pixel bits of OpenCV's drawing functions
_ROUND = np.linspace(-1.0, 1.0, 7)
_CIRCLE = np.stack([np.cos(t := np.arange(16) * np.pi / 8), np.sin(t)], axis=-1)
_LIGHT = np.array([-0.30, -0.35])  # towards the light, in radii


@dataclass(frozen=True)
class Outfit:
    """The diver's colours (RGB), and whether the suit covers the trunk or the hips alone."""

    skin: Colour
    hair: Colour
    suit: Colour
    stripe: Colour
    one_piece: bool


class _Limb(NamedTuple):
    start: Joint
    end: Joint
    start_radius: float
    end_radius: float


def _limbs(side: str) -> list[_Limb]:
    shoulder, elbow, hand, hip, knee, ankle, toe = (
        Joint[f"{name}_{side}"]
        for name in ("SHOULDER", "ELBOW", "HAND", "HIP", "KNEE", "ANKLE", "TOE")
    )
    return [
        _Limb(hip, knee, 0.112, 0.080),
        _Limb(knee, ankle, 0.082, 0.052),
        _Limb(ankle, toe, 0.050, 0.030),
        _Limb(shoulder, elbow, 0.068, 0.054),
        _Limb(elbow, hand, 0.054, 0.036),
    ]


_LIMBS = _limbs("LEFT") + _limbs("RIGHT")
_STARTS = np.array([limb.start for limb in _LIMBS])
_ENDS = np.array([limb.end for limb in _LIMBS])
_RADII = np.array([(limb.start_radius, limb.end_radius) for limb in _LIMBS])
_HEAD_RADIUS = 0.125


def fixed(points: NDArray[np.floating]) -> NDArray[np.int32]:
    """Points in pixels as OpenCV takes them: whole numbers of 1 / 2**SHIFT pixels."""
    return np.rint(points * (1 << SHIFT)).astype(np.int32)


@lru_cache(maxsize=1024)
def shade(colour: Colour, factor: float) -> Colour:
    """A colour made darker (factor below 1) or lighter."""
    red, green, blue = (min(255, round(value * factor)) for value in colour)
    return red, green, blue


def draw_figure(image: Image, joints: Array, view: CameraView, outfit: Outfit) -> None:
    """Draw one skeleton `(17, 3)`, in metres, into an RGB image."""
    painter = _Painter(image, joints, view, outfit)
    for _, paint in sorted(painter.parts(), key=lambda depth_and_paint: depth_and_paint[0]):
        paint()


class _Painter:
    """The parts of one figure in the image, each with its depth."""

    def __init__(self, image: Image, joints: Array, view: CameraView, outfit: Outfit):
        self.image, self.outfit, self.scale = image, outfit, view.scale
        self.depth = joints[:, 2]
        self.at = view.pixels(joints[:, :2])
        up = joints[Joint.NECK] - joints[Joint.PELVIS]
        self.up = up / np.linalg.norm(up)
        right = joints[Joint.SHOULDER_RIGHT] - joints[Joint.SHOULDER_LEFT]
        self.forward = np.cross(self.up, right / np.linalg.norm(right))
        outlines = _capsules(self.at[_STARTS], self.at[_ENDS], _RADII * view.scale)
        self.outlines = fixed(outlines)

    def parts(self) -> list[tuple[float, Callable[[], None]]]:
        limbs: list[tuple[float, Callable[[], None]]] = [
            (float(self.depth[limb.start] + self.depth[limb.end]) / 2.0, partial(self.limb, i))
            for i, limb in enumerate(_LIMBS)
        ]
        trunk = float(self.depth[Joint.PELVIS] + self.depth[Joint.NECK]) / 2.0
        head = float(self.depth[Joint.HEAD])
        return [*limbs, (trunk, self.trunk), (head + 0.001, self.head)]

    def limb(self, index: int) -> None:
        skin = self.outfit.skin
        far = self.depth[_LIMBS[index].end] < self.depth[Joint.PELVIS]
        base = shade(skin, 0.80 if far else 0.95)
        dark, plain, light = self.outlines[:, index]
        _fill(self.image, dark, shade(base, 0.55))
        _fill(self.image, plain, base)
        _fill(self.image, light, shade(base, 1.17))

    def trunk(self) -> None:
        """Bare trunk, then the suit: all of it but the shoulders, or the hips alone."""
        outfit = self.outfit
        chest = self._inside(0.72)
        shoulders = [(Joint.SHOULDER_LEFT, 0.070), (Joint.SHOULDER_RIGHT, 0.078)]
        hips = [(Joint.HIP_LEFT, 0.110), (Joint.HIP_RIGHT, 0.110)]
        corners = [(self.at[joint], radius) for joint, radius in shoulders + hips]
        self._hull([*corners, (chest, 0.142)], outfit.skin)
        seat = [(self.at[joint], radius + 0.004) for joint, radius in hips]
        top = [(self._inside(0.80), 0.112), (chest, 0.146)] if outfit.one_piece else []
        self._hull([*seat, (self._inside(0.22), 0.118), *top], outfit.suit)
        self._front_and_back()

    def head(self) -> None:
        """Hair all round, and a face where the diver looks."""
        centre, scale = self.at[Joint.HEAD], self.scale
        flat_forward = self.forward[:2] * (1.0, -1.0)
        flat_up = self.up[:2] * (1.0, -1.0)
        self._disc(centre, _HEAD_RADIUS + 0.012, shade(self.outfit.hair, 0.6))
        self._disc(centre, _HEAD_RADIUS, self.outfit.hair)
        if self.forward[2] > -0.6:
            face = centre + scale * (0.055 * flat_forward - 0.030 * flat_up)
            self._disc(face, 0.085, shade(self.outfit.skin, 1.05))
        bun = centre + scale * (-0.13 * flat_forward + 0.06 * flat_up)
        self._disc(bun, 0.055, shade(self.outfit.hair, 1.25))

    def _front_and_back(self) -> None:
        """A stripe on the chest and a bare back tell the diver's front from the back."""
        facing = float(self.forward[2])
        sideways = 0.10 * self.scale * self.forward[:2] * (1.0, -1.0)
        if facing > 0.15:
            marks = [(self._inside(share) + sideways, 0.050) for share in (0.42, 0.78)]
            self._hull(marks, self.outfit.stripe, lit=False)
        elif facing < -0.15 and self.outfit.one_piece:
            marks = [(self._inside(share) - sideways, 0.072) for share in (0.55, 0.85)]
            self._hull(marks, self.outfit.skin, lit=False)

    def _inside(self, share: float) -> Array:
        """A point of the spine between pelvis (0) and neck (1), in pixels."""
        spine: Array = self.at[Joint.PELVIS] * (1.0 - share) + self.at[Joint.NECK] * share
        return spine

    def _disc(self, centre: Array, radius: float, colour: Colour) -> None:
        _fill(self.image, fixed(centre + radius * self.scale * _CIRCLE), colour)

    def _hull(self, discs: list[tuple[Array, float]], colour: Colour, lit: bool = True) -> None:
        """The convex hull of discs, with a dark edge and a light side if it is `lit`."""
        layers = [(1.0, 0.0, 1.0)]
        if lit:
            layers = [(1.10, 0.0, 0.55), (0.96, 0.0, 0.95), (0.62, 1.0, 1.15)]
        for size, shifted, tone in layers:
            points = [
                centre + radius * self.scale * (size * _CIRCLE + shifted * _LIGHT)
                for centre, radius in discs
            ]
            hull = cv2.convexHull(np.concatenate(points).astype(np.float32))[:, 0]
            _fill(self.image, fixed(hull), shade(colour, tone))


def _capsules(starts: Array, ends: Array, radii: Array) -> Array:
    """Outlines `(3, n, 14, 2)` of `n` tapered limbs: dark edge, limb, light side."""
    axis = ends - starts
    length = np.maximum(np.hypot(axis[:, 0], axis[:, 1]), 1e-6)
    angle = np.arctan2(axis[:, 1], axis[:, 0])[:, None]
    lean = np.arccos(np.clip((radii[:, 0] - radii[:, 1]) / length, -1.0, 1.0))[:, None]
    at_end = angle + lean * _ROUND
    at_start = angle + np.pi + (np.pi - lean) * _ROUND
    around = np.concatenate([at_end, at_start], axis=1)
    outward = np.stack([np.cos(around), np.sin(around)], axis=-1)
    half = len(_ROUND)
    layers = []
    for size, shifted in ((1.14, 0.0), (0.96, 0.0), (0.55, 1.0)):
        reach = size * outward + shifted * _LIGHT
        points = np.empty_like(outward)
        points[:, :half] = ends[:, None] + radii[:, 1, None, None] * reach[:, :half]
        points[:, half:] = starts[:, None] + radii[:, 0, None, None] * reach[:, half:]
        layers.append(points)
    return np.stack(layers)


def _fill(image: Image, outline: NDArray[np.int32], colour: Colour) -> None:
    cv2.fillConvexPoly(image, outline, colour, cv2.LINE_AA, SHIFT)
