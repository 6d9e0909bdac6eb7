"""TimeSformer: a vision transformer that looks along time first, then over each frame.

bertasius2021, "divided space-time attention". For an 8x224x224 clip: a class token and 14 x 14
tokens of each frame; its class token after the last norm, 768.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aqa.extract.backbones.architecture import Architecture
from aqa.extract.backbones.vit import SelfAttention, TwoLayers, ViTDesign, check_config, learned
from aqa.extract.backbones.vit import renamed as hub_name
from aqa.extract.checkpoints.hub import hub_layout
from aqa.extract.checkpoints.layouts import Build, Layout
from aqa.extract.checkpoints.records import Checkpoint
from aqa.extract.preprocess import Preprocess

NAMES = ("timesformer-b",)

DESIGN = ViTDesign(768, 12, 12, 3072)


class DividedBlock(nn.Module):
    """Attention along time, then over each frame, then two dense layers."""

    def __init__(self, design: ViTDesign):
        super().__init__()
        self.norm1 = design.norm()
        self.attn = SelfAttention(design)
        self.temporal_norm1 = design.norm()
        self.temporal_attn = SelfAttention(design)
        self.temporal_fc = nn.Linear(design.width, design.width)
        self.norm2 = design.norm()
        self.mlp = TwoLayers(design)

    def forward(self, first: Tensor, patches: Tensor) -> tuple[Tensor, Tensor]:
        """The class token (n, 1, width) and those of the patches (n, places, T, width)."""
        n, _, n_frames, _ = patches.shape
        along = self.temporal_attn(self.temporal_norm1(patches.flatten(0, 1)))
        patches = patches + self.temporal_fc(along).unflatten(0, (n, -1))
        # Every frame has its own copy of the class token; what they see is averaged.
        frames = patches.transpose(1, 2)  # (n, T, places, width)
        copies = first[:, None].expand(-1, n_frames, -1, -1)
        seen = self.attn(self.norm1(torch.cat([copies, frames], 2).flatten(0, 1)))
        seen = seen.unflatten(0, (n, n_frames))
        first = first + seen[:, :, :1].mean(1)
        patches = patches + seen[:, :, 1:].transpose(1, 2)
        return first + self.mlp(self.norm2(first)), patches + self.mlp(self.norm2(patches))


class TimeSformer(nn.Module):
    """TimeSformer without its classifier: (N, 3, T, H, W) -> (N, width).

    frames, grid: which the tables of places are for; for others their nearest entries are taken.
    """

    def __init__(self, design: ViTDesign, layer: str = "token", *, frames: int = 8, grid: int = 14):
        super().__init__()
        self.cls_token = learned(1, 1, design.width)
        self.pos_embed = learned(1, 1 + grid**2, design.width)
        self.time_embed = learned(1, frames, design.width)
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, design.width, 16, 16)})
        self.blocks = nn.ModuleList(DividedBlock(design) for _ in range(design.depth))
        self.norm = design.norm()

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, T, H, W) -> (n, width)."""
        n, _, n_frames, _, _ = x.shape
        patches = self.patch_embed["proj"](x.transpose(1, 2).flatten(0, 1))
        patches = patches + self._places(patches.shape[2], patches.shape[3])
        patches = patches.flatten(2).unflatten(0, (n, n_frames)).permute(0, 3, 1, 2)
        patches = patches + self._times(n_frames)  # (n, places, T, width)
        first = (self.cls_token + self.pos_embed[:, :1]).expand(n, -1, -1)
        for block in self.blocks:
            first, patches = block(first, patches)
        token: Tensor = self.norm(first)[:, 0]
        return token

    def _places(self, height: int, width: int) -> Tensor:
        """The table of places: (1, channels, height, width)."""
        table = self.pos_embed[:, 1:].transpose(1, 2)
        side = math.isqrt(int(table.shape[2]))
        table = table.unflatten(2, (side, side))
        return table if (height, width) == (side, side) else F.interpolate(table, (height, width))

    def _times(self, n_frames: int) -> Tensor:
        """The table of times: (1, n_frames, channels)."""
        if n_frames == self.time_embed.shape[1]:
            return self.time_embed
        return F.interpolate(self.time_embed.transpose(1, 2), n_frames).transpose(1, 2)


# Layouts ----------------------------------------------------------------------------------------

_HUB = {
    "cls_token": "embeddings.cls_token",
    "pos_embed": "embeddings.position_embeddings",
    "time_embed": "embeddings.time_embeddings",
    "patch_embed.proj": "embeddings.patch_embeddings.projection",
    "blocks.": "encoder.layer.",
    "norm1": "layernorm_before",
    "attn.qkv": "attention.attention.qkv",
    "attn.proj": "attention.output.dense",
    "temporal_norm1": "temporal_layernorm",
    "temporal_attn.qkv": "temporal_attention.attention.qkv",
    "temporal_attn.proj": "temporal_attention.output.dense",
    "temporal_fc": "temporal_dense",
    "norm2": "layernorm_after",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
    "norm": "layernorm",
}


def _hub_build(config: Mapping[str, Any]) -> Build:
    check_config(
        config,
        **{"image_size": 224, "num_frames": 8, "patch_size": 16, "qkv_bias": True},
        attention_type="divided_space_time",
    )
    return functools.partial(TimeSformer, DESIGN.configured(config))


# defaults.py and the 8x32 configs: one crop of 224 from a shorter side of 256. Its code normalises
# before it resizes, without antialiasing; we round to grey levels between: by half a level at most.
_TRAINED = Preprocess(
    resize=256,
    crop=(224, 224),
    scale=1 / 255,
    mean=(0.45, 0.45, 0.45),
    std=(0.225, 0.225, 0.225),
    truncate=True,
)
PROFILES = {
    "timesformer": _TRAINED,
    "hub": replace(_TRAINED, resize=224, interpolation="pillow-bilinear"),
}

LAYOUTS = (
    Layout(
        name="meta",
        source="facebookresearch/TimeSformer, TimeSformer_divST_8x32_224_K400.pyth (Kinetics-400)",
        last_layer="token",
        profiles=("timesformer",),
        classifier=("head.",),
    ),
    hub_layout(
        "facebook/timesformer-base-finetuned-k400",
        "token",
        _hub_build,
        key=functools.partial(hub_name, names=_HUB),
        classifier=("classifier.",),
    ),
)

CHECKPOINTS = (
    # On Dropbox, by the README, which gives neither size nor hash.
    Checkpoint(
        name="timesformer-b-k400",
        backbone="timesformer-b",
        layout="meta",
        profile="timesformer",
        file="TimeSformer_divST_8x32_224_K400.pyth",
        url="https://github.com/facebookresearch/TimeSformer",
        by_hand=True,
        licence="CC BY-NC 4.0: not for commercial use",
        pretraining="ImageNet-21k, then Kinetics-400",
        classes=400,
        clip_length=8,
    ),
)


def architecture(name: str) -> Architecture:
    """TimeSformer, as `--backbone timesformer-b`; 8 frames, every 32nd, as it was trained."""
    return Architecture(
        name=name,
        build=functools.partial(TimeSformer, DESIGN),
        layers={"token": (DESIGN.width,)},
        default_layer="token",
        layouts=LAYOUTS,
        profiles=PROFILES,
        clip_length=8,
        window=256,
        checkpoints=CHECKPOINTS,
    )
