"""Time, memory, length and the line: what takes too much is ended, and the server goes on."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip(
    "fastapi", reason="the extra is not installed: pip install 'aqa-toolkit[serve]'"
)

from aqa.extract.video.limits import VideoLimits, check_limits
from aqa.extract.video.source import VideoError
from aqa.serve.settings import MEGABYTE, Limits, ServedModel
from aqa.serve.worker import Worker


def ask(worker: Worker, path: Path) -> Any:
    job = {"kind": "score", "files": [{"name": "dive.mp4", "path": str(path)}], "told": {}}
    return worker.ask(job, lambda name, number: None)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (VideoLimits(pixels=100), "frames of 64x48; at most 100 pixels are taken"),
        (VideoLimits(seconds=1.5), "longer than 1.5 s"),
        (VideoLimits(frames=49), "more than 49 frames"),
        (VideoLimits(pixels=64 * 48, seconds=1.96, frames=50), None),
    ],
)
def test_videos_are_measured_before_they_are_decoded(
    numbered_video, monkeypatch: pytest.MonkeyPatch, limits: VideoLimits, expected: str | None
) -> None:
    path = numbered_video(50)
    monkeypatch.setattr("aqa.extract.video.packets.StreamDecoder._decode", None)
    if expected is None:
        check_limits(path, limits)
    else:
        with pytest.raises(VideoError, match=expected):
            check_limits(path, limits)


def test_a_child_that_takes_too_long_is_ended_and_started_again(client, dives: Path) -> None:
    worker, path, limits = client.worker, dives / "videos/dive_0003.mp4", client.worker._limits
    restarts = worker.restarts
    os.kill(worker._process.pid, signal.SIGSTOP)  # as slow as can be
    worker._limits = replace(limits, seconds=0.01)
    try:
        answer = ask(worker, path)
        assert (answer.status, answer.value["detail"]) == (
            422,
            "it takes more than the 0.01 s that are allowed",
        )
        assert client.get("/healthz").status == 503
    finally:
        worker._limits = limits
    assert ask(worker, path).status == 200
    assert worker.restarts == restarts + 1
    assert client.get("/healthz").status == 200


def test_a_child_that_breaks_at_a_file_breaks_nothing_else(client, dives: Path) -> None:
    worker, path, answers = client.worker, dives / "videos/dive_0003.mp4", []
    process = worker._process.pid
    os.kill(process, signal.SIGSTOP)  # until it has been asked
    asking = threading.Thread(target=lambda: answers.append(ask(worker, path)))
    asking.start()
    os.kill(process, signal.SIGKILL)
    asking.join(60)
    assert answers[0].status in (200, 422)  # 200: it had ended before it was asked
    assert ask(worker, path).status == 200
    assert worker._process.pid != process


@pytest.mark.parametrize("said", [b"\xff", b"{", b"[]", b'{"answer": {}}'])
def test_a_child_that_answers_no_sense_is_ended(tmp_path: Path, said: bytes) -> None:
    worker = Worker(ServedModel(tmp_path, head="wd"), Limits())
    worker._pipe, theirs = multiprocessing.Pipe()
    child = SimpleNamespace(pid=0, is_alive=lambda: True, kill=list, join=lambda seconds: None)
    worker._process = child
    theirs.send_bytes(said)
    answer = ask(worker, tmp_path / "dive.mp4")
    assert (answer.status, worker.is_ready) == (422, False)
    theirs.close()


def test_memory_is_limited(dives: Path, tmp_path: Path) -> None:
    text = tmp_path / "features.json"
    text.write_text(json.dumps({"features": np.zeros((40_000, 128), int).tolist()}))
    worker = Worker(ServedModel(dives, head="wd"), Limits(memory=64 * MEGABYTE))
    worker.start()
    try:
        job = {"kind": "features", "files": [{"name": "f", "path": str(text)}], "told": {}}
        answer = worker.ask(job, lambda name, number: None)
        assert (answer.status, answer.value["detail"]) == (
            422,
            "it takes more than the 64 MB of memory that are allowed",
        )
    finally:
        worker.stop()


def test_a_model_that_cannot_be_opened_is_told_in_one_line(tmp_path: Path) -> None:
    from aqa.errors import AqaError

    worker = Worker(ServedModel(tmp_path, head="wd"), Limits())
    with pytest.raises(AqaError, match="runs: no fitted heads"):
        worker.start()
    assert not worker.is_ready


def test_who_comes_when_the_line_is_full_is_told_when_to_come_again(client, dive: bytes) -> None:
    client.line.taken += 9
    try:
        reply = client.post("/v1/score", b"", content_length="1000")  # nothing is waited for
        assert (reply.status, reply.line[:26]) == (429, "too many requests wait; tr")
        assert int(reply.headers["retry-after"]) >= 1
        assert client.send("/reports", ("a.mp4", b"x")).status == 429
        assert b"aqa_queue_length 9" in client.get("/metrics").body
    finally:
        client.line.taken -= 9
    assert client.send("/v1/score", ("dive.mp4", dive)).status == 200


def test_several_at_once_are_answered_one_after_another(client, dive: bytes) -> None:
    statuses: list[int] = []

    def one() -> None:
        statuses.append(client.send("/v1/score", ("dive.mp4", dive)).status)

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert statuses == [200] * 6
    assert client.line.taken == 0
    assert list(client.uploads.iterdir()) == []
