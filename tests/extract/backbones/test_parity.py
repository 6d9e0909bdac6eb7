"""Every kind of network held against a second, slow one.

The second ones are functions that read a checkpoint by its published names. They share no code
with the first: convolution and pooling are windows and sums, padding is TensorFlow's documented
formula where the network has it.
"""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from aqa.extract.backbones import get_architecture, load_backbone
from aqa.extract.backbones.i3d import same_padding

BLOCKS = {"18": (2, 2, 2, 2), "34": (3, 4, 6, 3), "50": (3, 4, 6, 3)}


class Reader(dict):
    """A state dict that remembers what was read."""

    def __init__(self, state):
        super().__init__(state)
        self.unread = set(state)

    def __getitem__(self, key):
        self.unread.discard(key)
        return super().__getitem__(key)


def windows(x, kernel, stride, padding, fill):
    """(N, C, T, H, W) -> (N, C, T', H', W', *kernel); padding: (before, after) of T, H, W."""
    x = F.pad(x, list(itertools.chain(*reversed(padding))), value=fill)
    for axis in range(3):
        x = x.unfold(2 + axis, kernel[axis], stride[axis])
    return x


def halves(kernel):
    return [(size // 2, size // 2) for size in kernel]


def conv(x, weight, stride=(1, 1, 1), padding=None):
    seen = windows(x, weight.shape[2:], stride, padding or halves(weight.shape[2:]), 0.0)
    return torch.einsum("ncthwijk,ocijk->nothw", seen, weight)


def pool(x, kernel, stride, padding):
    return windows(x, kernel, stride, padding, -math.inf).amax((-3, -2, -1))


def norm(x, state, name, eps=1e-5):
    mean, var, gain, bias = (
        state[f"{name}.{part}"].view(1, -1, 1, 1, 1)
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (var + eps).sqrt() * gain + bias


def triple(value):
    return (value,) * 3


def hara(state, x, depth):
    def unit(x, prefix, n, stride):
        if f"{prefix}conv{n}_s.weight" in state:
            x = conv(x, state[f"{prefix}conv{n}_s.weight"], (1, stride[1], stride[2]))
            x = norm(x, state, f"{prefix}bn{n}_s").relu()
            x = conv(x, state[f"{prefix}conv{n}_t.weight"], (stride[0], 1, 1))
            return norm(x, state, f"{prefix}bn{n}_t")
        return norm(conv(x, state[f"{prefix}conv{n}.weight"], stride), state, f"{prefix}bn{n}")

    x = unit(x, "", 1, (1, 2, 2)).relu()
    x = pool(x, triple(3), triple(2), [(1, 1)] * 3)
    for stage, blocks in enumerate(BLOCKS[depth], 1):
        for index in range(blocks):
            prefix = f"layer{stage}.{index}."
            stride = triple(2 if stage > 1 and index == 0 else 1)
            if depth == "50":
                y = unit(x, prefix, 1, triple(1)).relu()
                y = unit(unit(y, prefix, 2, stride).relu(), prefix, 3, triple(1))
            else:
                y = unit(unit(x, prefix, 1, stride).relu(), prefix, 2, triple(1))
            if f"{prefix}downsample.0.weight" in state:
                x = conv(x, state[f"{prefix}downsample.0.weight"], stride)
                x = norm(x, state, f"{prefix}downsample.1")
            x = (x + y).relu()
    return x.mean((2, 3, 4))


def torchvision(state, x, depth, eps, flat=()):
    def unit(x, name, stride):
        if f"{name}.0.0.weight" in state:
            x = conv(x, state[f"{name}.0.0.weight"], (1, stride[1], stride[2]))
            x = norm(x, state, f"{name}.0.1", eps).relu()
            x = conv(x, state[f"{name}.0.3.weight"], (stride[0], 1, 1))
        else:
            x = conv(x, state[f"{name}.0.weight"], stride)
        return norm(x, state, f"{name}.1", eps)

    x = norm(conv(x, state["stem.0.weight"], (1, 2, 2)), state, "stem.1", eps).relu()
    if "stem.3.weight" in state:
        x = norm(conv(x, state["stem.3.weight"]), state, "stem.4", eps).relu()
    for stage, blocks in enumerate(BLOCKS[depth], 1):
        for index in range(blocks):
            name = f"layer{stage}.{index}"
            step = 2 if stage > 1 and index == 0 else 1
            stride = (1 if stage in flat else step, step, step)
            y = unit(unit(x, f"{name}.conv1", stride).relu(), f"{name}.conv2", triple(1))
            if f"{name}.downsample.0.weight" in state:
                x = conv(x, state[f"{name}.downsample.0.weight"], stride)
                x = norm(x, state, f"{name}.downsample.1", eps)
            x = (x + y).relu()
    return x.mean((2, 3, 4))


def p3d(state, x):
    def unit(x, name, bn, stride=1):
        weight = state[f"{name}.weight"]
        if weight.ndim == 4:
            weight = weight.unsqueeze(2)
        return norm(conv(x, weight, (1, stride, stride)), state, bn)

    x = unit(x, "conv1_custom", "bn1", 2).relu()
    x = pool(x, (2, 3, 3), triple(2), [(0, 0), (1, 1), (1, 1)])
    kinds = itertools.cycle("ABC")
    for stage, blocks in enumerate((3, 8, 36, 3), 1):
        for index in range(blocks):
            name = f"layer{stage}.{index}"
            stride = 2 if stage > 1 and index == 0 else 1
            y = unit(x, f"{name}.conv1", f"{name}.bn1", stride).relu()
            if stage == 4:
                y = unit(y, f"{name}.conv_normal", f"{name}.bn_normal").relu()
            else:
                kind = next(kinds)
                s = unit(y, f"{name}.conv2", f"{name}.bn2").relu()
                if kind == "A":
                    y = unit(s, f"{name}.conv3", f"{name}.bn3").relu()
                elif kind == "B":
                    y = s + unit(y, f"{name}.conv3", f"{name}.bn3").relu()
                else:
                    y = s + unit(s, f"{name}.conv3", f"{name}.bn3").relu()
            y = unit(y, f"{name}.conv4", f"{name}.bn4")
            if index == 0:
                x = unit(x, f"{name}.downsample.0", f"{name}.downsample.1", stride)
            x = (x + y).relu()
        if stage < 4:
            x = pool(x, (2, 1, 1), (2, 1, 1), [(0, 0)] * 3)
    return x.mean((2, 3, 4))


def tensorflow_same(x, kernel, stride):
    """`SAME` as TensorFlow documents it: out = ceil(in / stride), the rest follows."""
    padding = []
    for size, k, s in zip(x.shape[2:], kernel, stride, strict=True):
        total = max((math.ceil(size / s) - 1) * s + k - size, 0)
        padding.append((total // 2, total - total // 2))
    return padding


def i3d(state, x):
    def unit(x, name, stride=1):
        weight, stride = state[f"{name}.conv3d.weight"], triple(stride)
        x = conv(x, weight, stride, tensorflow_same(x, weight.shape[2:], stride))
        return norm(x, state, f"{name}.bn", 1e-3).relu()

    def same_pool(x, kernel, stride):
        return pool(x, kernel, stride, tensorflow_same(x, kernel, stride))

    x = unit(x, "Conv3d_1a_7x7", 2)
    x = same_pool(x, (1, 3, 3), (1, 2, 2))
    x = unit(unit(x, "Conv3d_2b_1x1"), "Conv3d_2c_3x3")
    x = same_pool(x, (1, 3, 3), (1, 2, 2))
    for name in ("3b", "3c", "pool", "4b", "4c", "4d", "4e", "4f", "last pool", "5b", "5c"):
        if "pool" in name:
            x = same_pool(x, triple(2 if "last" in name else 3), triple(2))
            continue
        mixed = f"Mixed_{name}"
        branches = [
            unit(x, f"{mixed}.b0"),
            unit(unit(x, f"{mixed}.b1a"), f"{mixed}.b1b"),
            unit(unit(x, f"{mixed}.b2a"), f"{mixed}.b2b"),
            unit(same_pool(x, triple(3), triple(1)), f"{mixed}.b3b"),
        ]
        x = torch.cat(branches, 1)
    return x.mean((2, 3, 4))


CASES = {
    "r3d-18": (lambda s, x: hara(s, x, "18"), (9, 40, 33)),
    "r3d-50": (lambda s, x: hara(s, x, "50"), (9, 40, 33)),
    "r2plus1d-18": (lambda s, x: hara(s, x, "18"), (9, 40, 33)),
    "r2plus1d-50": (lambda s, x: hara(s, x, "50"), (9, 40, 33)),
    "r3d-18-tv": (lambda s, x: torchvision(s, x, "18", 1e-5), (5, 24, 17)),
    "mc3-18-tv": (lambda s, x: torchvision(s, x, "18", 1e-5, flat=(2, 3, 4)), (5, 24, 17)),
    "r2plus1d-18-tv": (lambda s, x: torchvision(s, x, "18", 1e-5), (5, 24, 17)),
    "r2plus1d-34-ig65m": (lambda s, x: torchvision(s, x, "34", 1e-3), (5, 24, 17)),
    "p3d-199": (p3d, (32, 40, 33)),
    # 58 and 7 are odd and even at different poolings, so that every uneven padding occurs.
    "i3d": (i3d, (7, 58, 35)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_network_computes_the_published_formula(name, tmp_path, published_state):
    reference, size = CASES[name]
    state = published_state(name)
    for key, value in state.items():
        if value.ndim > 1:  # scaled so that the signal keeps its size through the depth
            state[key] = value / 0.03 * math.sqrt(2 / value[0].numel())
        elif key.endswith("weight"):
            state[key] = 0.15 + value
    path = tmp_path / "published.pth"
    torch.save(state, path)
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))

    reader = Reader(state)
    with torch.inference_mode():
        expected = reference(reader, x)
        profile = get_architecture(name).default_profile
        got = load_backbone(name, path, preprocess=profile, clip_length=16)(x)
    assert not reader.unread
    assert got.shape == expected.shape
    assert expected.std() > 1e-3
    assert (got - expected).abs().max() < 1e-4 * expected.abs().max()


@pytest.mark.parametrize("kernel", [1, 2, 3, 7])
@pytest.mark.parametrize("stride", [1, 2])
def test_same_padding_is_tensorflows(kernel, stride):
    for size in range(1, 40):
        expected = tensorflow_same(torch.empty(1, 1, size), [kernel], [stride])
        assert [same_padding(size, kernel, stride)] == expected
