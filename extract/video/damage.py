"""Collects what the decoder complains of: the only sign of damaged frames that there is.

OpenCV returns what FFmpeg makes of damaged packets and reports nothing; FFmpeg's messages are
printed on the standard output of the process. So the command line, whose process it is, redirects
its standard output to a file while it decodes.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from contextlib import suppress
from types import TracebackType

_MARK = b"[OPENCV:FFMPEG"


class DecoderLog:
    """Collects FFmpeg's error messages while it is entered; make it before `cv2` is imported.

    Anything else that is written to standard output meanwhile is passed on at the end.
    """

    def __init__(self) -> None:
        os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "16"  # errors, not warnings
        self._others: list[bytes] = []

    def __enter__(self) -> DecoderLog:
        _flush()
        written, self._path = tempfile.mkstemp()
        # Opened once more, so that reading moves no place of writing.
        self._reader = open(self._path, "rb")
        self._stdout = os.dup(1)
        os.dup2(written, 1)
        os.close(written)
        return self

    def take(self) -> list[str]:
        """The messages since the last call, without the decoder's mark."""
        _flush()
        lines = self._reader.read().splitlines(keepends=True)
        self._others += [line for line in lines if not line.startswith(_MARK)]
        marked = (line for line in lines if line.startswith(_MARK))
        return [line.partition(b"]")[2].decode(errors="replace").strip() for line in marked]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.take()
        os.dup2(self._stdout, 1)
        os.close(self._stdout)
        self._reader.close()
        with suppress(OSError):
            os.unlink(self._path)
        for line in self._others:
            os.write(1, line)


def _flush() -> None:
    """Empty Python's buffer and that of the C library, through which the decoder prints."""
    sys.stdout.flush()
    if sys.platform != "win32":
        ctypes.CDLL(None).fflush(None)
