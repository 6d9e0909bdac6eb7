"""Independent subspaces: the objective, its optimum on toy data, and the filters as a backbone."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from aqa.annotations.manifest import Video, write_manifest
from aqa.errors import AqaError
from aqa.extract import learn_isa as isa
from aqa.extract.backbones import load_backbone
from aqa.extract.backbones.isa import BLOCK_1, BLOCK_2, ISA
from aqa.extract.checkpoints.records import WeightsError
from aqa.features.store import FeatureStore


def test_blocks_are_those_of_le2011():
    """The second layer sees two of the first in each direction, four pixels and frames apart."""
    assert BLOCK_1 == (10, 16, 16)
    assert BLOCK_2 == (14, 20, 20)


def naive_objective(filters, x):
    total = 0.0
    for sample in x:
        for a, b in zip(filters[::2], filters[1::2], strict=True):
            total += np.sqrt((a @ sample) ** 2 + (b @ sample) ** 2 + 1e-4)
    return total / len(x)


def toy(rng, samples=2000, subspaces=3):
    """Pairs of coordinates that share a length which is rarely large, mixed by a rotation."""
    length = rng.exponential(size=(samples, subspaces, 1)) ** 2
    turn = rng.uniform(0, 2 * np.pi, (samples, subspaces))
    sources = (length * np.stack([np.cos(turn), np.sin(turn)], axis=2)).reshape(samples, -1)
    mixing = isa.orthogonal(rng.normal(size=(2 * subspaces, 2 * subspaces)))
    sources /= sources.std(axis=0)
    return (sources @ mixing.T).astype(np.float32), mixing


def test_the_objective_is_the_mean_sum_of_lengths_and_its_gradient_is_right(rng):
    x, filters = rng.normal(size=(20, 4)), rng.normal(size=(4, 4))
    value, gradient = isa._objective(filters, x)
    assert value == pytest.approx(naive_objective(filters, x))
    for place in np.ndindex(4, 4):
        nudge = np.zeros((4, 4))
        nudge[place] = 1e-6
        rise = naive_objective(filters + nudge, x) - naive_objective(filters - nudge, x)
        assert gradient[place] == pytest.approx(rise / 2e-6, abs=1e-6)


def test_the_nearest_orthogonal_matrix_is_the_symmetric_one(rng):
    matrix = rng.normal(size=(5, 5))
    values, vectors = np.linalg.eigh(matrix @ matrix.T)
    root = vectors @ np.diag(values**-0.5) @ vectors.T
    np.testing.assert_allclose(isa.orthogonal(matrix), root @ matrix, atol=1e-10)


def test_known_subspaces_are_found(rng):
    """The best of a few starts: pairs that straddle two subspaces are optima too, worse ones."""
    x, mixing = toy(rng)
    tried = [isa.independent_subspaces(x, steps=100, rng=rng, tolerance=1e-7) for _ in range(6)]
    found = min(tried, key=lambda one: one.history[-1])
    np.testing.assert_allclose(found.filters @ found.filters.T, np.eye(6), atol=1e-5)
    assert all(b < a for a, b in itertools.pairwise(found.history))
    # The energy of each learned pair within each true subspace: all or nothing.
    energy = np.square(found.filters @ mixing).reshape(3, 2, 3, 2).sum(axis=(1, 3)) / 2
    np.testing.assert_allclose(np.sort(energy, axis=1), [[0, 0, 1]] * 3, atol=0.05)
    assert set(energy.argmax(axis=1)) == {0, 1, 2}


def test_principal_components_whiten(rng):
    x = rng.normal(size=(500, 6)) @ np.diag([5.0, 4, 3, 2, 1, 0.1])
    x -= x.mean(axis=0)
    whitening, kept = isa.principal_components(x, 4)
    white = x @ whitening.T
    np.testing.assert_allclose(white.T @ white / 500, np.eye(4), atol=1e-8)
    variance = np.linalg.svd(x, compute_uv=False) ** 2
    assert kept == pytest.approx(variance[:4].sum() / variance.sum())


def test_the_network_is_blocks_filters_and_lengths(rng):
    """Against block after block, each its own mean taken off as in learning."""
    torch.manual_seed(0)
    net = ISA().double().eval()
    x = torch.rand(1, 3, 16, 24, 28).double()
    grey = np.tensordot([0.299, 0.587, 0.114], x[0].numpy(), axes=1)
    w1, b1, w2, b2 = (p.detach().numpy() for p in net.parameters())
    first = {}
    for t, i, j in itertools.product(range(0, 7, 4), range(0, 9, 4), range(0, 13, 4)):
        block = grey[t : t + 10, i : i + 16, j : j + 16].ravel()
        responses = w1.reshape(300, -1) @ block + b1
        first[t, i, j] = np.sqrt(responses[::2] ** 2 + responses[1::2] ** 2 + 1e-4)
    second = []
    for t, i, j in first:
        corners = list(itertools.product((t, t + 4), (i, i + 4), (j, j + 4)))
        if all(corner in first for corner in corners):
            units = np.stack([first[corner] for corner in corners], axis=1).ravel()
            responses = w2.reshape(200, -1) @ units + b2
            second.append(np.sqrt(responses[::2] ** 2 + responses[1::2] ** 2 + 1e-4))
    layers = [np.stack(list(first.values())), np.stack(second)]
    assert [len(layer) for layer in layers] == [2 * 3 * 4, 1 * 2 * 3]
    expected = np.concatenate([v for units in layers for v in (units.mean(0), units.max(0))])
    with torch.inference_mode():
        np.testing.assert_allclose(net(x)[0].numpy(), expected, rtol=1e-6)
        shallow = ISA("pool1").double()
        shallow.conv1.load_state_dict(net.conv1.state_dict())
        np.testing.assert_allclose(shallow(x)[0].numpy(), expected[:300], rtol=1e-6)


@pytest.fixture
def noise(write_video: Callable[..., Path], rng: np.random.Generator) -> Callable[..., Video]:
    """Writes a video of moving noise of the network's own picture size."""

    def write(name: str, frames: int = 20) -> Video:
        still = rng.integers(0, 256, (96, 160, 3), np.uint8)
        shown = [np.ascontiguousarray(still[:, i : i + 128]) for i in range(frames)]
        return Video(name, write_video(f"{name}.avi", shown), 1.0)

    return write


