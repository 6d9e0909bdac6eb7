"""One file from an address: over HTTP by our own means, from anywhere else by fsspec."""

from __future__ import annotations

import base64
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from aqa.annotations.urls import scheme_of, without_secrets
from aqa.extract.checkpoints.transfer import (
    OnBytes,
    TransferError,
    download,
    what_is_at,
)

_BLOCK = 1 << 20
# How often a connection that was cut off is made anew, as long as each brings some bytes.
_TRIES = 5
# What fsspec's file systems call the version of a file, the surest first.
_VERSIONS = ("ETag", "etag", "generation", "md5Hash", "LastModified", "last_modified", "updated")
_VERSIONS_OF_DISKS = ("mtime", "created")
# The packages that know some kinds of addresses.
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs"}


class RemoteFile(NamedTuple):
    """What a server says of a file: bytes, and its version; None where it does not say."""

    size: int | None
    version: str | None


def ask(url: str) -> RemoteFile:
    """What there is at an address; `TransferError`, which shows no keys, where it cannot be had."""
    return _told(url, lambda: _ask(url))


def fetch(url: str, there: RemoteFile, partial: Path, on_bytes: OnBytes) -> None:
    """Append to `partial` from where it ends, until it is whole.

    there: what `ask` said. on_bytes: is told how many bytes have come, and how many there will be,
    before the first one too. Raises `TransferError`, which shows no keys.
    """
    if _is_http(url):
        plain, headers = _without_user(url)
        if there.version is not None and not there.version.startswith("W/"):
            # A file that has changed meanwhile is sent from its beginning.
            headers["If-Range"] = there.version
        _told(url, lambda: download(plain, partial, there.size, on_bytes, headers))
    else:
        _told(url, lambda: _fetch(url, there, partial, on_bytes))


def _ask(url: str) -> RemoteFile:
    if _is_http(url):
        return RemoteFile(*what_is_at(*_without_user(url)))
    system, path = _file_system(url)
    info = system.info(path)
    if info.get("type") == "directory":
        raise TransferError("a folder, not a file; only single files are read from an address")
    version = next((info[name] for name in (*_VERSIONS, *_VERSIONS_OF_DISKS) if name in info), None)
    return RemoteFile(info.get("size"), None if version is None else str(version))


def _fetch(url: str, there: RemoteFile, partial: Path, on_bytes: OnBytes) -> None:
    system, path = _file_system(url)
    for left in reversed(range(_TRIES)):
        before = _length(partial)
        on_bytes(before, there.size)
        try:
            with system.open(path, "rb") as source, partial.open("ab") as target:
                source.seek(before)
                while block := source.read(_BLOCK):
                    target.write(block)
                    on_bytes(target.tell(), there.size)
        except TransferError:
            raise
        except Exception:  # each file system has its own
            if not left or _length(partial) <= before:
                raise
            continue
        n = _length(partial)
        if there.size is None or n == there.size:
            return
        if n > there.size:
            partial.unlink()  # nothing to go on with
            raise TransferError(f"{n} bytes came, and {there.size} were told; it may have changed")
        if n <= before or not left:
            raise TransferError(f"the connection ended at {n} of {there.size} bytes")


def _length(partial: Path) -> int:
    return partial.stat().st_size if partial.exists() else 0


def _told(url: str, work: Callable[[], Any]) -> Any:
    """What `work` gives; whatever goes wrong is a `TransferError` without keys."""
    try:
        return work()
    except TransferError as error:
        text = without_secrets(str(error), url)
        raise TransferError(text, here=error.here, absent=error.absent) from None
    except FileNotFoundError:
        raise TransferError("there is no such file", absent=True) from None
    except PermissionError as error:
        text = without_secrets(str(error), url)
        raise TransferError(f"it may not be read ({text}); give the keys to it") from None
    except OSError as error:
        text = without_secrets(error.strerror or str(error), url)
        raise TransferError(f"cannot be fetched ({text or type(error).__name__})") from None
    except Exception as error:  # of the package that knows such addresses
        text = without_secrets(str(error).partition("\n")[0], url)
        raise TransferError(f"cannot be fetched ({type(error).__name__}: {text})") from None


# Kinds of addresses -----------------------------------------------------------------------------


def _is_http(url: str) -> bool:
    return scheme_of(url) in ("http", "https")


def _without_user(url: str) -> tuple[str, dict[str, str]]:
    """An address as it is asked for, and the header that says who asks."""
    parts = urllib.parse.urlsplit(url)
    quoted = urllib.parse.quote(
        parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl(),
        safe="%/:=&?~+!$,;'@()*[]|",
    )
    if "@" not in parts.netloc:
        return quoted, {}
    user = urllib.parse.unquote(parts.netloc.rpartition("@")[0])
    return quoted, {"Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"}


def _file_system(url: str) -> tuple[Any, str]:
    """fsspec's file system for an address, and the path of the file there."""
    from fsspec.core import url_to_fs

    scheme = scheme_of(url)
    try:
        system, path = url_to_fs(url)
    except ImportError:
        package = _PACKAGES.get(scheme)
        install = f"pip install {package}" if package else "the package that fsspec names for it"
        raise TransferError(
            f"addresses {scheme}:// are read by a package that is not installed; install it with: "
            f"{install}",
            here=True,
        ) from None
    except ValueError:
        raise TransferError(f"nothing reads addresses that begin with {scheme}://") from None
    return system, path
