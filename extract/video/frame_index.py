"""Which frames a video file holds, in order of presentation, without decoding them.

Built by reading all packets once; kept in memory, and beside a store where a folder is given. It
lets `start_frame` be reached from the key frame before it.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError
from aqa.extract.video.packets import StreamDecoder
from aqa.files import replacing

# So many frames are decoded to see whether they are those that the packets tell of.
_CHECKED = 5
_VERSION = 1
# VP8 has packets of frames that are never shown; this bit of their first byte tells.
_SHOWN = 0x10
_HASHED = 1 << 20
_HEADER = 4  # numbers before the times: version, time base, how many times
_KEPT = 64  # files in memory

_memory: OrderedDict[tuple[str, int, int], FrameIndex] = OrderedDict()
_building: dict[tuple[str, int, int], threading.Lock] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class FrameIndex:
    """The times of a file's frames, ascending: frame i is shown at `times[i]`.

    keys: times of the frames that decoding can start at. seeks: for each of these, when it is to be
    decoded, which is what files are sought by. All are int64, in units of `time_base` seconds, a
    fraction. An index without times is of a file whose frames cannot be told from its
    packets: it is decoded from the start.
    """

    times: NDArray[np.int64]
    keys: NDArray[np.int64]
    seeks: NDArray[np.int64]
    time_base: tuple[int, int]

    def __bool__(self) -> bool:
        return len(self.times) > 0

    def __len__(self) -> int:
        return len(self.times)

    def number(self, time: int | None) -> int | None:
        """The number of the frame that is shown at this time; None where there is none."""
        if time is None:
            return None
        at = int(np.searchsorted(self.times, time))
        return at if at < len(self.times) and self.times[at] == time else None

    def keys_before(self, number: int) -> list[int]:
        """The numbers of the key frames up to this frame, the nearest first."""
        if number >= len(self.times):
            number = len(self.times) - 1
        before = self.keys[: np.searchsorted(self.keys, self.times[number], side="right")]
        return [int(at) for at in np.searchsorted(self.times, before)[::-1]]

    def seek_time(self, key: int) -> int:
        """What time to seek for the key frame of this number."""
        return int(self.seeks[np.searchsorted(self.keys, self.times[key])])

    @property
    def fps(self) -> float:
        """Frames per second, on average over the file; NaN for fewer than two frames."""
        if len(self.times) < 2:
            return float("nan")
        span = float(self.times[-1] - self.times[0]) * self.time_base[0] / self.time_base[1]
        return (len(self.times) - 1) / span if span > 0 else float("nan")


def frame_index(path: Path, folder: Path | None = None) -> FrameIndex:
    """The index of a video file: from memory, from the folder, or built and kept in both.

    It is known by the file's size, time of change and a hash of its head and tail. A folder that
    cannot be written is passed over.
    """
    status = path.stat()
    key = (str(path.absolute()), status.st_size, status.st_mtime_ns)
    with _lock:
        alone = _building.setdefault(key, threading.Lock())
    with alone:  # threads that read one file build its index once
        with _lock:
            found = _memory.get(key)
        if found is not None:
            return found
        index = _kept_or_built(path, status.st_mtime_ns, folder)
        with _lock:
            _memory[key] = index
            while len(_memory) > _KEPT:
                _building.pop(_memory.popitem(last=False)[0], None)
    return index


def _kept_or_built(path: Path, changed: int, folder: Path | None) -> FrameIndex:
    kept = None if folder is None else folder / f"{_name(path, changed)}.npy"
    index = _read(kept)
    if index is None:
        index = build_index(path)
        if kept is not None:
            _write(kept, index)
    return index


def build_index(path: Path) -> FrameIndex:
    """Read all packets of a file's video stream, and decode its first frames to check them."""
    decoder = StreamDecoder(path)
    try:
        base = decoder.stream.time_base
        first: list[Any] = [frame.pts for frame in itertools.islice(decoder.frames(), _CHECKED)]
    finally:
        decoder.close()
    time_base = (base.numerator, base.denominator) if base is not None else (0, 1)
    nothing = np.zeros(0, np.int64)
    none = FrameIndex(nothing, nothing, nothing, time_base)
    if not first or None in first:
        return none
    times, keys = _packet_times(path)
    if times is None or len(np.unique(times)) != len(times):
        return none
    # What cannot be decoded at the start of the file, for want of frames before it, is no frame.
    times = np.sort(times[times >= first[0]])
    if times[: len(first)].tolist() != first:
        return none
    keys = keys[np.isin(keys[:, 0], times)]
    keys = keys[np.argsort(keys[:, 0])] if len(keys) else np.repeat(times[:1, None], 2, axis=1)
    return FrameIndex(times, keys[:, 0], keys[:, 1], time_base)


def _packet_times(path: Path) -> tuple[NDArray[np.int64] | None, NDArray[np.int64]]:
    """The times of all packets that give a frame; None: they do not tell. (n, 2) of key frames."""
    decoder = StreamDecoder(path)
    times, keys, last = [], [], None
    hides = decoder.stream.codec_context.codec.name in ("vp8", "libvpx")
    try:
        for packet in decoder.packets():
            if packet.size == 0 and packet.dts is None:
                continue  # the end
            if packet.pts is None or (
                packet.dts is not None and last is not None and packet.dts < last
            ):
                return None, np.zeros((0, 2), np.int64)
            last = packet.dts if packet.dts is not None else last
            if packet.is_discard or (hides and not bytes(packet)[0] & _SHOWN):
                continue
            times.append(packet.pts)
            if packet.is_keyframe:
                keys.append((packet.pts, packet.pts if packet.dts is None else packet.dts))
    finally:
        decoder.close()
    return np.array(times, np.int64), np.array(keys, np.int64).reshape(-1, 2)


def _name(path: Path, changed: int) -> str:
    """What an index is kept under: size, time of change, head and tail of the file."""
    with path.open("rb") as file:
        head = file.read(_HASHED)
        size = file.seek(0, 2)
        file.seek(max(size - _HASHED, 0))
        tail = file.read(_HASHED)
    said = f"{_VERSION} {size} {changed} ".encode()
    return hashlib.blake2b(said + head + tail, digest_size=16).hexdigest()


def _read(path: Path | None) -> FrameIndex | None:
    """An index that was kept; None where there is none, or where it is damaged."""
    if path is None:
        return None
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if values.dtype != np.int64 or values.ndim != 1 or len(values) < _HEADER:
        return None
    version, above, below, n_times = values[:_HEADER].tolist()
    times, rest = np.split(values[_HEADER:], [max(n_times, 0)])
    keys, seeks = np.split(rest, [len(rest) // 2])
    sound = version == _VERSION and below > 0 and len(times) == n_times and len(keys) == len(seeks)
    ascending = all((np.diff(row) > 0).all() for row in (times, keys))
    if not sound or not ascending or not np.isin(keys, times).all():
        return None
    return FrameIndex(times, keys, seeks, (above, below))


def _write(path: Path, index: FrameIndex) -> None:
    header = np.array([_VERSION, *index.time_base, len(index.times)], np.int64)
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, np.concatenate([header, index.times, index.keys, index.seeks]))
    except (OSError, AqaError):
        return  # it is built anew next time