def test_blocks_come_from_every_clip_alike(noise, rng, monkeypatch):
    video = noise("a", 48)
    seen = []
    draw = isa._random_block
    monkeypatch.setattr(isa, "_random_block", lambda *a: seen.append(a[0].tobytes()) or draw(*a))
    blocks = isa.draw_blocks(video, 600, rng)
    assert blocks.shape == (600, *BLOCK_2)
    assert blocks.dtype == np.uint8
    # 600 of the first clip, half as many kept by the second, a third by the third.
    counts = [seen.count(clip) for clip in dict.fromkeys(seen)]
    np.testing.assert_allclose(counts, [600, 300, 200], rtol=0.2)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Learns as always, from fewer blocks than the filters need to be worth anything."""
    monkeypatch.setattr(isa, "LEAST", 400)


@pytest.mark.usefixtures("few")
def test_learned_filters_are_a_backbone_that_names_its_videos(
    noise, tmp_path: Path, run_aqa: Callable[..., object]
) -> None:
    videos = [noise(f"v{i}") for i in range(3)]
    rows = [
        {"video_id": v.id, "path": v.path.name, "score": n, "split_1": part}
        for v, n, part in zip(videos, (1, 2, 3), ("train", "train", "test"), strict=True)
    ]
    write_manifest(tmp_path / "manifest.csv", rows)
    size = ("--blocks", "400", "--steps", "2")
    printed = run_aqa("isa", "-C", str(tmp_path), "--split", "1", *size).output
    path = tmp_path / "isa-split-1.safetensors"
    assert "layer 2: 200 filters" in printed
    assert f"{path.name}: learned from 2 videos" in printed
    backbone = load_backbone("isa", path)
    assert backbone.weights.fitted_on == ("v0", "v1")
    drawn = isa.draw_blocks(videos[0], 20, np.random.default_rng(0))
    t, h, w = BLOCK_1
    with torch.inference_mode():
        # A block's own mean is nothing to the filters.
        corner = torch.from_numpy(drawn[:, None, :t, :h, :w]) / 255
        bright = backbone.net.conv1(corner + 0.5)
        torch.testing.assert_close(backbone.net.conv1(corner), bright, atol=1e-3, rtol=0)

    run_aqa("extract", "-C", str(tmp_path), "--backbone", "isa", "--weights", str(path), "--quiet")
    with FeatureStore.open(tmp_path / "stores" / "isa.h5") as store:
        assert store.shape == (500,)
        assert store.spec["weights"]["fitted_on"] == ["v0", "v1"]


def test_the_same_seed_draws_and_learns_the_same(noise):
    video = noise("a", 40)
    (one, filters), (again, same) = (
        (isa.draw_blocks(video, 30, rng), isa.independent_subspaces(toy(rng)[0], 20, rng).filters)
        for rng in map(np.random.default_rng, (5, 5))
    )
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(filters, same)


def test_what_cannot_be_learned_from_is_named(rng):
    with pytest.raises(AqaError, match="100 blocks: 300 filters take 1200 or more"):
        isa.learn([], blocks=100)
    flat = rng.normal(size=(50, 2)).repeat(3, axis=1)
    with pytest.raises(AqaError, match="the blocks differ in fewer than 3 ways"):
        isa.principal_components(flat - flat.mean(axis=0), 3)


@pytest.mark.parametrize("text", ["[1, 2]", "v1", "7", '{"a": ["b"]}'])
def test_ids_that_are_none_are_named(tmp_path, text):
    path = tmp_path / "isa.safetensors"
    save_file(ISA().state_dict(), path, {"fitted_on": text})
    with pytest.raises(WeightsError, match="safetensors: the videos that it was learned from"):
        load_backbone("isa", path)
    save_file(ISA().state_dict(), path, {"fitted_on": json.dumps(["v1"])})
    assert load_backbone("isa", path).weights.fitted_on == ("v1",)
