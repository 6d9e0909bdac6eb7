"""How joints are estimated: what a user can choose, and what is recorded with the joints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from aqa.errors import AqaError

Camera = Literal["still", "moving"]
CAMERAS: tuple[Camera, ...] = ("still", "moving")
# Decided on drawn dives (docs/poses.md): with these, nobody is seen on the frames that show only
# water, and few of those with the diver are lost.
LEAST: dict[Camera, float] = {"still": 0.5, "moving": 0.3}
SMOOTH = 1.0


@dataclass(frozen=True)
class EstimationSettings:
    """camera: still, for people on the ground; or moving, as one that follows a diver.

    least: how sure the networks must be that somebody is there, 0 to 1; None: as `LEAST` says.
    smooth: standard deviation of smoothing over time, in frames; 0: none.
    """

    camera: Camera = "still"
    least: float | None = None
    smooth: float = SMOOTH

    def __post_init__(self) -> None:
        if self.camera not in CAMERAS:
            raise AqaError(f"camera {self.camera!r}; there are {', '.join(CAMERAS)}")
        if not 0 < self.threshold <= 1:
            raise AqaError(f"least={self.threshold:g} is not above 0 and at most 1")
        if not 0 <= self.smooth < 100:
            raise AqaError(f"smooth={self.smooth:g} is not a number of frames from 0 to 100")

    @property
    def threshold(self) -> float:
        """How sure the networks must be."""
        return LEAST[self.camera] if self.least is None else self.least

    def record(self) -> dict[str, Any]:
        """Everything that the joints of a video depend on, but the networks and the video."""
        return {"camera": self.camera, "least": self.threshold, "smooth": self.smooth}
