"""CLIP's image tower: a vision transformer that learned which text belongs to a picture.

radford2021, and larger ones on LAION-2B (cherti2023). It sees single frames: a clip's feature is
the mean over its frames of `embedding`, which is what texts are compared with (512 for B, 768 for
L, 1024 for H, 1280 for bigG), or of `token`, the class token before it (768, 1024, 1280, 1664).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
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
from aqa.extract.checkpoints.records import Checkpoint, WeightsError
from aqa.extract.preprocess import Preprocess

NAMES = ("clip-b32", "clip-b16", "clip-l14", "clip-l14-336", "clip-h14", "clip-bigg14")


@dataclass(frozen=True)
class _Tower:
    """A published image tower.

    patch, side: of its patches and its pictures, in pixels. out: of the embedding.
    """

    design: ViTDesign
    patch: int
    out: int
    hub: str
    side: int = 224

    def build(self, design: ViTDesign) -> Build:
        """What builds it; design: of its blocks, as a file has them."""
        return functools.partial(CLIPImages, design, self.patch, self.out, side=self.side)


_BASE = ViTDesign(768, 12, 12, 3072, eps=1e-5, quick=True)
_LARGE = ViTDesign(1024, 24, 16, 4096, eps=1e-5, quick=True)
TOWERS = {
    "clip-b32": _Tower(_BASE, 32, 512, "openai/clip-vit-base-patch32"),
    "clip-b16": _Tower(_BASE, 16, 512, "openai/clip-vit-base-patch16"),
    "clip-l14": _Tower(_LARGE, 14, 768, "openai/clip-vit-large-patch14"),
    "clip-l14-336": _Tower(_LARGE, 14, 768, "openai/clip-vit-large-patch14-336", 336),
    "clip-h14": _Tower(
        *(ViTDesign(1280, 32, 16, 5120, eps=1e-5), 14, 1024),
        "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
    ),
    "clip-bigg14": _Tower(
        *(ViTDesign(1664, 48, 16, 8192, eps=1e-5), 14, 1280),
        "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k",
    ),
}


class CLIPImages(nn.Module):
    """CLIP's image tower up to `layer`: (N, 3, T, H, W) -> (N, dim), the mean over frames."""

    def __init__(
        self,
        design: ViTDesign,
        patch: int,
        out: int,
        layer: str = "embedding",
        *,
        side: int = 224,
    ):
        super().__init__()
        self.cls_token = learned(design.width)
        self.pos_embed = learned(1 + (side // patch) ** 2, design.width)
        convolution = nn.Conv2d(3, design.width, patch, patch, bias=False)
        self.patch_embed = nn.ModuleDict({"proj": convolution})
        self.first_norm = design.norm()
        self.blocks = design.blocks()
        self.norm = design.norm()
        if layer == "embedding":
            self.projection = nn.Linear(design.width, out, bias=False)
        self.projected = layer == "embedding"

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, T, H, W) -> (n, dim)."""
        return per_frame(self._of_frames, x)

    def _of_frames(self, frames: Tensor) -> Tensor:
        """(n, 3, H, W) -> (n, dim)."""
        x = self.patch_embed["proj"](frames).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), 1, -1), x], 1) + self.pos_embed
        token: Tensor = self.norm(self.blocks(self.first_norm(x))[:, 0])
        return self.projection(token) if self.projected else token


_TOWER = "vision_model."
_HUB = {
    "cls_token": f"{_TOWER}embeddings.class_embedding",
    "pos_embed": f"{_TOWER}embeddings.position_embedding.weight",
    "patch_embed.proj": f"{_TOWER}embeddings.patch_embedding",
    "first_norm": f"{_TOWER}pre_layrnorm",  # spelt so in the files
    "blocks.": f"{_TOWER}encoder.layers.",
    "norm1": "layer_norm1",
    "attn.proj": "self_attn.out_proj",
    "norm2": "layer_norm2",
    "norm": f"{_TOWER}post_layernorm",
    "projection": "visual_projection",
}


def _hub_parts(key: str) -> tuple[str, ...] | None:
    return separate(key, _HUB, "self_attn", ("q_proj", "k_proj", "v_proj"))


def _hub_build(tower: _Tower, config: Mapping[str, Any]) -> Build:
    """config: of the tower alone, or of the whole of CLIP, which holds it."""
    inner = config.get("vision_config", config)
    if not isinstance(inner, dict):
        raise WeightsError("config.json: vision_config is no object")
    check_config(inner, image_size=tower.side, patch_size=tower.patch)
    # OpenAI's files and LAION's of the same sizes differ in it; left out, it is OpenAI's.
    activation = inner.get("hidden_act", "quick_gelu")
    design = replace(tower.design, quick=activation == "quick_gelu")
    return tower.build(design.configured(inner))


# preprocessor_config.json of its hub pages decides where it lies beside the weights.
_PREPROCESS = Preprocess(
    resize=224,
    crop=(224, 224),
    interpolation="pillow-bicubic",
    scale=1 / 255,
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
    truncate=True,
)


def _checkpoint(name: str, published: str) -> Checkpoint:
    of_laion = published.startswith("laion/")
    return hub_record(
        published,
        name,
        name=f"{name}-hub",
        licence="MIT (of its hub page)" if of_laion else "MIT (that of openai/CLIP)",
        pretraining="LAION-2B: 2 billion pictures with texts"
        if of_laion
        else "400 million pictures with texts",
    )


def architecture(name: str) -> Architecture:
    """The image tower of that name; a clip is 16 frames, or one with `--clip-length 1`."""
    tower = TOWERS[name]
    layout = hub_layout(
        tower.hub,
        "embedding",
        functools.partial(_hub_build, tower),
        key=functools.partial(renamed, names=_HUB),
        parts=_hub_parts,
        ignored=r"text_model\.|text_projection\.|logit_scale$|.*\.position_ids$",
    )
    return Architecture(
        name=name,
        build=tower.build(tower.design),
        layers={"embedding": (tower.out,), "token": (tower.design.width,)},
        default_layer="embedding",
        layouts=(layout,),
        profiles={"hub": replace(_PREPROCESS, resize=tower.side, crop=(tower.side, tower.side))},
        checkpoints=(_checkpoint(name, tower.hub),),
    )
