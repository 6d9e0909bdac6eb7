"""What a checkpoint file tells of its training, and what is said where it leaves that open."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from aqa.errors import AqaWarning
from aqa.extract.backbones import get_architecture, load_backbone, registry
from aqa.extract.backbones.i3d import PROFILES
from aqa.extract.checkpoints.recognition import training_of
from aqa.files import sha256_of

IG65M = "r2plus1d-34-ig65m"


@pytest.fixture
def saved(tmp_path: Path, published_state: Callable[[str], dict[str, Tensor]]) -> Callable:
    """Saves a backbone's checkpoint, with a classifier of so many classes."""

    def save(name: str, classes: int | None = None) -> Path:
        state = published_state(name)
        if classes:
            state |= {"fc.weight": torch.zeros(classes, 512), "fc.bias": torch.zeros(classes)}
        path = tmp_path / f"{name}.pth"
        torch.save(state, path)
        return path

    return save


@pytest.mark.parametrize(
    ("sha256", "classes", "lengths"),
    [
        ("ade133f1" + "0" * 56, 400, (32,)),
        ("0aa0550b" + "0" * 56, 400, (8,)),
        ("0" * 64, 400, (8, 32)),
        ("0" * 64, 359, (8,)),
        ("0" * 64, 12, (8, 32)),
        ("0" * 64, None, (8, 32)),
    ],
)
def test_a_hash_tells_the_clip_length_and_else_the_class_count(
    sha256: str, classes: int | None, lengths: tuple[int, ...]
) -> None:
    architecture = get_architecture(IG65M)
    training = training_of(architecture, architecture.layouts[0], sha256, classes)
    assert training.clip_lengths == lengths
    assert (training.checkpoint is None) == (sha256 == "0" * 64)


def test_a_file_that_does_not_tell_its_preprocessing_is_loaded_with_a_warning(
    saved: Callable,
) -> None:
    path = saved("i3d")
    expected = (
        r"i3d\.pth: the file does not tell how frames were preprocessed for it: piergiaj or "
        "musdl; piergiaj is taken; give --preprocess to decide"
    )
    with pytest.warns(AqaWarning, match=expected) as told:
        assert load_backbone("i3d", path).preprocess == PROFILES["piergiaj"]
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked = load_backbone("i3d", path, preprocess="musdl")
    assert asked.preprocess == PROFILES["musdl"]
    assert asked.weights.layout == "piergiaj"


def test_all_three_ways_that_p3d_was_trained_in_are_named() -> None:
    architecture = get_architecture("p3d-199")
    training = training_of(architecture, architecture.layouts[0], "0" * 64, 400)
    assert training.profiles == ("qijiezhao", "s3d", "caffe")


def test_a_known_hash_picks_the_profile(saved: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved("i3d")
    known = get_architecture("i3d")
    musdl = next(c for c in known.checkpoints if c.profile == "musdl")
    with_hash = dataclasses.replace(musdl, sha256=sha256_of(path))
    changed = dataclasses.replace(known, checkpoints=(*known.checkpoints, with_hash))
    monkeypatch.setattr("aqa.extract.backbones.get_architecture", lambda name: changed)
    assert registry.get_architecture("i3d") is known
    assert load_backbone("i3d", path).preprocess == PROFILES["musdl"]


def test_a_file_that_does_not_tell_its_clip_length_is_loaded_with_a_warning(
    saved: Callable,
) -> None:
    path = saved(IG65M)
    expected = (
        "does not tell how many frames a clip must have: 8 or 32; 32 is taken; give --clip-length"
    )
    with pytest.warns(AqaWarning, match=expected):
        assert load_backbone(IG65M, path).clip_length == 32
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked = load_backbone(IG65M, path, "layer4", clip_length=8)
        assert (asked.clip_length, asked.shape) == (8, (512, 1, 7, 7))
        # Clips of 5 frames may be asked of it, its weights are for 8 or 32 all the same.
        assert load_backbone(IG65M, path, clip_length=5).clip_length == 32
