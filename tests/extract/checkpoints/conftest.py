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
    """Serves CONTENT; `cut`: bytes after which it hangs up; `ranges`: does it know them."""

    cut: int | None = None
    ranges = True
    shifted = 0  # so many bytes later than asked for it goes on
    content = CONTENT

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        whole = self.server.content
        start = int(wanted[6:-1]) if wanted and self.server.ranges else 0
        if start and start >= len(whole):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(whole)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start += self.server.shifted if start else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        self.send_header("Content-Length", str(len(whole) - start))
        self.end_headers()
        self.wfile.write(whole[start : self.server.cut])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
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
            url=f"http://127.0.0.1:{server.server_port}/mc3.pth",
            sha256=hashlib.sha256(CONTENT).hexdigest()[:8],
        )
        record = dataclasses.replace(record, **changes)
        for module in (catalogue, inspection):
            monkeypatch.setattr(module, "known_checkpoints", lambda: (record,))
        return record

    return make
