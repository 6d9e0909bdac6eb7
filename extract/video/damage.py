"""What is said of a video whose frames are not what its file promises: the only place for it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from aqa.extract.video.cut import is_cut

# So many ranges of damaged frames are named.
_NAMED = 8


@dataclass
class FrameReport:
    """What became of the frames `start <= i < stop` of a file.

    lost: numbers of those that could not be decoded. wrong: of those that were, with errors.
    gaps: where others are missing, nobody knows how many.
    n_bad: packets that could not be decoded, of a file whose packets do not tell their
    frames. n_read: frames that were given. stop: None: to the
    end. ended: whether the file ended before `stop`.
    """

    path: Path
    start: int = 0
    stop: int | None = None
    promised: int | None = None
    note: str | None = None
    lost: list[int] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    n_bad: int = 0
    n_read: int = 0
    ended: bool = False

    def warnings(self) -> list[str]:
        """One line for each thing that is wrong, without the file's name."""
        found = (self.note, self._damage(), self._gaps(), self._end())
        return [text for text in found if text]

    def _damage(self) -> str | None:
        numbers = sorted({*self.lost, *self.wrong})
        if not numbers:
            many = "packet" if self.n_bad == 1 else "packets"
            return f"damaged: {self.n_bad} {many} could not be decoded" if self.n_bad else None
        many = "frames" if len(numbers) > 1 else "frame"
        lost = f"; {len(self.lost)} of them could not be decoded" if self.lost else ""
        return (
            f"damaged: {many} {ranges(numbers)}{lost}; those up to the next key frame may be wrong"
        )

    def _gaps(self) -> str | None:
        if not self.gaps:
            return None
        many = "frames" if len(self.gaps) > 1 else "frame"
        return f"damaged: frames are missing at {many} {ranges(self.gaps)}"

    def _end(self) -> str | None:
        if not self.ended:
            return None
        n_there = self.n_read + len(self.lost)
        if self.stop is not None:
            n_asked = self.stop - self.start
            if n_there < n_asked:
                return f"ended early: {self.n_read} of {n_asked} frames could be read"
            return None
        missing = is_cut(self.path)
        if missing is None:
            return None
        n_promised = None if self.promised is None else self.promised - self.start
        if n_promised is None:
            size = os.stat(self.path).st_size
            return (
                f"ended early: {self.n_read} frames could be read; the file has {size} bytes, "
                f"{missing} are missing"
            )
        if n_there < n_promised:
            return f"ended early: {self.n_read} of {n_promised} frames could be read"
        return None


def ranges(numbers: Iterable[int]) -> str:
    """Ascending numbers as text: `3, 36 to 41, 50`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts = [f"{a} to {b}" if a != b else str(a) for a, b in runs[:_NAMED]]
    more = [f"and {len(runs) - _NAMED} more ranges"] if len(runs) > _NAMED else []
    return ", ".join(texts + more)
