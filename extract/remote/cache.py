"""The folder that fetched videos are kept in: never larger than its limit, shared by processes.

A file is called `video-` and a hash of its address, so that no address can name another place, and
nobody else's file is taken for one. Beside it lies `<file>.json`: from where it is, its version
there, its size and SHA-256. A download grows in a `.part` file, which the next try goes on with as
long as the file at the address is the same one. The file that was not read for the longest time
makes room for a new one. While a file is fetched or read, a hidden `.use` file of that process
keeps it; in that stands how many bytes it will have, or that it is read: then it is not replaced.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from aqa.annotations.urls import shown_url
from aqa.errors import AqaError
from aqa.extract.checkpoints.cache import default_cache, offline
from aqa.extract.checkpoints.progress import in_bytes
from aqa.extract.checkpoints.transfer import TransferError
from aqa.extract.remote.fetch import RemoteFile, ask, fetch
from aqa.extract.remote.use import in_use
from aqa.extract.video.source import VideoError
from aqa.files import changing, lock_of, make_folder, publish, sha256_of, write_json
from aqa.temporaries import clean_folder

FOLDER, LIMIT = "AQA_VIDEO_CACHE", "AQA_VIDEO_CACHE_GB"
_DEFAULT_LIMIT = 20.0
# So many bytes more are made room for at a time, where a server does not tell a file's size.
_STEP = 32 << 20
# Downloads of addresses that share a lock wait for one another: there are so many locks.
_LOCKS = 256
_DIGITS = 32  # of the hash that is a file's name
# A file, its note or a part of it; or, hidden, the mark of a process that uses it.
_NAME = re.compile(rf"(?P<mark>\.(?=.*\.use$))?(?P<key>video-[0-9a-f]{{{_DIGITS}}})(?![0-9a-f])")
# What stands in the mark of a process that reads the file.
_READ = "read"
# Endings of what lies beside a file: no file itself has them.
_BESIDE = (".part", ".json")


class CachedVideo(NamedTuple):
    """A fetched file. content: its SHA-256, as stores note it: `sha256:...`."""

    path: Path
    content: str


@dataclass(frozen=True)
class VideoCache:
    """Fetched videos in a folder, at most `limit` bytes of them."""

    folder: Path
    limit: int

    @classmethod
    def of_environment(cls) -> VideoCache:
        """The cache that AQA_VIDEO_CACHE and AQA_VIDEO_CACHE_GB name; `AqaError` for no number."""
        text = os.environ.get(LIMIT) or str(_DEFAULT_LIMIT)
        try:
            limit = float(text)
        except ValueError:
            limit = -1.0
        if not 0 < limit < 1e9:
            raise AqaError(f"{LIMIT}={text!r}: expected a number of gigabytes above 0, such as 20")
        folder = os.environ.get(FOLDER)
        return cls(Path(folder) if folder else default_cache() / "videos", int(limit * 1e9))

    def place(self, url: str) -> Path:
        """Where the file of an address lies, or would lie."""
        suffix = Path(shown_url(url).removesuffix("?...")).suffix.lower()
        is_plain = re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) and suffix not in _BESIDE
        return self.folder.absolute() / f"{_key(url)}{suffix if is_plain else ''}"

    def holds(self, url: str) -> bool:
        """Whether the file of an address is here already."""
        return _read_note(self.place(url)) is not None

    @contextmanager
    def holding(self, url: str) -> Iterator[CachedVideo]:
        """The file of an address, fetched where it is not here; it stays until this is left.

        `VideoError`, in a line that shows no keys, where it cannot be had.
        """
        with ExitStack() as stack:
            try:
                found = self._held(url, stack)
            except OSError as error:
                raise VideoError(
                    f"{shown_url(url)}: it cannot be kept in {self.folder} "
                    f"({error.strerror or error}); name another folder with {FOLDER}"
                ) from None
            yield found

    def _held(self, url: str, stack: ExitStack) -> CachedVideo:
        """The file, which stays until the stack is closed."""
        place = self.place(url)
        make_folder(place.parent)
        use = stack.enter_context(in_use(place.parent, _key(url), self._changing))
        try:
            with self._one_at_a_time(place):
                found = self._found(url, place, use)
                use.write_text(_READ, encoding="ascii")
                return found
        except TransferError as error:
            raise VideoError(f"{shown_url(url)}: {error}; {_remedy(error, place)}") from None

    def _changing(self) -> Any:
        """The lock under which files come and go."""
        return changing(self.folder.absolute())

    @contextmanager
    def _one_at_a_time(self, place: Path) -> Iterator[None]:
        number = int(place.stem[-8:], 16) % _LOCKS
        lock = lock_of(place.with_name(f"lock-{number}"))
        lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _found(self, url: str, place: Path, use: Path) -> CachedVideo:
        """The file as it is at the address now, from here where it is the same."""
        note = _read_note(place)
        if offline():
            if note is None:
                raise TransferError(
                    "it is not here, and AQA_OFFLINE forbids to fetch it", here=True
                )
            return _cached(place, note)
        there = ask(url)
        if note is None or not _is_same(note, there):
            if note is not None and self._is_read(_key(url), use):
                raise TransferError(
                    "another file is there now, and the one that was fetched before is being read"
                )
            self._fetch(url, there, place, use)
            note = _read_note(place)
            assert note is not None
        return _cached(place, note)

    def _is_read(self, key: str, use: Path) -> bool:
        """Whether somebody else reads a file, who would be left with none, or with two versions."""
        with self._changing():
            clean_folder(self.folder)
            for mark in self.folder.glob(f".{key}.*.use"):
                with suppress(FileNotFoundError):  # another process may end just now
                    if mark != use and mark.read_text(encoding="ascii") == _READ:
                        return True
        return False

    def _fetch(self, url: str, there: RemoteFile, place: Path, use: Path) -> None:
        version = hashlib.sha256(repr(there).encode()).hexdigest()[:8]
        partial = place.with_name(f"{_key(url)}-{version}.part")
        for old in place.parent.glob(f"{_key(url)}*"):
            if old != partial or there.version is None:  # of another version, or of an unknown one
                old.unlink(missing_ok=True)
        room = 0

        def on_bytes(done: int, total: int | None) -> None:
            nonlocal room
            if max(done, total or 0) > room:
                room = total if total is not None and total >= done else done + _STEP
                self._make_room(_key(url), use, max(done, total or 0), room)

        fetch(url, there, partial, on_bytes)
        note = {
            "url": shown_url(url),
            "version": there.version,
            "size": partial.stat().st_size,
            "sha256": sha256_of(partial),
            "fetched": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        }
        publish(partial, place)
        write_json(_note_path(place), note)

    def _make_room(self, key: str, use: Path, least: int, wanted: int) -> None:
        """Delete what was not read for the longest time until `wanted` bytes of a file fit.

        least: bytes that it has for certain.
        """
        if least > self.limit:
            raise TransferError(
                f"{in_bytes(least)} and more, and the folder for fetched videos may hold "
                f"{in_bytes(self.limit)}; allow more with {LIMIT}",
                here=True,
            )
        wanted = min(wanted, self.limit)
        with self._changing():
            clean_folder(self.folder)
            kept = _kept_in(self.folder)
            kept.setdefault(key, _Kept()).reserved = wanted
            idle = [one for one in kept.values() if not one.is_used and one is not kept[key]]
            total = sum(one.size for one in kept.values())
            if total - sum(one.size for one in idle) > self.limit:
                raise TransferError(
                    f"the {in_bytes(self.limit)} of the folder for fetched videos are taken by "
                    f"others that are being read; allow more with {LIMIT}",
                    here=True,
                )
            for one in sorted(idle, key=lambda one: one.read):
                if total <= self.limit:
                    break
                for path in one.paths:
                    path.unlink(missing_ok=True)
                total -= one.size
            use.write_text(str(wanted), encoding="ascii")


@dataclass
class _Kept:
    """What the folder holds of one address. there: bytes; those of notes, which are few, are left
    out. read: when it was read last. reserved: bytes that it will have, while it is fetched.
    """

    paths: list[Path] = field(default_factory=list)
    there: int = 0
    read: float = 0.0
    is_used: bool = False
    reserved: int = 0

    @property
    def size(self) -> int:
        return max(self.there, self.reserved)


def _kept_in(folder: Path) -> dict[str, _Kept]:
    """What there is in the folder, by the hash of its address."""
    kept: dict[str, _Kept] = {}
    for path in folder.iterdir():
        found = _NAME.match(path.name)
        if found is None:
            continue
        one = kept.setdefault(found["key"], _Kept())
        with suppress(FileNotFoundError):  # another process may end just now
            if found["mark"]:
                text = path.read_text(encoding="ascii")
                one.is_used = True
                one.reserved = max(one.reserved, int(text) if text.isdecimal() else 0)
                continue
            one.paths.append(path)
            if path.suffix != ".json":
                state = path.stat()
                one.there, one.read = one.there + state.st_size, max(one.read, state.st_atime)
    return kept


def _key(url: str) -> str:
    digest = hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()
    return f"video-{digest[:_DIGITS]}"


def _note_path(place: Path) -> Path:
    return place.with_name(place.name + ".json")


def _read_note(place: Path) -> dict[str, Any] | None:
    """What is known of a file that is here, whole; None where it is not."""
    try:
        note = json.loads(_note_path(place).read_text(encoding="utf-8"))
        whole = place.stat().st_size == note["size"] and isinstance(note["sha256"], str)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return note if whole else None


def _is_same(note: dict[str, Any], there: RemoteFile) -> bool:
    """Whether the file here is that of the address, as far as the server says."""
    return there.size in (None, note["size"]) and there.version in (None, note.get("version"))


def _cached(place: Path, note: dict[str, Any]) -> CachedVideo:
    with suppress(OSError):  # note that it is being read: the time of its content stays
        os.utime(place, ns=(time.time_ns(), place.stat().st_mtime_ns))
    return CachedVideo(place, f"sha256:{note['sha256']}")


def _remedy(error: TransferError, place: Path) -> str:
    if error.here:
        return "or download it by hand and name that file"
    kept = "what has come is kept; " if any(place.parent.glob(f"{place.stem}-*.part")) else ""
    copy = "; AQA_OFFLINE=1 takes the copy that is here" if _read_note(place) else ""
    return f"{kept}try again, or download it by hand and name that file{copy}"
