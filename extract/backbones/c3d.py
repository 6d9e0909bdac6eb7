"""C3D: eight 3x3x3 convolutions, five poolings, two dense layers.

tran2015; the feature extractor of jain2020, li2018end, li2018scoringnet and parmar2019action, and
of farabi2021's C3D-WD. For a 16x112x112 clip:

    conv1 64x16x112x112, conv2 128x16x56x56, conv3 256x8x28x28, conv4 512x4x14x14,
    conv5b 512x2x7x7, pool5 512x1x4x4 = 8192, fc6 4096, fc7 4096
"""

from __future__ import annotations

from torch import Tensor, nn

from aqa.extract.backbones.architecture import Architecture
from aqa.extract.checkpoints.layouts import Layout
from aqa.extract.checkpoints.records import Checkpoint
from aqa.extract.preprocess import Preprocess

NAMES = ("c3d",)

LAYERS = {"conv5b": (512, 2, 7, 7), "pool5": (8192,), "fc6": (4096,), "fc7": (4096,)}


class C3D(nn.Module):
    """C3D up to and including `layer`, each layer after its ReLU; no dropout, no classifier."""

    def __init__(self, layer: str = "fc6"):
        super().__init__()
        self.depth = list(LAYERS).index(layer)
        self.conv1 = nn.Conv3d(3, 64, 3, padding=1)
        self.conv2 = nn.Conv3d(64, 128, 3, padding=1)
        self.conv3a = nn.Conv3d(128, 256, 3, padding=1)
        self.conv3b = nn.Conv3d(256, 256, 3, padding=1)
        self.conv4a = nn.Conv3d(256, 512, 3, padding=1)
        self.conv4b = nn.Conv3d(512, 512, 3, padding=1)
        self.conv5a = nn.Conv3d(512, 512, 3, padding=1)
        self.conv5b = nn.Conv3d(512, 512, 3, padding=1)
        if self.depth >= 2:
            self.fc6 = nn.Linear(8192, 4096)
        if self.depth >= 3:
            self.fc7 = nn.Linear(4096, 4096)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, 16, 112, 112) -> (N, *LAYERS[layer])."""
        pool = nn.functional.max_pool3d
        x = pool(self.conv1(x).relu_(), (1, 2, 2))  # (N, 64, 16, 56, 56)
        x = pool(self.conv2(x).relu_(), 2)  # (N, 128, 8, 28, 28)
        x = pool(self.conv3b(self.conv3a(x).relu_()).relu_(), 2)  # (N, 256, 4, 14, 14)
        x = pool(self.conv4b(self.conv4a(x).relu_()).relu_(), 2)  # (N, 512, 2, 7, 7)
        x = self.conv5b(self.conv5a(x).relu_()).relu_()
        if self.depth == 0:
            return x
        x = pool(x, 2, padding=(0, 1, 1)).flatten(1)  # (N, 512 * 1 * 4 * 4)
        if self.depth >= 2:
            x = self.fc6(x).relu_()
        if self.depth >= 3:
            x = self.fc7(x).relu_()
        return x


def _mmaction2_key(key: str) -> str:
    """`conv3a.weight` -> `conv3a.conv.weight`; conv1 and conv2 are its `conv1a` and `conv2a`."""
    layer, _, kind = key.partition(".")
    if layer.startswith("fc"):
        return key
    return f"{layer}a.conv.{kind}" if layer in ("conv1", "conv2") else f"{layer}.conv.{kind}"


PROFILES = {
    # C3D-pytorch's predict.py: RGB 0..255, no mean, 112x200 and the middle 112 columns.
    "davidea": Preprocess(resize=(112, 200), crop=(112, 112)),
    # mmaction2's c3d configs: mean 104, 117, 128 subtracted from RGB 0..255, no std.
    "mmaction2": Preprocess(resize=(128, 171), crop=(112, 112), mean=(104.0, 117.0, 128.0)),
    # MTL-AQA's dataloader: ImageNet's mean and std. It draws the interpolation at random, also at
    # test time, which stored features cannot; linear is our choice.
    "mtl-aqa": Preprocess(
        resize=(128, 171),
        crop=(112, 112),
        scale=1 / 255,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    ),
}

LAYOUTS = (
    Layout(
        name="davidea",
        source="DavideA/c3d-pytorch, c3d.pickle (Sports-1M)",
        last_layer="fc7",
        profiles=("davidea",),
        classifier=("fc8.",),
    ),
    Layout(
        name="mmaction2",
        source="open-mmlab/mmaction2, c3d_sports1m_pretrain_20201016-dcc47ddc.pth (Sports-1M)",
        last_layer="fc7",
        profiles=("mmaction2",),
        key=_mmaction2_key,
        classifier=("cls_head.", "fc8."),
    ),
    Layout(
        name="mtl-aqa",
        source="ParitoshParmar/MTL-AQA, the convolutions of its C3D (pool5)",
        last_layer="pool5",
        profiles=("mtl-aqa",),
    ),
)


CHECKPOINTS = (
    # The default: its address is an https one, its hash is known, and it subtracts a mean, as the
    # original does.
    # The 8 digits in the file name are the first ones of the SHA-256 (mmcv's publish_model).
    Checkpoint(
        name="c3d-sports1m-mmaction2",
        backbone="c3d",
        layout="mmaction2",
        profile="mmaction2",
        file="c3d_sports1m_pretrain_20201016-dcc47ddc.pth",
        url="https://download.openmmlab.com/mmaction/recognition/c3d/"
        "c3d_sports1m_pretrain_20201016-dcc47ddc.pth",
        sha256="dcc47ddc",
        licence="Apache-2.0 (the repository's)",
        pretraining="Sports-1M",
        classes=None,
        clip_length=16,
    ),
    # The link, over http, is in the README of c3d-pytorch; no hash is given.
    Checkpoint(
        name="c3d-sports1m",
        backbone="c3d",
        layout="davidea",
        profile="davidea",
        file="c3d.pickle",
        url="http://imagelab.ing.unimore.it/files/c3d_pytorch/c3d.pickle",
        licence="MIT (the repository's)",
        pretraining="Sports-1M",
        classes=487,
        clip_length=16,
    ),
)


def architecture(name: str) -> Architecture:
    """C3D, as `--backbone c3d`."""
    return Architecture(
        name=name,
        build=C3D,
        layers=LAYERS,
        default_layer="fc6",
        layouts=LAYOUTS,
        profiles=PROFILES,
        checkpoints=CHECKPOINTS,
    )
