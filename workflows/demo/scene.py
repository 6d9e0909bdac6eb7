"""The venue around the diver: backdrop, water, tower, splash and light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from aqa.workflows.demo.camera import HEIGHT, WIDTH, View
from aqa.workflows.demo.diver import Array
from aqa.workflows.demo.figure import SHIFT, Colour, Image, shade
from aqa.workflows.demo.motion import FPS, GRAVITY, PLATFORM_HEIGHT

_PARALLAX = 0.55  # metres the backdrop moves when the diver's plane moves by one
_BACKDROP_X = (-6.5, 7.5)
_BACKDROP_Y = (-3.5, 11.0)
_FAR_EDGE = 1.05  # height, in the diver's plane, at which the far edge of the pool is seen
_DECK = 1.55
_FLAT = 0.24  # height to width of a circle on the water
_WATER_DEPTH = 5.0  # metres of water surface below the far edge that are painted


@dataclass(frozen=True)
class Look:
    """How the venue of one video looks.

    venue: "hall" or "open_air". wall, accent, water: colours (RGB). gain, gamma, tint: the light,
    the tint one factor a channel. noise: standard deviation, grey levels. texture: seed of
    everything that is strewn: spectators, waves, drops, grain.
    """

    venue: str
    wall: Colour
    accent: Colour
    water: Colour
    gain: float
    gamma: float
    tint: tuple[float, float, float]
    noise: float
    texture: int


class Scene:
    """Paints the venue of one video as seen by a moving camera."""

    def __init__(self, look: Look, scale: float):
        self.look, self.scale = look, scale
        rng = np.random.default_rng(look.texture)
        self.backdrop = _backdrop(look, scale, rng)
        self.waves = [_waves(rng) for _ in range(2)]
        self.water_colours = _water_colours(look.water)
        self.light = _light(look)
        self.grain = rng.normal(0.0, look.noise, (2 * HEIGHT, 2 * WIDTH)).astype(np.float32)
        self.bright = _grey_to_rgb(np.maximum(self.grain, 0.0))
        self.dark = _grey_to_rgb(np.maximum(-self.grain, 0.0))
        self.offsets = rng.integers(0, (HEIGHT, WIDTH), (256, 2))

    def behind(self, view: View, frame: int) -> Image:
        """The picture `(240, 320, 3)` without the diver."""
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

    def _far(self, view: View) -> Image:
        step = self.scale / view.scale
        left = (_PARALLAX * view.x - _BACKDROP_X[0]) * self.scale - step * WIDTH / 2.0
        top = (_BACKDROP_Y[1] - _PARALLAX * view.y) * self.scale - step * HEIGHT / 2.0
        return _crop(self.backdrop, left, top, step, HEIGHT, cv2.BORDER_REPLICATE)

    def _deck(self, image: Image, view: View) -> None:
        across = (view.x - WIDTH / view.scale, view.x + WIDTH / view.scale)
        _block(image, view, across, (_FAR_EDGE, _DECK), (214, 212, 204))
        _block(image, view, across, (_FAR_EDGE, _FAR_EDGE + 0.16), shade(self.look.accent, 0.9))
        _block(image, view, across, (_FAR_EDGE, _FAR_EDGE + 0.04), (70, 84, 96))

    def _water(self, image: Image, view: View, frame: int) -> None:
        first = max(0, int(np.ceil(view.row(_FAR_EDGE))))
        if first >= HEIGHT:
            return
        step = _WAVE_SCALE / view.scale
        top = (first - view.row(_FAR_EDGE)) * step
        left = (view.x - WIDTH / 2.0 / view.scale) * _WAVE_SCALE
        rows = HEIGHT - first
        flow = frame / FPS * _WAVE_SCALE
        one = _crop(self.waves[0], left + 0.35 * flow, top, step, rows, cv2.BORDER_WRAP)
        two = _crop(self.waves[1], left - 0.25 * flow, top, step, rows, cv2.BORDER_WRAP)
        mixed = cv2.addWeighted(one, 0.5, two, 0.5, 0.0)
        image[first:] = cv2.applyColorMap(mixed, self.water_colours)

    def _tower(self, image: Image, view: View) -> None:
        concrete = (176, 178, 180) if self.look.venue == "hall" else (205, 202, 194)
        height = (_DECK - 0.3, PLATFORM_HEIGHT)
        _block(image, view, (-3.6, -2.1), height, concrete)
        _block(image, view, (-3.6, -3.1), height, shade(concrete, 0.8))
        for top, end in ((5.0, -0.9), (7.5, -0.6), (PLATFORM_HEIGHT, 0.0)):
            self._platform(image, view, top, end, concrete)

    def _platform(self, image: Image, view: View, top: float, end: float, concrete: Colour) -> None:
        """A slab with a coloured front, and a railing that ends before it."""
        far, rail = -9.0, end - 1.5
        for bar in (top + 0.5, top + 1.0):
            _block(image, view, (far, rail), (bar - 0.04, bar), (232, 234, 236))
        for post in np.arange(rail, rail - 3.5, -0.8):
            _block(image, view, (post - 0.04, post), (top, top + 1.0), (222, 224, 226))
        _block(image, view, (far, end), (top - 0.26, top), shade(concrete, 0.72))
        _block(image, view, (far, end), (top - 0.07, top), shade(concrete, 1.2))
        _block(image, view, (end - 0.10, end), (top - 0.26, top), self.look.accent)


class Splash:
    """The water thrown up where a diver goes in, the ripples and the foam it leaves.

    x: where the hands go in, metres. entry: the first frame of the entry. severity: of the
    fault `large_splash`, 0 without it. extra_from: the first frame on which the fault shows.
    """

    def __init__(self, x: float, entry: int, severity: float, extra_from: int, seed: int):
        rng = np.random.default_rng([seed, 1])
        self.x, self.entry, self.severity, self.extra_from = x, entry, severity, extra_from
        self.patches = _in_unit_disc(rng, 40), rng.uniform(0.12, 0.34, 40)
        self.jets = _Jets.sampled(rng, 11)
        self.rip = _Drops.thrown(rng, 70, speed=2.4, since=entry, over=7)
        extra = round(60 + 320 * severity) if severity else 0
        self.burst = _Drops.thrown(rng, extra, 2.6 + 2.4 * severity, since=extra_from, over=5)

    def draw(self, image: Image, view: View, frame: int) -> None:
        """Draw the splash of one frame into an RGB image."""
        if frame < self.entry:
            return
        age, extra_age = (frame - self.entry) / FPS, (frame - self.extra_from) / FPS
        self._ripples(image, view, age)
        alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
        self._foam(alpha, view, 0.25 + 0.40 * _rise(age, 0.2), 165 * np.exp(-age / 0.8))
        self.rip.draw(alpha, view, self.x, frame)
        if self.severity and extra_age >= 0:
            spread = 0.35 + (0.20 + 0.85 * self.severity) * _rise(extra_age, 0.15)
            self._foam(alpha, view, spread, 215 * np.exp(-extra_age / 1.1))
            self.jets.draw(alpha, view, self.x, self.severity, extra_age)
            self.burst.draw(alpha, view, self.x, frame)
        _whiten(image, alpha)

    def _ripples(self, image: Image, view: View, age: float) -> None:
        row = int(np.clip(view.row(0.0), 0, HEIGHT - 1))
        water = image[row, WIDTH // 8].astype(float)
        for since in (age - 0.1, age - 0.35, age - 0.65):
            if not 0.0 < since < 1.4:
                continue
            radius, strength = 0.25 + 1.5 * since, 0.5 * (1.0 - since / 1.4)
            for further, tone in ((0.0, 245.0), (0.05, 30.0)):
                colour = tuple(water + (tone - water) * strength)
                _ellipse(image, view, (self.x, 0.0), radius + further, colour, 1)

    def _foam(self, alpha: Image, view: View, spread: float, strength: float) -> None:
        """Patches of foam, strewn over a disc that spreads."""
        for (across, along), size in zip(*self.patches, strict=True):
            at = (self.x + spread * across, _FLAT * spread * along)
            _ellipse(alpha, view, at, spread * size, (strength,), -1)


@dataclass(frozen=True)
class _Jets:
    """Tongues of water that stand up and fall: angles, heights, widths and lifetimes, `(n,)`."""

    angle: Array
    height: Array
    width: Array
    life: Array

    @classmethod
    def sampled(cls, rng: np.random.Generator, n: int) -> _Jets:
        return cls(
            rng.normal(0.0, 0.30, n),
            rng.uniform(0.45, 1.0, n),
            rng.uniform(0.05, 0.13, n),
            rng.uniform(0.55, 0.90, n),
        )

    def draw(self, alpha: Image, view: View, x: float, severity: float, age: float) -> None:
        rise = np.sin(np.pi * np.clip(age / self.life, 0.0, 1.0))
        reach = 1.9 * severity * self.height * rise
        foot = x + 0.9 * severity * np.sin(self.angle)
        tip = foot + reach * np.sin(self.angle)
        top = reach * np.cos(self.angle)
        for i in np.flatnonzero(reach > 0.05):
            half = self.width[i] * (0.6 + severity)
            outline = np.array(
                [
                    (foot[i] - half, 0.0),
                    (tip[i] - 0.45 * half, 0.75 * top[i]),
                    (tip[i], top[i]),
                    (tip[i] + 0.45 * half, 0.75 * top[i]),
                    (foot[i] + half, 0.0),
                ]
            )
            cv2.fillConvexPoly(alpha, _fixed(view.pixels(outline)), 190.0, cv2.LINE_AA, SHIFT)


@dataclass(frozen=True)
class _Drops:
    """Drops on parabolas: speeds `(n, 2)`, frames of birth `(n,)`, sizes `(n,)` in metres."""

    speed: Array
    born: Array
    size: Array

    @classmethod
    def thrown(
        cls, rng: np.random.Generator, n: int, speed: float, since: int, over: int
    ) -> _Drops:
        angle = rng.normal(0.0, 0.33, n)
        fast = speed * np.sqrt(rng.uniform(0.08, 1.0, n))
        aim = np.stack([np.sin(angle), np.cos(angle)], axis=-1)
        return cls(
            fast[:, None] * aim, since + rng.uniform(0.0, over, n), rng.uniform(0.012, 0.045, n)
        )

    def draw(self, alpha: Image, view: View, x: float, frame: int) -> None:
        age = (frame - self.born) / FPS
        y = self.speed[:, 1] * age - GRAVITY * age**2 / 2.0
        flying = (age >= 0.0) & (y >= -0.05)
        across = x + 1.4 * self.speed[:, 0] * age
        centres = _fixed(view.pixels(np.stack([across, y], axis=-1)[flying]))
        radii = np.maximum(self.size[flying] * view.scale * (1 << SHIFT), 10).astype(int)
        for (u, v), radius in zip(centres.tolist(), radii.tolist(), strict=True):
            cv2.circle(alpha, (u, v), radius, 235.0, -1, cv2.LINE_AA, SHIFT)


def submerge(image: Image, without: Image, view: View) -> None:
    """Let what `image` shows below the waterline fade into `without`, the same picture dry."""
    first = max(0, int(np.ceil(view.row(0.0))))
    if first >= HEIGHT:
        return
    depth = (np.arange(first, HEIGHT) - view.row(0.0)) / view.scale
    seen = (0.45 * np.clip(1.0 - depth / 0.7, 0.0, 1.0)).astype(np.float32)
    weight = np.ascontiguousarray(np.broadcast_to(seen[:, None], (len(seen), WIDTH)))
    image[first:] = cv2.blendLinear(image[first:], without[first:], weight, 1.0 - weight)


# Painting helpers -------------------------------------------------------------------------------

_WAVE_SCALE = 48.0  # pixels a metre of the painted water
_WAVE_WIDTH = 640


def _crop(image: Image, left: float, top: float, step: float, rows: int, border: int) -> Image:
    """A window `(rows, 320)` of a picture, magnified by `1 / step`, at a sub-pixel place."""
    matrix = np.array([[step, 0.0, left], [0.0, step, top]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    window = cv2.warpAffine(image, matrix, (WIDTH, rows), flags=flags, borderMode=border)
    return np.asarray(window, dtype=np.uint8)


def _fixed(points: Array) -> NDArray[np.int32]:
    return np.round(points * (1 << SHIFT)).astype(np.int32)


def _column(view: View, x: float) -> float:
    return WIDTH / 2.0 + (x - view.x) * view.scale


def _block(
    image: Image,
    view: View,
    across: tuple[float, float],
    up: tuple[float, float],
    colour: Colour,
) -> None:
    """A rectangle in the diver's plane, metres."""
    left, right = (_column(view, x) for x in across)
    bottom, top = (view.row(y) for y in up)
    if right > 0 and left < WIDTH and bottom > 0 and top < HEIGHT:
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        cv2.fillConvexPoly(image, _fixed(corners), colour, cv2.LINE_AA, SHIFT)


