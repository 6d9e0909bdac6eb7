"""R(2+1)D-34 pretrained on 65 million Instagram videos: the 8- and 32-frame network of farabi2021.

ghadiyaram2019; Caffe2 weights of facebookresearch/VMZ, converted by moabitcoin/ig65m-pytorch. It is
torchvision's network, except for what Caffe2 does differently: batch norm with eps 1e-3, and the
middle widths of the first blocks of layer2, 3 and 4 (288, 576, 1152), which the conversion sets by
hand: they follow from the inputs of the second convolutions. For a 32x112x112 clip:

    stem 64x32x56x56, layer1 32x56x56, layer2 16x28x28, layer3 8x14x14, layer4 512x4x7x7,
    avgpool 512
"""

from __future__ import annotations

import functools

from aqa.extract.backbones.architecture import Architecture
from aqa.extract.backbones.resnet import BLOCKS, Design, ResNet
from aqa.extract.backbones.torchvision_resnet import PREPROCESS, file_key
from aqa.extract.checkpoints.layouts import Layout
from aqa.extract.checkpoints.records import Checkpoint

NAMES = ("r2plus1d-34-ig65m",)

DESIGN = Design(blocks=BLOCKS[34], factorised=True, stem_middle=45, eps=1e-3)

# ig65m/cli/extract.py has torchvision's mean and std, a shorter side of 128 and the middle
# 112x112. 128x171 is the size that VMZ trains at and that farabi2021 uses for all videos; for
# videos of 4:3 it is the same.
PROFILES = {"ig65m-k400": PREPROCESS}

LAYOUT = Layout(
    name="ig65m-k400",
    source="moabitcoin/ig65m-pytorch, r2plus1d_34_clip32_ft_kinetics_from_ig65m-ade133f1.pth "
    "and the other three of its release v1.0.0",
    last_layer="avgpool",
    profiles=tuple(PROFILES),
    key=file_key,
    classifier=("fc.",),
)

# File, frames per clip, classes, data: ig65m/models.py and the README of the repository. Bytes:
# only of the first, from the notes of somebody who uses it.
_IG65M = "IG-65M"
_K400 = "IG-65M, then Kinetics-400"
_FILES = (
    ("r2plus1d_34_clip32_ft_kinetics_from_ig65m-ade133f1.pth", 32, 400, _K400, 255_061_555),
    ("r2plus1d_34_clip8_ft_kinetics_from_ig65m-0aa0550b.pth", 8, 400, _K400, None),
    ("r2plus1d_34_clip32_ig65m_from_scratch-449a7af9.pth", 32, 487, _IG65M, None),
    ("r2plus1d_34_clip8_ig65m_from_scratch-9bae36ae.pth", 8, 359, _IG65M, None),
)

CHECKPOINTS = tuple(
    Checkpoint(
        name=f"r2plus1d-34-ig65m-{frames}f" + ("-k400" if pretraining == _K400 else ""),
        backbone="r2plus1d-34-ig65m",
        layout=LAYOUT.name,
        profile=LAYOUT.name,
        file=file,
        url=f"https://github.com/moabitcoin/ig65m-pytorch/releases/download/v1.0.0/{file}",
        sha256=file[-12:-4],
        size=size,
        licence="MIT (the repository's); the licence of Facebook's weights is not stated there",
        pretraining=pretraining,
        classes=classes,
        clip_length=frames,
    )
    for file, frames, classes, pretraining, size in _FILES
)


def architecture(name: str) -> Architecture:
    """R(2+1)D-34 of IG-65M, as `--backbone r2plus1d-34-ig65m`."""
    return Architecture(
        name=name,
        build=functools.partial(ResNet, DESIGN),
        layers=DESIGN.layers(32),
        default_layer="avgpool",
        layouts=(LAYOUT,),
        profiles=PROFILES,
        clip_length=32,
        checkpoints=CHECKPOINTS,
    )
