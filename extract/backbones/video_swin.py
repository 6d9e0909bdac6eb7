"""Video Swin: a transformer whose tokens look around in windows of 8 x 7 x 7, shifted in turn.

liu2022, Swin-B on Kinetics-600 from ImageNet-22k: the features of GDLT, CoFInAl and UIL-AQA for
long videos. For a 32x224x224 clip, tokens of 2 x 4 x 4 pixels:

    stage 1 128x16x56x56, stage 2 256x16x28x28, stage 3 512x16x14x14, stage 4 1024x16x7x7,
    after the last norm their mean, 1024
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aqa.extract.backbones.architecture import Architecture
from aqa.extract.backbones.vit import TwoLayers, ViTDesign, learned
from aqa.extract.checkpoints.layouts import Layout
from aqa.extract.checkpoints.records import Checkpoint
from aqa.extract.preprocess import Preprocess

NAMES = ("video-swin-base",)

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class SwinDesign:
    """In what Video Swins differ.

    width: of a token in stage 1, doubled from stage to stage. depths: blocks, heads: of the
    attention, in each stage. window: tokens over time, height and width.
    """

    width: int = 128
    depths: tuple[int, ...] = (2, 2, 18, 2)
    heads: tuple[int, ...] = (4, 8, 16, 32)
    window: Triple = (8, 7, 7)


def position_index(window: Triple) -> Tensor:
    """Which row of the table of biases a pair of a window's tokens has: (tokens, tokens)."""
    axes = torch.meshgrid(*(torch.arange(n, device="cpu") for n in window), indexing="ij")
    places = torch.stack([axis.flatten() for axis in axes])
    apart = places[:, :, None] - places[:, None]  # (3, tokens, tokens), from 1 - size to size - 1
    rows = torch.zeros_like(apart[0])
    for step, size in zip(apart, window, strict=True):
        rows = rows * (2 * size - 1) + step + size - 1
    return rows


