"""Files of fine-tuned weights: loaded as what they are, and they tell what they have seen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from aqa.extract.backbones import get_architecture, load_backbone
from aqa.extract.backbones.backbone import ClipNet
from aqa.extract.backbones.load import save_tuned
from aqa.extract.checkpoints.inspection import inspect
from aqa.extract.checkpoints.records import WeightsError
from aqa.extract.checkpoints.state_files import read_fitted_on


def write(path: Path, name: str = "tiny3d", at: str | None = None, **record: object) -> Path:
    """A backbone's weights as if they were tuned, one of them moved; `record` is forged."""
    backbone = load_backbone(name, None if name == "tiny3d" else "random", at)
    backbone.clip_length = 8
    backbone.preprocess = replace(backbone.preprocess, scale=0.5)
    state = {k: v + 1 if k.endswith("bias") else v for k, v in backbone.net.state_dict().items()}
    save_tuned(path, backbone, state, ["b", "a"])
    if record:
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata()
        forged = json.loads(metadata["aqa_tuned"]) | record
        tensors = safetensors.torch.load_file(path)
        safetensors.torch.save_file(tensors, path, metadata | {"aqa_tuned": json.dumps(forged)})
    return path


def test_it_is_loaded_as_it_was_trained(tmp_path: Path) -> None:
    path = write(tmp_path / "backbone.safetensors")
    loaded, before = load_backbone("tiny3d", path), load_backbone("tiny3d")
    assert loaded.weights.fitted_on == ("a", "b")
    assert loaded.clip_length == 8
    assert loaded.preprocess.scale == 0.5
    assert (loaded.name, loaded.layer) == ("tiny3d", "pool")
    for key, value in before.net.state_dict().items():
        expected = value + 1 if key.endswith("bias") else value
        torch.testing.assert_close(loaded.net.state_dict()[key], expected)
    found = inspect(path)
    assert (found.backbone, found.fitted_on, found.clip_lengths) == ("tiny3d", ("a", "b"), (8,))
    assert inspect(get_architecture("tiny3d").shipped).fitted_on is None


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{number}.safetensors") for number in range(12)]
    assert len({path.read_bytes() for path in paths}) == 1
    assert paths[0].stat().st_size % 4 == 0
    loaded = safetensors.torch.load_file(paths[0])
    assert all(torch.isfinite(value).all() for value in loaded.values())


def test_tuning_again_adds_to_what_it_has_seen(tmp_path: Path) -> None:
    loaded = load_backbone("tiny3d", write(tmp_path / "one.safetensors"))
    save_tuned(tmp_path / "two.safetensors", loaded, loaded.net.state_dict(), ["c", "a"])
    assert read_fitted_on(tmp_path / "two.safetensors") == ("a", "b", "c")


def test_weights_end_where_the_trained_network_does(tmp_path: Path) -> None:
    path = write(tmp_path / "backbone.safetensors", "c3d", "conv5b")
    assert load_backbone("c3d", path).layer == "conv5b"
    assert inspect(path).last_layer == "conv5b"
    with pytest.raises(WeightsError, match="ends at conv5b; ask for it with --layer conv5b"):
        load_backbone("c3d", path, "fc6")


@pytest.mark.parametrize(
    ("backbone", "record", "problem"),
    [
        ("c3d", {}, "fine-tuned weights of tiny3d, not of c3d: use --backbone tiny3d"),
        ("tiny3d", {"code": "x"}, "fine-tuning cannot be read"),
        ("tiny3d", {"preprocess": {"size": 3}}, "fine-tuning cannot be read"),
        ("tiny3d", {"layer": "fc6"}, "damaged fine-tuned weights: tiny3d has no layer 'fc6'"),
        ("tiny3d", {"layout": "torch"}, "damaged fine-tuned weights: .* or no layout 'torch'"),
    ],
)
def test_what_is_no_such_file_is_refused(
    tmp_path: Path, backbone: str, record: dict, problem: str
) -> None:
    path = write(tmp_path / "backbone.safetensors", **record)
    with pytest.raises(WeightsError, match=problem):
        load_backbone(backbone, path)


def test_a_file_without_all_its_tensors_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "backbone.safetensors")
    with safetensors.safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = safetensors.torch.load_file(path)
    del tensors["conv3.bias"]
    safetensors.torch.save_file(tensors, path, metadata)
    with pytest.raises(WeightsError, match=r"damaged fine-tuned weights: missing: conv3.bias"):
        load_backbone("tiny3d", path)


def test_frames_through_it_are_the_backbones_features() -> None:
    backbone = load_backbone("tiny3d")
    frames = torch.randint(0, 256, (2, 16, 64, 64, 3), dtype=torch.uint8)
    net = ClipNet(backbone)
    expected = backbone(backbone.preprocess.normalise(frames))
    torch.testing.assert_close(net(frames), expected)
    for parameter in net.parameters():
        parameter.data.zero_()
    torch.testing.assert_close(backbone(backbone.preprocess.normalise(frames)), expected)
