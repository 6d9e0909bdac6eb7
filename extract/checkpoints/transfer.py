"""One file over HTTP: gone on with where it was cut off, never waited for without end.

A server that sends nothing for ten seconds is given up, however slow it was before; what has come
stays in the partial file. Prints nothing.
"""

from __future__ import annotations

import http.client
import re
import shutil
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from aqa.errors import AqaError
from aqa.extract.checkpoints.progress import in_bytes

# Seconds without a byte, or without an answer, after which a server is given up.
STALL = 9.0
# Of those, the seconds for each of the server's addresses.
CONNECT = 4.0
_BLOCK = 1 << 18
# How often a connection that was cut off is made anew at once, as long as each brings some bytes.
_TRIES = 5

# Is told how many bytes have come and, where the server says so, how many there will be.
OnBytes = Callable[[int, int | None], None]


class TransferError(AqaError):
    """A download that failed: why, in one line.

    here: this machine is at fault, not the server. absent: the server has no such file.
    """

    def __init__(self, message: str, *, here: bool = False, absent: bool = False):
        super().__init__(message)
        self.here, self.absent = here, absent


class _CutError(TransferError):
    """The connection ended before the file did."""


def download(
    url: str,
    partial: Path,
    size: int | None,
    on_bytes: OnBytes,
    headers: Mapping[str, str] | None = None,
) -> str:
    """Append to `partial` from where it ends, until it is whole; the address it came from at last.

    size: of the whole file in bytes, where it is known. on_bytes: called before the first byte too.
    headers: more to send, `Authorization` to the server of `url` alone, and `If-Range` only where
    something is there to go on with. Raises `TransferError`.
    """
    for left in reversed(range(_TRIES)):
        before = _length(partial)
        try:
            return _download_once(url, partial, size, on_bytes, headers or {})
        except _CutError:
            if not left or _length(partial) <= before:
                raise
    raise AssertionError("the last try returns or raises")


def what_is_at(url: str, headers: Mapping[str, str]) -> tuple[int | None, str | None]:
    """The size of a file, and its version, as far as the server says so; `TransferError`.

    It is asked for as if it were to be downloaded: an address may be signed for that alone.
    """
    reply = _open(url, 0, headers)
    assert reply is not None
    with reply:
        _check_kind(reply)
        version = reply.headers.get("ETag") or reply.headers.get("Last-Modified")
        return _place(reply, 0)[1], version


def _download_once(
    url: str, partial: Path, size: int | None, on_bytes: OnBytes, headers: Mapping[str, str]
) -> str:
    there = _length(partial)
    reply = _open(url, there, headers)
    if reply is None:  # nothing comes after what is there
        if size is None or there == size:
            return url
        reply, there = _open(url, 0, headers), 0
    assert reply is not None
    with reply:
        _check_kind(reply)
        there, total = _place(reply, there)
        if size is not None and total is not None and total != size:
            raise TransferError(f"the server's file has {total} bytes, the published one {size}")
        on_bytes(there, total)
        _check_space(partial, there, total)
        there = _copy(reply, partial, there, lambda done: on_bytes(done, total))
    if total is not None and there < total:
        raise _CutError(f"the connection ended at {there} of {total} bytes")
    if size is not None and there != size:
        raise TransferError(f"the server sent {there} bytes, the published file has {size}")
    return str(reply.url)


def _length(partial: Path) -> int:
    return partial.stat().st_size if partial.exists() else 0


def _copy(reply: Any, partial: Path, there: int, on_bytes: Callable[[int], None]) -> int:
    """Write what comes behind the first `there` bytes; how many there are then."""
    with _opened(partial, "r+b" if there else "wb") as file:
        file.seek(there)
        while block := _read(reply, there):
            if not there and block.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
                raise TransferError("the server sends a web page instead of the file")
            try:
                rest = memoryview(block)
                while rest:  # a disk that fills up takes a part of it
                    rest = rest[file.write(rest) :]
            except OSError as error:
                raise _disk_error(partial, error) from None
            there += len(block)
            on_bytes(there)
    return there


def _opened(partial: Path, mode: str) -> IO[bytes]:
    try:
        # Unbuffered: what has come is in the file, whatever ends this process.
        return partial.open(mode, buffering=0)
    except OSError as error:
        raise _disk_error(partial, error) from None


def _read(reply: Any, there: int) -> bytes:
    """The next bytes, as many as have come; none at the end."""
    try:
        return bytes(reply.read1(_BLOCK))
    except TimeoutError:
        raise TransferError(f"the server sent nothing more after {there} bytes") from None
    except (OSError, http.client.HTTPException) as error:
        raise _CutError(f"the connection broke after {there} bytes ({_cause(error)})") from None


def _disk_error(partial: Path, error: OSError) -> TransferError:
    return TransferError(f"{partial}: {error.strerror or error}", here=True)


def _check_space(partial: Path, there: int, total: int | None) -> None:
    if total is None:
        return
    free = shutil.disk_usage(partial.parent).free
    if free < total - there:
        needed = in_bytes(total - there)
        raise TransferError(
            f"{partial.parent}: {needed} more are needed and {in_bytes(free)} are free", here=True
        )


# What a server answers --------------------------------------------------------------------------