def _ellipse(
    image: Image,
    view: View,
    at: tuple[float, float],
    radius: float,
    colour: tuple[float, ...],
    thickness: int,
) -> None:
    """A circle on the water, as the camera sees it from a little above."""
    centre = _fixed(np.array([_column(view, at[0]), view.row(at[1])])).tolist()
    wide = round(radius * view.scale * (1 << SHIFT))
    axes = (wide, round(_FLAT * wide))
    cv2.ellipse(image, centre, axes, 0, 0, 360, colour, thickness, cv2.LINE_AA, SHIFT)


def _rise(age: float, within: float) -> float:
    """From 0 towards 1, most of the way after `within` seconds."""
    return 1.0 - float(np.exp(-age / within))


def _in_unit_disc(rng: np.random.Generator, n: int) -> Array:
    radius, angle = np.sqrt(rng.uniform(0.0, 1.0, n)), rng.uniform(0.0, 2.0 * np.pi, n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)


def _whiten(image: Image, alpha: Image) -> None:
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


def _waves(rng: np.random.Generator) -> Image:
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


# Backdrops --------------------------------------------------------------------------------------


def _backdrop(look: Look, scale: float, rng: np.random.Generator) -> Image:
    canvas = _Canvas(scale)
    (_hall if look.venue == "hall" else _open_air)(canvas, look, rng)
    canvas.blur(1.5)
    return canvas.image


