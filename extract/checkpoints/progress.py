"""What a download tells as it goes, and a bar that shows it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aqa.extract.checkpoints.records import Checkpoint


def in_bytes(count: float) -> str:
    """A size as people read it.

    >>> in_bytes(255_061_555)
    '255.1 MB'
    """
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:.0f} bytes"


class DownloadProgress:
    """What a download tells as it goes; this one is silent."""

    def start(self, checkpoint: Checkpoint, target: Path, there: int, total: int | None) -> None:
        """The server has answered: `there` bytes of `total` are here already; None: not told."""

    def bytes(self, done: int) -> None:
        """So many bytes of the file are here."""

    def line(self, text: str) -> None:
        """Something that the user should know, as it happens."""

    def close(self) -> None:
        """The download has ended, well or not."""


class DownloadBar(DownloadProgress):
    """Says on standard error what is downloaded, and on a terminal draws a bar of it."""

    def __init__(self) -> None:
        self._bar: Any = None

    def start(self, checkpoint: Checkpoint, target: Path, there: int, total: int | None) -> None:
        """See `DownloadProgress.start`."""
        from tqdm import tqdm

        if self._bar is None:
            size = "of a size that the server does not tell" if total is None else in_bytes(total)
            self.line(
                f"downloading {checkpoint.file}, {size}, weights trained on "
                f"{checkpoint.pretraining}, licence: {checkpoint.told_licence}; "
                f"from {checkpoint.url} to {target}"
            )
            if there:
                self.line(f"{in_bytes(there)} of it are here from an earlier try")
            hidden = not sys.stderr.isatty()
            self._bar = tqdm(
                total=total, initial=there, unit="B", unit_scale=True, disable=hidden, leave=False
            )

    def bytes(self, done: int) -> None:
        """See `DownloadProgress.bytes`."""
        self._bar.update(done - self._bar.n)

    def line(self, text: str) -> None:
        """See `DownloadProgress.line`."""
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)

    def close(self) -> None:
        """See `DownloadProgress.close`."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
