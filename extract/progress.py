"""What an extraction tells as it goes, and a bar that shows it."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

    from aqa.event_log import EventLog


class ExtractionProgress:
    """What an extraction tells as it goes; this one is silent."""

    def start(self, n_videos: int) -> None:
        """`n_videos` are going to be decoded."""

    def video(self, n_clips: int) -> None:
        """One more video is finished, of `n_clips` clips; 0 for a failed one."""

    def line(self, text: str) -> None:
        """A warning or a failure, as it happens."""

    def event(self, name: str, **values: Any) -> None:
        """What a machine that watches may want to know: `start`, `video`, `end`."""


class ExtractionBar(ExtractionProgress):
    """Draws on standard error: videos, clips per second, time left.

    The bar appears only on a terminal, and not when `quiet`. Warnings and failures are printed
    all the same. log: where events are added, too.
    """

    def __init__(self, quiet: bool = False, log: EventLog | None = None):
        self._log = log
        self._hidden = quiet or not sys.stderr.isatty()
        self._bar: tqdm | None = None
        self._clips = 0

    def start(self, n_videos: int) -> None:
        """See `ExtractionProgress.start`."""
        from tqdm import tqdm

        self._started = time.monotonic()
        self._bar = tqdm(total=n_videos, unit="video", disable=self._hidden)

    def video(self, n_clips: int) -> None:
        """See `ExtractionProgress.video`."""
        assert self._bar is not None
        self._clips += n_clips
        rate = self._clips / max(time.monotonic() - self._started, 1e-9)
        self._bar.set_postfix_str(f"{rate:.1f} clips/s", refresh=False)
        self._bar.update()

    def line(self, text: str) -> None:
        """See `ExtractionProgress.line`."""
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)

    def event(self, name: str, **values: Any) -> None:
        """See `ExtractionProgress.event`."""
        if self._log is not None:
            self._log.write(name, **values)

    def __enter__(self) -> ExtractionBar:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
        if self._log is not None:
            if kind is not None:
                self._log.write("stopped", by=kind.__name__)
            self._log.close()