class _Canvas:
    """The backdrop picture, painted in metres."""

    def __init__(self, scale: float):
        self.scale = scale
        width = round((_BACKDROP_X[1] - _BACKDROP_X[0]) * scale)
        height = round((_BACKDROP_Y[1] - _BACKDROP_Y[0]) * scale)
        self.image: Image = np.zeros((height, width, 3), np.uint8)

    def box(self, left: float, bottom: float, right: float, top: float, colour: Colour) -> None:
        rows = slice(max(0, self.row(top)), max(0, self.row(bottom)))
        columns = slice(max(0, self.column(left)), max(0, self.column(right)))
        self.image[rows, columns] = colour

    def blur(self, sigma: float) -> None:
        cv2.GaussianBlur(self.image, (0, 0), sigma, self.image)

    def row(self, y: float) -> int:
        return round((_BACKDROP_Y[1] - y) * self.scale)

    def column(self, x: float) -> int:
        return round((x - _BACKDROP_X[0]) * self.scale)

    def fade(self, bottom: float, top: float, low: Colour, high: Colour) -> None:
        """Fill a band with a vertical gradient."""
        first, last = max(0, self.row(top)), self.row(bottom)
        share = np.linspace(0.0, 1.0, max(last - first, 1))[:, None]
        band = np.array(high) * (1.0 - share) + np.array(low) * share
        self.image[first:last] = band[: len(self.image[first:last]), None]