def _open(url: str, there: int, headers: Mapping[str, str]) -> Any:
    """The server's answer, asked to begin at byte `there`; None: nothing comes after these."""
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "aqa", **headers})
    except ValueError as error:
        raise TransferError(f"cannot be reached ({_cause(error)})") from None
    if there:
        request.add_header("Range", f"bytes={there}-")
    else:
        request.remove_header("If-range")
    opening = _Opening(request)
    opening.start()
    try:
        return opening.result()
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416 and there:
                return None if there == _total(error.headers) else _open(url, 0, headers)
            message = _plain(f"the server answers {error.code} {error.reason}")
            raise TransferError(message, absent=error.code == 404) from None
    except TimeoutError:
        raise TransferError("the server does not answer") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise TransferError(f"cannot be reached ({_cause(error)})") from None


def _check_kind(reply: Any) -> None:
    if reply.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise TransferError("the server sends a web page instead of the file")
    encoding = reply.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise TransferError(_plain(f"the server packs the file as {encoding}, which was not asked"))


def _place(reply: Any, there: int) -> tuple[int, int | None]:
    """At which byte the answer begins, and how many the whole file has; None: it does not say."""
    length = reply.headers.get("Content-Length") or ""
    n_bytes = int(length) if length.isdecimal() else None
    if reply.status != 206:
        return 0, n_bytes  # the server sends it from the beginning
    match = re.match(r"bytes (\d+)-(\d+)/(\d+|\*)", reply.headers.get("Content-Range") or "")
    if match is None or int(match[1]) != there:
        raise TransferError(f"the server did not go on at byte {there}")
    total = None if match[3] == "*" else int(match[3])
    if total is not None and (int(match[2]) != total - 1 or n_bytes not in (None, total - there)):
        raise TransferError(f"the server does not send all that is missing after byte {there}")
    return there, total


def _total(headers: Any) -> int | None:
    """Size of the whole in `Content-Range: bytes */200`."""
    match = re.search(r"/(\d+)$", headers.get("Content-Range") or "")
    return int(match[1]) if match else None


def _cause(error: BaseException) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    text = (reason.strerror if isinstance(reason, OSError) else None) or str(reason)
    return _plain(text or type(reason).__name__)


def _plain(text: str) -> str:
    """What a server says, in one line and without control characters."""
    return "".join(c if c.isprintable() else " " for c in text)


# Connections ------------------------------------------------------------------------------------


class _Opening(threading.Thread):
    """Opens an address in a thread of its own, since looking up a name knows no time limit."""

    def __init__(self, request: urllib.request.Request):
        super().__init__(daemon=True)
        self._request = request
        self._done = threading.Event()
        self._given_up = False
        self._reply: Any = None
        self._error: BaseException | None = None
        self._redirects = _Redirects()

    def run(self) -> None:
        """Open the address, and keep what came of it for `result`."""
        opener = urllib.request.build_opener(_Http, _Https, self._redirects)
        try:
            self._reply = opener.open(self._request, timeout=STALL)
        except BaseException as error:  # raised again by `result`
            self._error = error
        self._done.set()
        if self._given_up and self._reply is not None:
            self._reply.close()

    def result(self) -> Any:
        """What the server answers; each redirection gets the full time."""
        while not self._done.wait(0.02):
            if time.monotonic() - self._redirects.moved > STALL + 0.5:
                self._given_up = True
                raise TimeoutError
        if self._error is None:
            return self._reply
        reason = getattr(self._error, "reason", None)
        raise reason if isinstance(reason, TimeoutError) else self._error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirections to http and https only, and never from https to http."""

    def __init__(self) -> None:
        self.moved = time.monotonic()

    def http_error_302(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any) -> Any:
        """Check where it leads, then follow."""
        target = headers.get("Location") or headers.get("URI") or ""
        scheme = urllib.parse.urlsplit(urllib.parse.urljoin(req.full_url, target)).scheme
        if scheme not in ("http", "https") or (req.type, scheme) == ("https", "http"):
            fp.close()
            raise TransferError(_plain(f"the server leads to {target}, which is not followed"))
        self.moved = time.monotonic()
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(
        self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str
    ) -> urllib.request.Request:
        """The same question, with the same range of bytes, to another address.

        Another server is not told the password, nor that of the way there: the proxy that leads to
        it is told its own anew.
        """
        left_out = {"Host", "Proxy-authorization"}
        if urllib.parse.urlsplit(newurl).netloc != urllib.parse.urlsplit(req.full_url).netloc:
            left_out.add("Authorization")
        asked = {name: value for name, value in req.headers.items() if name not in left_out}
        return urllib.request.Request(newurl.replace(" ", "%20"), headers=asked)


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        """Try each address of the server for a short time."""
        _connect(self, super().connect)


class _SafeConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        """Try each address of the server for a short time."""
        _connect(self, super().connect)


def _connect(connection: http.client.HTTPConnection, connect: Callable[[], None]) -> None:
    connection.timeout = min(CONNECT, STALL)
    connect()
    connection.sock.settimeout(STALL)


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: Any) -> Any:
        """Open it by a `_Connection`."""
        return self.do_open(_Connection, req)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: Any) -> Any:
        """Open it by a `_SafeConnection`."""
        return self.do_open(_SafeConnection, req)
