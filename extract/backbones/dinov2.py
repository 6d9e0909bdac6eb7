"""DINOv2: a vision transformer that learned from pictures alone, without labels.

oquab2024. It sees single frames: a clip's feature is the mean over its frames of the class token,
384 (S), 768 (B) or 1024 (L). For a 224x224 frame: 16 x 16 patches of 14 pixels.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aqa.extract.backbones.architecture import Architecture
from aqa.extract.backbones.vit import (
    ViTDesign,
    check_config,
    learned,
    per_frame,
    renamed,
    separate,
)
from aqa.extract.checkpoints.hub import hub_layout, hub_record
from aqa.extract.checkpoints.layouts import Build
from aqa.extract.preprocess import IMAGENET, Preprocess

NAMES = ("dinov2-s", "dinov2-b", "dinov2-l")

DESIGNS = {
    "s": ViTDesign(384, 12, 6, 1536, scaled=True),
    "b": ViTDesign(768, 12, 12, 3072, scaled=True),
    "l": ViTDesign(1024, 24, 16, 4096, scaled=True),
}
_HUB_NAMES = {"s": "small", "b": "base", "l": "large"}


class DINOv2(nn.Module):
    """DINOv2: (N, 3, T, H, W) -> (N, width), the mean over frames of their class tokens.

    grid: patches along a side of the pictures that its table of places is for (518 pixels).
    """

    def __init__(self, design: ViTDesign, layer: str = "token", *, grid: int = 37):
        super().__init__()
        self.cls_token = learned(1, 1, design.width)
        self.pos_embed = learned(1, 1 + grid**2, design.width)
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, design.width, 14, 14)})
        self.blocks = design.blocks()
        self.norm = design.norm()

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, T, H, W) -> (n, width)."""
        return per_frame(self._token, x)

    def _token(self, frames: Tensor) -> Tensor:
        """(n, 3, H, W) -> (n, width)."""
        x = self.patch_embed["proj"](frames)
        x = x + self._places(x.shape[2], x.shape[3])
        first = (self.cls_token + self.pos_embed[:, :1]).expand(len(x), -1, -1)
        x = self.blocks(torch.cat([first, x.flatten(2).transpose(1, 2)], 1))
        token: Tensor = self.norm(x[:, 0])
        return token

    def _places(self, height: int, width: int) -> Tensor:
        """The table of places, resized to a picture: (1, channels, height, width)."""
        table = self.pos_embed[:, 1:].transpose(1, 2)
        side = math.isqrt(int(table.shape[2]))
        table = table.unflatten(2, (side, side))
        if (height, width) == (side, side):
            return table
        # In float32, as the hub's class does in any precision.
        return F.interpolate(table.float(), (height, width), mode="bicubic").to(table.dtype)


_HUB = {
    "cls_token": "embeddings.cls_token",
    "pos_embed": "embeddings.position_embeddings",
    "patch_embed.proj": "embeddings.patch_embeddings.projection",
    "blocks.": "encoder.layer.",
    "norm": "layernorm",
}


def _hub_key(key: str) -> str:
    key = renamed(key, _HUB).replace(".attn.proj.", ".attention.output.dense.")
    return key.replace("ls1.gamma", "layer_scale1.lambda1").replace(
        "ls2.gamma", "layer_scale2.lambda1"
    )


def _hub_parts(key: str) -> tuple[str, ...] | None:
    return separate(key, _HUB, "attention.attention", ("query", "key", "value"))


def _hub_build(design: ViTDesign, config: Mapping[str, Any]) -> Build:
    check_config(
        config,
        **{"image_size": 518, "patch_size": 14, "qkv_bias": True, "use_swiglu_ffn": False},
        mlp_ratio=4,
    )
    return functools.partial(DINOv2, design.configured(config))


# preprocessor_config.json of its hub pages decides where it lies beside the weights.
PROFILES = {
    "hub": Preprocess(
        resize=256,
        crop=(224, 224),
        interpolation="pillow-bicubic",
        scale=1 / 255,
        mean=IMAGENET[0],
        std=IMAGENET[1],
        truncate=True,
    )
}


def architecture(name: str) -> Architecture:
    """The network of that name; a clip is 16 frames, or one with `--clip-length 1`."""
    design, published = DESIGNS[name[-1]], f"facebook/dinov2-{_HUB_NAMES[name[-1]]}"
    layout = hub_layout(
        published,
        "token",
        functools.partial(_hub_build, design),
        key=_hub_key,
        parts=_hub_parts,
        classifier=("classifier.",),
        ignored=r"embeddings\.mask_token$",
    )
    checkpoint = hub_record(
        published,
        name,
        name=f"{name}-hub",
        licence="Apache-2.0 (that of facebookresearch/dinov2)",
        pretraining="LVD-142M pictures, by itself",
    )
    return Architecture(
        name=name,
        build=functools.partial(DINOv2, design),
        layers={"token": (design.width,)},
        default_layer="token",
        layouts=(layout,),
        profiles=PROFILES,
        checkpoints=(checkpoint,),
    )
