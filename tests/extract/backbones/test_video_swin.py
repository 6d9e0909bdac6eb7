"""Video Swin held against a slow second one, which goes from token to token.

It follows the published description: a token at a place of the shifted map belongs to the window
that the place lies in, looks at the tokens of that window that come from the same side of the map,
and adds the bias of their offset.
"""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from aqa.extract.backbones.video_swin import SwinDesign, VideoSwin, position_index

State = dict[str, Tensor]


def linear(state: State, name: str, x: Tensor) -> Tensor:
    bias = state.get(f"{name}.bias")
    made = x @ state[f"{name}.weight"].T
    return made if bias is None else made + bias


def norm(state: State, name: str, x: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]


def side(place: int, n: int, window: int, shift: int) -> int:
    """Which part of a shifted axis a place is in: those of one part were neighbours before."""
    if shift == 0 or place < n - window:
        return 0
    return 1 if place < n - shift else 2


def attention(state: State, name: str, x: Tensor, heads: int, window, shift) -> Tensor:
    """x: (T, H, W, c), one clip."""
    size = x.shape[:3]
    cut = [min(n, w) for n, w in zip(size, window, strict=True)]
    moved = [0 if n <= w else s for n, w, s in zip(size, window, shift, strict=True)]
    grid = [math.ceil(n / w) * w for n, w in zip(size, cut, strict=True)]
    padded = torch.zeros(*grid, x.shape[3])
    padded[: size[0], : size[1], : size[2]] = x
    q, k, v = linear(state, f"{name}.qkv", padded).chunk(3, -1)
    table = state[f"{name}.relative_position_bias_table"]
    width = x.shape[3] // heads
    groups: dict[tuple, list] = {}
    for place in itertools.product(*map(range, grid)):
        at = [p // w for p, w in zip(place, cut, strict=True)]
        groups.setdefault(tuple(at), []).append(place)
    out = torch.zeros_like(padded)
    for places in groups.values():
        sources = [
            tuple((p + s) % n for p, s, n in zip(place, moved, grid, strict=True))
            for place in places
        ]
        sides = [
            [side(*one) for one in zip(place, grid, cut, moved, strict=True)] for place in places
        ]
        for i, source in enumerate(sources):
            for head in range(heads):
                part = slice(head * width, (head + 1) * width)
                scores = []
                for j, other in enumerate(sources):
                    score = (q[source][part] @ k[other][part]) / math.sqrt(width)
                    # In order of the whole window, whatever the size of this one.
                    first, second = unravel(i, window), unravel(j, window)
                    row = 0
                    for a, b, w in zip(first, second, window, strict=True):
                        row = row * (2 * w - 1) + a - b + w - 1
                    score = score + table[row, head]
                    scores.append(score - 100.0 * (sides[i] != sides[j]))
                shares = torch.stack(scores).softmax(0)
                out[source][part] = sum(
                    share * v[other][part] for share, other in zip(shares, sources, strict=True)
                )
    return linear(state, f"{name}.proj", out)[: size[0], : size[1], : size[2]]


def unravel(number: int, window) -> list[int]:
    """The place of a window's token of that number, counted over time, height and width."""
    return [number // (window[1] * window[2]), number // window[2] % window[1], number % window[2]]


def swin(state: State, clip: Tensor, design: SwinDesign) -> Tensor:
    """clip: (3, T, H, W)."""
    t, h, w = (n // s for n, s in zip(clip.shape[1:], (2, 4, 4), strict=True))
    x = torch.zeros(t, h, w, design.width)
    kernel = state["patch_embed.proj.weight"]
    for a, b, c in itertools.product(range(t), range(h), range(w)):
        seen = clip[:, 2 * a : 2 * a + 2, 4 * b : 4 * b + 4, 4 * c : 4 * c + 4]
        x[a, b, c] = (kernel * seen).sum((1, 2, 3, 4)) + state["patch_embed.proj.bias"]
    x = norm(state, "patch_embed.norm", x)
    for number, depth in enumerate(design.depths):
        for block in range(depth):
            name = f"layers.{number}.blocks.{block}"
            shift = [n // 2 if block % 2 else 0 for n in design.window]
            y = norm(state, f"{name}.norm1", x)
            heads = design.heads[number]
            x = x + attention(state, f"{name}.attn", y, heads, design.window, shift)
            y = linear(state, f"{name}.mlp.fc1", norm(state, f"{name}.norm2", x))
            y = y * 0.5 * (1 + torch.erf(y / math.sqrt(2)))
            x = x + linear(state, f"{name}.mlp.fc2", y)
        if number + 1 < len(design.depths):
            name = f"layers.{number}.downsample"
            rows, columns = math.ceil(x.shape[1] / 2), math.ceil(x.shape[2] / 2)
            even = torch.zeros(x.shape[0], 2 * rows, 2 * columns, x.shape[3])
            even[:, : x.shape[1], : x.shape[2]] = x
            merged = torch.zeros(x.shape[0], rows, columns, 4 * x.shape[3])
            for b, c in itertools.product(range(rows), range(columns)):
                places = [(2 * b, 2 * c), (2 * b + 1, 2 * c), (2 * b, 2 * c + 1)]
                places.append((2 * b + 1, 2 * c + 1))
                merged[:, b, c] = torch.cat([even[:, i, j] for i, j in places], -1)
            x = linear(state, f"{name}.reduction", norm(state, f"{name}.norm", merged))
    return norm(state, "norm", x).mean((0, 1, 2))


DESIGN = SwinDesign(width=8, depths=(2, 2), heads=(2, 4), window=(2, 3, 3))


def random_net() -> VideoSwin:
    torch.manual_seed(0)
    net = VideoSwin(DESIGN).eval()
    for name, value in net.named_parameters():
        is_scale = "norm" in name and name.endswith("weight")
        value.data = float(is_scale) + 0.4 * torch.randn(value.shape)
    return net


@pytest.mark.parametrize(
    "tokens",
    [
        (4, 6, 6),  # whole windows
        (3, 5, 4),  # padding on every axis
        (2, 3, 7),  # no larger than a window on two axes: no shift there
        (1, 2, 2),  # smaller than a window
    ],
)
def test_it_computes_the_published_formula(tokens) -> None:
    net = random_net()
    clips = torch.randn(2, 3, 2 * tokens[0], 4 * tokens[1], 4 * tokens[2])
    with torch.inference_mode():
        got = net(clips)
        state = dict(net.state_dict())
        expected = torch.stack([swin(state, clip, DESIGN) for clip in clips])
    assert expected.std() > 0.05
    assert (got - expected).norm() < 1e-4 * expected.norm()


def test_its_biases_shifts_and_masks_are_felt() -> None:
    net = random_net()
    clips = torch.randn(1, 3, 8, 24, 24)
    with torch.inference_mode():
        expected = net(clips)
        changed = {}
        for stage in net.layers:
            for block in stage.blocks:
                block.shift = (0, 0, 0)
        changed["shift"] = net(clips)
        net = random_net()
        for name, value in net.named_parameters():
            if "bias_table" in name:
                value.zero_()
        changed["bias"] = net(clips)
    for what, features in changed.items():
        assert (features - expected).norm() > 1e-3 * expected.norm(), what


def test_the_index_of_offsets_is_the_published_one() -> None:
    """index = (r_d * 13 + r_h) * 13 + r_w of r = offset + (7, 6, 6)."""
    rows = position_index((8, 7, 7))
    assert rows.shape == (392, 392)
    for i, j in ((0, 0), (0, 391), (391, 0), (7, 300), (123, 45)):
        first, second = unravel(i, (8, 7, 7)), unravel(j, (8, 7, 7))
        d, h, w = (a - b for a, b in zip(first, second, strict=True))
        assert rows[i, j] == ((d + 7) * 13 + h + 6) * 13 + w + 6
