"""What is far behind the diver: a hall, or the open air."""

from __future__ import annotations

import cv2
import numpy as np

from aqa.workflows.demo.figure import Colour, Image, shade
from aqa.workflows.demo.look import Look

BACKDROP_X = (-6.5, 7.5)
BACKDROP_Y = (-3.5, 11.0)
"""What the backdrop shows, metres."""


def paint_backdrop(look: Look, scale: float, rng: np.random.Generator) -> Image:
    """The whole backdrop. scale: pixels per metre."""
    canvas = _Canvas(scale)
    (_hall if look.venue == "hall" else _open_air)(canvas, look, rng)
    canvas.blur(1.5)
    return canvas.image


class _Canvas:
    """The backdrop as an image that is painted in metres."""

    def __init__(self, scale: float):
        self.scale = scale
        width = round((BACKDROP_X[1] - BACKDROP_X[0]) * scale)
        height = round((BACKDROP_Y[1] - BACKDROP_Y[0]) * scale)
        self.image: Image = np.zeros((height, width, 3), np.uint8)

    def box(self, left: float, bottom: float, right: float, top: float, colour: Colour) -> None:
        rows = slice(max(0, self.row(top)), max(0, self.row(bottom)))
        columns = slice(max(0, self.column(left)), max(0, self.column(right)))
        self.image[rows, columns] = colour

    def blur(self, sigma: float) -> None:
        cv2.GaussianBlur(self.image, (0, 0), sigma, self.image)

    def row(self, y: float) -> int:
        return round((BACKDROP_Y[1] - y) * self.scale)

    def column(self, x: float) -> int:
        return round((x - BACKDROP_X[0]) * self.scale)

    def fade(self, bottom: float, top: float, low: Colour, high: Colour) -> None:
        """Fill a band with a vertical gradient."""
        first, last = max(0, self.row(top)), self.row(bottom)
        share = np.linspace(0.0, 1.0, max(last - first, 1))[:, None]
        band = np.array(high) * (1.0 - share) + np.array(low) * share
        self.image[first:last] = band[: len(self.image[first:last]), None]


def _hall(canvas: _Canvas, look: Look, rng: np.random.Generator) -> None:
    """A tiled wall with windows above, stands in the middle and banners between."""
    left, right = BACKDROP_X
    canvas.fade(BACKDROP_Y[0], BACKDROP_Y[1], shade(look.wall, 0.92), shade(look.wall, 1.04))
    for x in np.arange(left, right, 0.5):
        canvas.box(x, BACKDROP_Y[0], x + 0.03, BACKDROP_Y[1], shade(look.wall, 0.86))
    for y in np.arange(BACKDROP_Y[0], BACKDROP_Y[1], 0.35):
        canvas.box(left, y, right, y + 0.03, shade(look.wall, 0.86))
    glass = (196, 214, 226)
    for x in np.arange(left + rng.uniform(0.0, 1.5), right, 2.2):
        canvas.box(x, 7.4, x + 1.7, 9.4, shade(glass, 0.55))
        canvas.box(x + 0.08, 7.48, x + 0.81, 9.32, glass)
        canvas.box(x + 0.89, 7.48, x + 1.62, 9.32, shade(glass, 1.08))
    _stands(canvas, 2.3, 5.0, look, rng)
    _banners(canvas, 5.3, 6.1, look, rng)
    _banners(canvas, 1.1, 1.9, look, rng)


def _open_air(canvas: _Canvas, look: Look, rng: np.random.Generator) -> None:
    """A sky with clouds, hills and trees, and a low stand."""
    canvas.fade(2.4, BACKDROP_Y[1], (196, 220, 238), shade(look.wall, 0.95))
    for _ in range(16):
        x, y = rng.uniform(*BACKDROP_X), rng.uniform(5.0, 10.5)
        wide = rng.uniform(0.5, 1.6)
        centre = (canvas.column(x), canvas.row(y))
        axes = (round(wide * canvas.scale), round(0.2 * wide * canvas.scale))
        cv2.ellipse(canvas.image, centre, axes, 0, 0, 360, (236, 241, 246), -1, cv2.LINE_AA)
    canvas.blur(9.0)
    for x in np.arange(*BACKDROP_X, 0.4):
        size = rng.uniform(0.35, 0.8)
        green = shade((74, 110, 66), rng.uniform(0.75, 1.2))
        centre = (canvas.column(x), canvas.row(2.9 + 0.5 * np.sin(0.9 * x)))
        cv2.circle(canvas.image, centre, round(size * canvas.scale), green, -1, cv2.LINE_AA)
    canvas.box(BACKDROP_X[0], BACKDROP_Y[0], BACKDROP_X[1], 2.6, shade(look.wall, 0.6))
    _stands(canvas, 1.4, 2.6, look, rng)
    _banners(canvas, 0.5, 1.2, look, rng)


def _stands(
    canvas: _Canvas, bottom: float, top: float, look: Look, rng: np.random.Generator
) -> None:
    """Rows of seats, two in three of them taken."""
    canvas.box(BACKDROP_X[0], bottom, BACKDROP_X[1], top, shade(look.accent, 0.45))
    for y in np.arange(bottom + 0.1, top - 0.2, 0.42):
        canvas.box(BACKDROP_X[0], y - 0.06, BACKDROP_X[1], y, shade(look.accent, 0.7))
        for x in np.arange(*BACKDROP_X, 0.34):
            if rng.uniform() < 0.35:
                continue
            shirt: Colour = tuple((rng.integers(60, 150) + rng.integers(-25, 25, 3)).tolist())
            at = x + rng.uniform(-0.05, 0.05)
            canvas.box(at, y, at + 0.24, y + 0.18, shirt)
            centre = (canvas.column(at + 0.12), canvas.row(y + 0.25))
            face = shade((176, 150, 132), rng.uniform(0.5, 0.95))
            cv2.circle(canvas.image, centre, round(0.08 * canvas.scale), face, -1, cv2.LINE_AA)


def _banners(
    canvas: _Canvas, bottom: float, top: float, look: Look, rng: np.random.Generator
) -> None:
    """Boards in the venue's colours with strokes that read as lettering from afar."""
    x = BACKDROP_X[0]
    while x < BACKDROP_X[1]:
        wide = rng.uniform(1.4, 2.8)
        board = look.accent if rng.uniform() < 0.5 else shade(look.wall, 0.5)
        canvas.box(x, bottom, x + wide - 0.06, top, board)
        for letter in np.arange(x + 0.25, x + wide - 0.45, 0.22):
            if rng.uniform() < 0.85:
                low = bottom + 0.2 + rng.choice([0.0, 0.0, 0.12])
                canvas.box(letter, low, letter + 0.13, top - 0.2, (240, 240, 236))
        x += wide
