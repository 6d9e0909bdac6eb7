"""Files of `torch.export`, and what cannot be exported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result
from torch import Tensor, nn

from aqa.errors import AqaError, HeadError
from aqa.models.heads.base.score_graph import ScaledNetwork, ScoreGraph
from aqa.models.heads.lstm import LSTMRegressor
from aqa.models.heads.svr import SVRHead
from aqa.models.runs import load_run
from aqa.models.target_transforms import TransformedHead
from aqa.testing.examples import make_examples
from aqa.workflows.export import run as export_module
from aqa.workflows.export.files import open_pt2, write_onnx, write_pt2
from aqa.workflows.export.graph import ExportedRun
from aqa.workflows.export.run import export_run

MISSING = "the extra is not installed: pip install 'aqa-toolkit[export]'"


def wd(dives: Path) -> Path:
    return dives / "runs" / "wd" / "split-1"


def test_pt2_takes_any_number_of_clips(
    dives: Path, tmp_path: Path, run_aqa: Callable[..., Result]
) -> None:
    path = tmp_path / "model.pt2"
    said = run_aqa("export", str(wd(dives)), "-o", str(path)).output
    assert "tried on made videos of 1, 2, " in said
    assert "only" not in said
    exported, answer = ExportedRun(load_run(wd(dives))), open_pt2(path)
    for count in (1, 4, 20):
        clips = exported.clips(count, seed=2)
        assert answer(clips) == pytest.approx(exported.answer(clips), abs=1e-3)


def test_pt2_of_one_clip_takes_any_number(tmp_path: Path) -> None:
    path, clip = tmp_path / "model.pt2", np.full((1, 6), 3, np.uint8)
    assert write_pt2(_Mean(), clip, path, {}) is True
    answer = open_pt2(path)
    assert [answer(clip.repeat(count, axis=0)) for count in (1, 4)] == [3.0, 3.0]


@pytest.mark.parametrize(("write", "name"), [(write_onnx, "ONNX"), (write_pt2, r"\.pt2")])
def test_a_network_that_pytorch_cannot_export_is_refused_in_one_line(
    write: Callable[..., object], name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if write is write_onnx:
        pytest.importorskip("onnxscript", reason=MISSING)
    path = tmp_path / "model"
    with pytest.raises(AqaError, match=rf"^PyTorch cannot export .* to {name}: [^\n]*$"):
        write(_Deciding(), np.ones((3, 6), np.uint8), path, {})
    assert capfd.readouterr().err == ""
    assert not path.exists()


class _Mean(nn.Module):
    def forward(self, clips: Tensor) -> Tensor:
        return clips.float().mean()


class _Deciding(nn.Module):
    """A network whose steps depend on what it sees."""

    def forward(self, clips: Tensor) -> Tensor:
        mean = clips.float().mean()
        return mean if mean > 0 else -mean


def test_a_file_that_fails_is_not_kept(
    dives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(clips: np.ndarray) -> float:
        raise ValueError("Got: 2 Expected: 6\nand more")

    monkeypatch.setattr(export_module, "open_pt2", lambda path: fail)
    with pytest.raises(AqaError, match=r"of 1 clips, .* fails \(Got: 2 Expected: 6\); nothing"):
        export_run(load_run(wd(dives)), tmp_path / "model.pt2")
    assert not list(tmp_path.iterdir())


def test_pt2_of_an_lstm_says_that_its_clips_are_fixed(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = ScaledNetwork(LSTMRegressor(6, 8, None), np.zeros(6), np.ones(6))
    graph = ScoreGraph(network, 50.0, 10.0).eval()
    path = tmp_path / "lstm.pt2"
    x = np.ones((5, 6), np.float32)
    assert write_pt2(graph, x, path, {"format": 1}) is False  # type: ignore[arg-type]
    told = {"aqa.json": ""}
    torch.export.load(path, extra_files=told)
    assert json.loads(told["aqa.json"]) == {"format": 1, "fixed_clips": 5}
    answer = open_pt2(path)
    assert answer(x) == pytest.approx(float(graph(torch.from_numpy(x)).detach()), abs=1e-3)  # type: ignore[arg-type]
    with pytest.raises((AssertionError, RuntimeError)):
        answer(x[:4])  # type: ignore[arg-type]


def test_a_file_that_drifts_is_not_kept(
    dives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_module, "open_pt2", lambda path: lambda clips: 0.0)
    path = tmp_path / "model.pt2"
    path.write_text("before")
    with pytest.raises(AqaError, match=r"says 0\.0000, and PyTorch \d.*; nothing was written"):
        export_run(load_run(wd(dives)), path)
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["model.pt2"]


def test_what_cannot_be_exported_is_refused_in_one_line(
    dives: Path, evaluated_runs: Path, tmp_path: Path, run_aqa: Callable[..., Result]
) -> None:
    said = run_aqa("export", str(wd(dives)), "-o", str(tmp_path / "m.pkl"), code=2).stderr
    assert "m.pkl: a model is exported as ONNX or as PyTorch's own format" in said
    imported = str(evaluated_runs / "runs" / "svr" / "split-1")
    said = run_aqa("export", imported, "-o", str(tmp_path / "m.pt2"), code=1).stderr
    assert "the network behind them is not known" in said
    assert not list(tmp_path.iterdir())


def test_onnx_without_its_extra_says_what_to_install(
    dives: Path, tmp_path: Path, run_aqa: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_module, "_NEEDED", ("onnx_that_nobody_has",))
    said = run_aqa("export", str(wd(dives)), "-o", str(tmp_path / "m.onnx"), code=1).stderr
    assert "onnx_that_nobody_has: not installed" in said
    assert 'pip install "aqa-toolkit[export]"' in said


def test_heads_that_are_told_more_or_are_no_network_refuse() -> None:
    examples = make_examples(SVRHead, 30)
    columns = {**examples.columns, "difficulty": [2.0] * 30}
    told = TransformedHead(SVRHead(C=1.0, epsilon=0.1, gamma=0.1), difficulty="multiply")
    told.fit(examples.features, examples.scores, difficulty=columns["difficulty"])
    with pytest.raises(HeadError, match=r"told each video's difficulty; use --head .*svr"):
        told.score_graph()
