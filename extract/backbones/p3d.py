"""P3D-199: pseudo-3D convolutions in a ResNet-152, the network of S3D (xiang2018).

qiu2017; Caffe weights of ZhaofanQiu/pseudo-3d-residual-networks, converted by
qijiezhao/pseudo-3d-pytorch. The first three stages cycle through the paper's blocks A, B, C; the
fourth is that of a 2D ResNet, since poolings between the stages have reduced 16 frames to one. For
a 16x160x160 clip:

    stem 64x16x80x80, pooled 64x8x40x40, layer1 256x8x40x40, layer2 512x4x20x20,
    layer3 1024x2x10x10, pooled to one frame, layer4 2048x1x5x5, avgpool 2048
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor, nn

from aqa.errors import AqaError
from aqa.extract.backbones.architecture import Architecture, Shape
from aqa.extract.checkpoints.layouts import Layout
from aqa.extract.checkpoints.records import Checkpoint
from aqa.extract.preprocess import Preprocess

NAMES = ("p3d-199",)

LAYERS: dict[str, Shape] = {"avgpool": (2048,), "layer4": (2048, 1, 5, 5)}

_BLOCKS = (3, 8, 36, 3)
# Four poolings halve the number of frames; the last one needs two.
_SHORTEST = 16


class Pseudo3D(nn.Module):
    """A bottleneck of S, 1x3x3, and T, 3x1x1, joined as in block A, B or C of qiu2017."""

    def __init__(self, kind: str, inputs: int, width: int, stride: int, widened: bool):
        super().__init__()
        self.kind = kind
        steps = (1, stride, stride)
        self.conv1 = nn.Conv3d(inputs, width, 1, steps, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, (1, 3, 3), padding=(0, 1, 1), bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = nn.Conv3d(width, width, (3, 1, 1), padding=(1, 0, 0), bias=False)
        self.bn3 = nn.BatchNorm3d(width)
        self.conv4 = nn.Conv3d(width, 4 * width, 1, bias=False)
        self.bn4 = nn.BatchNorm3d(4 * width)
        self.downsample = None
        if widened:
            self.downsample = nn.Sequential(
                nn.Conv3d(inputs, 4 * width, 1, steps, bias=False), nn.BatchNorm3d(4 * width)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, T, H, W) -> (N, 4 * width, T, H/stride, W/stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.bn1(self.conv1(x)).relu_()
        space = self.bn2(self.conv2(x)).relu_()
        time = self.bn3(self.conv3(x if self.kind == "B" else space)).relu_()
        x = time if self.kind == "A" else space + time
        return (self.bn4(self.conv4(x)) + shortcut).relu_()


class Plain(nn.Module):
    """The 2D bottleneck of ResNet: (N, inputs, H, W) -> (N, 4 * width, H/stride, W/stride)."""

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv_normal = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn_normal = nn.BatchNorm2d(width)
        self.conv4 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn4 = nn.BatchNorm2d(4 * width)
        self.downsample = None
        if inputs != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
            )

    def forward(self, x: Tensor) -> Tensor:
        """The block's layers and the shortcut, added: (n, C, H, W) -> (n, 4 width, H, W)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.bn1(self.conv1(x)).relu_()
        x = self.bn_normal(self.conv_normal(x)).relu_()
        return (self.bn4(self.conv4(x)) + shortcut).relu_()


