"""V-JEPA 2: a vision transformer that learned to predict hidden parts of videos.

assran2025, ViT-L at 256 x 256; its predictor is not needed for features. For a 16x256x256 clip:
8 x 16 x 16 tubes of two frames, their mean, 1024. The publisher puts a small trained network over
the tubes instead; the mean is ours. Any even number of frames goes; at 64 it takes 16 GB.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from aqa.extract.backbones.architecture import Architecture
from aqa.extract.backbones.vit import Rotation, ViTDesign, check_config, renamed, separate
from aqa.extract.checkpoints.hub import hub_layout, hub_record
from aqa.extract.checkpoints.layouts import Build, Layout
from aqa.extract.preprocess import IMAGENET, Preprocess

NAMES = ("vjepa2-l",)

DESIGN = ViTDesign(1024, 24, 16, 4096)


class VJEPA2(nn.Module):
    """The encoder of V-JEPA 2: (N, 3, T, H, W) -> (N, width), the mean over its tubes."""

    def __init__(self, design: ViTDesign, layer: str = "pooled"):
        super().__init__()
        self.patch_embed = nn.ModuleDict(
            {"proj": nn.Conv3d(3, design.width, (2, 16, 16), (2, 16, 16))}
        )
        self.blocks = nn.ModuleList(design.blocks())
        self.norm = design.norm()
        self.channels = design.width // design.heads

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, T, H, W) -> (n, width)."""
        if x.shape[2] % 2:
            raise ValueError(f"V-JEPA 2 takes an even number of frames, not {x.shape[2]}")
        x = self.patch_embed["proj"](x)
        rotate = rotation(x.shape[2:], self.channels, x)
        x = x.flatten(2).transpose(1, 2)  # (n, tubes, width)
        for block in self.blocks:
            x = block(x, rotate)
        pooled: Tensor = self.norm(x).mean(1)
        return pooled


def rotation(grid: torch.Size, channels: int, like: Tensor) -> Rotation:
    """What turns the channels of queries and keys by their tube's time, height and width.

    grid: of the tubes. channels: of a head; a third, rounded down to an even number, turns with
    each axis, and the rest with none. Each pair of neighbours turns together, but its two angles
    come from a list of frequencies that is repeated as a whole and not number by number: a slip of
    the publisher's that the weights were trained with.
    """
    part = 2 * (channels // 3 // 2)
    frequencies = 10000.0 ** -(torch.arange(part // 2, device=like.device) * 2 / part)
    axes = torch.meshgrid(*(torch.arange(n, device=like.device) for n in grid), indexing="ij")
    angles = [(axis.flatten()[:, None] * frequencies).repeat(1, 2) for axis in axes]
    turned = torch.cat(angles, 1)  # (tubes, 3 * part)
    cos, sin = turned.cos().to(like.dtype), turned.sin().to(like.dtype)

    def rotate(x: Tensor) -> Tensor:
        moved, kept = x[..., : 3 * part], x[..., 3 * part :]
        first, second = moved.unflatten(-1, (-1, 2)).unbind(-1)
        across = torch.stack([-second, first], -1).flatten(-2)
        return torch.cat([moved * cos + across * sin, kept], -1)

    return rotate


# Layouts ----------------------------------------------------------------------------------------

_HUB = {
    "patch_embed.proj": "encoder.embeddings.patch_embeddings.proj",
    "blocks.": "encoder.layer.",
    "attn.proj": "attention.proj",
    "norm": "encoder.layernorm",
}


def _hub_parts(key: str) -> tuple[str, ...] | None:
    return separate(key, _HUB, "attention", ("query", "key", "value"))


def _hub_build(config: Mapping[str, Any]) -> Build:
    check_config(config, patch_size=16, tubelet_size=2, qkv_bias=True, crop_size=256)
    return functools.partial(VJEPA2, DESIGN.configured(config))


# make_transforms of its evaluations: OpenCV's bilinear to int(256 / 224 * 256), the middle 256; the
# hub's class resizes with antialiasing.
_TRAINED = Preprocess(
    resize=292, crop=(256, 256), scale=1 / 255, mean=IMAGENET[0], std=IMAGENET[1], truncate=True
)
PROFILES = {"vjepa2": _TRAINED, "hub": replace(_TRAINED, interpolation="pillow-bilinear")}

_REPOSITORY = "facebook/vjepa2-vitl-fpc64-256"
LAYOUTS = (
    # Of its two encoders the target encoder, which its own evaluations read.
    Layout(
        name="meta",
        source="facebookresearch/vjepa2, vitl.pt (VideoMix22M)",
        last_layer="pooled",
        profiles=("vjepa2",),
        ignored="pos_embed$",  # a table that the rotations replace
    ),
    hub_layout(
        _REPOSITORY,
        "pooled",
        _hub_build,
        key=functools.partial(renamed, names=_HUB),
        parts=_hub_parts,
        ignored=r"predictor\.|pooler\.|classifier\.",
    ),
)

_OF_HUB = hub_record(
    _REPOSITORY,
    "vjepa2-l",
    name="vjepa2-l-hub",
    licence="MIT (that of facebookresearch/vjepa2)",
    pretraining="VideoMix22M, by itself",
)
CHECKPOINTS = (
    _OF_HUB,
    replace(
        _OF_HUB,
        name="vjepa2-l",
        layout="meta",
        profile="vjepa2",
        file="vitl.pt",
        url="https://dl.fbaipublicfiles.com/vjepa2/vitl.pt",
    ),
)


def architecture(name: str) -> Architecture:
    """V-JEPA 2, as `--backbone vjepa2-l`; 16 frames, every fourth, as its evaluations take them."""
    return Architecture(
        name=name,
        build=functools.partial(VJEPA2, DESIGN),
        layers={"pooled": (DESIGN.width,)},
        default_layer="pooled",
        layouts=LAYOUTS,
        profiles=PROFILES,
        window=64,
        checkpoints=CHECKPOINTS,
    )
