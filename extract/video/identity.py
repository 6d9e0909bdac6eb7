"""What tells a video from another one that took its place: size, and a hash of its content."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from aqa.extract.video.images import numbered_images
from aqa.extract.video.numbered import is_numbered, numbered_files
from aqa.extract.video.source import VideoError
from aqa.files import sha256_of

# What the content of a fetched file begins with.
SHA256 = "sha256:"
# Files up to this size are hashed whole; of larger ones the ends, and samples from between.
_WHOLE = 8 << 20
_END = 512 << 10
_N_SAMPLES, _SAMPLE = 31, 32 << 10
# Of each image of a folder at least so much at both ends.
_LEAST = 4 << 10


def files_of(path: Path) -> list[Path]:
    """The file, or the numbered images of a folder; of a folder without, all that is not hidden.

    A path with a * stands for numbered files, as those of joints.
    """
    if is_numbered(path) and not path.exists():
        return numbered_files(path)
    if not path.is_dir():
        return [path]
    try:
        return numbered_images(path)
    except VideoError:
        return sorted(file for file in path.iterdir() if not file.name.startswith("."))


def size_of(path: Path) -> int | None:
    """Bytes of a video file, or of the images in a folder; None where it is absent."""
    try:
        return sum(file.stat().st_size for file in files_of(path))
    except OSError:
        return None


def sizes_before(path: Path) -> set[int]:
    """What older versions may have noted as the size: in a folder they counted every file."""
    try:
        every = sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else None
    except OSError:
        every = None
    return {size for size in (size_of(path), every) if size is not None}


def content_of(path: Path) -> str | None:
    """A hash of a video's content, as `blake2b:...`; None where it cannot be read.

    A file of more than 8 MiB is known by its size, its first and last 512 KiB, and 31 samples of
    32 KiB; a folder by its images, in order, whatever their names are.
    """
    try:
        files = files_of(path)
        states = tuple((str(f.absolute()), f.stat().st_size, f.stat().st_mtime_ns) for f in files)
        return _hashed(states)
    except OSError:
        return None


def content_like(other: str, path: Path) -> str | None:
    """The content of a file or folder in the form that `other` has, so that both can be compared.

    Of videos that were fetched from an address the whole file's SHA-256 is known.
    """
    if not other.startswith(SHA256):
        return content_of(path)
    try:
        state = path.stat()
        return None if path.is_dir() else _sha256(str(path), state.st_size, state.st_mtime_ns)
    except OSError:
        return None


@functools.lru_cache(maxsize=256)
def _sha256(path: str, size: int, changed: int) -> str:
    return SHA256 + sha256_of(Path(path))


@functools.lru_cache(maxsize=256)
def _hashed(states: tuple[tuple[str, int, int], ...]) -> str:
    whole = sum(size for _, size, _ in states) <= _WHOLE
    digest = hashlib.blake2b(digest_size=16)
    for path, size, _ in states:
        digest.update(size.to_bytes(8, "little"))
        with open(path, "rb") as file:
            for start, stop in _hashed_ranges(size, whole, len(states)):
                file.seek(start)
                while start < stop and (block := file.read(min(stop - start, _END))):
                    digest.update(block)
                    start += len(block)
    return f"blake2b{'' if whole else '-sampled'}:{digest.hexdigest()}"


def _hashed_ranges(size: int, whole: bool, n_files: int) -> list[tuple[int, int]]:
    """Which bytes of a file are hashed: half-open ranges of them."""
    if whole or size <= 2 * _END // n_files:
        return [(0, size)]
    end = max(_END // n_files, _LEAST)
    n_samples = _N_SAMPLES // n_files
    step = (size - 2 * end) // (n_samples + 1)
    samples = [(end + i * step, end + i * step + _SAMPLE) for i in range(1, n_samples + 1)]
    return [(0, end), *samples, (max(size - end, 0), size)]
