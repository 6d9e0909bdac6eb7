"""The I3D that most repositories name, held against the other layouts on the same weights."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from aqa.extract.backbones import get_architecture, load_backbone

SHARED = Path(__file__).parents[4] / "shared" / "checkpoint_layouts_today"


def renamed(key: str) -> str:
    """A tensor of piergiaj's file -> hassony2's, by their two classes."""
    key = key.replace(".bn.", ".batch3d.").replace("logits.", "conv3d_0c_1x1.")
    key = key.replace("Conv3d_", "conv3d_").replace("Mixed_", "mixed_")
    for theirs, new in (("b0", "0"), ("b1a", "1.0"), ("b1b", "1.1"), ("b2a", "2.0")):
        key = key.replace(f".{theirs}.", f".branch_{new}.")
    return key.replace(".b2b.", ".branch_2.1.").replace(".b3b.", ".branch_3.1.")


@pytest.fixture
def state(published_state) -> dict[str, Tensor]:
    """A checkpoint of piergiaj, scaled so that the signal keeps its size through the depth."""
    made = published_state("i3d")
    for key, value in made.items():
        if value.ndim > 1:
            made[key] = value / 0.03 * math.sqrt(2 / value[0].numel())
        elif key.endswith("weight"):
            made[key] = 0.15 + value
    return made


def features(path: Path, clip: Tensor, layer: str = "avgpool") -> Tensor:
    net = load_backbone("i3d", path, layer, preprocess="piergiaj", clip_length=16)
    with torch.inference_mode():
        return net(clip)


@pytest.mark.parametrize("classes", [400, 157])
def test_the_three_files_give_one_feature(classes, state, tmp_path):
    """157 classes: the file of MUSDL."""
    state |= {"logits.conv3d.weight": torch.zeros(classes, 1024, 1, 1, 1)}
    torch.save(state, tmp_path / "rgb_imagenet.pt")
    torch.save({renamed(k): v for k, v in state.items()}, tmp_path / "model_rgb.pth")
    clip = torch.randn(1, 3, 16, 58, 35, generator=torch.Generator().manual_seed(1))
    expected = features(tmp_path / "rgb_imagenet.pt", clip)
    got = features(tmp_path / "model_rgb.pth", clip)
    assert expected.norm() > 0.1
    assert (got - expected).norm() < 1e-6 * expected.norm()
    backwards = features(tmp_path / "model_rgb.pth", clip.flip(2))
    assert (backwards - expected).norm() > 1e-3 * expected.norm()


def test_longer_clips_are_averaged_as_each_publisher_does(state, tmp_path):
    torch.save(state, tmp_path / "rgb_imagenet.pt")
    torch.save({renamed(k): v for k, v in state.items()}, tmp_path / "model_rgb.pth")
    clip = torch.randn(1, 3, 32, 32, 32, generator=torch.Generator().manual_seed(1))
    steps = features(tmp_path / "model_rgb.pth", clip, "mixed5c").mean((3, 4))
    pairs = (steps[..., :-1] + steps[..., 1:]) / 2
    torch.testing.assert_close(features(tmp_path / "model_rgb.pth", clip), pairs.mean(2))
    torch.testing.assert_close(features(tmp_path / "rgb_imagenet.pt", clip), steps.mean(2))


@pytest.mark.parametrize("counters", [True, False])
def test_the_published_names_load_with_and_without_counters(counters, make_state, tmp_path):
    path = SHARED / "i3d_rgb-hassony2-k400.json"
    if not path.exists():
        pytest.skip(f"{path} is not here: it comes with the workplace, not with the repository")
    shapes = json.loads(path.read_text())["keys"]
    shapes = {k: v for k, v in shapes.items() if counters or "num_batches" not in k}
    assert len(shapes) == (344 if counters else 287)
    torch.save(make_state(shapes), tmp_path / "model_rgb.pth")
    loaded = load_backbone("i3d", tmp_path / "model_rgb.pth")
    assert loaded.weights.layout == "hassony2"
    assert loaded.preprocess == get_architecture("i3d").profile("piergiaj")
