"""Videos at addresses, trained on: the networks are those of the same files on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from click.testing import Result

from aqa.annotations.manifest import Video, write_manifest
from aqa.extract.backbones import load_backbone
from aqa.extract.clips_dataset import ClipVideos
from aqa.extract.video.decode import VideoError
from aqa.features.clips import ClipRule

FINETUNE = "finetune --backbone tiny3d --head lstm -p hidden=4 --epochs 1 --device cpu --quiet"


@pytest.fixture
def files(tmp_path: Path, write_video: Callable[..., Path]) -> dict[str, Path]:
    """Six videos of a clip, as bright as their score."""
    rng = np.random.default_rng(0)
    frames = [
        [rng.integers(30 * i, 30 * i + 40, (24, 32, 3)).astype(np.uint8)] * 9 for i in range(6)
    ]
    return {f"v{i}": write_video(f"v{i}.avi", frames[i]) for i in range(6)}


def test_finetuning_from_a_server(
    server, files: dict[str, Path], tmp_path: Path, run_aqa: Callable[..., Result]
) -> None:
    server.files = {path.name: path.read_bytes() for path in files.values()}
    parts = ("train", "train", "train", "train", "val", "test")
    found = []
    for place in ("here", "there"):
        rows = [
            {
                "video_id": name,
                "path": str(path) if place == "here" else f"{server.url(path.name)}?key=secret",
                "score": 10 * i,
                "split_1": part,
            }
            for i, ((name, path), part) in enumerate(zip(files.items(), parts, strict=True))
        ]
        (tmp_path / place).mkdir()
        write_manifest(tmp_path / place / "manifest.csv", rows)
        run_aqa("-C", str(tmp_path / place), *FINETUNE.split())
        folder = tmp_path / place / "runs" / "lstm-finetuned" / "split-1"
        found.append(safetensors.torch.load_file(folder / "backbone.safetensors"))
        assert "secret" not in (folder / "run.json").read_text()
    here, there = found
    assert here.keys() == there.keys()
    assert all(torch.equal(here[name], there[name]) for name in here)


def test_a_file_that_is_replaced_between_epochs_is_told(server, files: dict[str, Path]) -> None:
    server.files["a.avi"] = files["v0"].read_bytes()
    url = server.url("a.avi")
    videos = ClipVideos(
        [Video("a", None, 1.0, url=url)], load_backbone("tiny3d").preprocess, ClipRule(8, 8)
    )
    first, again = ([one.frames for one in videos.read([0])] for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    server.files["a.avi"] = files["v5"].read_bytes()
    with pytest.raises(VideoError, match="another file is there than when it was read first"):
        list(videos.read([0]))
