"""Writing files: all of ours but feature stores and event logs, which grow, is written here.

A file or a folder is written under a hidden name beside its place and put there in one step, after
its bytes have reached the disk. So nobody ever sees half of one, and an error, a kill or a power
cut leaves what was there before. Symbolic links are followed. What depends on what a file holds
is read, changed and written under a lock beside it (`changing`). Nothing is deleted but what this
process made, and what a process left behind that is gone.
"""

from __future__ import annotations

import csv
import ctypes
import errno
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aqa.errors import FORBIDDEN, AqaError, EndingError
from aqa.temporaries import clean, hidden_name, temporary_name

if TYPE_CHECKING:
    import filelock

# What a picture can be written as: the endings of the file's name.
PICTURES = (".png", ".svg", ".pdf")
# How long the lock of a file is waited for, in seconds.
LOCK_WAIT = 60.0
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_EXCLUSIVE, _EXCHANGE = 1, 2  # Linux's RENAME_NOREPLACE and RENAME_EXCHANGE
_AT_FDCWD = -100
_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


class WriteError(AqaError, OSError):
    """A file that cannot be written: in one line, its name, why, and what to do."""


def check_picture(path: Path) -> None:
    """Raise `EndingError` for a picture whose name has another ending."""
    if path.suffix.lower() not in PICTURES:
        raise EndingError(
            f"{path}: pictures are written as PNG, SVG or PDF; name a file that ends in "
            f"{', '.join(PICTURES[:-1])} or {PICTURES[-1]}"
        )


# One file ---------------------------------------------------------------------------------------


