"""What every source of frames has in common: its interface, and the error of one that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError

Frame = NDArray[np.uint8]
# Whether the frame of a number is shown, counted from the first that is asked for.
Shown = Callable[[int], bool]
# Stands in the place of a frame that nobody looks at.
NOT_SHOWN: Frame = np.zeros((0, 0, 3), np.uint8)


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

    def frames(
        self, start: int = 0, stop: int | None = None, shown: Shown | None = None
    ) -> Iterator[Frame]:
        """Decode the frames `start <= i < stop`: uint8 (height, width, 3), RGB.

        shown: which of them are looked at; None: all. Others may be left unconverted: `NOT_SHOWN`.
        """
        ...

    def warnings(self) -> list[str]:
        """What was wrong with the frames that were asked for last; known when they have ended."""
        ...
