"""Files that are not what is asked for: refused in one line that names the file and the cause."""

from __future__ import annotations

import os
import pickle
import zipfile

import pytest
import safetensors.torch
import torch

from aqa.extract.backbones import get_architecture, load_backbone
from aqa.extract.checkpoints.inspection import inspect
from aqa.extract.checkpoints.records import WeightsError


def refused(name, path, layer=None):
    with pytest.raises(WeightsError) as caught:
        load_backbone(name, path, layer)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


@pytest.fixture
def file_of(tmp_path, published_state):
    """Saves a backbone's checkpoint, changed by a function."""

    def save(name, change=None, suffix=".pth"):
        state = published_state(name)
        if change:
            change(state)
        path = tmp_path / f"{name}{suffix}"
        torch.save(state, path)
        return path

    return save


@pytest.mark.parametrize(
    ("held", "asked", "layout"),
    [
        ("r3d-34", "r3d-50", "hara-k700"),
        ("r3d-18", "r3d-34", "hara-k700"),
        ("r2plus1d-18", "r2plus1d-50", "hara-k700"),
        ("r2plus1d-18", "r2plus1d-18-tv", "hara-k700"),
        ("r2plus1d-18-tv", "r2plus1d-34-ig65m", "torchvision"),
        ("mc3-18-tv", "r3d-18-tv", "torchvision"),
        ("i3d", "p3d-199", "piergiaj"),
        ("c3d", "i3d", "davidea"),
    ],
)
def test_another_depth_or_family_is_named(held, asked, layout, file_of):
    message = refused(asked, file_of(held))
    assert message == (
        f"a checkpoint of {held} (layout {layout}), not of {asked}: use --backbone {held}"
    )


def test_a_truncated_file(file_of):
    path = file_of("mc3-18-tv")
    os.truncate(path, path.stat().st_size // 2)
    assert refused("mc3-18-tv", path).startswith("not a whole checkpoint file: ")


def test_a_truncated_file_of_the_old_format(tmp_path, published_state):
    path = tmp_path / "old.pth"
    torch.save(published_state("mc3-18-tv"), path, _use_new_zipfile_serialization=False)
    os.truncate(path, path.stat().st_size // 2)
    assert "not a whole checkpoint" in refused("mc3-18-tv", path)


def test_a_truncated_safetensors_file(tmp_path):
    path = tmp_path / "cut.safetensors"
    safetensors.torch.save_file({"conv1.weight": torch.zeros(64, 3, 3, 3, 3)}, path)
    os.truncate(path, 200)
    assert refused("c3d", path).startswith("not a whole checkpoint file: ")


def test_a_picture_under_another_name(tmp_path):
    path = tmp_path / "r3d-50.pth"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2000))
    assert "not a checkpoint" in refused("r3d-50", path)


def test_a_missing_file(tmp_path):
    assert refused("r3d-18", tmp_path / "none.pth") == "no such weights file"


def test_a_renamed_tensor_is_named_as_in_the_file(file_of):
    def rename(state):
        state["layer3.1.conv2_spatial.weight"] = state.pop("layer3.1.conv2_s.weight")

    message = refused("r2plus1d-18", file_of("r2plus1d-18", rename))
    assert message == (
        "not a checkpoint of r2plus1d-18; held against the nearest layout, 'hara-k700': "
        "missing: layer3.1.conv2_s.weight; unexpected: layer3.1.conv2_spatial.weight; "
        "such files: kenshohara/3D-ResNets-PyTorch, r3d50_K_200ep.pth and its like (Kinetics-700)"
    )


def test_a_misshapen_tensor_is_named_with_both_shapes(file_of):
    def widen(state):
        state["layer2.0.conv2.0.0.weight"] = torch.zeros(230, 128, 1, 3, 3)

    message = refused("r2plus1d-34-ig65m", file_of("r2plus1d-34-ig65m", widen))
    told = "misshapen: layer2.0.conv2.0.0.weight (230, 128, 1, 3, 3) instead of (288, 128, 1, 3, 3)"
    assert f"{told}; such files: moabitcoin/ig65m-pytorch" in message


def test_missing_running_statistics(file_of):
    message = refused("i3d", file_of("i3d", lambda s: s.pop("Mixed_4d.b2b.bn.running_var")))
    assert "'piergiaj': missing: Mixed_4d.b2b.bn.running_var; such files: piergiaj/" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite(file_of, value):
    def spoil(state):
        weight = state["layer1.0.conv1.0.weight"].clone()
        weight[3, 1] = value
        state["layer1.0.conv1.0.weight"] = weight

    message = refused("r3d-18-tv", file_of("r3d-18-tv", spoil))
    assert message == "values that are not finite in layer1.0.conv1.0.weight"


class Malicious:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("save", [torch.save, lambda o, p: p.write_bytes(pickle.dumps(o, 2))])
def test_a_pickle_that_would_run_code_does_not(tmp_path, save):
    witness, path = tmp_path / "ran", tmp_path / "r3d-18.pth"
    save({"state_dict": {"conv1.weight": Malicious(f"touch {witness}")}}, path)
    message = refused("r3d-18", path)
    assert not witness.exists()
    assert "refused" in message
    assert "system" in message
    assert "could run code" in message


def test_a_torchscript_archive_is_called_one(tmp_path):
    path = tmp_path / "ViT-B-32.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ViT-B-32/constants.pkl", b"")
    message = refused("clip-b32", path)
    assert message.startswith("a TorchScript archive, which holds a program")


def test_a_file_of_two_backbones_of_one_network_names_both(tmp_path):
    """VideoMAE and its V2 are told apart by nothing but the number of classes."""
    path = tmp_path / "no_classes.pth"
    architecture = get_architecture("videomae-v2-s")
    shapes = architecture.expected_keys(architecture.layouts[0])
    state = {key: torch.zeros(()).expand(shape) for key, shape in shapes.items()}
    torch.save(state, path)
    both = "a checkpoint of videomae-s or videomae-v2-s (layout mcg-nju)"
    assert refused("i3d", path).startswith(both)
    assert inspect(path).other_backbones == ("videomae-v2-s",)
    torch.save({**state, "head.weight": torch.zeros(710, 384)}, path)
    assert refused("i3d", path).startswith("a checkpoint of videomae-v2-s (layout opengvlab)")
    assert inspect(path).other_backbones == ()


def test_a_state_dict_of_other_things(tmp_path):
    path = tmp_path / "history.pth"
    torch.save({"state_dict": {"loss": [1.0, 0.5]}}, path)
    assert refused("r3d-18", path) == "not a state dict: loss"


@pytest.mark.parametrize("counters", ["none", "all", "some"])
def test_checkpoints_from_before_batch_norm_counted_are_whole(counters, file_of):
    def count(state):
        norms = [key.removesuffix("running_var") for key in state if key.endswith("running_var")]
        wanted = {"none": norms[:0], "all": norms, "some": norms[::2]}[counters]
        state |= {f"{norm}num_batches_tracked": torch.tensor(7) for norm in wanted}

    backbone = load_backbone("mc3-18-tv", file_of("mc3-18-tv", count))
    counts = {int(v) for k, v in backbone.state_dict().items() if k.endswith("tracked")}
    assert counts == {"none": {0}, "all": {7}, "some": {0, 7}}[counters]
    assert not any(tensor.is_meta for tensor in backbone.state_dict().values())
