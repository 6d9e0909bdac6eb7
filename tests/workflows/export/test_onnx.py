"""ONNX files answer as PyTorch does, of any number of clips, and tell how to use them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import Result

from aqa.extract.preprocess import Preprocess
from aqa.features.clips import ClipRule
from aqa.models.heads.base.score_graph import ScaledNetwork, ScoreGraph
from aqa.models.heads.lstm import LSTMRegressor
from aqa.workflows.export.files import open_onnx, write_onnx

MISSING = "the extra is not installed: pip install 'aqa-toolkit[export]'"
# Runs the example, and tells what it imported.
_ALONE = """
import runpy, sys
runpy.run_path({script!r}, run_name="__main__")
print(sorted({{"torch", "aqa", "cv2"}} & set(sys.modules)))
"""


def facts_of(path: Path) -> dict[str, Any]:
    session = pytest.importorskip("onnxruntime", reason=MISSING).InferenceSession(path)
    facts: dict[str, Any] = json.loads(session.get_modelmeta().custom_metadata_map["aqa"])
    return facts


def test_the_example_scores_a_video_as_aqa_does_without_pytorch(
    onnx_file: Path, dives: Path, root: Path, run_aqa: Callable[..., Result]
) -> None:
    video = dives / "new dive.mp4"
    said = run_aqa("-C", str(dives), "score", str(video), "--head", "wd", "--json")
    wanted = json.loads(said.stdout)["scores"][0]["score"]
    code = _ALONE.format(script=str(root / "examples" / "score_onnx.py"))
    done = subprocess.run(
        [sys.executable, "-c", code, str(onnx_file), str(video)],
        capture_output=True,
        text=True,
        check=True,
        cwd=onnx_file.parent,
    )
    score, imported = done.stdout.split("\n")[:2]
    assert imported == "[]"
    assert float(score) == pytest.approx(wanted, abs=0.02)


def test_it_answers_for_any_number_of_clips(onnx_file: Path, dives: Path) -> None:
    from aqa.models.runs import load_run
    from aqa.workflows.export.graph import ExportedRun

    exported = ExportedRun(load_run(dives / "runs" / "wd" / "split-1"))
    answer = open_onnx(onnx_file)
    for count in (1, 3, 20):  # of training videos, the longest has fewer
        clips = exported.clips(count, seed=2)
        assert answer(clips) == pytest.approx(exported.answer(clips), abs=1e-3)


def test_it_tells_how_a_video_becomes_clips(onnx_file: Path, dives: Path) -> None:
    told = facts_of(onnx_file)
    assert told["input"] == {"name": "clips", "type": "uint8", "shape": ["clips", 16, 64, 64, 3]}
    assert told["output"] == {"name": "score", "unit": "points", "target": "score"}
    preprocess = Preprocess.from_dict({**told["frames"], **told["inside"]})
    record = json.loads((dives / "runs" / "wd" / "split-1" / "run.json").read_text())
    assert preprocess.to_dict() == record["store"]["spec"]["preprocess"]
    clips = told["clips"]
    clips["video_length"] = clips.pop("frames")
    of_augmentations = {"shift", "end_shift"}
    assert {*clips} == {field.name for field in fields(ClipRule)} - of_augmentations
    assert ClipRule(**clips) == ClipRule()
    assert told["model"]["head"] == "wd"
    assert str(dives) not in json.dumps(told)


def test_an_lstm_is_not_fixed_to_the_clips_that_it_was_traced_with(tmp_path: Path) -> None:
    for needed in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(needed, reason=MISSING)
    torch.manual_seed(0)
    network = ScaledNetwork(LSTMRegressor(6, 8, None), np.zeros(6), np.ones(6))
    graph = ScoreGraph(network, 50.0, 10.0).eval()
    path = tmp_path / "lstm.onnx"
    write_onnx(graph, np.ones((5, 6), np.float32), path, {})  # type: ignore[arg-type]
    answer = open_onnx(path)
    for count in (1, 2, 5, 13):
        x = np.random.default_rng(count).normal(size=(count, 6)).astype(np.float32)
        wanted = float(graph(torch.from_numpy(x)).detach())
        assert answer(x) == pytest.approx(wanted, abs=1e-3)  # type: ignore[arg-type]


def test_the_example_cuts_and_resizes_as_the_package_does(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason=MISSING)
    monkeypatch.syspath_prepend(str(root / "examples"))
    import score_onnx

    for n in (1, 5, 16, 40, 103):
        for frames, pad, tail in (
            (None, "front", "shift"),
            (32, "back", "pad"),
            (96, "front", "drop"),
        ):
            rule = ClipRule(16, 12, frames, pad, tail)  # type: ignore[arg-type]
            told = {"length": 16, "stride": 12, "frames": frames, "pad": pad, "tail": tail}
            told |= {"spread": False, "window": None, "cuts": "ignore"}
            assert score_onnx.clip_starts(n, told) == [clip.start for clip in rule.clips(n)]
    frame = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    for how, resize in (("area", (80, 106)), ("linear", (128, 171)), ("linear", 112)):
        preprocess = Preprocess(resize, (64, 64), how)  # type: ignore[arg-type]
        wanted = preprocess.resize_and_crop(frame).astype(int)
        rule = preprocess.to_dict()
        found = score_onnx.prepared(_Decoded(frame), rule).astype(int)
        assert abs(found - wanted).max() <= 1  # OpenCV rounds its weights
    with pytest.raises(SystemExit, match="cuts no clips"):
        score_onnx.clip_starts(40, {**told, "cuts": "split"})
    with pytest.raises(SystemExit, match="does not deinterlace"):
        score_onnx.prepared(_Decoded(frame), {**rule, "deinterlace": True})


class _Decoded:
    """A frame as PyAV gives it."""

    def __init__(self, pixels: np.ndarray):
        self.pixels = pixels

    def to_ndarray(self, **_: str) -> np.ndarray:
        return self.pixels