class P3D(nn.Module):
    """P3D-199 up to `layer`; no dropout, no classifier."""

    def __init__(self, layer: str = "avgpool"):
        super().__init__()
        self.layer = layer
        self.conv1_custom = nn.Conv3d(3, 64, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        self.layer1 = nn.Sequential(*_stage(0))
        self.layer2 = nn.Sequential(*_stage(1))
        self.layer3 = nn.Sequential(*_stage(2))
        plain = [Plain(1024, 512, 2), Plain(2048, 512, 1), Plain(2048, 512, 1)]
        self.layer4 = nn.Sequential(*plain)
        for block in self.modules():
            if isinstance(block, Pseudo3D | Plain):
                # Near the identity, so that random features do not explode over 50 blocks.
                nn.init.constant_(block.bn4.weight, sum(_BLOCKS) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, T, H, W), T >= 16 -> (N, 2048) or, for layer4, (N, 2048, T/16, H/32, W/32)."""
        if x.shape[2] < _SHORTEST:
            raise AqaError(
                f"p3d-199 takes clips of {_SHORTEST} frames or more, not of {x.shape[2]}: "
                "it halves the number of frames four times"
            )
        x = self.bn1(self.conv1_custom(x)).relu_()  # (N, 64, T, H/2, W/2)
        x = F.max_pool3d(x, (2, 3, 3), 2, (0, 1, 1))  # (N, 64, T/2, H/4, W/4)
        for stage in (self.layer1, self.layer2, self.layer3):
            x = F.max_pool3d(stage(x), (2, 1, 1))  # in the end (N, 1024, T/16, H/16, W/16)
        n_frames = x.shape[2]
        x = x.transpose(1, 2).flatten(0, 1)  # (N * T/16, 1024, H/16, W/16)
        x = self.layer4(x)
        x = x.unflatten(0, (-1, n_frames)).transpose(1, 2)  # (N, 2048, T/16, H/32, W/32)
        return x if self.layer == "layer4" else x.mean((2, 3, 4))


def _stage(number: int) -> Iterator[Pseudo3D]:
    """The blocks of stage 0, 1 or 2; the cycle A, B, C goes on from stage to stage."""
    width = 64 * 2**number
    inputs = 64 if number == 0 else 2 * width
    before = sum(_BLOCKS[:number])
    for index in range(_BLOCKS[number]):
        stride = 2 if number and not index else 1
        yield Pseudo3D("ABC"[(before + index) % 3], inputs, width, stride, widened=not index)
        inputs = 4 * width


_IMAGENET = Preprocess(
    resize=(182, 242),
    crop=(160, 160),
    scale=1 / 255,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)

# Nothing in a file tells which of these it was trained with. The converter writes down ImageNet's
# mean and std, and RGB (p3d_model.py, issue 12), but users got wrong classes with them (issues 14,
# 31); `--preprocess caffe` is what the original weights were trained with.
PROFILES = {
    # The sizes are the paper's: 182x242, of which 160x160.
    "qijiezhao": _IMAGENET,
    # train_diving.py of YeTianJHU/diving-score, fine-tuned for S3D, stretches frames to 160x160.
    "s3d": dataclasses.replace(_IMAGENET, resize=(160, 160)),
    # ZhaofanQiu/pseudo-3d-residual-networks, converted without folding its mean in. Its README:
    # mean 104, 117, 123; Caffe's order of colours, no std.
    "caffe": Preprocess(
        resize=(182, 242), crop=(160, 160), channels="BGR", mean=(104.0, 117.0, 123.0)
    ),
}

LAYOUTS = (
    Layout(
        name="qijiezhao",
        source="qijiezhao/pseudo-3d-pytorch, p3d_rgb_199.checkpoint.pth.tar (Kinetics-400), or "
        "YeTianJHU/diving-score (fine-tuned for S3D)",
        last_layer="avgpool",
        profiles=tuple(PROFILES),
        classifier=("fc.",),
    ),
)

# The folder that the converter's README linked before its author removed the links ("private
# reasons"), as copies of that README still have it; no hash was ever given.
CHECKPOINTS = (
    Checkpoint(
        name="p3d-199-k400",
        backbone="p3d-199",
        layout="qijiezhao",
        profile="qijiezhao",
        file="p3d_rgb_199.checkpoint.pth.tar",
        url="https://drive.google.com/drive/folders/1u_l-yvhS0shpW6e0tCiqPE7Bd1qQZKdD",
        by_hand=True,
        licence="MIT (that of qijiezhao/pseudo-3d-pytorch)",
        pretraining="Kinetics-400",
        classes=400,
        clip_length=16,
    ),
)


def architecture(name: str) -> Architecture:
    """P3D-199, as `--backbone p3d-199`."""
    return Architecture(
        name=name,
        build=P3D,
        layers=LAYERS,
        default_layer="avgpool",
        layouts=LAYOUTS,
        profiles=PROFILES,
        checkpoints=CHECKPOINTS,
    )
