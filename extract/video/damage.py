"""What the decoder complains of while it decodes: the only sign of damaged frames there is.

OpenCV returns what FFmpeg makes of damaged packets without a word; FFmpeg's messages it prints on
the process's standard output. So the process that owns its standard output, the command line,
diverts it while it decodes.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
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
        self._file = tempfile.TemporaryFile()
        self._stdout = os.dup(1)
        os.dup2(self._file.fileno(), 1)
        self._read = 0
        return self

    def take(self) -> list[str]:
        """The messages since the last call, without the decoder's mark."""
        _flush()
        new = os.pread(self._file.fileno(), 1 << 24, self._read)
        self._read += len(new)
        lines = new.splitlines(keepends=True)
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
        self._file.close()
        for line in self._others:
            os.write(1, line)


def _flush() -> None:
    """Of Python's buffer and of the C library's, which the decoder prints through."""
    sys.stdout.flush()
    if sys.platform != "win32":
        ctypes.CDLL(None).fflush(None)
