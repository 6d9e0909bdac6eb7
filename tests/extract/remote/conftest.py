"""Videos at addresses: of a server on this machine, and of fsspec's memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from aqa.extract.remote.cache import FOLDER, LIMIT, VideoCache


class VideoServer(ThreadingHTTPServer):
    """Serves `files`, name -> bytes.

    cut: bytes after which it hangs up, of each answer in turn. replaced: what `files` become when
    it hangs up so. tagged: whether it tells a version.
    tells_size: or ends the file by hanging up. password: the header that it asks for.
    """

    daemon_threads = True
    tells_size = True
    tagged = True
    password: str | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.leads: dict[str, str] = {}  # name -> where it is instead
        self.told: list[str | None] = []  # by whom, each time that it is asked
        self.cut: list[int] = []
        self.replaced: dict[str, bytes] = {}
        self.begun: list[tuple[str, str | None]] = []  # name and range of each answer that was read

    def url(self, name: str, user: str = "") -> str:
        """The address of a file."""
        return f"http://{user}127.0.0.1:{self.server_port}/{name}"


class Handler(BaseHTTPRequestHandler):
    server: VideoServer

    def do_GET(self) -> None:
        server, name = self.server, self.path.partition("?")[0].lstrip("/")
        if server.password is not None and self.headers.get("Authorization") != server.password:
            self.send_error(401)
            return
        server.told.append(self.headers.get("Authorization"))
        if name in server.leads:
            self.send_response(302)
            self.send_header("Location", server.leads[name])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if name not in server.files:
            self.send_error(404)
            return
        whole, wanted = server.files[name], self.headers.get("Range")
        version = f'"{hash(whole)}"'
        if self.headers.get("If-Range", version) != version:
            wanted = None
        start = int(wanted[6:-1]) if wanted else 0
        # Before anybody is answered: then these are in the order of the answers.
        server.begun.append((name, wanted))
        stop = server.cut.pop(0) if server.cut else len(whole)
        self.send_response(206 if start else 200)
        if server.tells_size:
            self.send_header("Content-Length", str(len(whole) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        if server.tagged:
            self.send_header("ETag", version)
        self.end_headers()
        with suppress(OSError):  # nobody listens where it was asked what there is
            self.wfile.write(whole[start:stop])
        if stop < len(whole):
            server.files |= server.replaced

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Files may be fetched, into a folder of this test."""
    monkeypatch.delenv("AQA_OFFLINE")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(FOLDER, str(tmp_path / "fetched"))
    monkeypatch.delenv(LIMIT, raising=False)


@pytest.fixture
def server(online: None) -> Iterator[VideoServer]:
    server = VideoServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cache(tmp_path: Path) -> VideoCache:
    """Room for 1000 bytes."""
    return VideoCache(tmp_path / "fetched", 1000)


@pytest.fixture
def in_memory(online: None) -> Iterator[Callable[[str, bytes], str]]:
    """Puts a file into fsspec's memory; gives its address."""
    import fsspec

    system = fsspec.filesystem("memory")

    def put(name: str, content: bytes) -> str:
        system.pipe(f"/{name}", content)
        return f"memory://{name}"

    yield put
    system.store.clear()
