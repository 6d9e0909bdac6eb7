"""Limits that a process sets itself, before it opens files of strangers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

_PAGE = 4096


def limit_memory(more: int) -> None:
    """Let this process take so many bytes beside what it has: on Linux alone.

    Elsewhere there is no /proc to tell how much it has, and macOS does not keep to such a limit:
    nothing but the time that it may take bounds its memory there, as docs/serve.md says. A dump of
    its memory is never written either.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    size = _size()
    if size is not None:
        resource.setrlimit(resource.RLIMIT_AS, (size + more, size + more))


def can_limit_memory() -> bool:
    """Whether `limit_memory` limits anything on this system."""
    return _size() is not None and find_spec("resource") is not None


def _size() -> int | None:
    """How much address space this process has, in bytes; None where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * _page_size()
    except OSError:
        return None


def resident_bytes(pid: int) -> int | None:
    """How much memory a process holds; None where the system does not say, or it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _page_size()
    except (OSError, IndexError):
        return None


def _page_size() -> int:
    try:
        import resource
    except ImportError:
        return _PAGE
    return resource.getpagesize()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be had; libraries say it in several ways."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(
        words in said
        for words in ("can't allocate memory", "cannot allocate memory", "insufficient memory")
    )
