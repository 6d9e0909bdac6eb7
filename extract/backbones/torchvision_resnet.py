"""torchvision's three 18-layer video networks: R3D, MC3 and R(2+1)D.

tran2018; checkpoints of pytorch/vision. The stem keeps all frames, no pooling follows it, and both
convolutions of an R(2+1)D block have the middle width of the first. For a 16x112x112 clip:

    stem 64x16x56x56, layer1 16x56x56, layer2 8x28x28, layer3 4x14x14, layer4 512x2x7x7
    (MC3 keeps the 16 frames: 512x16x7x7), avgpool 512
"""

from __future__ import annotations

import functools
import re

from aqa.extract.backbones.architecture import Architecture
from aqa.extract.backbones.resnet import BLOCKS, Design, ResNet
from aqa.extract.checkpoints.layouts import Layout
from aqa.extract.checkpoints.records import Checkpoint
from aqa.extract.preprocess import Preprocess

NAMES = ("r3d-18-tv", "mc3-18-tv", "r2plus1d-18-tv")

DESIGNS = {
    "r3d-18-tv": Design(blocks=BLOCKS[18]),
    "mc3-18-tv": Design(blocks=BLOCKS[18], flat_stages=3),
    # 45 is set by hand in torchvision, as in the authors' code; the formula would give 83.
    "r2plus1d-18-tv": Design(
        blocks=BLOCKS[18], factorised=True, middle_by_convolution=False, stem_middle=45
    ),
}

# The places of a unit's convolution and batch norm in torchvision's nn.Sequentials.
_IN_STEM = {"conv": "0", "bn": "1", "conv_s": "0", "bn_s": "1", "conv_t": "3", "bn_t": "4"}
_IN_BLOCK = {"conv": "0", "bn": "1", "conv_s": "0.0", "bn_s": "0.1", "conv_t": "0.3", "bn_t": "1"}


def file_key(key: str) -> str:
    """`layer1.0.unit2.bn_s.bias` -> `layer1.0.conv2.0.1.bias`."""
    key = re.sub(r"^stem\.(\w+)", lambda match: f"stem.{_IN_STEM[match[1]]}", key)
    return re.sub(r"unit(\d)\.(\w+)", lambda match: f"conv{match[1]}.{_IN_BLOCK[match[2]]}", key)


# torchvision's R3D_18_Weights and its like (VideoClassification): frames to 128x171, the middle
# 112x112, values of 0..1 with the mean and std that its documentation gives.
PREPROCESS = Preprocess(
    resize=(128, 171),
    crop=(112, 112),
    scale=1 / 255,
    mean=(0.43216, 0.394666, 0.37645),
    std=(0.22803, 0.22145, 0.216989),
)

# The 8 digits in the file names are the first ones of the SHA-256 (torch.hub checks them).
_FILES = {
    "r3d-18-tv": "r3d_18-b3b3357e.pth",
    "mc3-18-tv": "mc3_18-a90a0ba3.pth",
    "r2plus1d-18-tv": "r2plus1d_18-91a641e6.pth",
}

CHECKPOINTS = tuple(
    Checkpoint(
        name=f"{backbone}-k400",
        backbone=backbone,
        layout="torchvision",
        profile="torchvision",
        file=file,
        url=f"https://download.pytorch.org/models/{file}",
        sha256=file[-12:-4],
        licence="BSD-3-Clause (the repository's)",
        pretraining="Kinetics-400",
        classes=400,
        clip_length=16,
    )
    for backbone, file in _FILES.items()
)


def architecture(name: str) -> Architecture:
    """The network of that name."""
    layout = Layout(
        name="torchvision",
        source=f"pytorch/vision, {_FILES[name]} (Kinetics-400)",
        last_layer="avgpool",
        profiles=("torchvision",),
        key=file_key,
        classifier=("fc.",),
    )
    return Architecture(
        name=name,
        build=functools.partial(ResNet, DESIGNS[name]),
        layers=DESIGNS[name].layers(16),
        default_layer="avgpool",
        layouts=(layout,),
        profiles={"torchvision": PREPROCESS},
        checkpoints=tuple(known for known in CHECKPOINTS if known.backbone == name),
    )
