"""What the authors' files need beside their names, recomputed by hand on small networks.

`test_hub_parity.py` holds the networks against Hugging Face's classes, where those are installed.
"""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from aqa.extract.backbones import get_architecture
from aqa.extract.backbones.videomae import VideoMAE, sine_table
from aqa.extract.backbones.vit import ViTDesign
from aqa.extract.backbones.vjepa2 import VJEPA2, rotation
from aqa.extract.checkpoints.layouts import Layout

DESIGN = ViTDesign(width=36, depth=2, heads=2, hidden=48)
State = dict[str, Tensor]


def drawn(net: torch.nn.Module, layout: Layout) -> State:
    """A file of the authors' with random tensors; `net` gets them too."""
    generator = torch.Generator().manual_seed(0)
    shapes = layout.shapes({key: value.shape for key, value in net.state_dict().items()})
    state = {}
    for key, shape in shapes.items():
        scale = float("norm" in key and key.endswith("weight"))
        state[key] = scale + 0.3 * torch.randn(shape, generator=generator)
    net.load_state_dict({key: layout.assembled(state, key) for key in net.state_dict()})
    return state


def norm(state: State, name: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-6)


def linear(state: State, name: str, x: Tensor) -> Tensor:
    return F.linear(x, state[f"{name}.weight"], state.get(f"{name}.bias"))


def tubes(state: State, clip: Tensor) -> Tensor:
    """(3, T, H, W) -> (tubes, width), time first, then rows."""
    cut = clip.unfold(1, 2, 2).unfold(2, 16, 16).unfold(3, 16, 16)  # (3, t, h, w, 2, 16, 16)
    cut = cut.permute(1, 2, 3, 0, 4, 5, 6).flatten(0, 2).flatten(1)
    kernel = state["patch_embed.proj.weight"].flatten(1)
    return cut @ kernel.T + state["patch_embed.proj.bias"]


def block(state: State, name: str, x: Tensor, turned=lambda part: part) -> Tensor:
    """One block of a single clip's tokens. turned: what places do to a head's queries and keys."""
    seen = linear(state, f"{name}.attn.qkv", norm(state, f"{name}.norm1", x))
    if f"{name}.attn.q_bias" in state:
        q_bias, v_bias = state[f"{name}.attn.q_bias"], state[f"{name}.attn.v_bias"]
        seen = seen + torch.cat([q_bias, torch.zeros_like(q_bias), v_bias])
    q, k, v = (part.chunk(DESIGN.heads, -1) for part in seen.chunk(3, -1))
    heads = []
    for one, other, value in zip(q, k, v, strict=True):
        scores = turned(one) @ turned(other).T / math.sqrt(one.shape[1])
        heads.append(scores.softmax(-1) @ value)
    x = x + linear(state, f"{name}.attn.proj", torch.cat(heads, -1))
    hidden = linear(state, f"{name}.mlp.fc1", norm(state, f"{name}.norm2", x))
    return x + linear(state, f"{name}.mlp.fc2", hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5)))


def test_videomae_normalises_the_mean_of_its_tubes() -> None:
    """Queries and values have a bias and keys none; the norm comes after the mean."""
    net = VideoMAE(DESIGN, size=(4, 32, 48)).eval()
    state = drawn(net, get_architecture("videomae-b").layout("mcg-nju"))
    clip = torch.randn(3, 4, 32, 48, generator=torch.Generator().manual_seed(1))
    x = tubes(state, clip) + sine_table(12, DESIGN.width)
    for number in range(DESIGN.depth):
        x = block(state, f"blocks.{number}", x)
    with torch.inference_mode():
        got = net(clip[None])[0]
    expected = norm(state, "fc_norm", x.mean(0))
    assert (got - expected).norm() < 1e-5 * expected.norm()


def turned(x: Tensor, grid: tuple[int, int, int]) -> Tensor:
    """Places of V-JEPA 2: of each axis's channels, pair by pair, with the publisher's slip."""
    made = x.clone()
    part = 2 * (x.shape[1] // 3 // 2)
    for token in range(len(x)):
        rest, column = divmod(token, grid[2])
        for axis, place in enumerate((*divmod(rest, grid[1]), column)):
            for c in range(part):
                # Neighbours 0 and 1 should turn by the first frequency; they turn by 0 and 1.
                angle = place / 10000 ** (2 * (c % (part // 2)) / part)
                at = axis * part + c
                across = -x[token, at + 1] if c % 2 == 0 else x[token, at - 1]
                made[token, at] = x[token, at] * math.cos(angle) + across * math.sin(angle)
    return made


def test_vjepa2_turns_its_channels_as_the_publisher_does() -> None:
    grid = (2, 2, 3)
    x = torch.randn(12, 18, generator=torch.Generator().manual_seed(0))
    rotate = rotation(torch.Size(grid), 18, x)
    torch.testing.assert_close(rotate(x), turned(x, grid))


def test_vjepa2_averages_what_its_last_norm_gives() -> None:
    net = VJEPA2(DESIGN).eval()
    state = drawn(net, get_architecture("vjepa2-l").layout("meta"))
    clip = torch.randn(3, 4, 32, 48, generator=torch.Generator().manual_seed(1))
    x = tubes(state, clip)
    for number in range(DESIGN.depth):
        x = block(state, f"blocks.{number}", x, lambda part: turned(part, (2, 2, 3)))
    with torch.inference_mode():
        got = net(clip[None])[0]
    expected = norm(state, "norm", x).mean(0)
    assert (got - expected).norm() < 1e-5 * expected.norm()


def test_vjepa2_drops_no_frame_in_silence() -> None:
    with pytest.raises(ValueError, match="an even number of frames, not 7"):
        VJEPA2(DESIGN)(torch.zeros(1, 3, 7, 32, 32))


@pytest.mark.parametrize(
    ("layout", "config", "heads", "eps", "mean_eps"),
    [
        ("mcg-nju", None, 6, 1e-6, 1e-6),
        ("hub", {}, 12, 1e-12, 1e-5),  # what its class takes where the file is silent
        ("hub", {"num_attention_heads": 16, "layer_norm_eps": 1e-8}, 16, 1e-8, 1e-5),
    ],
)
def test_heads_and_norms_of_videomae_are_those_of_its_file(
    layout: str, config: dict | None, heads: int, eps: float, mean_eps: float
) -> None:
    architecture = get_architecture("videomae-s")
    how = architecture.layout(layout)
    how = how if config is None else how.configured(config)
    with torch.device("meta"):
        net = architecture.builder(how)("pooled")
    assert {one.attn.heads for one in net.blocks} == {heads}
    assert {one.norm1.eps for one in net.blocks} == {eps}
    assert net.fc_norm.eps == mean_eps
