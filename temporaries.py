"""Hidden names beside a file: its temporary files and its lock; whether their owner is gone.

A temporary name says which process writes it: machine, process number, and a random part, since
several machines may share a disk, and several threads a process.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

# A temporary file of another machine, whose processes cannot be asked after, is left over when
# nobody has written to it for so many seconds.
UNTOUCHED = 24 * 3600.0
# The longest name of a file, in bytes, on the file systems in use.
_LONGEST_NAME = 255
# host.pid.random of the process that writes it; versions before had the process's number alone.
_OWNER = r"(?:(?P<host>[\w-]+)\.)?(?P<pid>\d+)(?:\.[0-9a-f]{8})?\.tmp(?:\.\w+)?"


def hidden_name(path: Path, ending: str) -> Path:
    """The hidden name beside `path` with this ending; shortened where a name cannot be so long."""
    name = path.name
    if len(os.fsencode(name)) > _LONGEST_NAME - 120:
        digest = hashlib.sha256(os.fsencode(name)).hexdigest()
        name = f"{name[:20]}~{digest[:16]}"
    return path.with_name(f".{name}{ending}")


def temporary_name(path: Path, suffix: str = "") -> Path:
    """A hidden name beside `path` under which this process alone writes it.

    Of a temporary file it is another of the same file, so that `clean` finds both.
    """
    written = re.fullmatch(r"\.(.+?)\." + _OWNER, path.name)
    owner = f"{_host()}.{os.getpid()}.{secrets.token_hex(4)}"
    return hidden_name(path.with_name(written[1]) if written else path, f".{owner}.tmp{suffix}")


def clean(path: Path) -> None:
    """Delete the temporary files and folders of `path` whose processes are gone."""
    _clean(path.parent, re.escape(hidden_name(path, ".").name))


def clean_folder(folder: Path) -> None:
    """Delete all temporary files and folders in this one whose processes are gone."""
    _clean(folder, r"\..+?\.")


def _clean(folder: Path, head: str) -> None:
    pattern = re.compile(head + _OWNER)
    with suppress(OSError):
        for name in os.listdir(folder):
            owner = pattern.fullmatch(name)
            if owner is not None and _is_gone(folder / name, owner):
                _delete(folder / name)


def _host() -> str:
    """This machine, and where processes have numbers of their own (in a container) that space."""
    space = ""
    with suppress(OSError):
        space = re.sub(r"\D", "", os.readlink("/proc/self/ns/pid"))
    name = re.sub(r"[^A-Za-z0-9-]", "-", platform.node())[:40]
    return f"{name or 'host'}-{space}" if space else name or "host"


def _is_gone(temporary: Path, owner: re.Match[str]) -> bool:
    """Whether nobody writes a temporary file any more."""
    if owner["host"] == _host() and not _runs(int(owner["pid"])):
        return True
    try:
        touched = temporary.stat().st_mtime
    except OSError:
        return False
    return time.time() - touched > UNTOUCHED


def _runs(pid: int) -> bool:
    """Whether there is a process of this number."""
    if os.name == "nt":
        return True  # asking would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
