"""Average aggregation and the Weight-Decider."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aqa.models.examples import Examples
from aqa.models.heads import get_head
from aqa.models.heads.wd import weight_decider

QUICK = {"epochs": 3, "device": "cpu"}
BOTH = pytest.mark.parametrize("name", ["average", "wd"])


@pytest.fixture(scope="module")
def fitted(performances):
    return {
        name: get_head(name)(**QUICK | {"epochs": 20}).fit(performances.x, performances.y)
        for name in ("average", "wd", "lstm")
    }


def plain(state, sequence, weigh):
    """farabi2021 Eq. 1-3 for one video, in double precision."""

    def layer(name, x, relu=True):
        y = x @ state[f"{name}.weight"].double().T + state[f"{name}.bias"].double()
        return y.clamp(min=0) if relu else y

    f = layer("clip.0", torch.from_numpy(sequence).double())
    if weigh:
        votes = f
        for i in (0, 2, 4, 6):
            votes = layer(f"decider.{i}", votes, relu=i < 6)
        weights = torch.exp(votes) / torch.exp(votes).sum(dim=0)
    else:
        weights = torch.full_like(f, 1 / len(f))
    return layer("linear", (f * weights).sum(dim=0), relu=False).item()


def test_the_decider_has_20768_parameters() -> None:
    """farabi2021 §3.2 prints 20484, with one bias a layer."""
    assert sum(p.numel() for p in weight_decider().parameters()) == 20768


@pytest.mark.parametrize(
    ("dim", "widths"),
    [
        (512, [512, 256, 128]),
        (2048, [2048, 512, 256, 128]),
        (8192, [8192, 512, 256, 128]),
        (1024, [1024, 512, 256, 128]),
        (256, [256, 128]),
        (128, [128, 128]),
        (6, [6, 128]),
    ],
)
@BOTH
def test_clips_go_through_the_layers_of_003(name: str, dim: int, widths: list[int]) -> None:
    net = get_head(name)().build(dim)
    found = [layer for layer in net.clip if isinstance(layer, torch.nn.Linear)]
    assert [found[0].in_features, *(layer.out_features for layer in found)] == widths


@BOTH
def test_predictions_are_the_equations_of_each_video_alone(name, fitted, performances) -> None:
    head, x = fitted[name], performances.x[:6]
    longest = max(map(len, performances.x))
    filled = [np.pad(s, ((0, longest - len(s)), (0, 0))) for s in x]
    scaled = [(sequence - head.centre_) / head.scale_ for sequence in filled]
    state = head.net_.state_dict()
    expected = [plain(state, sequence, name == "wd") * head.y_std_ for sequence in scaled]
    np.testing.assert_allclose(head.predict(x), expected, rtol=1e-5)


@BOTH
def test_without_blank_clips_a_video_is_as_long_as_it_is(name, performances) -> None:
    head = get_head(name)(**QUICK, pad=False).fit(performances.x, performances.y)
    state = head.net_.state_dict()
    assert not {"blank", "longest"} & set(state)
    scaled = [(sequence - head.centre_) / head.scale_ for sequence in performances.x[:6]]
    expected = [plain(state, sequence, name == "wd") * head.y_std_ for sequence in scaled]
    np.testing.assert_allclose(head.predict(performances.x[:6]), expected, rtol=1e-5)


@BOTH
def test_videos_longer_than_those_of_training_stay_as_they_are(name, fitted, performances) -> None:
    """They do not make the others longer, either, nor does saving."""
    head, x = fitted[name], performances.x[:3]
    longer = np.concatenate([performances.x[0]] * 7)
    scaled = (longer - head.centre_) / head.scale_
    expected = plain(head.net_.state_dict(), scaled, name == "wd") * head.y_std_
    found = head.predict([longer, *x])
    assert found[0] == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(found[1:], head.predict(x), rtol=1e-5)
    restored = get_head(name)(**QUICK).restore(head.state())
    np.testing.assert_array_equal(restored.predict([longer, *x]), found)


@BOTH
def test_padding_changes_nothing(name, fitted, rng) -> None:
    net = fitted[name].net_
    x, lengths = torch.from_numpy(rng.normal(size=(4, 5, 6))).float(), torch.tensor([5, 1, 3, 2])
    padded = torch.cat([x, torch.full((4, 3, 6), 100.0)], dim=1)
    with torch.no_grad():
        alone = torch.stack(
            [net(x[i : i + 1, :n], lengths[i : i + 1])[0] for i, n in enumerate(lengths)]
        )
        torch.testing.assert_close(net(padded, lengths), alone, rtol=1e-5, atol=1e-6)


@BOTH
def test_weights_sum_to_1_over_clips_and_are_0_on_padding(name, fitted, rng) -> None:
    """Blank clips that a video is filled up with, to 5 here, are no padding."""
    x, lengths = torch.from_numpy(rng.normal(size=(3, 5, 6))).float(), torch.tensor([5, 1, 3])
    with torch.no_grad():
        _, weights = get_head(name)(pad=False).build(6).weighted(x, lengths)
        features, filled = fitted[name].net_.weighted(x, lengths)
    assert filled.shape == features.shape == (3, 5, 128)
    torch.testing.assert_close(filled.sum(dim=1), torch.ones(3, 128))
    torch.testing.assert_close(features[1, 1:], features[1, 1:2].expand(4, -1))
    assert filled[1].min() > 0, "blank clips have weights"
    assert weights.shape == (3, 5, 128)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3, 128))
    for own, n in zip(weights, lengths.tolist(), strict=True):
        assert not own[n:].any()
    if name == "wd":
        assert weights[0].std(dim=0).min() > 0


def test_they_are_blind_to_order_and_the_lstm_is_not(fitted, rng) -> None:
    x = [rng.normal(size=(5, 6)) for _ in range(10)]
    turned = [sequence[::-1] for sequence in x]
    for name in ("average", "wd"):
        np.testing.assert_allclose(fitted[name].predict(turned), fitted[name].predict(x), rtol=1e-5)
    moved = np.abs(fitted["lstm"].predict(turned) - fitted["lstm"].predict(x))
    assert moved.max() > 0.01


@BOTH
@pytest.mark.parametrize("centre", [False, True])
def test_clips_and_base_add_up_to_the_score(name, centre, performances) -> None:
    head = get_head(name)(**QUICK, centre_scores=centre).fit(performances.x, performances.y)
    for sequence in performances.x[:5]:
        found = head.explain(Examples.of([sequence]))
        base = float(found.meaning.removeprefix("points added to a base of "))
        assert base + found.values.sum() == pytest.approx(head.predict([sequence])[0], abs=0.006)
        np.testing.assert_array_equal(found.faulty, found.values < 0)


@BOTH
def test_the_clip_that_costs_points_is_found(name: str, rng: np.random.Generator) -> None:
    faulty = rng.integers(0, 2, size=(60, 4))
    x = [f[:, None] * [[1.0, -1.0]] + rng.normal(scale=0.1, size=(4, 2)) for f in faulty]
    head = get_head(name)(**QUICK | {"epochs": 50}).fit(x[:40], 80 - 10.0 * faulty[:40].sum(axis=1))
    said = np.array([head.explain(Examples.of([sequence])).faulty for sequence in x[40:]])
    assert (said == faulty[40:]).mean() > 0.9
