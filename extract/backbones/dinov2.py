"""DINOv2: a vision transformer that learned from pictures alone, without labels.

oquab2024. It sees single frames: a clip's feature is the mean over its frames of the class token,
384 (S), 768 (B), 1024 (L) or 1536 (G). For a 224x224 frame: 16 x 16 patches of 14 pixels. Files
"with registers" (darcet2024) have four tokens more, which stand for no patch.
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
from aqa.extract.checkpoints.layouts import Build, Layout
from aqa.extract.preprocess import IMAGENET, Preprocess

NAMES = ("dinov2-s", "dinov2-b", "dinov2-l", "dinov2-g")

DESIGNS = {
    "s": ViTDesign(384, 12, 6, 1536, scaled=True),
    "b": ViTDesign(768, 12, 12, 3072, scaled=True),
    "l": ViTDesign(1024, 24, 16, 4096, scaled=True),
    "g": ViTDesign(1536, 40, 24, 4096, scaled=True, gated=True),
}
_HUB_NAMES = {"s": "small", "b": "base", "l": "large", "g": "giant"}
# As many as all published files with registers have.
_REGISTERS = 4


class DINOv2(nn.Module):
    """DINOv2: (N, 3, T, H, W) -> (N, width), the mean over frames of their class tokens.

    grid: patches along a side of the pictures that its table of places is for (518 pixels).
    registers: learned tokens beside those of the patches.
    """

    def __init__(
        self, design: ViTDesign, layer: str = "token", *, grid: int = 37, registers: int = 0
    ):
        super().__init__()
        self.cls_token = learned(1, 1, design.width)
        if registers:
            self.register_tokens = learned(1, registers, design.width)
        self.registers = registers
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
        first = self.cls_token + self.pos_embed[:, :1]
        if self.registers:  # they have no place
            first = torch.cat([first, self.register_tokens], 1)
        first = first.expand(len(x), -1, -1)
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
        # In float32, as the hub's class does in any precision; antialiased, as the networks with
        # registers were trained.
        resized = F.interpolate(
            table.float(), (height, width), mode="bicubic", antialias=bool(self.registers)
        )
        return resized.to(table.dtype)


_HUB = {
    "cls_token": "embeddings.cls_token",
    "pos_embed": "embeddings.position_embeddings",
    "patch_embed.proj": "embeddings.patch_embeddings.projection",
    "blocks.": "encoder.layer.",
    "norm": "layernorm",
    "register_tokens": "embeddings.register_tokens",
    "attn.proj": "attention.output.dense",
    "mlp.w12": "mlp.weights_in",
    "mlp.w3": "mlp.weights_out",
}


def _hub_key(key: str) -> str:
    key = renamed(key, _HUB)
    return key.replace("ls1.gamma", "layer_scale1.lambda1").replace(
        "ls2.gamma", "layer_scale2.lambda1"
    )


def _hub_parts(key: str) -> tuple[str, ...] | None:
    return separate(key, _HUB, "attention.attention", ("query", "key", "value"))


def _hub_build(design: ViTDesign, registers: int, config: Mapping[str, Any]) -> Build:
    check_config(
        config,
        **{"image_size": 518, "patch_size": 14, "qkv_bias": True, "use_swiglu_ffn": design.gated},
        **{"mlp_ratio": 4, "num_register_tokens": registers},
    )
    return functools.partial(DINOv2, design.configured(config), registers=registers)


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


def _layout(design: ViTDesign, published: str, registers: int) -> Layout:
    return hub_layout(
        published,
        "token",
        functools.partial(_hub_build, design, registers),
        name="hub-registers" if registers else "hub",
        key=_hub_key,
        parts=_hub_parts,
        classifier=("classifier.",),
        ignored=r"embeddings\.mask_token$",
        build=functools.partial(DINOv2, design, registers=registers),
    )


def architecture(name: str) -> Architecture:
    """The network of that name; a clip is 16 frames, or one with `--clip-length 1`."""
    design, size = DESIGNS[name[-1]], _HUB_NAMES[name[-1]]
    plain = f"facebook/dinov2-{size}"
    with_registers = f"facebook/dinov2-with-registers-{size}"
    record = functools.partial(
        hub_record,
        backbone=name,
        licence="Apache-2.0 (that of facebookresearch/dinov2)",
        pretraining="LVD-142M pictures, by itself",
    )
    return Architecture(
        name=name,
        build=functools.partial(DINOv2, design),
        layers={"token": (design.width,)},
        default_layer="token",
        layouts=(_layout(design, plain, 0), _layout(design, with_registers, _REGISTERS)),
        profiles=PROFILES,
        checkpoints=(
            record(plain, name=f"{name}-hub"),
            record(with_registers, name=f"{name}-registers-hub", layout="hub-registers"),
        ),
    )
