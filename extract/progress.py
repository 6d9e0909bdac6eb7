"""A progress bar for an extraction: videos, clips a second, time left."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

from aqa.extract.run import Progress


class BarProgress(Progress):
    """Draws on standard error; a bar only on a terminal, and none when `quiet`.

    Warnings and failures are printed all the same.
    """

    def __init__(self, quiet: bool = False):
        self._hidden = quiet or not sys.stderr.isatty()
        self._bar: tqdm | None = None
        self._clips = 0

    def start(self, n_videos: int) -> None:
        """See `Progress.start`."""
        self._started = time.monotonic()
        self._bar = tqdm(total=n_videos, unit="video", disable=self._hidden)

    def video(self, n_clips: int) -> None:
        """See `Progress.video`."""
        assert self._bar is not None
        self._clips += n_clips
        rate = self._clips / max(time.monotonic() - self._started, 1e-9)
        self._bar.set_postfix_str(f"{rate:.1f} clips/s", refresh=False)
        self._bar.update()

    def line(self, text: str) -> None:
        """See `Progress.line`."""
        tqdm.write(text, file=sys.stderr)

    def __enter__(self) -> BarProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
