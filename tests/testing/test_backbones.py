"""All backbones of this package keep the contract, and a backbone that breaks it is told how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from aqa.extract.backbones import BackboneSpec, backbone_names
from aqa.extract.preprocess import Preprocess
from aqa.testing import check_backbone

PREPROCESS = Preprocess(resize=(20, 24), crop=(16, 16), scale=1 / 255)
# Frames that a network of dense layers or fixed poolings needs; others take small ones.
SIZES = {"c3d": None, "isa": None, "tiny3d": (64, 64), "i3d": (64, 64), "dinov2-s": (28, 28)}


# Networks too large to be checked whole in seconds: their blocks are those of dinov2-s, and
# test_hub_parity.py and test_video_swin.py check small ones of each.
LARGE = (
    *("videomae", "timesformer", "vjepa2", "video-swin"),
    *("dinov2-b", "dinov2-l", "dinov2-g", "clip"),
)


@pytest.mark.parametrize("name", [n for n in backbone_names() if not n.startswith(LARGE)])
def test_backbones_of_this_package(name: str) -> None:
    check_backbone(name, frame_size=SIZES.get(name, (32, 32)))


class Small(nn.Module):
    """A convolution and its batch norm, averaged: (N, 4)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm3d(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x)).relu().mean((2, 3, 4))


def small(net: nn.Module | None = None, **changes: Any) -> BackboneSpec:
    return replace(BackboneSpec(net or Small(), PREPROCESS, clip_length=4, shape=4), **changes)


def test_a_function_and_what_it_makes_pass() -> None:
    check_backbone(small)
    check_backbone(small())
    check_backbone(lambda: small(has_weights=True), weights=None)


class Changed(Small):
    """A sound network whose input and features a test changes."""

    def __init__(self, before: Callable = lambda x: x, after: Callable = lambda x: x) -> None:
        super().__init__()
        self.before, self.after = before, after

    def forward(self, x: Tensor) -> Tensor:
        return self.after(super().forward(self.before(x)))


def in_training() -> nn.Module:
    net = Small()
    net.train = lambda mode=True: net  # type: ignore[method-assign]
    return net


DEFECTS = {
    "states another shape": (lambda: small(shape=5), "it states"),
    "states no shape": (lambda: small(shape=0), "is not the shape of a feature"),
    "has no preprocessing": (lambda: small(preprocess=None), "preprocess is not"),
    "gives nothing": (lambda: None, "gives a NoneType, not an"),
    "fails": (lambda: small(1 / 0), "fails: ZeroDivisionError"),
    "is not in eval mode": (lambda: small(in_training()), "not in eval mode"),
    "gives float64": (lambda: small(Changed(after=Tensor.double)), "gives torch.float64"),
    "gives infinity": (lambda: small(Changed(after=lambda y: y / 0)), "not finite"),
    "draws anew": (
        lambda: small(Changed(after=lambda y: y + torch.rand_like(y))),
        "other features of the same clips a second time",
    ),
    "mixes a batch": (
        lambda: small(Changed(after=lambda y: y - y.mean(0) / 2)),
        "depends on the other clips",
    ),
    "looks at nothing": (
        lambda: small(Changed(before=torch.zeros_like)),
        "the same feature of two different clips",
    ),
    "changes its input": (lambda: small(Changed(before=lambda x: x.add_(1))), "changes the clips"),
    "draws from NumPy": (
        lambda: small(nn.Sequential(Small(), Shift(np.random.default_rng().normal()))),
        "two loads with the same seed give different weights",
    ),
}


class Shift(nn.Module):
    """Adds a number."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.tensor(by, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.by


@pytest.mark.parametrize("defect", DEFECTS)
def test_what_breaks_the_contract_is_told(defect: str) -> None:
    make, told = DEFECTS[defect]
    with pytest.raises(AssertionError, match=told):
        check_backbone(make)
