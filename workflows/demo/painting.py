"""Shapes painted into an image as the camera sees them."""

from __future__ import annotations

import cv2
import numpy as np

from aqa.workflows.demo.camera import HEIGHT, WIDTH, CameraView
from aqa.workflows.demo.figure import SHIFT, Colour, Image, fixed

FLAT = 0.24
"""Height to width of a circle on the water."""


def crop(image: Image, left: float, top: float, step: float, rows: int, border: int) -> Image:
    """A window `(rows, 320)` of an image, magnified by `1 / step`, at a sub-pixel place."""
    matrix = np.array([[step, 0.0, left], [0.0, step, top]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    window = cv2.warpAffine(image, matrix, (WIDTH, rows), flags=flags, borderMode=border)
    return np.asarray(window, dtype=np.uint8)


def column_of(view: CameraView, x: float) -> float:
    """The column of pixels, from the left, at which x metres are seen."""
    return WIDTH / 2.0 + (x - view.x) * view.scale


def block(
    image: Image,
    view: CameraView,
    across: tuple[float, float],
    up: tuple[float, float],
    colour: Colour,
) -> None:
    """A rectangle in the diver's plane, metres."""
    top, bottom = view.row(up[1]), view.row(up[0])
    if bottom <= 0 or top >= HEIGHT:
        return
    left, right = column_of(view, across[0]), column_of(view, across[1])
    if right > 0 and left < WIDTH:
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        cv2.fillConvexPoly(image, fixed(corners), colour, cv2.LINE_AA, SHIFT)


def ellipse(
    image: Image,
    view: CameraView,
    at: tuple[float, float],
    radius: float,
    colour: tuple[float, ...],
    thickness: int,
) -> None:
    """A circle on the water, as the camera sees it from a little above."""
    centre = fixed(np.array([column_of(view, at[0]), view.row(at[1])])).tolist()
    wide = round(radius * view.scale * (1 << SHIFT))
    axes = (wide, round(FLAT * wide))
    cv2.ellipse(image, centre, axes, 0, 0, 360, colour, thickness, cv2.LINE_AA, SHIFT)


def whiten(image: Image, alpha: Image) -> None:
    """Blend white into the image where `alpha` is, softly."""
    left, top, width, height = cv2.boundingRect(alpha)
    if width == 0:
        return
    pad = 6
    rows = slice(max(0, top - pad), top + height + pad)
    window = rows, slice(max(0, left - pad), left + width + pad)
    sharp = alpha[window].astype(np.float32) / 255.0
    mist = cv2.GaussianBlur(sharp, (0, 0), 2.5)
    weight = 0.5 * sharp + 0.45 * mist
    white = np.full_like(image[window], 248)
    image[window] = cv2.blendLinear(white, image[window], weight, 1.0 - weight)
