"""The water that a diver throws up: ripples, foam, drops, and jets where it is a fault."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from aqa.workflows.demo.camera import HEIGHT, WIDTH, CameraView
from aqa.workflows.demo.diver import Array
from aqa.workflows.demo.figure import SHIFT, Image, fixed
from aqa.workflows.demo.motion import FPS, GRAVITY
from aqa.workflows.demo.painting import FLAT, ellipse, whiten


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

    def draw(self, image: Image, view: CameraView, frame: int) -> None:
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
        whiten(image, alpha)

    def _ripples(self, image: Image, view: CameraView, age: float) -> None:
        row = int(np.clip(view.row(0.0), 0, HEIGHT - 1))
        water = image[row, WIDTH // 8].astype(float)
        for since in (age - 0.1, age - 0.35, age - 0.65):
            if not 0.0 < since < 1.4:
                continue
            radius, strength = 0.25 + 1.5 * since, 0.5 * (1.0 - since / 1.4)
            for further, tone in ((0.0, 245.0), (0.05, 30.0)):
                colour = tuple(water + (tone - water) * strength)
                ellipse(image, view, (self.x, 0.0), radius + further, colour, 1)

    def _foam(self, alpha: Image, view: CameraView, spread: float, strength: float) -> None:
        """Patches of foam, strewn over a disc that spreads."""
        for (across, along), size in zip(*self.patches, strict=True):
            at = (self.x + spread * across, FLAT * spread * along)
            ellipse(alpha, view, at, spread * size, (strength,), -1)


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

    def draw(self, alpha: Image, view: CameraView, x: float, severity: float, age: float) -> None:
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
            cv2.fillConvexPoly(alpha, fixed(view.pixels(outline)), 190.0, cv2.LINE_AA, SHIFT)


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

    def draw(self, alpha: Image, view: CameraView, x: float, frame: int) -> None:
        age = (frame - self.born) / FPS
        y = self.speed[:, 1] * age - GRAVITY * age**2 / 2.0
        flying = (age >= 0.0) & (y >= -0.05)
        across = x + 1.4 * self.speed[:, 0] * age
        centres = fixed(view.pixels(np.stack([across, y], axis=-1)[flying]))
        radii = np.maximum(self.size[flying] * view.scale * (1 << SHIFT), 10).astype(int)
        for (u, v), radius in zip(centres.tolist(), radii.tolist(), strict=True):
            cv2.circle(alpha, (u, v), radius, 235.0, -1, cv2.LINE_AA, SHIFT)


def _rise(age: float, within: float) -> float:
    """From 0 towards 1, most of the way after `within` seconds."""
    return 1.0 - float(np.exp(-age / within))


def _in_unit_disc(rng: np.random.Generator, n: int) -> Array:
    radius, angle = np.sqrt(rng.uniform(0.0, 1.0, n)), rng.uniform(0.0, 2.0 * np.pi, n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
