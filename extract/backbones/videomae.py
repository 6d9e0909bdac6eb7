"""VideoMAE: a vision transformer over tubes of two frames and 16 x 16 pixels.

tong2022 (VideoMAE) and wang2023 (V2, distilled from a giant one): the same network, whose weights
were learned otherwise. For a 16x224x224 clip: 8 x 14 x 14 tubes, their mean, a layer norm: 384
(S) or 768 (B). The places of the tubes are a fixed table, so it takes no other clips.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from aqa.extract.backbones.architecture import Architecture
from aqa.extract.backbones.vit import ViTDesign, check_config, renamed
from aqa.extract.checkpoints.hub import hub_layout, hub_record
from aqa.extract.checkpoints.layouts import Build, Layout
from aqa.extract.checkpoints.records import Checkpoint
from aqa.extract.preprocess import IMAGENET, Preprocess

NAMES = ("videomae-s", "videomae-b", "videomae-v2-s", "videomae-v2-b")

DESIGNS = {"s": ViTDesign(384, 12, 6, 1536), "b": ViTDesign(768, 12, 12, 3072)}


class VideoMAE(nn.Module):
    """A VideoMAE without its classifier: (N, 3, 16, 224, 224) -> (N, width).

    norm_first: every token is normalised before the mean, and not the mean after it, as files of
    networks that were not fine-tuned need. mean_eps: of the norm after the mean. size:
    frames, height and width of a clip.
    """

    places: Tensor

    def __init__(
        self,
        design: ViTDesign,
        layer: str = "pooled",
        *,
        norm_first: bool = False,
        mean_eps: float = 1e-6,
        size: tuple[int, int, int] = (16, 224, 224),
    ):
        super().__init__()
        self.patch_embed = nn.ModuleDict(
            {"proj": nn.Conv3d(3, design.width, (2, 16, 16), (2, 16, 16))}
        )
        n_tokens = (size[0] // 2) * (size[1] // 16) * (size[2] // 16)
        self.register_buffer("places", sine_table(n_tokens, design.width), persistent=False)
        self.blocks = design.blocks()
        if norm_first:
            self.norm = design.norm()
        else:
            self.fc_norm = nn.LayerNorm(design.width, eps=mean_eps)
        self.norm_first = norm_first

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, T, H, W) -> (n, width)."""
        x = self.patch_embed["proj"](x).flatten(2).transpose(1, 2)  # (n, tubes, width)
        x = self.blocks(x + self.places.to(x))
        pooled: Tensor = self.norm(x).mean(1) if self.norm_first else self.fc_norm(x.mean(1))
        return pooled


def sine_table(n: int, width: int) -> Tensor:
    """The places of tokens: float32 (n, width), sines and cosines in turn."""
    channels = torch.arange(width, dtype=torch.float64, device="cpu") // 2 * 2 / width
    angles = torch.arange(n, dtype=torch.float64, device="cpu")[:, None] / 10000**channels
    table = torch.empty(n, width, dtype=torch.float64, device="cpu")
    table[:, 0::2], table[:, 1::2] = angles[:, 0::2].sin(), angles[:, 1::2].cos()
    return table.float()


# Layouts ----------------------------------------------------------------------------------------

_HUB = {
    "patch_embed.proj": "embeddings.patch_embeddings.projection",
    "blocks.": "encoder.layer.",
    "norm1": "layernorm_before",
    "attn.proj": "attention.output.dense",
    "norm2": "layernorm_after",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
    "norm": "layernorm",
}
# What learned the hidden parts of videos and is not needed for features.
_DECODER = r"decoder\.|encoder_to_decoder\.|mask_token$"


def _original_parts(key: str) -> tuple[str | None, ...] | None:
    """Queries and values have a bias, keys none: it would change no attention."""
    if not key.endswith("attn.qkv.bias"):
        return None
    attention = key.removesuffix("qkv.bias")
    return f"{attention}q_bias", None, f"{attention}v_bias"


def _pretrained_key(key: str) -> str:
    return f"encoder.{key}"


def _pretrained_parts(key: str) -> tuple[str | None, ...] | None:
    parts = _original_parts(key)
    return parts and tuple(part and f"encoder.{part}" for part in parts)


def _hub_parts(key: str) -> tuple[str | None, ...] | None:
    if ".attn.qkv." not in key:
        return None
    attention = f"encoder.layer.{key.split('.')[1]}.attention.attention"
    if key.endswith("bias"):
        return f"{attention}.q_bias", None, f"{attention}.v_bias"
    return tuple(f"{attention}.{part}.weight" for part in ("query", "key", "value"))


def _hub_build(design: ViTDesign, norm_first: bool, config: Mapping[str, Any]) -> Build:
    check_config(
        config,
        **{"image_size": 224, "num_frames": 16, "patch_size": 16, "tubelet_size": 2},
        **{"qv_bias": True, "use_mean_pooling": not norm_first},
    )
    configured = design.configured(config, num_attention_heads=12, layer_norm_eps=1e-12)
    return functools.partial(VideoMAE, configured, norm_first=norm_first, mean_eps=1e-5)


