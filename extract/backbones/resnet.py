"""The residual network behind the video networks of Hara and of torchvision.

tran2018: R3D, MC3 and R(2+1)D; he2016: the blocks and depths. The files of the families say how
each published network differs, and how its checkpoints name the tensors.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from aqa.extract.backbones.architecture import Shape

# Residual blocks of the four stages, by depth.
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Design:
    """In what the published networks differ.

    blocks: how many, in each of the four stages. bottleneck: blocks of 1x1x1, 3x3x3 and 1x1x1 (4
    times as wide) instead of two 3x3x3. factorised: every 3x3x3 is a 1x3x3 and a 3x1x1 with batch
    norm and ReLU between. middle_by_convolution: the number of channels between the two follows
    from the inputs of each convolution; False: from those of the block. flat_stages: how many of
    the last stages have 1x3x3 convolutions and keep all frames. stem_frames: temporal kernel of
    the stem. stem_middle: channels within a factorised stem. stem_pool: a 3x3x3 max pooling of
    stride 2 follows it. eps: of every batch norm.
    """

    blocks: tuple[int, int, int, int]
    bottleneck: bool = False
    factorised: bool = False
    middle_by_convolution: bool = True
    flat_stages: int = 0
    stem_frames: int = 3
    stem_middle: int | None = None
    stem_pool: bool = False
    eps: float = 1e-5

    @property
    def expansion(self) -> int:
        """The width of a block's output, as a multiple of the width inside."""
        return 4 if self.bottleneck else 1

    def layers(self, clip_length: int) -> dict[str, Shape]:
        """The features at 112x112, by layer."""
        width = 512 * self.expansion
        halvings = 3 - self.flat_stages + self.stem_pool
        size = 4 if self.stem_pool else 7
        frames = -(-clip_length // 2**halvings)
        return {"avgpool": (width,), "layer4": (width, frames, size, size)}


def middle_width(inputs: int, outputs: int) -> int:
    """Channels between the halves that keep the weights of a 3x3x3 (tran2018 §3.5)."""
    return 27 * inputs * outputs // (9 * inputs + 3 * outputs)


def unit(
    inputs: int, outputs: int, kernel: Triple, stride: Triple, middle: int | None = None
) -> nn.Sequential:
    """A convolution and its batch norm; in two steps, space then time, with `middle` channels."""
    if middle is None:
        return nn.Sequential(
            OrderedDict(
                conv=_convolution(inputs, outputs, kernel, stride), bn=nn.BatchNorm3d(outputs)
            )
        )
    return nn.Sequential(
        OrderedDict(
            conv_s=_convolution(inputs, middle, (1, *kernel[1:]), (1, *stride[1:])),
            bn_s=nn.BatchNorm3d(middle),
            relu_s=nn.ReLU(inplace=True),
            conv_t=_convolution(middle, outputs, (kernel[0], 1, 1), (stride[0], 1, 1)),
            bn_t=nn.BatchNorm3d(outputs),
        )
    )


def _convolution(inputs: int, outputs: int, kernel: Triple, stride: Triple) -> nn.Conv3d:
    padding: Triple = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    return nn.Conv3d(inputs, outputs, kernel, stride, padding, bias=False)


class Block(nn.Module):
    """One residual block: (N, inputs, T, H, W) -> (N, width * expansion, T/s, H/s, W/s)."""

    def __init__(self, design: Design, inputs: int, width: int, stride: Triple, flat: bool):
        super().__init__()
        one: Triple = (1, 1, 1)
        kernel: Triple = (1 if flat else 3, 3, 3)
        outputs = width * design.expansion
        middle_1 = middle_2 = None
        if design.factorised:
            first = width if design.bottleneck else inputs
            middle_1 = middle_width(first, width)
            middle_2 = middle_width(width, width) if design.middle_by_convolution else middle_1
        if design.bottleneck:
            self.unit1 = unit(inputs, width, one, one)
            self.unit2 = unit(width, width, kernel, stride, middle_1)
            self.unit3 = unit(width, outputs, one, one)
        else:
            self.unit1 = unit(inputs, width, kernel, stride, middle_1)
            self.unit2 = unit(width, width, kernel, one, middle_2)
        self.depth = 3 if design.bottleneck else 2
        last = (self.unit3 if design.bottleneck else self.unit2)[-1]
        assert isinstance(last, nn.BatchNorm3d)
        # Near the identity to begin with: random weights would blow up with depth.
        nn.init.constant_(last.weight, sum(design.blocks) ** -0.5)
        self.downsample = None
        if stride != one or inputs != outputs:
            self.downsample = nn.Sequential(
                _convolution(inputs, outputs, one, stride), nn.BatchNorm3d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """The block's layers and the shortcut, added: (n, C, T, H, W)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.unit2(self.unit1(x).relu_())
        if self.depth == 3:
            x = self.unit3(x.relu_())
        return (x + shortcut).relu_()


class ResNet(nn.Module):
    """The network of a `Design` up to `layer`: `avgpool`, or `layer4`, the map before it."""

    def __init__(self, design: Design, layer: str):
        super().__init__()
        self.layer = layer
        self.pooled = design.stem_pool
        kernel: Triple = (design.stem_frames, 7, 7)
        self.stem = unit(3, 64, kernel, (1, 2, 2), design.stem_middle)
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            nn.Sequential(*_stage(design, number)) for number in range(4)
        )
        for module in self.modules():
            if isinstance(module, nn.BatchNorm3d):
                module.eps = design.eps

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, T, H, W) -> (N, C) or, for layer4, (N, C, T', H', W')."""
        x = self.stem(x).relu_()  # (N, 64, T, H/2, W/2)
        if self.pooled:
            x = F.max_pool3d(x, 3, 2, 1)  # (N, 64, T/2, H/4, W/4)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (N, C, T', H', W')
        return x if self.layer == "layer4" else x.mean((2, 3, 4))


def _stage(design: Design, number: int) -> Iterator[Block]:
    """The blocks of stage 0 to 3; the first one halves space, and time unless the stage is flat."""
    width = 64 * 2**number
    flat = number >= 4 - design.flat_stages
    inputs = 64 if number == 0 else width // 2 * design.expansion
    stride: Triple = (1, 1, 1) if number == 0 else (1 if flat else 2, 2, 2)
    for _ in range(design.blocks[number]):
        yield Block(design, inputs, width, stride, flat)
        inputs, stride = width * design.expansion, (1, 1, 1)
