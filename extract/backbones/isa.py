"""ConvISA: two layers of learned independent subspaces (le2011).

The filters are learned from the pixels of training videos by `aqa isa` (`aqa.extract.learn_isa`),
without any label. A subspace has two filters; its unit is the length of their pair of responses,
which tells what moves where and how fast, but not the phase. For a clip of 16x96x128:

    conv1 300x2x21x29 on blocks of 10 x 16 x 16 of grey, every 4 frames and pixels; 150 units
    conv2 200x1x20x28 on 2 x 2 x 2 of them, which is 14 x 20 x 20 of grey; 100 units

`pool1` is the mean and the maximum over the clip of the units of the first layer, `pool` of those
of both layers; the paper uses a bag of words instead. The sizes of blocks and layers are quoted
from memory, without the text of the paper; its 300 and 200 may count units, not filters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aqa.extract.backbones.architecture import Architecture
from aqa.extract.checkpoints.layouts import Layout
from aqa.extract.preprocess import Preprocess

NAMES = ("isa",)

# Sizes of the blocks of the two layers, (frames, height, width), and the stride of the first.
BLOCK_1, BLOCK_2, STRIDE = (10, 16, 16), (14, 20, 20), 4
FILTERS_1, FILTERS_2 = 300, 200
LAYERS = {"pool": (FILTERS_1 + FILTERS_2,), "pool1": (FILTERS_1,)}
GREY = (0.299, 0.587, 0.114)
# Added to a squared length before its root is taken.
TINY = 1e-4


class ISA(nn.Module):
    """The network; its whitening, means and filters are folded into two convolutions."""

    def __init__(self, layer: str = "pool"):
        super().__init__()
        self.conv1 = nn.Conv3d(1, FILTERS_1, BLOCK_1, STRIDE)
        if layer == "pool":
            t, h, w = ((b - a) // STRIDE + 1 for a, b in zip(BLOCK_1, BLOCK_2, strict=True))
            self.conv2 = nn.Conv3d(FILTERS_1 // 2, FILTERS_2, (t, h, w))
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, T, H, W) in RGB -> (N, 500), or (N, 300) to `pool1`."""
        grey = sum(weight * x[:, i : i + 1] for i, weight in enumerate(GREY))
        units = [lengths(self.conv1(grey))]
        if self.layer == "pool":
            units.append(lengths(self.conv2(units[0])))
        pooled = [over for u in units for over in (u.mean(dim=(2, 3, 4)), u.amax(dim=(2, 3, 4)))]
        return torch.cat(pooled, dim=1)


def lengths(responses: Tensor) -> Tensor:
    """The length of each subspace's pair of responses: (N, 2 units, ...) -> (N, units, ...)."""
    pairs = responses.unflatten(1, (-1, 2))
    return (pairs.square().sum(dim=2) + TINY).sqrt()


# Area resizing averages the noise of the camera away, which filters would learn otherwise.
PREPROCESS = Preprocess(resize=(96, 128), crop=(96, 128), interpolation="area", scale=1 / 255)

LAYOUTS = (
    Layout(
        name="isa",
        source="learned from training videos by `aqa isa`",
        last_layer="pool",
        profiles=("isa",),
    ),
)


def architecture(name: str) -> Architecture:
    """ISA, as `--backbone isa`."""
    return Architecture(
        name=name,
        build=ISA,
        layers=LAYERS,
        default_layer="pool",
        layouts=LAYOUTS,
        profiles={"isa": PREPROCESS},
    )
