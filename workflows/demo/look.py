"""How the venue of one video looks."""

from __future__ import annotations

from dataclasses import dataclass

from aqa.workflows.demo.figure import Colour


@dataclass(frozen=True)
class Look:
    """How the venue of one video looks.

    venue: "hall" or "open_air". wall, accent, water: colours (RGB). gain, gamma, tint: the light,
    the tint one factor per channel. noise: standard deviation, grey levels. texture: seed of
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
