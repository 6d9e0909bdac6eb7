"""A server on this machine, and a record of the checkpoint that it serves."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from aqa.extract.backbones import get_architecture
from aqa.extract.checkpoints import catalogue, inspection
from aqa.extract.checkpoints.records import Checkpoint


def whole_mc3() -> bytes:
    """A checkpoint of mc3-18-tv in a few hundred kB: every tensor is one zero, seen many times."""
    architecture = get_architecture("mc3-18-tv")
    layout = architecture.layouts[0]
    state = {
        layout.key(key): torch.zeros(()).expand(shape)
        for key, shape in architecture.expected("avgpool").items()
    }
    file = io.BytesIO()
    torch.save(state | {"fc.weight": torch.zeros(1, 512).expand(400, 512)}, file)
    return file.getvalue()


CONTENT = whole_mc3()


@pytest.fixture(scope="session")
def content() -> bytes:
    """The file that is served."""
    return CONTENT


class Server(ThreadingHTTPServer):
    """Serves `content` at /mc3.pth, as well or as badly as it is told.

    cut: bytes after which it hangs up. stalled: bytes after which it sends nothing more. pause:
    seconds between its blocks. ranges: does it know them. shifted: so many bytes later than asked
    for it goes on. claimed: the length that it says the file has. headers: more to send. status:
    answered instead of the file. leads_to: where it redirects to. silent: it never answers.
    """

    daemon_threads = True
    cut: int | None = None
    stalled: int | None = None
    pause = 0.0
    ranges = True
    shifted = 0
    claimed: int | None = None
    status: int | None = None
    leads_to: str | None = None
    silent = False
    content = CONTENT

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []
        self.headers: dict[str, str] = {}
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        server = self.server
        if self.path == "/leads" and server.leads_to:
            self._answer(302, {"Location": server.leads_to})
            return
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        if server.silent:
            server.ended.wait(20)
            return
        if server.status:
            self._answer(server.status, {"Content-Length": "0"})
            return
        whole = server.content
        start = int(wanted[6:-1]) if wanted and server.ranges else 0
        if start and start >= len(whole):
            self._answer(416, {"Content-Range": f"bytes */{len(whole)}", "Content-Length": "0"})
            return
        start += server.shifted if start else 0
        length = len(whole) if server.claimed is None else server.claimed
        headers = {"Content-Length": str(length - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{length - 1}/{length}"
        self._answer(206 if start else 200, headers | server.headers)
        self._send(whole[: server.cut], start)

    def _answer(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, whole, start):
        stop = len(whole) if self.server.stalled is None else self.server.stalled
        step = len(whole) // 4 if self.server.pause else len(whole) + 1
        try:
            for begin in range(start, stop, step):
                self.wfile.write(whole[begin : min(begin + step, stop)])
                self.server.ended.wait(self.server.pause)
            if stop < len(whole):
                self.server.ended.wait(20)
        except OSError:
            pass  # nobody listens any more

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.delenv("AQA_OFFLINE")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.ended.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def publish(server, monkeypatch):
    """Makes a record of the served file the only one known."""

    def make(**changes) -> Checkpoint:
        record = dataclasses.replace(
            get_architecture("mc3-18-tv").checkpoints[0],
            name="mc3",
            file="mc3.pth",
            url=f"{server.url}/mc3.pth",
            sha256=hashlib.sha256(CONTENT).hexdigest()[:8],
        )
        record = dataclasses.replace(record, **changes)
        for module in (catalogue, inspection):
            monkeypatch.setattr(module, "known_checkpoints", lambda: (record,))
        return record

    return make