def _hall(canvas: _Canvas, look: Look, rng: np.random.Generator) -> None:
    """A tiled wall with windows above, stands in the middle and banners between."""
    left, right = _BACKDROP_X
    canvas.fade(_BACKDROP_Y[0], _BACKDROP_Y[1], shade(look.wall, 0.92), shade(look.wall, 1.04))
    for x in np.arange(left, right, 0.5):
        canvas.box(x, _BACKDROP_Y[0], x + 0.03, _BACKDROP_Y[1], shade(look.wall, 0.86))
    for y in np.arange(_BACKDROP_Y[0], _BACKDROP_Y[1], 0.35):
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
    canvas.fade(2.4, _BACKDROP_Y[1], (196, 220, 238), shade(look.wall, 0.95))
    for _ in range(16):
        x, y = rng.uniform(*_BACKDROP_X), rng.uniform(5.0, 10.5)
        wide = rng.uniform(0.5, 1.6)
        centre = (canvas.column(x), canvas.row(y))
        axes = (round(wide * canvas.scale), round(0.2 * wide * canvas.scale))
        cv2.ellipse(canvas.image, centre, axes, 0, 0, 360, (236, 241, 246), -1, cv2.LINE_AA)
    canvas.blur(9.0)
    for x in np.arange(*_BACKDROP_X, 0.4):
        size = rng.uniform(0.35, 0.8)
        green = shade((74, 110, 66), rng.uniform(0.75, 1.2))
        centre = (canvas.column(x), canvas.row(2.9 + 0.5 * np.sin(0.9 * x)))
        cv2.circle(canvas.image, centre, round(size * canvas.scale), green, -1, cv2.LINE_AA)
    canvas.box(_BACKDROP_X[0], _BACKDROP_Y[0], _BACKDROP_X[1], 2.6, shade(look.wall, 0.6))
    _stands(canvas, 1.4, 2.6, look, rng)
    _banners(canvas, 0.5, 1.2, look, rng)


def _stands(
    canvas: _Canvas, bottom: float, top: float, look: Look, rng: np.random.Generator
) -> None:
    """Rows of seats, two in three of them taken."""
    canvas.box(_BACKDROP_X[0], bottom, _BACKDROP_X[1], top, shade(look.accent, 0.45))
    for y in np.arange(bottom + 0.1, top - 0.2, 0.42):
        canvas.box(_BACKDROP_X[0], y - 0.06, _BACKDROP_X[1], y, shade(look.accent, 0.7))
        for x in np.arange(*_BACKDROP_X, 0.34):
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
    x = _BACKDROP_X[0]
    while x < _BACKDROP_X[1]:
        wide = rng.uniform(1.4, 2.8)
        board = look.accent if rng.uniform() < 0.5 else shade(look.wall, 0.5)
        canvas.box(x, bottom, x + wide - 0.06, top, board)
        for letter in np.arange(x + 0.25, x + wide - 0.45, 0.22):
            if rng.uniform() < 0.85:
                low = bottom + 0.2 + rng.choice([0.0, 0.0, 0.12])
                canvas.box(letter, low, letter + 0.13, top - 0.2, (240, 240, 236))
        x += wide
