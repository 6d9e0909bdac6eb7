"""Servers that are slow, stop, lie or are not there: one line each, and never a wrong file."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest

from aqa.extract.checkpoints import transfer
from aqa.extract.checkpoints.cache import read_note
from aqa.extract.checkpoints.download import fetch
from aqa.extract.checkpoints.records import WeightsError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def quick(monkeypatch):
    """Servers are given up sooner."""
    monkeypatch.setattr(transfer, "STALL", 0.5)


def refusal(tmp_path):
    """The one line that says why the checkpoint cannot be had, and how long that took."""
    begin = time.monotonic()
    with pytest.raises(WeightsError) as caught:
        fetch("mc3", tmp_path)
    message = str(caught.value)
    assert message.isprintable()
    assert f"to {tmp_path / 'mc3.pth'}" in message
    assert not (tmp_path / "mc3.pth").exists()
    assert time.monotonic() - begin < 5
    return message


def test_a_slow_download_that_moves_goes_on(server, publish, tmp_path, content, quick):
    publish()
    server.pause = 0.3
    begin = time.monotonic()
    assert fetch("mc3", tmp_path).read_bytes() == content
    assert time.monotonic() - begin > transfer.STALL


def test_a_stalled_download_ends_and_is_gone_on_with(server, publish, tmp_path, content, quick):
    publish()
    server.stalled = half = len(content) // 2
    assert f"sent nothing more after {half} bytes" in refusal(tmp_path)
    assert (tmp_path / "mc3.pth.part").read_bytes() == content[:half]
    server.stalled = None
    assert fetch("mc3", tmp_path).read_bytes() == content
    assert server.asked == [None, f"bytes={half}-"]


def test_a_server_that_never_answers(server, publish, tmp_path, quick):
    publish()
    server.silent = True
    assert "the server does not answer" in refusal(tmp_path)


def test_a_name_that_is_looked_up_without_end(publish, tmp_path, quick, monkeypatch):
    publish(url="http://weights.example/mc3.pth")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(3))
    assert "the server does not answer" in refusal(tmp_path)


def test_a_name_that_is_not_known(server, publish, tmp_path, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    publish(url="http://weights.example/mc3.pth")
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "cannot be reached (Name or service not known)" in refusal(tmp_path)


@pytest.mark.parametrize(("status", "text"), [(404, "404 Not Found"), (403, "403 Forbidden")])
def test_a_server_that_refuses(server, publish, tmp_path, status, text):
    publish()
    server.status = status
    assert f"the server answers {text}" in refusal(tmp_path)
    assert not list(tmp_path.glob("mc3*"))


@pytest.mark.parametrize("told", [True, False])
def test_a_web_page_instead_of_the_file(server, publish, tmp_path, content, told):
    publish()
    half = len(content) // 2
    if told:
        (tmp_path / "mc3.pth.part").write_bytes(content[:half])
        server.headers["Content-Type"] = "text/html; charset=utf-8"
    server.content = b"\n<!DOCTYPE html><html>please log in</html>"
    server.ranges = False
    assert "sends a web page instead of the file" in refusal(tmp_path)
    if told:  # what had come before is not lost
        assert (tmp_path / "mc3.pth.part").read_bytes() == content[:half]


def test_a_file_of_another_size(server, publish, tmp_path, content):
    publish(size=len(content) + 1)
    assert f"has {len(content)} bytes, the published one {len(content) + 1}" in refusal(tmp_path)
    assert not list(tmp_path.glob("mc3*"))


def test_a_file_that_is_shorter_than_its_server_says(server, publish, tmp_path, content):
    publish()
    server.claimed = len(content) + 10
    server.ranges = False
    assert f"ended at {len(content)} of {len(content) + 10} bytes" in refusal(tmp_path)


def test_packed_content_is_refused(server, publish, tmp_path):
    publish()
    server.headers["Content-Encoding"] = "gzip"
    assert "packs the file as gzip" in refusal(tmp_path)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
def test_a_redirection_elsewhere_is_not_followed(server, publish, tmp_path, target):
    publish(url=f"{server.url}/leads")
    server.leads_to = target
    assert f"leads to {target}, which is not followed" in refusal(tmp_path)
    assert not list(tmp_path.glob("mc3*"))


def test_a_redirection_in_a_circle_ends(server, publish, tmp_path):
    publish(url=f"{server.url}/leads")
    server.leads_to = "/leads"
    assert "infinite loop" in refusal(tmp_path)


def test_a_redirection_keeps_the_range_and_is_recorded(server, publish, tmp_path, content):
    publish(url=f"{server.url}/leads")
    server.leads_to = "/mc3.pth"
    (tmp_path / "mc3.pth.part").write_bytes(content[:100])
    path = fetch("mc3", tmp_path)
    assert server.asked == ["bytes=100-"]
    note = read_note(path)
    assert note["source"] == f"{server.url}/mc3.pth"
    assert note["published"] == f"{server.url}/leads"
    assert note["sha256"] == hashlib.sha256(content).hexdigest()
    assert note["size"] == len(content)


def test_too_little_room_is_told_before_the_first_byte(server, publish, tmp_path, monkeypatch):
    publish()
    usage = namedtuple("usage", "total used free")(10**6, 10**6, 1000)
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(WeightsError, match=r"more are needed and 1\.0 kB are free.*AQA_CACHE"):
        fetch("mc3", tmp_path)


def test_a_disk_that_fills_up(server, publish, tmp_path, content):
    publish()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    half = len(content) // 2
    resource.setrlimit(resource.RLIMIT_FSIZE, (half, before[1]))
    try:
        with pytest.raises(WeightsError) as caught:
            fetch("mc3", tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert str(caught.value).startswith(f"{tmp_path / 'mc3.pth.part'}: {os.strerror(errno.EFBIG)};")
    assert fetch("mc3", tmp_path).read_bytes() == content
    assert server.asked == [None, f"bytes={half}-"]


def test_a_cache_that_cannot_be_written(server, publish, tmp_path):
    publish()
    (tmp_path / "file").write_text("?")
    with pytest.raises(WeightsError, match=r"file.*AQA_CACHE names another folder"):
        fetch("mc3", tmp_path / "file" / "cache")


# Files that lie there already ------------------------------------------------------------------


def test_a_file_put_there_by_hand_is_checked_and_recorded(publish, tmp_path, content):
    publish(by_hand=True, sha256=None)
    (tmp_path / "mc3.pth").write_bytes(content)
    path = fetch("mc3", tmp_path)
    assert read_note(path)["source"] == "by hand"
    path.write_bytes(b"something else")
    with pytest.raises(WeightsError, match=r"mc3.pth: has changed: its SHA-256 is"):
        fetch("mc3", tmp_path)


def test_offline_takes_what_is_there_and_asks_nobody(
    server, publish, tmp_path, content, monkeypatch
):
    publish()
    monkeypatch.setenv("AQA_OFFLINE", "1")
    assert "AQA_OFFLINE forbids to download it" in refusal(tmp_path)
    (tmp_path / "mc3.pth").write_bytes(content)
    fetch("mc3", tmp_path)
    assert server.asked == []
    monkeypatch.setenv("AQA_OFFLINE", "0")
    (tmp_path / "new").mkdir()
    fetch("mc3", tmp_path / "new")
    assert server.asked == [None]


# Several processes -----------------------------------------------------------------------------

_PROGRAM = """
import json, sys
from pathlib import Path
import aqa.extract.checkpoints.catalogue as catalogue
from aqa.extract.checkpoints.records import Checkpoint
catalogue.known_checkpoints = lambda: (Checkpoint(**json.loads(sys.argv[1])),)
from aqa.extract.checkpoints.download import fetch
from aqa.extract.checkpoints.progress import DownloadBar
print("ready", flush=True)
input()
print(fetch("mc3", Path(sys.argv[2]), DownloadBar()))
"""


def started(record, folder):
    """A process that fetches the checkpoint once it is given a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, json.dumps(dataclasses.asdict(record)), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT.parent)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_download_a_file_once(server, publish, tmp_path, content):
    record = publish()
    server.pause = 0.2
    processes = [started(record, tmp_path) for _ in range(2)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    ends = [process.communicate(timeout=60) for process in processes]
    assert [out.strip() for out, _ in ends] == [str(tmp_path / "mc3.pth")] * 2
    assert server.asked == [None]
    assert sum("another process is downloading it" in err for _, err in ends) == 1
    assert (tmp_path / "mc3.pth").read_bytes() == content


def test_ctrl_c_leaves_a_part_that_is_gone_on_with(server, publish, tmp_path, content):
    record = publish()
    server.stalled = half = len(content) // 2
    process = started(record, tmp_path)
    process.stdin.write("go\n")
    process.stdin.flush()
    part = tmp_path / "mc3.pth.part"
    deadline = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size == half) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in err
    assert part.read_bytes() == content[:half]
    server.stalled = None
    assert fetch("mc3", tmp_path).read_bytes() == content
    assert server.asked == [None, f"bytes={half}-"]
