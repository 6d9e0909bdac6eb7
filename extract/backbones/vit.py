"""The blocks of vision transformers, which the networks of VideoMAE to CLIP are made of.

dosovitskiy2021: layer norm, self-attention, layer norm, two dense layers, each added to its input.
The names of the tensors are those of the original files; `renamed` and `separate` give those of the
hub.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aqa.extract.checkpoints.records import WeightsError

# Queries or keys, (N, heads, tokens, channels), to the same with their places in them.
Rotation = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class ViTDesign:
    """In what vision transformers differ.

    width: of a token. depth: blocks. heads: of the attention. hidden: width between the two dense
    layers. eps: of the layer norms. quick: x * sigmoid(1.702 x) instead of the exact GELU. scaled:
    each channel of what a block adds is multiplied by a learned number (DINOv2's layer scale).
    gated: the dense layers are `GatedLayers`.
    """

    width: int
    depth: int
    heads: int
    hidden: int
    eps: float = 1e-6
    quick: bool = False
    scaled: bool = False
    gated: bool = False

    def norm(self) -> nn.LayerNorm:
        """A layer norm of a token."""
        return nn.LayerNorm(self.width, eps=self.eps)

    def blocks(self) -> nn.Sequential:
        """All blocks, one after the other."""
        return nn.Sequential(*(ViTBlock(self) for _ in range(self.depth)))

    def configured(self, config: Mapping[str, Any], **usual: Any) -> ViTDesign:
        """The design that a hub's `config.json` describes, of this size; `WeightsError` if not.

        usual: what the file may leave out: its class's defaults, where they differ from ours.
        """
        told = {**usual, **config}
        check_config(
            told,
            hidden_size=self.width,
            num_hidden_layers=self.depth,
            hidden_act="quick_gelu" if self.quick else "gelu",
        )
        heads, eps = told.get("num_attention_heads", self.heads), told.get("layer_norm_eps")
        if not isinstance(heads, int) or heads < 1 or self.width % heads:
            raise WeightsError(f"config.json: {heads!r} heads do not divide {self.width} channels")
        if eps is not None and not (isinstance(eps, float | int) and 0 < eps < 1):
            raise WeightsError(f"config.json: layer_norm_eps is {eps!r}")
        return replace(self, heads=heads, eps=self.eps if eps is None else float(eps))


def check_config(config: Mapping[str, Any], **expected: Any) -> None:
    """Refuse a `config.json` that tells of another network; what it leaves out is as expected."""
    for key, value in expected.items():
        if config.get(key, value) != value:
            raise WeightsError(
                f"config.json: {key} is {config[key]!r}, and this backbone's is {value!r}"
            )


class SelfAttention(nn.Module):
    """Every token looks at all tokens: (N, tokens, width) -> the same."""

    def __init__(self, design: ViTDesign):
        super().__init__()
        self.heads = design.heads
        self.qkv = nn.Linear(design.width, 3 * design.width)
        self.proj = nn.Linear(design.width, design.width)

    def forward(self, x: Tensor, rotate: Rotation | None = None) -> Tensor:
        """(n, tokens, width) -> (n, tokens, width); rotate: what places do to queries and keys."""
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if rotate is not None:
            q, k = rotate(q), rotate(k)
        seen = F.scaled_dot_product_attention(q, k, v)  # (n, heads, tokens, channels)
        mixed: Tensor = self.proj(seen.transpose(1, 2).flatten(2))
        return mixed


class TwoLayers(nn.Module):
    """Two dense layers with a GELU between, for each token alone."""

    def __init__(self, design: ViTDesign):
        super().__init__()
        self.quick = design.quick
        self.fc1 = nn.Linear(design.width, design.hidden)
        self.fc2 = nn.Linear(design.hidden, design.width)

    def forward(self, x: Tensor) -> Tensor:
        """(n, tokens, width) -> (n, tokens, width)."""
        x = self.fc1(x)
        x = x * torch.sigmoid(1.702 * x) if self.quick else F.gelu(x)
        mixed: Tensor = self.fc2(x)
        return mixed


class GatedLayers(nn.Module):
    """SwiGLU (shazeer2020): one half of the first dense layer decides how much passes of the other.

    For each token alone.
    """

    def __init__(self, design: ViTDesign):
        super().__init__()
        self.w12 = nn.Linear(design.width, 2 * design.hidden)
        self.w3 = nn.Linear(design.hidden, design.width)

    def forward(self, x: Tensor) -> Tensor:
        """(n, tokens, width) -> (n, tokens, width)."""
        gate, value = self.w12(x).chunk(2, -1)
        mixed: Tensor = self.w3(F.silu(gate) * value)
        return mixed


class ChannelScale(nn.Module):
    """A learned factor for each channel."""

    def __init__(self, width: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """(n, tokens, width) -> (n, tokens, width)."""
        return x * self.gamma


class ViTBlock(nn.Module):
    """Attention among the tokens, then two dense layers: (N, tokens, width) -> the same."""

    def __init__(self, design: ViTDesign):
        super().__init__()
        self.norm1 = design.norm()
        self.attn = SelfAttention(design)
        self.ls1 = ChannelScale(design.width) if design.scaled else nn.Identity()
        self.norm2 = design.norm()
        self.mlp = GatedLayers(design) if design.gated else TwoLayers(design)
        self.ls2 = ChannelScale(design.width) if design.scaled else nn.Identity()

    def forward(self, x: Tensor, rotate: Rotation | None = None) -> Tensor:
        """(n, tokens, width) -> (n, tokens, width)."""
        x = x + self.ls1(self.attn(self.norm1(x), rotate))
        mixed: Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return mixed


def learned(*shape: int) -> nn.Parameter:
    """A learned table, as it is drawn before any training."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(shape), std=0.02))


def per_frame(net: Callable[[Tensor], Tensor], clips: Tensor) -> Tensor:
    """The mean over its frames of each clip's features: (n, 3, T, H, W) -> (n, dim)."""
    frames = clips.transpose(1, 2).flatten(0, 1)
    return net(frames).unflatten(0, (len(clips), -1)).mean(1)


def renamed(key: str, names: Mapping[str, str]) -> str:
    """A tensor's name with the first part of it that is known replaced.

    names: `blocks.` stands for `blocks.<number>.`, whose number is kept.
    """
    if key.startswith("blocks."):
        _, number, rest = key.split(".", 2)
        module, _, kind = rest.rpartition(".")
        return f"{names['blocks.']}{number}.{names.get(module, module)}.{kind}"
    module, _, kind = key.rpartition(".")
    return names[key] if key in names else f"{names.get(module, module)}.{kind}"


def separate(
    key: str, names: Mapping[str, str], attention: str, qkv: tuple[str, str, str]
) -> tuple[str, ...] | None:
    """The three tensors of the hub that queries, keys and values come from; None for other keys."""
    if ".attn.qkv." not in key:
        return None
    _, number, _, _, kind = key.split(".")
    return tuple(f"{names['blocks.']}{number}.{attention}.{one}.{kind}" for one in qkv)
