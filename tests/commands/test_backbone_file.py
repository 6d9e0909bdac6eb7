"""`--backbone path/to/net.py:make` through the commands: extract, fit, eval, score and feedback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import write_manifest
from aqa.features.store import FeatureStore

SOURCE = """
from torch import nn
from aqa.extract.backbones import BackboneSpec
from aqa.extract.preprocess import Preprocess

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 4, 3, stride=2)

    def forward(self, x):
        return self.conv(x).relu().mean((2, 3, 4))

def make():
    print("the file is run")
    return BackboneSpec(Net(), Preprocess(resize=(24, 32), crop=(24, 24), scale=1 / 255), 8, 4)
"""


@pytest.fixture
def workspace(
    tmp_path: Path, write_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Ten videos, the brighter the better, a split, and a backbone in a file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(SOURCE)
    rng = np.random.default_rng(0)
    rows = []
    for number in range(10):
        frames = rng.integers(0, 80 + 15 * number, size=(16, 24, 32, 3)).astype(np.uint8)
        path = write_video(f"v{number}.avi", list(frames))
        split = "train" if number % 3 else "test"
        rows.append(
            {"video_id": f"v{number}", "path": path.name, "score": number, "split_a": split}
        )
    write_manifest(tmp_path / "manifest.csv", rows)
    return tmp_path


def test_it_is_extracted_fitted_and_scored_as_one_of_ours(
    workspace: Path, run_aqa: Callable
) -> None:
    backbone = ("--backbone", "net.py:make")
    assert "brings no weights" in run_aqa("extract", *backbone, code=2).stderr
    made = run_aqa("extract", *backbone, "--weights", "random", "--quiet")
    assert "stores/net.h5: 10 videos extracted (20 clips)" in made.stdout
    with FeatureStore.open("stores/net.h5") as store:
        assert store.spec["origin"]["name"] == "net.py:make"
        assert len(store.spec["origin"]["sha256"]) == 64
    for command in (("fit", "--head", "score-estimation", "--split", "a"), ("eval",)):
        assert "the file is run" not in run_aqa(*command).output

    refused = run_aqa("score", "v0.avi", code=1)
    assert "extracted by the file net.py:make" in refused.stderr
    assert "--backbone net.py:make" in refused.stderr
    assert "the file is run" not in refused.output
    scored = run_aqa("score", "v0.avi", *backbone)
    assert "v0.avi" in scored.stdout
    run_aqa("feedback", "v0.avi", *backbone)

    (workspace / "net.py").write_text(SOURCE + "\n# changed\n")
    changed = run_aqa("score", "v0.avi", *backbone, code=1)
    assert 'origin.sha256 is "' in changed.stderr
    again = run_aqa("extract", *backbone, "--weights", "random", code=1)
    assert 'origin.sha256 is "' in again.stderr


def test_it_is_fine_tuned_and_then_scores(workspace: Path, run_aqa: Callable) -> None:
    backbone = ("--backbone", "net.py")
    run_aqa(
        *("finetune", "--head", "lstm", "--split", "a", *backbone, "--weights", "random"),
        *("--epochs", "1", "--quiet", "-p", "hidden=4"),
    )
    run_aqa("eval", "--head", "lstm-finetuned")
    refused = run_aqa("score", "v0.avi", "--head", "lstm-finetuned", code=1)
    assert "name it again" in refused.stderr
    run_aqa("score", "v0.avi", "--head", "lstm-finetuned", *backbone)
