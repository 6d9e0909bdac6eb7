"""What a checkpoint file is said to be."""

from __future__ import annotations

import hashlib

import pytest
import torch

from aqa.extract.checkpoints.inspection import inspect, verify
from aqa.extract.checkpoints.records import WeightsError


def test_verify(publish, tmp_path, content):
    record = publish()
    path = tmp_path / "renamed.pth"
    path.write_bytes(content)
    assert verify(path) == record
    path.write_bytes(content + b"?")
    with pytest.raises(WeightsError, match="of no checkpoint known here"):
        verify(path)
    path = path.rename(tmp_path / "mc3.pth")
    with pytest.raises(WeightsError, match="named as mc3, whose SHA-256 begins with"):
        verify(path)
    publish(sha256=None)
    with pytest.raises(WeightsError, match="whose publisher gives none"):
        verify(path)


def test_inspect(tmp_path, content):
    path = tmp_path / "some.pth"
    path.write_bytes(content)
    found = inspect(path)
    assert (found.backbone, found.layout) == ("mc3-18-tv", "torchvision")
    assert found.last_layer == "avgpool"
    assert (found.classes, found.clip_lengths, found.checkpoint) == (400, (16,), None)
    assert found.profiles == ("torchvision",)
    assert found.parameters == 11695440 - 400  # this one's classifier has no bias
    assert found.sha256 == hashlib.sha256(content).hexdigest()


def test_inspect_tells_what_the_file_leaves_open(tmp_path, published_state):
    path = tmp_path / "i3d.pth"
    torch.save(published_state("i3d"), path)
    assert inspect(path).profiles == ("piergiaj", "musdl")
    torch.save(published_state("r2plus1d-34-ig65m"), path)
    assert inspect(path).clip_lengths == (8, 32)


def test_inspect_refuses_what_is_no_backbones(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"encoder.weight": torch.zeros(3)}, path)
    with pytest.raises(
        WeightsError, match=r"1 tensors \(encoder.weight, ...\) that are no backbone"
    ):
        inspect(path)


def test_a_file_that_is_almost_of_a_backbone_is_held_against_it(tmp_path, published_state):
    path = tmp_path / "fewer.pth"
    state = published_state("mc3-18-tv")
    state["layer1.0.conv1.0.weight"] = torch.zeros(64, 32, 3, 3, 3)
    torch.save(state, path)
    with pytest.raises(WeightsError) as caught:
        inspect(path)
    assert str(caught.value) == (
        f"{path}: of no backbone; the nearest is mc3-18-tv (layout torchvision): misshapen: "
        "layer1.0.conv1.0.weight (64, 32, 3, 3, 3) instead of (64, 64, 3, 3, 3)"
    )