def _layouts(name: str) -> tuple[Layout, ...]:
    """The original names first; the hub's have no files of the distilled V2."""
    second = name.startswith("videomae-v2")
    original = Layout(
        name="opengvlab" if second else "mcg-nju",
        source="OpenGVLab/VideoMAEv2, vit_*_k710_dl_from_giant.pth (Kinetics-710)"
        if second
        else "MCG-NJU/VideoMAE, checkpoint.pth of its MODEL_ZOO (Kinetics-400)",
        last_layer="pooled",
        profiles=("videomae",),
        parts=_original_parts,
        classifier=("head.",),
    )
    if second:
        return (original,)
    design = DESIGNS[name[-1]]
    return (
        original,
        Layout(
            name="mcg-nju-pretrained",
            source="MCG-NJU/VideoMAE, checkpoint.pth of its MODEL_ZOO before fine-tuning",
            last_layer="pooled",
            profiles=("videomae",),
            key=_pretrained_key,
            parts=_pretrained_parts,
            ignored=_DECODER,
            build=functools.partial(VideoMAE, design, norm_first=True),
        ),
        *(
            hub_layout(
                "MCG-NJU/videomae-base" + ("" if norm_first else "-finetuned-kinetics"),
                "pooled",
                functools.partial(_hub_build, design, norm_first),
                name="hub-pretrained" if norm_first else "hub",
                key=functools.partial(renamed, names=_HUB),
                parts=_hub_parts,
                classifier=("classifier.",),
                ignored=_DECODER,
                build=functools.partial(VideoMAE, design, norm_first=norm_first),
            )
            for norm_first in (False, True)
        ),
    )


# The datasets' code resizes with OpenCV's bilinear, without antialiasing; the hub's with Pillow.
_TRAINED = Preprocess(
    resize=224, crop=(224, 224), scale=1 / 255, mean=IMAGENET[0], std=IMAGENET[1], truncate=True
)
PROFILES = {
    "videomae": _TRAINED,
    "hub": replace(_TRAINED, interpolation="pillow-bilinear"),
}
# extract_tad_feature.py, the script that V2's authors made their features with, differs from how
# the network was trained.
TAD = Preprocess(resize=(224, 224), crop=(224, 224), scale=1 / 255)


def _of_hub(letter: str, size: str) -> Checkpoint:
    return hub_record(
        f"MCG-NJU/videomae-{size}-finetuned-kinetics",
        f"videomae-{letter}",
        name=f"videomae-{letter}-k400-hub",
        licence="CC BY-NC 4.0: not for commercial use",
        pretraining="Kinetics-400, by itself, then with its classes",
        classes=400,
    )


def _original(of_hub: Checkpoint, url: str) -> Checkpoint:
    """The authors' own file of what the hub has too; nobody gives its size or hash."""
    return replace(
        of_hub,
        name=of_hub.name.removesuffix("-hub"),
        layout="mcg-nju",
        profile="videomae",
        file=f"{of_hub.backbone}/checkpoint.pth",
        url=url,
        by_hand=True,
    )


_BASE = _of_hub("b", "base")
# Its config.json was converted with 16 heads where the original has 6: features differ by 7 %.
_SMALL = _of_hub("s", "small")
CHECKPOINTS = (
    _BASE,
    # On Google Drive, by its MODEL_ZOO.
    _original(_BASE, "https://drive.google.com/file/d/1MzwteHH-1yuMnFb8vRBQDvngV1Zl-d3z"),
    _original(_SMALL, "https://github.com/MCG-NJU/VideoMAE/blob/main/MODEL_ZOO.md"),
    _SMALL,
    *(
        # Sizes and the hashes' first digits are those that third-party code pins.
        Checkpoint(
            name=f"videomae-v2-{letter}-k710",
            backbone=f"videomae-v2-{letter}",
            layout="opengvlab",
            profile="videomae",
            file=f"vit_{letter}_k710_dl_from_giant.pth",
            url="https://huggingface.co/OpenGVLab/VideoMAE2/resolve/main/distill/"
            f"vit_{letter}_k710_dl_from_giant.pth",
            sha256=sha256,
            size=size,
            licence="MIT (that of OpenGVLab/VideoMAEv2)",
            pretraining="1.35 million clips, then Kinetics-710, distilled from ViT-g",
            classes=710,
            clip_length=16,
        )
        for letter, sha256, size in (("s", "24fb7168", 44_334_609), ("b", "8141a695", 173_574_417))
    ),
)


def architecture(name: str) -> Architecture:
    """The network of that name; 16 frames, every fourth, as it was trained."""
    design = DESIGNS[name[-1]]
    second = name.startswith("videomae-v2")
    return Architecture(
        name=name,
        build=functools.partial(VideoMAE, design),
        layers={"pooled": (design.width,)},
        default_layer="pooled",
        layouts=_layouts(name),
        profiles={"videomae": _TRAINED, "tad": TAD} if second else PROFILES,
        window=64,
        checkpoints=tuple(known for known in CHECKPOINTS if known.backbone == name),
    )