@contextmanager
def replacing(
    path: Path, *, new: bool = False, keep_mode: bool = False, suffix: str = ""
) -> Iterator[Path]:
    """Yield a temporary path to write a file at; on success that file replaces `path` in one step.

    Folders above it are made. On an error `path` stays as it was, and the temporary file goes.
    The file's mode follows the umask. `WriteError` where it cannot be written.

    new: `path` must not exist, also not by then: a file that another process has put there is left
    alone. keep_mode: take mode and owner of the file that is replaced. suffix: ending of the
    temporary path, for what chooses a format by it.
    """
    if _is_special(path):
        with _writing_through(path, suffix) as temporary:
            yield temporary
        return
    real = real_path(path)
    temporary = temporary_name(real, suffix)
    with _one_line(path, real, temporary):
        _check_replaceable(real, new)
        make_folder(path.parent)
        clean(real)
        mode = _create(temporary)
        try:
            yield temporary
            temporary.chmod(mode)  # some libraries put a file of their own there
            if keep_mode:
                _take_mode(real, temporary)
            sync(temporary)
            if new:
                _put_new(temporary, real)
            else:
                os.replace(temporary, real)
            sync(real.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes, *, keep_mode: bool = False) -> None:
    """Write bytes in one step. keep_mode: see `replacing`."""
    with replacing(path, keep_mode=keep_mode) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str, *, new: bool = False) -> None:
    """Write a UTF-8 text in one step; its line ends stay as they are. new: see `replacing`."""
    with replacing(path, new=new) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON in one step."""
    write_text(path, json.dumps(value, indent=1) + "\n")


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV in one step; the columns are all keys, in the order they first appear."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def publish(finished: Path, path: Path) -> None:
    """Put a file that lies beside `path` in its place, once its bytes are on the disk."""
    sync(finished)
    os.replace(finished, path)
    sync(path.parent)


# Locks ------------------------------------------------------------------------------------------


@contextmanager
def changing(path: Path, wait: float = LOCK_WAIT) -> Iterator[Path]:
    """Hold the lock of a file while it is read, changed and written; yields its real path.

    Whatever the change depends on is read inside. wait: how many seconds another process is waited
    for, before this is a `WriteError`. The lock is not taken twice by one process.
    """
    real = real_path(path)
    lock = taken_lock(path, wait)
    if lock is None:
        raise WriteError(
            f"{path}: another process is changing it, and was waited for {wait:g} s; give the "
            "command again when that has ended"
        )
    try:
        yield real
    finally:
        lock.release()


def taken_lock(path: Path, wait: float = 0) -> filelock.FileLock | None:
    """The lock of a file or folder, taken; None where another process had it for `wait` seconds.

    Makes the folder that it lies in; `WriteError` where nothing may be written there.
    """
    import filelock

    real, lock = real_path(path), lock_of(path)
    with _one_line(path, real, Path(lock.lock_file)):
        make_folder(path.parent)
        try:
            lock.acquire(timeout=wait)
        except filelock.Timeout:
            return None
    return lock


def lock_of(path: Path) -> filelock.FileLock:
    """The lock of a file or folder that one process alone may write: hidden, beside the real one.

    The lock's own file stays when it is let go: others may be waiting at it.
    """
    import filelock

    return filelock.FileLock(hidden_name(real_path(path), ".lock"))


# A folder ---------------------------------------------------------------------------------------


@contextmanager
def replacing_folder(path: Path, ours: Collection[str] | None = None) -> Iterator[Path]:
    """Like `replacing`, for a folder: yields an empty one, which then replaces `path`.

    ours: names of the files that may go with the old folder; whatever else lies in it is taken
    over into the new one. None: all may go.
    """
    real = real_path(path)
    temporary = temporary_name(real)
    with _one_line(path, real, temporary):
        if real.exists() and not real.is_dir():
            raise WriteError(f"{path}: a file, not a folder; move it away")
        make_folder(path.parent)
        clean(real)
        temporary.mkdir()
        try:
            yield temporary
            if ours is not None:
                _take_over(real, temporary, ours)
            _sync_tree(temporary)
            _exchange_folders(temporary, real)
            sync(real.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)  # the old folder, or a failed new one


def recover_folder(path: Path) -> None:
    """Put back a folder that a killed process had moved aside to replace it.

    That is done only where the file system cannot exchange two folders in one step.
    """
    real = real_path(path)
    aside = hidden_name(real, ".old")
    if not aside.is_dir():
        return
    with changing(path):
        _put_back(aside, real)


def recover_folders(parent: Path) -> None:
    """`recover_folder` for all folders in this one."""
    with suppress(OSError):
        for name in os.listdir(parent):
            if name.startswith(".") and name.endswith(".old"):
                recover_folder(parent / name[1:-4])


def _exchange_folders(new: Path, place: Path) -> None:
    """Put a folder in its place; what was there lies under the other name then, or is gone."""
    while True:
        if not place.exists():
            with suppress(OSError):  # another process may have put one there
                os.rename(new, place)
                return
        try:
            if _rename_with(new, place, _EXCHANGE):
                return
            break
        except FileNotFoundError:
            if not new.exists():
                raise
    with changing(place):
        aside = hidden_name(place, ".old")
        _put_back(aside, place)
        os.rename(place, aside)
        os.rename(new, place)
        shutil.rmtree(aside, ignore_errors=True)


def _put_back(aside: Path, place: Path) -> None:
    if not aside.is_dir():
        return
    if place.exists():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        os.rename(aside, place)
        sync(place.parent)


def _take_over(old: Path, new: Path, ours: Collection[str]) -> None:
    """Give the new folder what lies in the old one and is not ours to delete."""
    if not old.is_dir():
        return
    for entry in old.iterdir():
        hidden = entry.name.startswith(".") and entry.name.endswith((".lock", ".tmp"))
        if entry.name in ours or hidden or (new / entry.name).exists():
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.copytree(entry, new / entry.name, symlinks=True, copy_function=_link)
        else:
            _link(entry, new / entry.name)


def _link(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(source, target, follow_symlinks=False)


# Names, folders and the disk --------------------------------------------------------------------


def sha256_of(path: Path) -> str:
    """The file's SHA-256, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def real_path(path: Path) -> Path:
    """Where a file or folder lies or would lie: symbolic links are followed."""
    real = Path(os.path.realpath(path))
    if real.is_symlink():
        raise WriteError(f"{path}: a symbolic link that leads back to itself; remove it")
    if path.is_symlink() and not real.parent.is_dir():
        raise WriteError(f"{path}: a symbolic link to {real}, whose folder is not there; make it")
    return real


