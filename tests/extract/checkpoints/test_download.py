from __future__ import annotations

import dataclasses
import hashlib
import io
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from aqa.annotations.manifest import write_manifest
from aqa.errors import UnknownNameError
from aqa.extract import checkpoints
from aqa.extract.backbones import backbone_names, get_architecture
from aqa.extract.checkpoints.files import Checkpoint, WeightsError

# tiny3d is shipped, isa is learned from a user's own videos.
OURS = {"tiny3d", "isa"}


def test_the_records_are_sound():
    known = checkpoints.known_checkpoints()
    assert {one.backbone for one in known} == set(backbone_names()) - OURS
    assert len({one.name for one in known}) == len({one.file for one in known}) == len(known)
    for one in known:
        assert re.fullmatch(r"[0-9a-f]{8}([0-9a-f]{56})?", one.sha256 or "0" * 8), one
        assert one.url.startswith("http")
        assert one.by_hand or one.url.endswith(one.file)
        assert not (one.by_hand and one.sha256)


def test_an_unknown_record():
    with pytest.raises(UnknownNameError, match="did you mean 'i3d-k400'"):
        checkpoints.find_checkpoint("i3d-k40")


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


class Server(ThreadingHTTPServer):
    """Serves CONTENT; `cut`: bytes after which it hangs up; `ranges`: does it know them."""

    cut: int | None = None
    ranges = True
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
        monkeypatch.setattr(checkpoints, "known_checkpoints", lambda: (record,))
        return record

    return make


def test_fetched_once_and_then_found(server, publish, tmp_path):
    publish()
    seen = []
    path = checkpoints.fetch("mc3", tmp_path / "new", lambda *step: seen.append(step))
    assert path == tmp_path / "new" / "mc3.pth"
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert not path.with_name("mc3.pth.part").exists()
    assert checkpoints.fetch("mc3", tmp_path / "new") == path
    assert server.asked == [None]


