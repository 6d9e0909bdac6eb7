"""CoFInAl's simplex, grades and loss, held against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from aqa.models.heads.base import HeadError, parse_params
from aqa.models.heads.cofinal import PUBLISHED, CofinalHead, GradeNet, simplex
from aqa.models.training.loop import VideoTensors

QUICK = {"epochs": 2, "hidden": 8, "attention_heads": 2, "sub_grades": 5, "device": "cpu"}


@pytest.fixture
def net() -> GradeNet:
    torch.manual_seed(0)
    limits = torch.tensor([2.0, 8.0])
    return GradeNet(5, 8, 3, 4, 2, (1, 2), 0.0, limits).double().eval()


@pytest.mark.parametrize("points", [2, 3, 100])
def test_a_simplex_has_equal_angles(points: int) -> None:
    cosines = simplex(points).double() @ simplex(points).double().T
    expected = np.full((points, points), -1 / (points - 1))
    np.fill_diagonal(expected, 1)
    np.testing.assert_allclose(cosines, expected, atol=1e-6)


def test_as_published_features_of_1024_go_to_256_and_to_100_fixed_sub_grades() -> None:
    head = CofinalHead(**parse_params(CofinalHead, PUBLISHED))
    head.learn_scores(np.arange(200.0))
    net = head.build(1024)
    square, norm = 256 * 256 + 256, 2 * 256
    encoder, decoder = 6 * square + 2 * norm, 2 * (10 * square + 3 * norm)
    ends = 4 * 256 + 4 + 1  # responses, and the sharpness
    expected = (1024 * 256 + 256) + encoder + 4 * 256 + decoder + ends + (256 * 100 + 100)
    assert sum(p.numel() for p in net.parameters()) == expected == 2_004_841
    assert net.directions.shape == (100, 100)
    assert "directions" not in dict(net.named_parameters())
    assert head.training_settings().lr_halve_every is None
    said = " ".join((CofinalHead.__doc__ or "").split())
    assert all(f"-p {one}" in said for one in PUBLISHED)


@torch.no_grad()
def test_grades_count_down_and_sub_grades_say_where_inside(net: GradeNet) -> None:
    features = torch.randn(4, 3, 8).double()
    for own, places, score in zip(features, net.places(features), net.score(features), strict=True):
        shown, below = [], []
        for k, feature in enumerate(own):
            direction = net.place(feature)
            direction = direction / direction.norm()
            likeness = [float(direction @ corner) for corner in net.directions]
            strength = [math.exp(net.sharpness * cosine) for cosine in likeness]
            place = sum(j / 3 * s for j, s in enumerate(strength)) / sum(strength)
            assert float(places[k]) == pytest.approx(place)
            logit = float(feature @ net.responses.weight[k] + net.responses.bias[k])
            shown.append(1 / (1 + math.exp(-logit)))
            below.append((k + place) / 3)
        lost = sum(r * b for r, b in zip(shown, below, strict=True)) / sum(shown)
        assert float(score) == pytest.approx(8 - 6 * lost)


def test_padding_moves_no_score(net: GradeNet) -> None:
    videos = [torch.randn(n, 5).double() for n in (4, 1, 6)]
    padded = torch.nn.utils.rnn.pad_sequence(videos, batch_first=True, padding_value=7.0)
    together = net(padded, torch.tensor([4, 1, 6]))
    alone = [net(video[None], torch.tensor([len(video)]))[0] for video in videos]
    torch.testing.assert_close(together, torch.stack(alone))


@torch.no_grad()
def test_it_learns_the_absolute_error_of_scaled_scores(rng: np.random.Generator) -> None:
    head = CofinalHead(**QUICK, dropout=0.0, loss="l1")
    x, y = [rng.normal(size=(n, 5)) for n in (3, 5, 2)], np.array([1.0, 2.0, 4.0])
    head.learn_scores(y)
    net = head.build(5)
    (batch,) = VideoTensors.of(x, head.targets(y), torch.device("cpu")).batches(3)
    said = net(batch.x, batch.lengths)
    expected = np.mean([abs(float(a) - b) for a, b in zip(said, y / y.std(), strict=True)])
    assert float(head.trainer(net).objective(batch)) == pytest.approx(expected, rel=1e-5)


def test_the_rate_falls_by_a_cosine() -> None:
    x, y = [np.ones((2, 4)) * k for k in range(4)], np.arange(4.0)
    head = CofinalHead(**{**QUICK, "epochs": 4}, lr=0.008, validation=0.0).fit(x, y)
    expected = [0.004 * (1 + math.cos(math.pi * k / 4)) for k in range(4)]
    assert [row["lr"] for row in head.history_] == pytest.approx(expected)
    flat = CofinalHead(**QUICK, lr=0.008, schedule="none", validation=0.0).fit(x, y)
    assert [row["lr"] for row in flat.history_] == [0.008, 0.008]


def test_scores_stay_within_the_widened_range(rng: np.random.Generator) -> None:
    x, y = [rng.normal(size=(3, 4)) for _ in range(12)], np.linspace(20, 70, 12)
    head = CofinalHead(**QUICK, widen=0.2).fit(x, y)
    np.testing.assert_allclose(head.limits_, [10, 80])
    wild = head.predict([100 * sequence for sequence in x])
    assert ((wild >= 10) & (wild <= 80)).all()


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"hidden": 10, "attention_heads": 4}, "hidden=10 does not part into attention_heads=4"),
        ({"grades": 1}, "grades=1 is not a number, 2 or more"),
        ({"sub_grades": 1}, "sub_grades=1 is not a number, 2 or more"),
        ({"schedule": "steps"}, "schedule=steps is not one of cosine, none"),
        ({"loss": "logistic"}, "loss=logistic is not one of mse, l1"),
    ],
)
def test_parameters_that_cannot_be_are_named(params: dict, problem: str) -> None:
    with pytest.raises(HeadError, match=problem):
        CofinalHead(**{**QUICK, **params}).fit([np.zeros((2, 3))] * 4, np.arange(4.0))
