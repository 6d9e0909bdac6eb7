"""Hara's 3D and (2+1)D ResNets, the 16-frame networks of farabi2021.

hara2018 and kataoka2020; checkpoints of kenshohara/3D-ResNets-PyTorch. They differ from
torchvision's: the stem spans 7 frames, and a max pooling follows it, which halves time once more;
in (2+1)D the middle width follows from the inputs of each convolution. For a 16x112x112 clip:

    stem 64x16x56x56, pooled 64x8x28x28, layer1 8x28x28, layer2 4x14x14, layer3 2x7x7,
    layer4 512x1x4x4 (2048x1x4x4 from depth 50 on), avgpool 512 (2048)
"""

from __future__ import annotations

import functools
import re

from aqa.extract.backbones.architecture import Architecture
from aqa.extract.backbones.resnet import BLOCKS, Design, ResNet
from aqa.extract.checkpoints.layouts import Layout
from aqa.extract.checkpoints.records import Checkpoint
from aqa.extract.preprocess import Preprocess

NAMES = (
    "r3d-18",
    "r3d-34",
    "r3d-50",
    "r3d-101",
    "r2plus1d-18",
    "r2plus1d-34",
    "r2plus1d-50",
)

# In 3D the stem has 3 * 64 * 7 * 7 * 7 weights; split, 147 per middle channel in space and 448 in
# time: so many channels keep the number of weights.
_STEM_MIDDLE = 3 * 64 * 7 * 7 * 7 // (3 * 7 * 7 + 7 * 64)


def _file_key(key: str) -> str:
    """`layer1.0.unit2.bn_s.bias` -> `layer1.0.bn2_s.bias`; the stem counts as unit 1."""
    key = key.replace("stem.", "unit1.")
    return re.sub(r"unit(\d)\.(conv|bn)(_s|_t|)\.", r"\2\1\3.", key)


# mean.py and get_val_utils in main.py: values of 0..1 with Kinetics' mean and std, the shorter side
# resized to 112, the middle 112x112.
PROFILES = {
    "hara-k700": Preprocess(
        resize=112,
        crop=(112, 112),
        scale=1 / 255,
        mean=(0.4345, 0.4051, 0.3775),
        std=(0.2768, 0.2713, 0.2737),
    )
}

LAYOUT = Layout(
    name="hara-k700",
    source="kenshohara/3D-ResNets-PyTorch, r3d50_K_200ep.pth and its like (Kinetics-700)",
    last_layer="avgpool",
    profiles=tuple(PROFILES),
    key=_file_key,
    classifier=("fc.",),
)

# The letters in the file names and the class counts are those of the repository's README.
_DATASETS = {
    "K": ("Kinetics-700", 700),
    "M": ("Moments in Time", 339),
    "S": ("STAIR-Actions", 100),
    "KM": ("Kinetics-700 and Moments in Time", 1039),
    "KS": ("Kinetics-700 and STAIR-Actions", 800),
    "MS": ("Moments in Time and STAIR-Actions", 439),
    "KMS": ("Kinetics-700, Moments in Time and STAIR-Actions", 1139),
}
# The README names no (2+1)D file. They are in the same folder: r2p1d50_KM_200ep.pth and the three
# here are known from code that loads them.
_FILES = (
    ("r3d-18", "r3d18", ("K", "KM")),
    ("r3d-34", "r3d34", ("K", "KM")),
    ("r3d-50", "r3d50", ("K", "KM", "KMS", "KS", "M", "MS", "S")),
    ("r3d-101", "r3d101", ("K", "KM")),
    ("r2plus1d-18", "r2p1d18", ("K",)),
    ("r2plus1d-34", "r2p1d34", ("K",)),
    ("r2plus1d-50", "r2p1d50", ("K", "KM")),
)

# In a folder on Google Drive that the README links; the author gives neither hashes nor sizes.
CHECKPOINTS = tuple(
    Checkpoint(
        name=f"{backbone}-{letters.lower()}",
        backbone=backbone,
        layout=LAYOUT.name,
        profile=LAYOUT.name,
        file=f"{stem}_{letters}_200ep.pth",
        url="https://drive.google.com/open?id=1xbYbZ7rpyjftI_KCk6YuL-XrfQDz7Yd4",
        by_hand=True,
        licence="MIT (that of kenshohara/3D-ResNets-PyTorch)",
        pretraining=_DATASETS[letters][0],
        classes=_DATASETS[letters][1],
        clip_length=16,
    )
    for backbone, stem, datasets in _FILES
    for letters in datasets
)


def _design(name: str) -> Design:
    family, _, depth = name.rpartition("-")
    factorised = family == "r2plus1d"
    return Design(
        blocks=BLOCKS[int(depth)],
        bottleneck=int(depth) >= 50,
        factorised=factorised,
        stem_frames=7,
        stem_middle=_STEM_MIDDLE if factorised else None,
        stem_pool=True,
    )


def architecture(name: str) -> Architecture:
    """The network of that name."""
    design = _design(name)
    return Architecture(
        name=name,
        build=functools.partial(ResNet, design),
        layers=design.layers(16),
        default_layer="avgpool",
        layouts=(LAYOUT,),
        profiles=PROFILES,
        checkpoints=tuple(known for known in CHECKPOINTS if known.backbone == name),
    )