def test_an_interrupted_download_is_gone_on_with(server, publish, tmp_path):
    publish()
    server.cut = half = len(CONTENT) // 2
    with pytest.raises(WeightsError, match=rf"ended at {half} of {len(CONTENT)} bytes"):
        checkpoints.fetch("mc3", tmp_path)
    assert not (tmp_path / "mc3.pth").exists()
    server.cut = None
    assert checkpoints.fetch("mc3", tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={half}-"]


def test_a_server_without_ranges_sends_it_all_again(server, publish, tmp_path):
    publish()
    server.ranges = False
    (tmp_path / "mc3.pth.part").write_bytes(b"something else" * 30_000)
    assert checkpoints.fetch("mc3", tmp_path).read_bytes() == CONTENT


def test_a_part_that_was_whole_already(server, publish, tmp_path):
    publish()
    (tmp_path / "mc3.pth.part").write_bytes(CONTENT)
    assert checkpoints.fetch("mc3", tmp_path).read_bytes() == CONTENT


def test_a_part_that_is_longer_than_the_file_starts_again(server, publish, tmp_path):
    publish()
    (tmp_path / "mc3.pth.part").write_bytes(CONTENT + b"?")
    with pytest.raises(WeightsError, match="416"):
        checkpoints.fetch("mc3", tmp_path)
    assert checkpoints.fetch("mc3", tmp_path).read_bytes() == CONTENT


def test_a_wrong_hash_is_refused_and_deleted(publish, tmp_path):
    publish(sha256="0badc0de")
    with pytest.raises(WeightsError, match=r"its SHA-256 is \w+, .* begins with 0badc0de"):
        checkpoints.fetch("mc3", tmp_path)
    assert not list(tmp_path.glob("mc3.pth*[!k]"))


def test_a_wrong_file_in_the_cache_is_refused_and_left_alone(publish, tmp_path):
    publish()
    (tmp_path / "mc3.pth").write_bytes(b"?")
    with pytest.raises(WeightsError, match=r"mc3.pth: not mc3: its SHA-256 is"):
        checkpoints.fetch("mc3", tmp_path)
    assert (tmp_path / "mc3.pth").read_bytes() == b"?"


def test_without_a_known_hash_the_tensors_decide(server, publish, tmp_path):
    publish(sha256=None)
    assert checkpoints.fetch("mc3", tmp_path / "good").read_bytes() == CONTENT
    server.content = b"<html>please log in</html>"
    with pytest.raises(WeightsError, match="deleted what it gave"):
        checkpoints.fetch("mc3", tmp_path / "bad")
    assert not (tmp_path / "bad" / "mc3.pth").exists()
    server.content = CONTENT
    publish(sha256=None, backbone="i3d")
    with pytest.raises(WeightsError, match="a checkpoint of mc3-18-tv, not of i3d"):
        checkpoints.fetch("mc3", tmp_path / "other")


def test_offline_says_what_to_do_by_hand(server, publish, tmp_path):
    record = publish()
    server.shutdown()
    server.server_close()
    with pytest.raises(WeightsError) as caught:
        checkpoints.fetch("mc3", tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    target = tmp_path / "mc3.pth"
    for part in (record.url, f"put it at {target}", f"--backbone mc3-18-tv --weights {target}"):
        assert part in message


def test_a_record_without_a_link_says_what_to_do_by_hand(tmp_path):
    with pytest.raises(
        WeightsError, match=r"r3d50_K_200ep\.pth from https://github\.com/kenshohara"
    ):
        checkpoints.fetch("r3d-50-k", tmp_path)


def test_verify(publish, tmp_path):
    record = publish()
    path = tmp_path / "renamed.pth"
    path.write_bytes(CONTENT)
    assert checkpoints.verify(path) == record
    path.write_bytes(CONTENT + b"?")
    with pytest.raises(WeightsError, match="of no checkpoint known here"):
        checkpoints.verify(path)
    path = path.rename(tmp_path / "mc3.pth")
    with pytest.raises(WeightsError, match="named as mc3, whose SHA-256 begins with"):
        checkpoints.verify(path)
    publish(sha256=None)
    with pytest.raises(WeightsError, match="whose publisher gives none"):
        checkpoints.verify(path)


def test_inspect(tmp_path):
    path = tmp_path / "some.pth"
    path.write_bytes(CONTENT)
    found = checkpoints.inspect(path)
    assert (found.backbone, found.layout) == ("mc3-18-tv", "torchvision")
    assert found.last_layer == "avgpool"
    assert (found.classes, found.clip_lengths, found.checkpoint) == (400, (16,), None)
    assert found.parameters == 11695440 - 400  # this one's classifier has no bias
    assert found.sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_inspect_tells_what_the_file_leaves_open():
    architecture = get_architecture("r2plus1d-34-ig65m")
    assert architecture.clip_lengths("ade133f1" + "0" * 56, 400) == (32,)
    assert architecture.clip_lengths("0aa0550b" + "0" * 56, 400) == (8,)
    assert architecture.clip_lengths("0" * 64, 400) == (8, 32)
    assert architecture.clip_lengths("0" * 64, 359) == (8,)
    assert architecture.clip_lengths("0" * 64, 12) == (32,)


def test_inspect_refuses_what_is_no_backbones(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"encoder.weight": torch.zeros(3)}, path)
    with pytest.raises(
        WeightsError, match=r"1 tensors \(encoder.weight, ...\) that are no backbone"
    ):
        checkpoints.inspect(path)


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("AQA_CACHE", str(tmp_path / "here"))
    assert checkpoints.default_cache() == tmp_path / "here"
    monkeypatch.delenv("AQA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert checkpoints.default_cache() == tmp_path / "aqa"


def test_extract_takes_a_public_name_and_keeps_its_file(
    server, publish, tmp_path, monkeypatch, run_aqa
):
    publish()
    monkeypatch.setenv("AQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    write_manifest(tmp_path / "manifest.csv", [{"video_id": "v", "path": "v.avi", "score": 1}])
    for _ in range(2):
        result = run_aqa("extract", "--backbone", "mc3-18-tv", "--weights", "mc3", code=1)
        assert "weights mc3.pth, recognised as torchvision" in result.stderr
    refused = run_aqa("extract", "--backbone", "c3d", "--weights", "mc3", code=2)
    assert "mc3 is a checkpoint of mc3-18-tv, not of c3d" in refused.stderr
    assert server.asked == [None]
    (tmp_path / "mc3").write_bytes(b"a file of that name comes first")
    result = run_aqa("extract", "--backbone", "mc3-18-tv", "--weights", "mc3", code=1)
    assert "mc3: not a whole checkpoint file" in result.stderr
