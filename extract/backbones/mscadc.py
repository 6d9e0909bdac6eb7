"""MSCADC: a small dilated C3D with batch norms, and a context network on its maps.

parmar2019what's light network, of which farabi2021 Table 3 prints the scores. It is trained from
scratch, end to end, on one clip per video: 16 frames spread evenly over all of it. For a
16x180x180 clip:

    conv1 32x16x180x180, conv2 64x16x90x90, conv3 128x8x45x45, conv4 256x4x22x22,
    conv5b 256x2x20x20, pool 12

`pool` is the end of one branch of parmar2019what, before its last layer: a bottleneck of 12
channels, the context network of yu2016 and the mean over time and frame. parmar2019what gives
each task a branch of its own; here the tasks of a head share it.
"""

from __future__ import annotations

from torch import Tensor, nn

from aqa.extract.backbones.architecture import Architecture
from aqa.extract.checkpoints.layouts import Layout
from aqa.extract.preprocess import Preprocess

NAMES = ("mscadc",)

LAYERS = {"conv5b": (256, 2, 20, 20), "pool": (12,)}

# Channels of the bottleneck, of what the context network gives, and of the feature.
_NARROW = 12
# Of the context network's convolutions: channels as multiples of _NARROW, and dilation.
_CONTEXT = ((2, 1), (2, 1), (4, 2), (8, 4), (8, 1))
_DROPOUT = 0.5


class Body(nn.Module):
    """Eight 3x3x3 convolutions, each with a batch norm and a ReLU; the last two are dilated."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _convolution(3, 32)
        self.conv2 = _convolution(32, 64)
        self.conv3a = _convolution(64, 128)
        self.conv3b = _convolution(128, 128)
        self.conv4a = _convolution(128, 256)
        self.conv4b = _convolution(256, 256)
        self.conv5a = _convolution(256, 256, padding=2, dilation=2)
        # A padding of 1 is one too few for this dilation: maps lose a row at each side.
        self.conv5b = _convolution(256, 256, padding=1, dilation=2)
        self.dropout = nn.Dropout(_DROPOUT)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, 16, 180, 180) -> (N, 256, 2, 20, 20)."""
        pool = nn.functional.max_pool3d
        x = pool(self.conv1(x), (1, 2, 2))  # (N, 32, 16, 90, 90)
        x = pool(self.conv2(x), 2)  # (N, 64, 8, 45, 45)
        x = pool(self.conv3b(self.conv3a(x)), 2)  # (N, 128, 4, 22, 22)
        x = self.conv4b(self.conv4a(x))  # (N, 256, 4, 22, 22)
        features: Tensor = self.dropout(self.conv5b(self.conv5a(x)))
        return features


class ContextBranch(nn.Module):
    """From the body's maps to 12 values: context at several scales, then the mean."""

    def __init__(self) -> None:
        super().__init__()
        self.bottleneck = nn.Conv3d(256, _NARROW, 1, padding=1)
        # As many borders, repeated, as the convolutions without padding take away.
        self.borders = nn.ReplicationPad3d(sum(dilation for _, dilation in _CONTEXT))
        widths = [1, *(multiple for multiple, _ in _CONTEXT)]
        self.context = nn.Sequential(
            *(
                _convolution(_NARROW * widths[i], _NARROW * widths[i + 1], 0, dilation)
                for i, (_, dilation) in enumerate(_CONTEXT)
            )
        )
        self.narrow = _convolution(_NARROW * widths[-1], _NARROW, padding=0, kernel=1)
        self.last = _convolution(_NARROW, _NARROW)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 256, 2, 20, 20) -> (N, 12)."""
        x = self.narrow(self.context(self.borders(self.bottleneck(x))))  # (N, 12, 4, 22, 22)
        x = self.last(nn.functional.max_pool3d(x, 2))  # (N, 12, 2, 11, 11)
        return x.mean(dim=(2, 3, 4))


def _convolution(
    inputs: int, outputs: int, padding: int = 1, dilation: int = 1, kernel: int = 3
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, kernel, padding=padding, dilation=dilation),
        nn.BatchNorm3d(outputs),
        nn.ReLU(),
    )


class MSCADC(nn.Module):
    """The body, and the branch after it where `layer` is `pool`."""

    def __init__(self, layer: str = "pool"):
        super().__init__()
        self.body = Body()
        self.branch = ContextBranch() if layer == "pool" else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, 16, 180, 180) -> (N, *LAYERS[layer])."""
        features: Tensor = self.branch(self.body(x))
        return features


# ImageNet's mean and std.
_SCALING = {"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
PROFILES = {
    # Of MTL-AQA's broadcasts, of which the middle shows the diver.
    "mtl-aqa": Preprocess(resize=(360, 640), crop=(180, 180), **_SCALING),  # type: ignore[arg-type]
    # Ours, for other footage: the middle of the frame at its whole height.
    "whole": Preprocess(resize=180, crop=(180, 180), **_SCALING),  # type: ignore[arg-type]
}

LAYOUTS = (
    Layout(
        name="mscadc",
        source="nobody publishes them; train it with `aqa finetune --weights random`",
        last_layer="pool",
        profiles=("mtl-aqa", "whole"),
    ),
)


def architecture(name: str) -> Architecture:
    """MSCADC, as `--backbone mscadc`."""
    return Architecture(
        name=name,
        build=MSCADC,
        layers=LAYERS,
        default_layer="pool",
        layouts=LAYOUTS,
        profiles=PROFILES,
        spread=True,
    )
