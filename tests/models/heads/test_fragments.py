"""Extractors of fragments against plain loops, and which fragments are looked at."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aqa.models.heads import make_head
from aqa.models.heads.base import HeadError, network
from aqa.models.heads.fragments import Extractor, FragmentNet, FragmentsHead, pooling

SHAPE = (3, 2, 4, 4)
QUICK = {"epochs": 2, "channels": 2, "hidden": 64, "device": "cpu"}


@pytest.fixture
def data(rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
    """Videos of four maps, of which the third tells the score."""
    skill = rng.normal(size=20)
    x = rng.normal(scale=0.1, size=(20, 4, *SHAPE))
    x[:, 2] += skill[:, None, None, None, None]
    return list(x.astype(np.float32)), 50 + 10 * skill


@pytest.mark.parametrize(
    ("size", "kernel", "left"),
    [
        ((2, 7, 7), (2, 3, 3), (1, 3, 3)),
        ((1, 3, 3), (1, 3, 3), (1, 1, 1)),
        ((1, 1, 1), (1, 1, 1), (1, 1, 1)),
        ((2, 4, 4), (2, 3, 3), (1, 2, 2)),
        ((4, 14, 9), (3, 3, 3), (2, 5, 3)),
    ],
)
def test_pooling_where_there_is_room(size: tuple, kernel: tuple, left: tuple) -> None:
    pool, leaves = pooling(size)
    assert pool.kernel_size == kernel
    assert leaves == left
    assert pool(torch.zeros(1, 1, *size)).shape[2:] == left


@pytest.mark.parametrize("size", [(2, 7, 7), (1, 1, 1), (4, 8, 8)])
def test_the_size_of_what_is_extracted(size: tuple) -> None:
    extractor = Extractor((3, *size), 5)
    assert extractor(torch.zeros(2, 3, *size)).shape == (2, extractor.size)


def plain_stage(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """One convolution, ReLU and pooling of a map (C, T, H, W), place by place."""
    size = x.shape[1:]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (1, 1)))
    maps = np.zeros((len(weight), *size))
    for t, h, w in np.ndindex(size):
        window = padded[:, t : t + 3, h : h + 3, w : w + 3]
        maps[:, t, h, w] = np.maximum((weight * window).sum(axis=(1, 2, 3, 4)) + bias, 0)
    step = [min(3, n) for n in size]
    pooled = np.zeros((len(weight), *(-(-n // s) for n, s in zip(size, step, strict=True))))
    for place in np.ndindex(pooled.shape[1:]):
        window = tuple(slice(p * s, p * s + s) for p, s in zip(place, step, strict=True))
        pooled[(slice(None), *place)] = maps[(slice(None), *window)].max(axis=(1, 2, 3))
    return pooled


def test_the_network_against_plain_loops(rng: np.random.Generator) -> None:
    torch.manual_seed(0)
    centre, scale = rng.normal(size=3), rng.uniform(1, 2, size=3)
    net = FragmentNet(2, SHAPE, (2, 6, 3), 0.5, centre, scale).eval()
    x = rng.normal(size=(2, *SHAPE))
    parts = []
    for one, extractor in zip(x, net.extractors, strict=True):
        maps = (one - centre[:, None, None, None]) / scale[:, None, None, None]
        for layer in (extractor[0], extractor[3]):
            weight, bias = (p.detach().double().numpy() for p in (layer.weight, layer.bias))
            maps = plain_stage(maps, weight, bias)
        parts.append(maps.ravel())
    hidden = np.concatenate(parts)
    for layer in (net.dense[0], net.dense[3]):
        weight, bias = (p.detach().double().numpy() for p in (layer.weight, layer.bias))
        hidden = np.maximum(weight @ hidden + bias, 0)
    expected = (net.last.weight.detach().double().numpy() @ hidden + net.last.bias.item()).item()
    given = torch.as_tensor(x[None], dtype=torch.float32)
    assert net(given, torch.tensor([2])).item() == pytest.approx(expected, abs=1e-5)


def test_extractors_are_not_shared() -> None:
    net = FragmentNet(3, SHAPE, (2, 4, 2), 0.0, np.zeros(3), np.ones(3))
    tensors = [list(extractor.parameters()) for extractor in net.extractors]
    assert len({p.data_ptr() for own in tensors for p in own}) == 3 * len(tensors[0])
    found = net.extractors[1](torch.randn(2, *SHAPE)).sum()
    found.backward()
    learns = [any(p.grad is not None for p in own) for own in tensors]
    assert learns == [False, True, False]


def test_a_single_fragment_sees_no_other(data: tuple, rng: np.random.Generator) -> None:
    x, y = data
    head = FragmentsHead(**QUICK, fragment="2").fit(x, y)
    assert len(head.net_.extractors) == 1
    changed = [maps.copy() for maps in x]
    for maps in changed:
        maps[[0, 1, 3]] = rng.normal(size=(3, *SHAPE))
    np.testing.assert_array_equal(head.predict(changed), head.predict(x))
    for maps in changed:
        maps[2] += 1
    assert (head.predict(changed) != head.predict(x)).all()


def test_the_last_fragment_of_videos_of_any_length(data: tuple) -> None:
    x, y = data
    head = FragmentsHead(**QUICK, fragment="last").fit(x, y)
    np.testing.assert_array_equal(head.predict([m[-1:] for m in x]), head.predict(x))
    assert len(np.unique(head.predict(x))) == len(x)


def test_scaling_is_by_channel_of_the_fragments_looked_at(data: tuple) -> None:
    x, y = data
    head = FragmentsHead(**QUICK, fragment="2").fit(x, y)
    seen = np.stack(x)[:, 2].astype(float)
    np.testing.assert_allclose(head.centre_, seen.mean(axis=(0, 2, 3, 4)))
    np.testing.assert_allclose(head.scale_, seen.std(axis=(0, 2, 3, 4)))
    raw = FragmentsHead(**QUICK, standardise=False).fit(x, y)
    assert raw.centre_.tolist() == [0, 0, 0]
    assert raw.scale_.tolist() == [1, 1, 1]


def test_maps_are_held_once(data: tuple) -> None:
    x, y = data
    head = FragmentsHead(**QUICK).fit(x, y)
    videos = head.videos(x, y)
    assert [m.data_ptr() for m in videos.maps] == [maps.ctypes.data for maps in x]


@pytest.mark.parametrize(
    ("params", "clips", "problem"),
    [
        ({"fragment": "first"}, 4, "fragment=first is not all, last or a fragment's number"),
        ({"fragment": "-1"}, 4, "fragment=-1 is not all, last"),
        ({"fragment": "4"}, 4, "row 0 has 4 fragments, fragment=4 takes 5 or more"),
        ({"fragment": "3"}, 3, "row 19 has 3 fragments, fragment=3 takes 4 or more"),
        ({}, 3, "row 19 has 3 fragments, fragment=all takes 4; .* --frames"),
        ({"channels": 0}, 4, "channels=0"),
        ({"dropout": 1.0}, 4, "dropout=1.0 is not a number, 0 or more and below 1"),
    ],
)
def test_what_is_refused(data: tuple, params: dict, clips: int, problem: str) -> None:
    x, y = data
    with pytest.raises(HeadError, match=problem):
        FragmentsHead(**(QUICK | params)).fit([*x[:-1], x[-1][:clips]], y)


def test_a_refused_video_is_named_by_its_number_among_all(data: tuple, monkeypatch) -> None:
    x, y = data
    head = FragmentsHead(**QUICK, fragment="3").fit(x, y)
    monkeypatch.setattr(network, "_BATCHES", 1)
    with pytest.raises(HeadError, match="row 19 has 3 fragments"):
        head.predict([*x[:-1], x[-1][:3]])


def test_known_difficulty_multiplies_maps_and_widens_none(data: tuple) -> None:
    x, y = data
    difficulty = np.linspace(2, 4, len(y))
    told = make_head("fragments", QUICK | {"difficulty": "multiply"})
    told.fit(x, y, difficulty=difficulty)
    plain = FragmentsHead(**QUICK).fit(x, y / difficulty)
    np.testing.assert_array_equal(
        told.predict(x, difficulty=difficulty), plain.predict(x) * difficulty
    )
    with pytest.raises(HeadError, match="maps take difficulty=multiply"):
        make_head("fragments", QUICK | {"difficulty": "input"}).fit(x, y, difficulty=difficulty)


def test_views_are_learned_from_too(data: tuple) -> None:
    x, y = data
    shown = FragmentsHead(**QUICK).fit(x, y, views=[[-maps for maps in x]])
    assert (shown.predict(x) != FragmentsHead(**QUICK).fit(x, y).predict(x)).any()


def test_vectors_are_refused(data: tuple) -> None:
    _, y = data
    with pytest.raises(HeadError, match=r"row 0 has features of shape \(4, 3\)"):
        FragmentsHead(**QUICK).fit([np.zeros((4, 3))] * 20, y)
