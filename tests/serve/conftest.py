"""A server on drawn dives, and what asks it."""

from __future__ import annotations

import http.client
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aqa.cli import main
from aqa.serve.settings import Access, Limits, ServedModel

MISSING = "the extra is not installed: pip install 'aqa-toolkit[serve]'"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def line(self) -> str:
        """Why it was refused: one line; in plain text where it was no HTTP."""
        plain = self.headers["content-type"].startswith("text/plain")
        line = self.body.decode() if plain else self.json["detail"]
        assert isinstance(line, str)
        assert line
        assert "\n" not in line
        assert "Traceback" not in line
        return line


@dataclass(frozen=True)
class Client:
    """Asks a server as a program does."""

    port: int
    worker: Any
    line: Any
    uploads: Path
    reports: Path

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            # It may answer before it has read all.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            read = answer.read()
        finally:
            connection.close()
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, read)

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, None, {k.replace("_", "-"): v for k, v in headers.items()})

    def post(
        self, path: str, data: bytes, kind: str = "application/octet-stream", **headers: str
    ) -> Reply:
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        return self.ask("POST", path, data, {"content-type": kind, **named})

    def send(
        self, path: str, *files: tuple[str, bytes], field: str = "video", **told: str
    ) -> Reply:
        """Post a form with files by name, and texts."""
        return self.post(path, form(*files, field=field, **told), FORM)

    def report(self, *files: tuple[str, bytes], **told: str) -> dict[str, Any]:
        """Send files to the page, and wait for what becomes of them."""
        job = self.send("/reports", *files, **told).json["job"]
        for _ in range(600):
            state: dict[str, Any] = self.get(f"/jobs/{job}").json
            if state["state"] in ("done", "failed"):
                return state
            time.sleep(0.1)
        raise AssertionError(f"never done: {state}")


BOUNDARY = "a-line-between-parts"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def form(*files: tuple[str, bytes], field: str = "video", **told: str) -> bytes:
    parts = [
        f'Content-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'.encode() + data
        for name, data in files
    ]
    parts += [
        f'Content-Disposition: form-data; name="{name}"\r\n\r\n{text}'.encode()
        for name, text in told.items()
    ]
    line = f"--{BOUNDARY}".encode()
    return b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"


@pytest.fixture(scope="session")
def dives(drawn_dives: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight drawn dives, extracted, with a fitted wd."""
    folder = tmp_path_factory.mktemp("serve") / "dives"
    shutil.copytree(drawn_dives, folder)
    for command in (
        "extract --backbone tiny3d",
        "fit --head wd -p epochs=5 -p device=cpu --split 1",
    ):
        result = CliRunner().invoke(main, ["-C", str(folder), *command.split()])
        assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="session")
def dive(dives: Path) -> bytes:
    """A drawn dive as it is sent."""
    return (dives / "videos/dive_0003.mp4").read_bytes()


@contextmanager
def serving(
    worker: Any, limits: Limits, reports: Path, keep: int = 5, **access: Any
) -> Iterator[Any]:
    """A server around a worker, in a thread; the worker outlives it."""
    import uvicorn

    from aqa.serve.app import make_app
    from aqa.serve.run import ListenAt, _listening, http_settings

    app = make_app(worker, Access(**access), limits, reports, keep)
    listening = _listening(ListenAt(port=0))
    server = uvicorn.Server(http_settings(app, log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        shared = app.app.state.server
        yield Client(listening.getsockname()[1], worker, shared.line, shared.uploads, reports)
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()


LIMITS = Limits(upload=4 << 20, feature_bytes=1 << 20, seconds=60.0, idle=5.0, waiting=8)


@pytest.fixture(scope="session")
def serve_around() -> Callable[..., Any]:
    """Serves a worker that runs, as `serving` does; that worker is not ended with it."""

    def around(worker: Any, reports: Path, keep: int = 5, **access: Any) -> Any:
        return serving(_Borrowed(worker), LIMITS, reports, keep, **access)

    return around


class _Borrowed:
    """A worker whose `stop` does nothing."""

    def __init__(self, worker: Any):
        self._worker = worker

    def __getattr__(self, name: str) -> Any:
        return getattr(self._worker, name)

    def stop(self) -> None:
        pass


@pytest.fixture(scope="session")
def client(dives: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server on the fitted wd, which all tests share."""
    pytest.importorskip("fastapi", reason=MISSING)
    from aqa.serve.worker import Worker

    worker = Worker(ServedModel(dives, head="wd"), LIMITS)
    worker.start()
    try:
        with serving(worker, LIMITS, tmp_path_factory.mktemp("kept") / "reports") as asked:
            yield asked
    finally:
        worker.stop()
