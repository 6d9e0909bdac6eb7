"""Checkpoints fetched from a server: resumed, checked, and never a wrong file in the cache."""

from __future__ import annotations

import pytest

from aqa.annotations.manifest import write_manifest
from aqa.extract.checkpoints.cache import default_cache
from aqa.extract.checkpoints.download import fetch
from aqa.extract.checkpoints.progress import DownloadProgress
from aqa.extract.checkpoints.records import WeightsError


class Told(DownloadProgress):
    """Keeps what it is told."""

    def __init__(self):
        self.starts, self.seen, self.lines = [], [], []

    def start(self, checkpoint, target, there, total):
        self.starts.append((there, total))

    def bytes(self, done):
        self.seen.append(done)

    def line(self, text):
        self.lines.append(text)


def refusal(tmp_path, name="mc3"):
    """The one line that says why a checkpoint cannot be had."""
    with pytest.raises(WeightsError) as caught:
        fetch(name, tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    assert not (tmp_path / "mc3.pth").exists()
    return message


def test_fetched_once_and_then_found(server, publish, tmp_path, content):
    publish()
    told = Told()
    path = fetch("mc3", tmp_path / "new", told)
    assert path == tmp_path / "new" / "mc3.pth"
    assert path.read_bytes() == content
    assert told.starts == [(0, len(content))]
    assert told.seen[-1] == len(content)
    assert "SHA-256" in told.lines[-1]
    assert not path.with_name("mc3.pth.part").exists()
    assert fetch("mc3", tmp_path / "new") == path
    assert server.asked == [None]


def test_an_interrupted_download_is_gone_on_with(server, publish, tmp_path, content):
    publish()
    server.cut = half = len(content) // 2
    message = refusal(tmp_path)
    assert f"ended at {half} of {len(content)} bytes" in message
    assert "kept for the next try" in message
    server.cut = None
    assert fetch("mc3", tmp_path).read_bytes() == content
    # The first call had asked once more, and got no further.
    assert server.asked == [None, f"bytes={half}-", f"bytes={half}-"]


def test_a_connection_that_breaks_now_and_then_is_made_anew(
    server, publish, tmp_path, content, monkeypatch
):
    publish()
    third = len(content) // 3

    def do_get(handler, usual=server.RequestHandlerClass.do_GET):
        server.cut = third * (len(server.asked) + 1) if len(server.asked) < 2 else None
        usual(handler)

    monkeypatch.setattr(server.RequestHandlerClass, "do_GET", do_get)
    told = Told()
    assert fetch("mc3", tmp_path, told).read_bytes() == content
    assert server.asked == [None, f"bytes={third}-", f"bytes={2 * third}-"]
    assert told.seen == sorted(told.seen)


@pytest.mark.parametrize("shifted", [-7, 7])
def test_a_server_that_goes_on_elsewhere_is_refused(server, publish, tmp_path, content, shifted):
    publish(sha256=None)
    half = len(content) // 2
    (tmp_path / "mc3.pth.part").write_bytes(content[:half])
    server.shifted = shifted
    with pytest.raises(WeightsError, match=rf"did not go on at byte {half}"):
        fetch("mc3", tmp_path)
    assert (tmp_path / "mc3.pth.part").read_bytes() == content[:half]
    server.shifted = 0
    assert fetch("mc3", tmp_path).read_bytes() == content


def test_progress_counts_what_was_there(server, publish, tmp_path, content):
    publish()
    half = len(content) // 2
    (tmp_path / "mc3.pth.part").write_bytes(content[:half])
    told = Told()
    fetch("mc3", tmp_path, told)
    assert told.starts == [(half, len(content))]
    assert told.seen[-1] == len(content)


def test_a_server_without_ranges_sends_it_all_again(server, publish, tmp_path, content):
    publish()
    server.ranges = False
    (tmp_path / "mc3.pth.part").write_bytes(b"something else" * 30_000)
    assert fetch("mc3", tmp_path).read_bytes() == content


def test_a_part_that_was_whole_already(server, publish, tmp_path, content):
    publish()
    (tmp_path / "mc3.pth.part").write_bytes(content)
    assert fetch("mc3", tmp_path).read_bytes() == content


def test_a_part_that_is_longer_than_the_file_starts_again(server, publish, tmp_path, content):
    publish()
    (tmp_path / "mc3.pth.part").write_bytes(content + b"?")
    assert fetch("mc3", tmp_path).read_bytes() == content


def test_a_wrong_hash_is_refused_and_deleted(publish, tmp_path):
    publish(sha256="0badc0de")
    with pytest.raises(WeightsError, match=r"its SHA-256 is \w+, .* begins with 0badc0de"):
        fetch("mc3", tmp_path)
    assert not list(tmp_path.glob("mc3*"))


def test_a_wrong_file_in_the_cache_is_refused_and_left_alone(publish, tmp_path):
    publish()
    (tmp_path / "mc3.pth").write_bytes(b"?")
    with pytest.raises(WeightsError, match=r"mc3.pth: not mc3: its SHA-256 is"):
        fetch("mc3", tmp_path)
    assert (tmp_path / "mc3.pth").read_bytes() == b"?"


def test_without_a_known_hash_the_tensors_decide(server, publish, tmp_path, content):
    publish(sha256=None)
    assert fetch("mc3", tmp_path / "good").read_bytes() == content
    server.content = b"version https://git-lfs.github.com/spec/v1"
    with pytest.raises(WeightsError, match="deleted what it gave"):
        fetch("mc3", tmp_path / "bad")
    assert not (tmp_path / "bad" / "mc3.pth").exists()
    server.content = content
    publish(sha256=None, backbone="i3d")
    with pytest.raises(WeightsError, match="a checkpoint of mc3-18-tv, not of i3d"):
        fetch("mc3", tmp_path / "other")


def test_a_server_that_is_gone_says_what_to_do_by_hand(server, publish, tmp_path):
    record = publish()
    server.shutdown()
    server.server_close()
    message = refusal(tmp_path)
    for part in ("Connection refused", record.url, f"to {tmp_path / 'mc3.pth'}", record.licence):
        assert part in message


def test_a_record_without_a_link_says_what_to_do_by_hand(tmp_path):
    message = refusal(tmp_path, "r3d-50-k")
    assert "download r3d50_K_200ep.pth" in message
    assert f"open?id=1xbYbZ7rpyjftI_KCk6YuL-XrfQDz7Yd4 to {tmp_path}" in message


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("AQA_CACHE", str(tmp_path / "here"))
    assert default_cache() == tmp_path / "here"
    monkeypatch.delenv("AQA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "aqa"


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


def test_where_checkpoints_are_kept(monkeypatch, tmp_path):
    for name in ("AQA_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache" / "aqa"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert default_cache() == tmp_path / ".cache" / "aqa"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert default_cache() == tmp_path / "x" / "aqa"
    monkeypatch.setenv("AQA_CACHE", str(tmp_path / "mine"))
    assert default_cache() == tmp_path / "mine"
