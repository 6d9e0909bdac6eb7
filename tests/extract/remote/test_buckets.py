"""`s3://` and `gs://` by the packages of the extra `cloud`, from buckets played by this machine."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from aqa.annotations.manifest import write_manifest
from aqa.features.store import FeatureStore

ROOT = Path(__file__).resolve().parents[3]
MISSING = [name for name in ("s3fs", "gcsfs") if importlib.util.find_spec(name) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"{' and '.join(MISSING)} not installed (extra cloud)"
)


class Buckets(ThreadingHTTPServer):
    """A bucket `dives` with one file, as S3 and as Google Cloud Storage would answer."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content


class Handler(BaseHTTPRequestHandler):
    server: Buckets

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        place, content = self.path.partition("?")[0], self.server.content
        if place == "/dives/1.avi" or "alt=media" in self.path:
            self._send(content, self.headers.get("Range"))
        elif place.endswith("/b/dives/o/1.avi"):
            link = f"http://{self.headers['Host']}/download{place}?alt=media"
            about = {"name": "1.avi", "bucket": "dives", "size": str(len(content))}
            about |= {
                "mediaLink": link,
                "generation": "1",
                "etag": "e1",
                "contentType": "video/avi",
            }
            self._send(json.dumps(about).encode())
        else:
            self.send_error(404)

    def _send(self, content: bytes, wanted: str | None = None) -> None:
        start, stop = 0, len(content)
        if wanted:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(int(last or stop) + 1, stop)
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(stop - start))
        self.send_header("ETag", '"e1"')
        self.send_header("Last-Modified", "Fri, 27 Nov 2026 12:00:00 GMT")
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[start:stop])

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def buckets(numbered_video: Callable[..., Path]) -> Iterator[Buckets]:
    server = Buckets(numbered_video(20).read_bytes())
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_videos_in_buckets(buckets: Buckets, tmp_path: Path) -> None:
    """In a process of its own: these packages leave threads and warnings behind."""
    rows = [
        {"video_id": kind, "path": f"{kind}://dives/{name}", "score": 1}
        for kind, name in (("s3", "1.avi"), ("gs", "1.avi"))
    ]
    rows.append({"video_id": "gone", "path": "s3://dives/2.avi", "score": 1})
    write_manifest(tmp_path / "manifest.csv", rows)
    host = f"http://127.0.0.1:{buckets.server_port}"
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "AQA_OFFLINE" and not name.lower().endswith("_proxy")
    } | {
        "AQA_VIDEO_CACHE": str(tmp_path / "fetched"),
        "AWS_ENDPOINT_URL": host,
        "AWS_ACCESS_KEY_ID": "a-key",
        "AWS_SECRET_ACCESS_KEY": "a-secret-key",
        "AWS_DEFAULT_REGION": "us-east-1",
        "STORAGE_EMULATOR_HOST": host,
        "PYTHONPATH": os.pathsep.join([str(ROOT.parent), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", "aqa", "extract", "--backbone", "tiny3d"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 1, done.stderr
    assert "2 videos extracted" in done.stdout, done.stderr
    assert "failed: gone: s3://dives/2.avi: there is no such file" in done.stderr
    assert "a-secret-key" not in done.stdout + done.stderr
    with FeatureStore.open(tmp_path / "stores" / "tiny3d.h5") as store:
        assert store["s3"].tobytes() == store["gs"].tobytes()