def make_folder(path: Path) -> None:
    """Make a folder and those above it where they are missing, so that a power cut keeps them."""
    missing = []
    folder = Path(os.path.abspath(path))
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    path.mkdir(parents=True, exist_ok=True)
    for made in missing:
        sync(made.parent)


def sync(path: Path) -> None:
    """Wait until the bytes of a file, or the names in a folder, are on the disk."""
    windows = os.name == "nt"
    if path.is_dir() and windows:
        return
    # Windows syncs only what is open for writing.
    descriptor = os.open(path, os.O_RDWR if windows else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not (path.is_dir() and error.errno in _UNSUPPORTED):
            raise
    finally:
        os.close(descriptor)


def _sync_tree(folder: Path) -> None:
    for where, _, names in os.walk(folder):
        for name in names:
            if not (Path(where) / name).is_symlink():
                sync(Path(where) / name)
        sync(Path(where))


def _create(temporary: Path) -> int:
    """Make an empty file, and give the mode that the umask lets it have."""
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        return stat.S_IMODE(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)


def _take_mode(real: Path, temporary: Path) -> None:
    with suppress(OSError):
        found = real.stat()
        with suppress(OSError):  # only root gives files away
            if os.name != "nt":
                os.chown(temporary, found.st_uid, found.st_gid)
        temporary.chmod(stat.S_IMODE(found.st_mode))


def _check_replaceable(real: Path, new: bool) -> None:
    if not real.exists():
        return
    if new:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(real))
    if real.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(real))
    if not real.stat().st_mode & 0o222:  # such as a file in a cache that others share
        raise PermissionError(errno.EACCES, "it is read-only", os.fspath(real))


def _put_new(temporary: Path, real: Path) -> None:
    """Give a file its name, which must be free; `FileExistsError` where it is not."""
    if _rename_with(temporary, real, _EXCLUSIVE):
        return
    with changing(real):
        _check_replaceable(real, new=True)
        os.replace(temporary, real)


def _rename_with(source: Path, target: Path, flag: int) -> bool:
    """Rename with one of Linux's flags; False where that is not supported here."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, TypeError, AttributeError):
        return False
    names = os.fsencode(source), os.fsencode(target)
    if rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], ctypes.c_uint(flag)) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), os.fspath(target))


def _is_special(path: Path) -> bool:
    """Whether a path is a device or a pipe, such as /dev/stdout, which nothing can replace."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextmanager
def _writing_through(path: Path, suffix: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder) / f"file{suffix}"
        with _one_line(path, path, temporary):
            yield temporary
            with temporary.open("rb") as source, path.open("wb") as target:
                shutil.copyfileobj(source, target)


@contextmanager
def _one_line(path: Path, *written: Path) -> Iterator[None]:
    """Turn what the system says of the paths that are written into a `WriteError` of `path`."""
    try:
        yield
    except AqaError:
        raise
    except Exception as error:
        number, name = getattr(error, "errno", None), getattr(error, "filename", None)
        if isinstance(error, OSError) and name is not None and not _is_below(name, written):
            raise
        if number is None:  # libraries in other languages tell the system's error in words
            found = re.search(r"\b(?:os error|errno)\W{0,3}(\d+)", str(error))
            number = int(found[1]) if found else None
        if number is None and not isinstance(error, OSError):
            raise
        reason = f"cannot be written: {error}".partition("\n")[0]
        if number is not None:
            reason = getattr(error, "strerror", None) or os.strerror(number)
        raise WriteError(_told(path, number, reason)) from None


def _is_below(name: Any, written: Sequence[Path]) -> bool:
    text = os.fsdecode(name) if isinstance(name, (str, bytes, os.PathLike)) else ""
    return any(text == os.fspath(p) or text.startswith(f"{p}{os.sep}") for p in written)


def _told(path: Path, number: int | None, reason: str) -> str:
    if number in _FULL:
        return f"{path}: {reason}; free some space, and give the command again"
    if number in FORBIDDEN:
        return f"{path}: {reason}; write to another folder, or change the rights of this one"
    if number == errno.EEXIST:
        return f"{path}: it exists already; remove it, or name another file"
    return f"{path}: {reason}"
