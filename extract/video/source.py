"""What every source of frames has in common: its interface, and the error of one that fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError

Frame = NDArray[np.uint8]


class VideoError(AqaError):
    """A video that cannot be read; names the file and what is wrong with it."""


class FrameSource(Protocol):
    """Frames in order of time.

    path: where they come from. fps: frames per second, NaN where unknown. promised: how many
    frames the container says it holds, None where it does not say.
    """

    path: Path

    @property
    def promised(self) -> int | None:
        """How many frames the container says it holds; None where it does not say."""
        ...

    @property
    def counted(self) -> int | None:
        """How many frames there seem to be, without decoding any; None where nothing tells."""
        ...

    @property
    def fps(self) -> float:
        """Frames per second; NaN where nothing says it."""
        ...

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Decode the frames `start <= i < stop`: uint8 (height, width, 3), RGB."""
        ...

    def warnings(self) -> list[str]:
        """What was wrong with the frames that were asked for last; known when they have ended."""
        ...
