"""Tiny3D: seven 3D convolutions, trained on drawn dives by `aqa.workflows.demo.train_backbone`.

The demo's backbone: small enough for two CPU cores, and it ships with its weights. It has seen
drawn dives only, so its features mean nothing for other videos. For a 16x64x64 clip:

    conv1 16x8x32x32, conv2 32x8x16x16, conv3 32x8x16x16, conv4 64x4x8x8, conv5 64x4x8x8,
    conv6 128x2x4x4, conv7 128x2x4x4, pool 128
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from aqa.extract.backbones.architecture import Architecture
from aqa.extract.checkpoints.layouts import Layout
from aqa.extract.preprocess import Preprocess

NAMES = ("tiny3d",)

LAYERS = {"conv7": (128, 2, 4, 4), "pool": (128,)}

# Channels in and out, kernel and stride, both (time, height, width).
_CONVOLUTIONS = (
    (3, 16, (3, 5, 5), (2, 2, 2)),
    (16, 32, (3, 3, 3), (1, 2, 2)),
    (32, 32, (1, 3, 3), (1, 1, 1)),
    (32, 64, (3, 3, 3), (2, 2, 2)),
    (64, 64, (3, 3, 3), (1, 1, 1)),
    (64, 128, (3, 3, 3), (2, 2, 2)),
    (128, 128, (3, 3, 3), (1, 1, 1)),
)


class Tiny3D(nn.Module):
    """Convolutions, each followed by a ReLU; `pool` after them where `layer` is `pool`.

    The batch norms of training are fused into the convolutions.
    """

    def __init__(self, layer: str = "pool"):
        super().__init__()
        self.pooled = layer == "pool"
        for number, (inputs, outputs, kernel, stride) in enumerate(_CONVOLUTIONS, start=1):
            padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
            self.add_module(f"conv{number}", nn.Conv3d(inputs, outputs, kernel, stride, padding))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, 16, 64, 64) -> (N, *LAYERS[layer])."""
        for convolution in self.children():
            x = convolution(x).relu_()
        return pool(x) if self.pooled else x


def pool(x: Tensor) -> Tensor:
    """(N, C, T, H, W) -> (N, C): the maximum over the frame, since a diver fills little of it, and
    the mean over time."""
    return x.amax(dim=(3, 4)).mean(dim=2)


# Area resizing averages the noise of the camera away; linear would sample it.
PREPROCESS = Preprocess(
    resize=(80, 106),
    crop=(64, 64),
    interpolation="area",
    scale=1 / 255,
    mean=(0.45, 0.45, 0.45),
    std=(0.25, 0.25, 0.25),
)

LAYOUTS = (
    Layout(
        name="tiny3d",
        source="aqa.workflows.demo.train_backbone",
        last_layer="pool",
        profiles=("tiny3d",),
    ),
)


def architecture(name: str) -> Architecture:
    """Tiny3D, as `--backbone tiny3d`."""
    return Architecture(
        name=name,
        build=Tiny3D,
        layers=LAYERS,
        default_layer="pool",
        layouts=LAYOUTS,
        profiles={"tiny3d": PREPROCESS},
        shipped=Path(__file__).with_name("tiny3d.safetensors"),
    )
