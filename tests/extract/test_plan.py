"""What an extraction will take, and what it took: rates, what binds, events for machines."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from aqa.annotations.manifest import Video, write_manifest
from aqa.cli import main
from aqa.errors import AqaError
from aqa.event_log import EventLog
from aqa.extract.backbones import load_backbone
from aqa.extract.encode import Encoder
from aqa.extract.engines.names import openvino_version
from aqa.extract.pace import Pace
from aqa.extract.plan import NetworkRate, Plan, make_plan
from aqa.extract.plan_text import duration, plan_rows
from aqa.extract.video_encoder import EncodingSettings
from aqa.features.clips import ClipRule
from aqa.files import WriteError


@pytest.fixture(autouse=True)
def _timed_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aqa.extract.plan._TIMING", 0.01)


PLAN = Plan(
    device=torch.device("cpu"),
    cores=4,
    n_videos=100,
    n_seen=5,
    clips_seen=30,
    n_clips=600,
    row_bytes=16384,
    memory=10**9,
    gpu_memory=0,
    decoding=5.0,
    rates=(
        NetworkRate("float32", 1, 8.0, 0.0),
        NetworkRate("float32", 2, 10.0, 0.0),
        NetworkRate("bfloat16", 2, 10.9, 0.004),
    ),
)


def test_the_time_of_processes_and_of_gpus() -> None:
    assert PLAN.bound_by == "decoding"
    assert PLAN.seconds(1) == pytest.approx(600 / 5 + 600 / 10)
    assert PLAN.seconds(4) == pytest.approx(600 / 5 / 4 + 600 / 10)
    assert PLAN.seconds(64) == PLAN.seconds(4)  # no more than there are cores
    gpu = replace(PLAN, device=torch.device("cuda"), cores=16, decoding=10.0)
    gpu = replace(gpu, rates=(NetworkRate("float32", 32, 100.0, 0.0),))
    assert gpu.bound_by == "decoding"  # eight threads give 80 clips per second
    assert gpu.seconds(1) == pytest.approx(600 / 80)
    assert gpu.seconds(8) == pytest.approx(600 / 160)  # sixteen cores decode for all of them
    assert replace(gpu, decoding=13.0).bound_by == "the network"


def test_another_precision_must_be_worth_it() -> None:
    assert PLAN.best == NetworkRate("float32", 2, 10.0, 0.0)
    faster = NetworkRate("bfloat16", 4, 11.1, 0.004)
    assert replace(PLAN, rates=(*PLAN.rates, faster)).best == faster


def test_another_engine_must_be_worth_it() -> None:
    openvino = NetworkRate("float32", 1, 10.9, 0.0, "openvino")
    assert replace(PLAN, rates=(*PLAN.rates, openvino)).best == PLAN.best
    openvino = replace(openvino, clips_per_second=12.0)
    plan = replace(PLAN, rates=(*PLAN.rates, openvino))
    assert plan.best == openvino
    said = dict(plan_rows(plan))
    assert said["network, openvino float32"] == "batch 1: 12.0 clips/s"
    assert said["take"] == "--engine openvino --batch-size 1 --precision float32 --processes 4"
    rounded = NetworkRate("bfloat16", 1, 13.0, 0.004, "openvino")  # 1.08 times its own float32
    assert replace(plan, rates=(*plan.rates, rounded)).best == openvino
    rounded = replace(rounded, clips_per_second=14.0)
    assert replace(plan, rates=(*plan.rates, rounded)).best == rounded


def test_a_plan_in_words() -> None:
    said = dict(plan_rows(PLAN))
    assert said["measured on"] == "cpu, 4 cores: 5 of 100 videos, 30 clips"
    assert said["store"] == "9.8 MB"
    assert said["network, bfloat16"] == "batch 2: 10.9 clips/s; features differ by 0.4%"
    assert said["time"] == "1 process: 3 min, 4 processes: 2 min"
    assert said["take"] == "--batch-size 2 --precision float32 --processes 4"
    gpu = replace(PLAN, device=torch.device("cuda", 0), gpu_memory=2 * 10**9)
    said = dict(plan_rows(gpu))
    assert said["memory"] == "1.0 GB per process; of the GPU 2.0 GB"
    assert said["time"].startswith("1 GPU like this one: ")
    assert said["take"] == "--batch-size 2 --precision float32"
    assert [duration(t) for t in (3, 100, 7300)] == ["3 s", "2 min", "2 h 2 min"]


def test_a_plan_is_measured_on_videos(numbered_video: Callable[..., Path]) -> None:
    lengths = (40, 16, 33)
    videos = [Video(f"v{i}", numbered_video(n, f"v{i}.avi"), 1.0) for i, n in enumerate(lengths)]
    videos.append(Video("gone", Path("gone.avi"), 1.0))
    settings = EncodingSettings(ClipRule(16, 16), batch_size=2)
    backbone = load_backbone("tiny3d")
    plan = make_plan(videos, backbone, settings, "cpu", backbone.shape)
    assert (plan.n_videos, plan.n_seen, plan.clips_seen) == (4, 3, 3 + 1 + 3)
    assert plan.n_clips == 10  # 7/3 of each of four
    assert plan.row_bytes == 4 * 128
    rates = {(one.engine, one.precision): one for one in plan.rates}
    by_torch = [("torch", "float32"), ("torch", "bfloat16")]
    assert list(rates)[:2] == by_torch
    if openvino_version() is None:
        assert list(rates) == by_torch
    else:
        assert 0 <= rates["openvino", "float32"].drift < 1e-5
    assert {one.batch_size for one in plan.rates} == {2}
    assert rates[by_torch[0]].drift == 0 < rates[by_torch[1]].drift < 0.1
    assert plan.decoding > 0 < plan.memory
    with pytest.raises(AqaError, match=r"no video to plan with: gone.avi: no such video"):
        make_plan(videos[3:], backbone, settings, "cpu", backbone.shape)


def test_what_binds_is_the_largest_share() -> None:
    pace = Pace(n_clips=50, processes=2, seconds=10, decoding=14, encoding=5, writing=1)
    assert pace.shares == {"decoding": 0.7, "the network": 0.25, "writing": 0.1}
    assert str(pace) == (
        "5.0 clips/s in 2 processes, bound by decoding (70% of the time; the network 25%, "
        "writing 10%)"
    )
    assert replace(pace, writing=9).bound_by == "writing"


def test_a_torn_line_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "log.json"
    for k in (1, 2):
        log = EventLog(path)
        log.write("video", number=k)
        log.close()
        with path.open("a") as file:
            file.write('{"event"')
    events = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    assert [(one["event"], one["number"]) for one in events] == [("video", 1), ("video", 2)]
    with pytest.raises(WriteError, match="name another file"):
        EventLog(tmp_path)


@pytest.fixture
def run(tmp_path: Path, numbered_video: Callable[..., Path]) -> Callable[..., Result]:
    rows = [
        {"video_id": f"v{i}", "path": numbered_video(20, f"v{i}.avi").name, "score": 1}
        for i in range(3)
    ]
    (tmp_path / "v1.avi").write_bytes(b"broken")
    write_manifest(tmp_path / "manifest.csv", rows)

    def invoke(*arguments: str, code: int = 0) -> Result:
        whole = ["-C", str(tmp_path), "extract", "--backbone", "tiny3d", *arguments]
        result = CliRunner().invoke(main, whole, prog_name="aqa")
        assert result.exit_code == code, result.output
        return result

    return invoke


def test_events_and_what_to_try_again(run: Callable[..., Result], tmp_path: Path) -> None:
    log, failed = tmp_path / "log.json", tmp_path / "failed.txt"
    result = run("--log-json", str(log), "--failed-list", str(failed), code=1)
    assert " clips/s, bound by " in result.stderr
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [one["event"] for one in events] == ["start", *["video"] * 3, "end"]
    assert [one.get("outcome") for one in events[1:4]] == ["extracted", "failed", "extracted"]
    assert "v1.avi" in events[2]["reason"]
    assert (events[4]["extracted"], events[4]["failed"]) == (2, ["v1"])
    assert failed.read_text() == "v1\n"
    (tmp_path / "v1.avi").write_bytes((tmp_path / "v0.avi").read_bytes())
    again = run("--only", str(failed), "--failed-list", str(failed))
    assert "1 videos extracted (2 clips), 0 reused, 0 failed" in again.stdout
    assert failed.read_text() == ""
    assert "no id in it" in run("--only", str(failed), code=1).output
    failed.unlink()
    assert "no such file; name a text file" in run("--only", str(failed), code=1).output
    failed.write_text("v7\n")
    assert "'v7' is no video of" in run("--only", str(failed), code=1).output


def test_a_network_is_made_ready_once_before_it_is_timed(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Encoder] = []

    class Counted(Encoder):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr("aqa.extract.plan.Encoder", Counted)
    monkeypatch.setattr("aqa.extract.plan._rates", lambda *_: iter(PLAN.rates))
    run("--plan")
    assert len(made) == 1


def test_a_plan_for_a_store_keeps_to_its_precision(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text("v0\n")
    run("--precision", "bfloat16", "--only", str(tmp_path / "one.txt"))
    said = run("--plan", "--precision", "bfloat16", "--batch-size", "1").stdout
    assert "network, bfloat16  batch 1" in said
    assert "network, float32" not in said
    assert "features differ by 0.0%" not in said
    assert "--batch-size 1 --precision bfloat16" in said
    refused = run("--plan", code=1).stderr
    assert 'precision is "bfloat16", not "float32"' in refused


def test_an_engine_that_is_not_installed_is_no_plan(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aqa.extract.engines.names.openvino_version", lambda: None)
    told = run("--plan", "--engine", "openvino", code=1).stderr
    assert "--engine openvino: OpenVINO is not installed" in told


def test_a_plan_is_of_what_is_left_of_the_videos_that_were_asked_for(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text("v0\n")
    only = ("--only", str(tmp_path / "one.txt"))
    share = ("--shard", "1/3", "--store", str(tmp_path / "part-1.h5"))
    assert "1 of 1 videos" in run("--plan", "--batch-size", "1", *only).stdout
    assert "1 of 1 videos" in run("--plan", "--batch-size", "1", *share).stdout
    run(*only)
    run(*share)
    for chosen in (only, share):
        said = run("--plan", *chosen).stdout
        assert "all 1 videos are in the store; there is nothing to do" in said
    assert "1 of 2 videos" in run("--plan", "--batch-size", "1").stdout  # v1 is broken
    asked = ("--plan", *only, "--stride", "8", "--precision", "bfloat16")
    assert run(*asked, code=1).stderr == run(*asked[1:], code=1).stderr
    refused = run(*asked, code=1).stderr
    assert "was made with other settings: " in refused
    assert "stride" in refused
    assert "precision" in refused


def test_a_plan_writes_nothing(run: Callable[..., Result], tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    said = run("--plan", "--batch-size", "1").stdout
    assert [line.split()[0] for line in said.splitlines()][:2] == ["measured", "clips"]
    assert "--batch-size 1 --precision " in " ".join(said.split())
    assert sorted(tmp_path.rglob("*")) == before
