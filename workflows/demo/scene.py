"""The venue around the diver: backdrop, water, tower and light."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from aqa.workflows.demo.backdrop import BACKDROP_X, BACKDROP_Y, paint_backdrop
from aqa.workflows.demo.camera import HEIGHT, WIDTH, CameraView
from aqa.workflows.demo.figure import Colour, Image, shade
from aqa.workflows.demo.look import Look
from aqa.workflows.demo.motion import FPS, PLATFORM_HEIGHT
from aqa.workflows.demo.painting import block, crop

_PARALLAX = 0.55  # metres the backdrop moves when the diver's plane moves by one
_FAR_EDGE = 1.05  # height, in the diver's plane, at which the far edge of the pool is seen
_DECK = 1.55
_WATER_DEPTH = 5.0  # metres of water surface below the far edge that are painted
_WAVE_SCALE = 48.0  # pixels per metre of the painted water
_WAVE_WIDTH = 640


class Scene:
    """Paints the venue of one video as seen by a moving camera."""

    def __init__(self, look: Look, scale: float):
        self.look, self.scale = look, scale
        rng = np.random.default_rng(look.texture)
        self.backdrop = paint_backdrop(look, scale, rng)
        self.waves = [paint_waves(rng) for _ in range(2)]
        self.water_colours = _water_colours(look.water)
        self.light = _light(look)
        self.grain = rng.normal(0.0, look.noise, (2 * HEIGHT, 2 * WIDTH)).astype(np.float32)
        self.bright = _grey_to_rgb(np.maximum(self.grain, 0.0))
        self.dark = _grey_to_rgb(np.maximum(-self.grain, 0.0))
        self.offsets = rng.integers(0, (HEIGHT, WIDTH), (256, 2))

    def behind(self, view: CameraView, frame: int) -> Image:
        """The image `(240, 320, 3)` without the diver."""
        image = self._far(view)
        self._deck(image, view)
        self._water(image, view, frame)
        self._tower(image, view)
        return image

    def finish(self, image: Image, frame: int) -> Image:
        """Apply the light and the camera's grain."""
        image = np.asarray(cv2.LUT(image, self.light), dtype=np.uint8)
        top, left = self.offsets[frame % len(self.offsets)]
        window = slice(top, top + HEIGHT), slice(left, left + WIDTH)
        cv2.add(image, self.bright[window], image)
        cv2.subtract(image, self.dark[window], image)
        return image

    def _far(self, view: CameraView) -> Image:
        step = self.scale / view.scale
        left = (_PARALLAX * view.x - BACKDROP_X[0]) * self.scale - step * WIDTH / 2.0
        top = (BACKDROP_Y[1] - _PARALLAX * view.y) * self.scale - step * HEIGHT / 2.0
        return crop(self.backdrop, left, top, step, HEIGHT, cv2.BORDER_REPLICATE)

    def _deck(self, image: Image, view: CameraView) -> None:
        across = (view.x - WIDTH / view.scale, view.x + WIDTH / view.scale)
        block(image, view, across, (_FAR_EDGE, _DECK), (214, 212, 204))
        block(image, view, across, (_FAR_EDGE, _FAR_EDGE + 0.16), shade(self.look.accent, 0.9))
        block(image, view, across, (_FAR_EDGE, _FAR_EDGE + 0.04), (70, 84, 96))

    def _water(self, image: Image, view: CameraView, frame: int) -> None:
        first = max(0, int(np.ceil(view.row(_FAR_EDGE))))
        if first >= HEIGHT:
            return
        step = _WAVE_SCALE / view.scale
        top = (first - view.row(_FAR_EDGE)) * step
        left = (view.x - WIDTH / 2.0 / view.scale) * _WAVE_SCALE
        rows = HEIGHT - first
        flow = frame / FPS * _WAVE_SCALE
        one = crop(self.waves[0], left + 0.35 * flow, top, step, rows, cv2.BORDER_WRAP)
        two = crop(self.waves[1], left - 0.25 * flow, top, step, rows, cv2.BORDER_WRAP)
        mixed = cv2.addWeighted(one, 0.5, two, 0.5, 0.0)
        image[first:] = cv2.applyColorMap(mixed, self.water_colours)

    def _tower(self, image: Image, view: CameraView) -> None:
        concrete = (176, 178, 180) if self.look.venue == "hall" else (205, 202, 194)
        height = (_DECK - 0.3, PLATFORM_HEIGHT)
        block(image, view, (-3.6, -2.1), height, concrete)
        block(image, view, (-3.6, -3.1), height, shade(concrete, 0.8))
        for top, end in ((5.0, -0.9), (7.5, -0.6), (PLATFORM_HEIGHT, 0.0)):
            self._platform(image, view, top, end, concrete)

    def _platform(
        self, image: Image, view: CameraView, top: float, end: float, concrete: Colour
    ) -> None:
        """A slab with a coloured front, and a railing that ends before it."""
        if view.row(top - 0.26) <= 0 or view.row(top + 1.04) >= HEIGHT:
            return  # all of it is above or below the image
        far, rail = -9.0, end - 1.5
        for bar in (top + 0.5, top + 1.0):
            block(image, view, (far, rail), (bar - 0.04, bar), (232, 234, 236))
        for post in np.arange(rail, rail - 3.5, -0.8):
            block(image, view, (post - 0.04, post), (top, top + 1.0), (222, 224, 226))
        block(image, view, (far, end), (top - 0.26, top), shade(concrete, 0.72))
        block(image, view, (far, end), (top - 0.07, top), shade(concrete, 1.2))
        block(image, view, (end - 0.10, end), (top - 0.26, top), self.look.accent)