class WindowAttention(nn.Module):
    """Attention among the tokens of a window, with a learned bias for each offset."""

    rows: Tensor

    def __init__(self, width: int, heads: int, window: Triple):
        super().__init__()
        self.heads = heads
        offsets = (2 * window[0] - 1) * (2 * window[1] - 1) * (2 * window[2] - 1)
        self.relative_position_bias_table = learned(offsets, heads)
        self.register_buffer("rows", position_index(window), persistent=False)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(n, windows, tokens, width) -> the same. mask: (windows, 1, tokens, tokens) to add."""
        n_tokens = x.shape[2]
        q, k, v = self.qkv(x).unflatten(3, (3, self.heads, -1)).permute(3, 0, 1, 4, 2, 5)
        # A smaller window takes the first rows, as the published network does.
        rows = self.rows[:n_tokens, :n_tokens].to(x.device)
        bias = self.relative_position_bias_table[rows].permute(2, 0, 1)  # (heads, tokens, tokens)
        bias = bias if mask is None else bias + mask.to(bias.dtype)
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        mixed: Tensor = self.proj(seen.transpose(2, 3).flatten(3))
        return mixed


def fitted_window(size: Triple, window: Triple, shift: Triple) -> tuple[Triple, Triple]:
    """The window and its shift for a map: where the map is no larger, all of it, unshifted."""
    fits = [n <= w for n, w in zip(size, window, strict=True)]
    cut = [n if small else w for n, w, small in zip(size, window, fits, strict=True)]
    moved = [0 if small else s for s, small in zip(shift, fits, strict=True)]
    return (cut[0], cut[1], cut[2]), (moved[0], moved[1], moved[2])


def into_windows(x: Tensor, window: Triple) -> Tensor:
    """(n, T, H, W, c) -> (n, windows, tokens, c)."""
    n, *size, c = x.shape
    counts = [s // w for s, w in zip(size, window, strict=True)]
    x = x.view(n, counts[0], window[0], counts[1], window[1], counts[2], window[2], c)
    return x.permute(0, 1, 3, 5, 2, 4, 6, 7).flatten(4, 6).flatten(1, 3)


def from_windows(x: Tensor, window: Triple, size: Triple) -> Tensor:
    """The inverse of `into_windows`: (n, windows, tokens, c) -> (n, T, H, W, c)."""
    counts = [s // w for s, w in zip(size, window, strict=True)]
    x = x.unflatten(1, counts).unflatten(4, window)
    return x.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(len(x), *size, x.shape[-1])


def shift_mask(size: Triple, window: Triple, shift: Triple, device: torch.device) -> Tensor:
    """What keeps apart tokens that a shift has brought together from opposite ends of a map.

    (windows, 1, tokens, tokens), 0 or -100, which is the published network's.
    """
    labels = torch.zeros((), dtype=torch.long, device=device)
    for n, w, s in zip(size, window, shift, strict=True):
        places = torch.arange(n, device=device)
        label = (places >= n - w).long() + (places >= n - s).long() if s else 0 * places
        labels = labels[..., None] * 3 + label
    parts = into_windows(labels[None, ..., None], window)[0, :, :, 0]
    apart = parts[:, None, :, None] != parts[:, None, None, :]
    return apart * -100.0


class SwinBlock(nn.Module):
    """Attention in windows, then two dense layers: (N, T, H, W, width) -> the same."""

    def __init__(self, width: int, heads: int, window: Triple, shifted: bool):
        super().__init__()
        self.window = window
        half = (window[0] // 2, window[1] // 2, window[2] // 2)
        self.shift = half if shifted else (0, 0, 0)
        self.norm1 = nn.LayerNorm(width)
        self.attn = WindowAttention(width, heads, window)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = TwoLayers(ViTDesign(width, 1, heads, 4 * width))

    def forward(self, x: Tensor) -> Tensor:
        """(n, T, H, W, width) -> the same."""
        x = x + self._among_windows(self.norm1(x))
        mixed: Tensor = x + self.mlp(self.norm2(x))
        return mixed

    def _among_windows(self, x: Tensor) -> Tensor:
        _, t, h, w, _ = x.shape
        window, shift = fitted_window((t, h, w), self.window, self.shift)
        x = padded_to(x, window)
        size = (x.shape[1], x.shape[2], x.shape[3])
        mask = None
        if any(shift):
            x = torch.roll(x, [-s for s in shift], (1, 2, 3))
            mask = shift_mask(size, window, shift, x.device)
        x = from_windows(self.attn(into_windows(x, window), mask), window, size)
        if any(shift):
            x = torch.roll(x, shift, (1, 2, 3))
        return x[:, :t, :h, :w]


def padded_to(x: Tensor, multiples: Triple) -> Tensor:
    """(n, T, H, W, c) with zeros behind, so that its sizes are multiples."""
    missing = [-n % m for n, m in zip(x.shape[1:4], multiples, strict=True)]
    return F.pad(x, [0, 0, *itertools.chain(*((0, m) for m in reversed(missing)))])


class PatchMerging(nn.Module):
    """Two by two tokens of a frame become one, twice as wide."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, T, H, W, c) -> (n, T, H/2, W/2, 2c)."""
        x = padded_to(x, (1, 2, 2))
        # The row changes first: (0, 0), (1, 0), (0, 1), (1, 1).
        four = [x[:, :, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        merged: Tensor = self.reduction(self.norm(torch.cat(four, -1)))
        return merged


class SwinStage(nn.Module):
    """Blocks, every second one shifted, then the merging, but in the last stage."""

    def __init__(self, design: SwinDesign, number: int):
        super().__init__()
        width, heads = design.width * 2**number, design.heads[number]
        self.blocks = nn.Sequential(
            *(
                SwinBlock(width, heads, design.window, shifted=block % 2 == 1)
                for block in range(design.depths[number])
            )
        )
        last = number == len(design.depths) - 1
        self.downsample = nn.Identity() if last else PatchMerging(width)

    def forward(self, x: Tensor) -> Tensor:
        """(n, T, H, W, c) -> (n, T, H/2, W/2, 2c)."""
        merged: Tensor = self.downsample(self.blocks(x))
        return merged


class VideoSwin(nn.Module):
    """Video Swin without its classifier: (N, 3, T, H, W) -> (N, 8 * width).

    layer: `pooled`, or `stage4`, the map before the mean, after the last norm.
    """

    def __init__(self, design: SwinDesign, layer: str = "pooled"):
        super().__init__()
        self.pooled = layer == "pooled"
        self.patch_embed = nn.ModuleDict(
            {
                "proj": nn.Conv3d(3, design.width, (2, 4, 4), (2, 4, 4)),
                "norm": nn.LayerNorm(design.width),
            }
        )
        self.layers = nn.Sequential(*(SwinStage(design, n) for n in range(len(design.depths))))
        self.norm = nn.LayerNorm(design.width * 2 ** (len(design.depths) - 1))

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, T, H, W) -> (n, dim) or, for stage4, (n, dim, T/2, H/32, W/32)."""
        x = padded_to(x.movedim(1, -1), (2, 4, 4)).movedim(-1, 1)
        x = self.patch_embed["proj"](x).movedim(1, -1)  # (n, T/2, H/4, W/4, width)
        x = self.norm(self.layers(self.patch_embed["norm"](x)))
        return x.mean((1, 2, 3)) if self.pooled else x.movedim(-1, 1)


DESIGN = SwinDesign()

# The test pipeline of its config; of its three crops the middle one. Values of 0..255.
PROFILES = {
    "microsoft": Preprocess(
        resize=224,
        crop=(224, 224),
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
    )
}

LAYOUTS = (
    Layout(
        name="microsoft",
        source="SwinTransformer/Video-Swin-Transformer, "
        "swin_base_patch244_window877_kinetics600_22k.pth",
        last_layer="pooled",
        profiles=tuple(PROFILES),
        classifier=("cls_head.",),
        # 24 equal tables of numbers that follow from the window.
        ignored=r".*\.relative_position_index$",
    ),
)

CHECKPOINTS = (
    Checkpoint(
        name="video-swin-base-k600",
        backbone="video-swin-base",
        layout="microsoft",
        profile="microsoft",
        file="swin_base_patch244_window877_kinetics600_22k.pth",
        url="https://github.com/SwinTransformer/storage/releases/download/v1.0.4/"
        "swin_base_patch244_window877_kinetics600_22k.pth",
        licence="Apache-2.0 (of the repository)",
        pretraining="ImageNet-22k, then Kinetics-600",
        classes=600,
        clip_length=32,
    ),
)


def architecture(name: str) -> Architecture:
    """Video Swin, as `--backbone video-swin-base`; 32 frames, every second, as it was trained."""
    return Architecture(
        name=name,
        build=functools.partial(VideoSwin, DESIGN),
        layers={"pooled": (1024,), "stage4": (1024, 16, 7, 7)},
        default_layer="pooled",
        layouts=LAYOUTS,
        profiles=PROFILES,
        clip_length=32,
        window=64,
        checkpoints=CHECKPOINTS,
    )
