"""Where something moves that does not move with the camera.

A frame is compared with the ones a few frames before and after it, each brought over it by what
ORB (rublee2011) finds in both. What differs from both has moved.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from aqa.extract.video.source import Frame

APART = 3
"""Frames between those that are compared."""

_LONG_SIDE = 320  # of the pictures that are compared
_MOST_FEATURES = 500
_FEWEST_MATCHES = 12
_BLUR = 0.025  # of the long side: about half a limb of an athlete who fills a third of the height

Gray = NDArray[np.uint8]


class View(NamedTuple):
    """What is kept of a frame. points, words: ORB's, None where there are none."""

    gray: Gray
    scale: float
    points: NDArray[np.float32]
    words: NDArray[np.uint8] | None


def view_of(frame: Frame) -> View:
    """A small grey picture of a frame and what stands out in it."""
    scale = min(1.0, _LONG_SIDE / max(frame.shape[:2]))
    gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    if scale < 1:
        gray = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found, words = cv2.ORB.create(_MOST_FEATURES, fastThreshold=10).detectAndCompute(gray, None)
    points = np.array([point.pt for point in found], np.float32).reshape(-1, 2)
    told = np.asarray(words, np.uint8) if len(points) else None
    return View(np.asarray(gray, np.uint8), scale, points, told)


def motion(before: View | None, view: View, after: View | None) -> NDArray[np.float32] | None:
    """How much each place of the small picture has moved by itself; None where nothing tells.

    In grey levels, blurred. At either end of a video one other frame has to do.
    """
    differences = [
        difference
        for other in (before, after)
        if other is not None and (difference := _difference(view, other)) is not None
    ]
    if not differences:
        return None
    least = np.minimum.reduce(differences)
    sigma = _BLUR * max(least.shape)
    return np.asarray(cv2.GaussianBlur(least, (0, 0), sigma), np.float32)


def _difference(view: View, other: View) -> NDArray[np.float32] | None:
    """What is left of one picture when the other is brought over it and taken away."""
    matrix = _alignment(other, view)
    if matrix is None:
        return None
    height, width = view.gray.shape
    moved = cv2.warpAffine(other.gray, matrix, (width, height))
    inside = cv2.warpAffine(np.full_like(other.gray, 255), matrix, (width, height))
    inside = cv2.erode(inside, np.ones((5, 5), np.uint8))
    difference = cv2.absdiff(view.gray, moved).astype(np.float32)
    return np.where(inside == 255, difference, 0).astype(np.float32)


def _alignment(other: View, view: View) -> NDArray[np.float64] | None:
    """The turn, zoom and shift (2, 3) that brings one picture over another."""
    if other.words is None or view.words is None:
        return None
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(other.words, view.words)
    if len(matches) < _FEWEST_MATCHES:
        return None
    source = other.points[[match.queryIdx for match in matches]]
    target = view.points[[match.trainIdx for match in matches]]
    matrix, kept = cv2.estimateAffinePartial2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=2.0
    )
    if matrix is None or int(kept.sum()) < _FEWEST_MATCHES:
        return None
    return np.asarray(matrix, np.float64)