def submerge(image: Image, without: Image, view: CameraView) -> None:
    """Let what `image` shows below the waterline fade into `without`, which has no diver."""
    first = max(0, int(np.ceil(view.row(0.0))))
    if first >= HEIGHT:
        return
    depth = (np.arange(first, HEIGHT) - view.row(0.0)) / view.scale
    seen = (0.45 * np.clip(1.0 - depth / 0.7, 0.0, 1.0)).astype(np.float32)
    weight = np.ascontiguousarray(np.broadcast_to(seen[:, None], (len(seen), WIDTH)))
    image[first:] = cv2.blendLinear(image[first:], without[first:], weight, 1.0 - weight)


def _grey_to_rgb(grey: NDArray[np.float32]) -> Image:
    return np.repeat(np.round(grey).astype(np.uint8)[..., None], 3, axis=2)


def _light(look: Look) -> Image:
    """The look-up table `(1, 256, 3)` of gain, gamma and tint."""
    level = np.linspace(0.0, 1.0, 256)[:, None] ** look.gamma
    lit = 255.0 * look.gain * level * np.array(look.tint)
    return np.clip(np.round(lit), 0, 255).astype(np.uint8)[None]


def _water_colours(water: Colour) -> Image:
    """Dark to light water, `(256, 1, 3)`."""
    stops = np.array([shade(water, 0.45), shade(water, 0.8), shade(water, 1.05), (225, 242, 248)])
    at = np.array([0.0, 95.0, 160.0, 255.0])
    levels = np.arange(256)
    channels = [np.interp(levels, at, stops[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)[:, None]


def paint_waves(rng: np.random.Generator) -> Image:
    """A strip of water `(240, 640)`, grey: fine at the far edge and coarse near the camera."""
    field = rng.uniform(0.0, 1.0, (90, 64)).astype(np.float32)
    field = np.hstack([field, field])[:, :80]
    smooth = cv2.resize(field, (_WAVE_WIDTH * 80 // 64, 720), interpolation=cv2.INTER_CUBIC)
    rows = np.arange(round(_WATER_DEPTH * _WAVE_SCALE))
    depth = rows / _WAVE_SCALE
    source = 700.0 * np.log1p(1.6 * depth) / np.log1p(1.6 * _WATER_DEPTH)
    strip = smooth[source.astype(int), 60 : 60 + _WAVE_WIDTH]
    level = 150.0 - 12.0 * depth[:, None] + (strip - 0.5) * (70.0 + 22.0 * depth[:, None])
    return np.clip(level, 0, 255).astype(np.uint8)
