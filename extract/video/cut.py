"""Whether a file is shorter than it says itself: what its boxes or chunks promise and it lacks."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_UNKNOWN_RIFF = 0xFFFFFFF0  # sizes from here on mean that the writer did not know


def is_cut(path: Path) -> int | None:
    """How many bytes are missing at the end of a file; None where none is known to be.

    MP4, AVI, Matroska, FLV and MPEG transport streams tell. Other kinds of file do not say how
    long they are.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            head = file.read(12)
            if head[:4] == b"RIFF":
                end = _riff_end(file, size)
            elif head[:4] == b"\x1a\x45\xdf\xa3":
                end = _matroska_end(file)
            elif head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"):
                end = _boxes_end(file, size)
            elif head[:3] == b"FLV":
                end = _flv_end(file, size)
            else:
                end = _transport_end(file, size)
    except OSError:
        return None
    return end - size if end is not None and end > size else None


def _boxes_end(file: BinaryIO, size: int) -> int | None:
    """Where the last box of an MP4 file ends."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1 and len(head) == 16:
            length = int.from_bytes(head[8:16], "big")
        elif length == 0:
            return None  # to the end of the file
        if length < 8 or not head[4:8].isascii():
            return None  # no box: something that was added behind them
        at += length
    return at


def _riff_end(file: BinaryIO, size: int) -> int | None:
    """Where the last chunk of an AVI file ends; large files have several."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(8)
        length = int.from_bytes(head[4:8], "little")
        if head[:4] != b"RIFF" or length == 0 or length >= _UNKNOWN_RIFF:
            return None if at == 0 else at
        at += 8 + length + length % 2
    return at


def _flv_end(file: BinaryIO, size: int) -> int | None:
    """Where the last tag of an FLV file ends."""
    at = 13
    while at < size:
        file.seek(at)
        head = file.read(11)
        if head[0] not in (8, 9, 18):  # neither sound, nor video, nor data
            return None
        at += 15 + (int.from_bytes(head[1:4], "big") if len(head) == 11 else 0)
    return at


def _transport_end(file: BinaryIO, size: int) -> int | None:
    """Where the last packet of an MPEG transport stream ends; None for other files."""
    for length, first in ((188, 0), (192, 4)):
        marks = []
        for place in (first, first + length):
            file.seek(place)
            marks.append(file.read(1))
        if marks == [b"G", b"G"]:
            return -(-size // length) * length
    return None


def _matroska_end(file: BinaryIO) -> int | None:
    """Where the segment of a Matroska or WebM file ends; None where it does not say."""
    file.seek(4)
    length = _ebml_number(file)
    if length is None:
        return None
    file.seek(length, 1)
    if file.read(4) != b"\x18\x53\x80\x67":
        return None
    length = _ebml_number(file)
    return None if length is None else file.tell() + length


def _ebml_number(file: BinaryIO) -> int | None:
    """A number of one to eight bytes, whose first byte tells how many; None for `unknown`."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    n_bytes = 9 - first[0].bit_length()
    rest = file.read(n_bytes - 1)
    value = int.from_bytes(first + rest, "big") & ((1 << (7 * n_bytes)) - 1)
    return None if value == (1 << (7 * n_bytes)) - 1 else value
