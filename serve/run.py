"""Serves until it is told to end: the socket, the worker, the browser."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aqa.errors import AqaError
from aqa.serve.limited_process import can_limit_memory
from aqa.serve.settings import Access, Limits, ServedModel

if TYPE_CHECKING:
    import uvicorn

# Where the page is, unless something else is there already.
USUAL_PORT = 8765
_LEAST_TOKEN = 16
UNLIMITED = (
    "Take care: this system does not let memory be limited (--max-memory works on Linux alone), so "
    "a video that was made to do harm may take all of it until --timeout. Open videos of strangers "
    "in a container; docs/serve.md says more."
)
NEW_TOKEN = "new"


@dataclass(frozen=True)
class ListenAt:
    """Where the server listens. port: None takes the usual one, or a free one if that is taken.

    token: what must be shown; `new` draws one; None needs none. names: further host names.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    token: str | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Service:
    """All that is served. reports: the folder of kept reports. keep: how many."""

    model: ServedModel
    place: ListenAt
    reports: Path
    keep: int = 50
    browser: bool = True
    limits: Limits = field(default_factory=Limits)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host.

    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0"), is_loopback("localhost")
    (True, False, True)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def token_for(place: ListenAt) -> str | None:
    """The token that must be shown; `AqaError` where one is needed, or is easily guessed."""
    if place.token is None:
        if not is_loopback(place.host):
            raise AqaError(
                f"{place.host}: others than this machine could reach it; give --token {NEW_TOKEN}"
            )
        return None
    if place.token == NEW_TOKEN:
        return secrets.token_urlsafe(24)
    if len(place.token) < _LEAST_TOKEN or not place.token.isascii() or _odd(place.token):
        raise AqaError(
            f"a token has at least {_LEAST_TOKEN} letters, digits, - or _; --token {NEW_TOKEN} "
            "draws one"
        )
    return place.token


def _odd(token: str) -> bool:
    return not token.replace("-", "").replace("_", "").isalnum()


def serve(service: Service, tell: Callable[[str], None]) -> None:
    """Open the model and serve it until Ctrl-C, or a signal, ends it.

    tell: is called with each line to print. `AqaError` where the model cannot be opened, or the
    port be had.
    """
    import uvicorn

    from aqa.serve.app import make_app
    from aqa.serve.worker import Worker

    token = token_for(service.place)
    with _listening(service.place) as listening:
        worker = Worker(service.model, service.limits)
        tell("opening the model ...")
        try:
            worker.start()
            names = {"localhost", service.place.host, socket.gethostname(), *service.place.names}
            access = Access(frozenset(name.lower() for name in names), token)
            app = make_app(worker, access, service.limits, service.reports, service.keep)
            address = _address(listening, service.place.host, token)
            tell(f"serving {worker.facts['head']} at {address}")
            tell("Ctrl-C ends it")
            if not can_limit_memory():
                tell(UNLIMITED)
            if service.browser:
                _open_browser(address)
            uvicorn.Server(http_settings(app)).run(sockets=[listening])
        finally:
            worker.stop()


def http_settings(app: Any, log_level: str = "warning") -> uvicorn.Config:
    """How HTTP is spoken."""
    import uvicorn

    from aqa.serve.slow_headers import TimedHeaders

    return uvicorn.Config(
        app,
        http=TimedHeaders,
        log_level=log_level,
        access_log=False,
        server_header=False,
        ws="none",
        limit_concurrency=64,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=1,
    )


def _listening(place: ListenAt) -> socket.socket:
    """A socket that is bound; the usual port gives way to a free one where it is taken."""
    wanted = USUAL_PORT if place.port is None else place.port
    try:
        return _bound(place.host, wanted)
    except OSError as error:
        if place.port is not None:
            raise AqaError(
                f"{place.host}:{wanted}: {error.strerror or error}; choose another with --port"
            ) from None
    try:
        return _bound(place.host, 0)
    except OSError as error:
        raise AqaError(f"{place.host}: {error.strerror or error}; see --host") from None


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(where)
        made.listen(64)
    except BaseException:
        made.close()
        raise
    return made


def _address(listening: socket.socket, host: str, token: str | None) -> str:
    shown = socket.gethostname() if host in ("0.0.0.0", "::") else host
    shown = f"[{shown}]" if ":" in shown else shown
    query = f"?token={token}" if token else ""
    return f"http://{shown}:{listening.getsockname()[1]}/{query}"


def _open_browser(address: str) -> None:
    """In a thread: a browser in a terminal would hold the server up."""
    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
