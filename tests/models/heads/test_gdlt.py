"""GDLT's grades, attention and losses, held against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from aqa.models.examples import Examples
from aqa.models.heads.base import HeadError
from aqa.models.heads.gdlt import GDLTHead, GradeTransformer
from aqa.models.training.losses import triplet_loss

QUICK = {"epochs": 2, "hidden": 8, "attention_heads": 2, "device": "cpu"}


@pytest.fixture
def net():
    torch.manual_seed(0)
    limits = torch.tensor([2.0, 8.0])
    return GradeTransformer(5, 8, 3, 2, (1, 2), 0.0, limits).double().eval()


def attend(module, queries, keys):
    """Multi-head attention of one video, a query and a head at a time."""
    width = queries.shape[1]
    part = width // module.num_heads
    weights, biases = module.in_proj_weight.chunk(3), module.in_proj_bias.chunk(3)
    q, k, v = (
        source @ w.T + b
        for source, w, b in zip((queries, keys, keys), weights, biases, strict=True)
    )
    out = []
    for row in q:
        joined = []
        for head in range(module.num_heads):
            own = slice(head * part, (head + 1) * part)
            likeness = [torch.exp(row[own] @ key[own] / math.sqrt(part)) for key in k]
            joined.append(
                sum(e * value[own] for e, value in zip(likeness, v, strict=True)) / sum(likeness)
            )
        out.append(torch.cat(joined))
    return module.out_proj(torch.stack(out))


def naive_grades(net, video):
    """Grades of one video without padding: post-norm layers, ReLU between."""

    def forward(layer, x):
        return layer.linear2(torch.clamp(layer.linear1(x), min=0))

    clips = net.project(video)
    for layer in net.encoder.layers:
        clips = layer.norm1(clips + attend(layer.self_attn, clips, clips))
        clips = layer.norm2(clips + forward(layer, clips))
    grades = net.prototypes
    for layer in net.decoder.layers:
        grades = layer.norm1(grades + attend(layer.self_attn, grades, grades))
        grades = layer.norm2(grades + attend(layer.multihead_attn, grades, clips))
        grades = layer.norm3(grades + forward(layer, grades))
    return grades


def test_grades_look_at_a_videos_own_clips_only(net):
    videos = [torch.randn(n, 5).double() for n in (4, 1, 6)]
    padded = torch.nn.utils.rnn.pad_sequence(videos, batch_first=True, padding_value=7.0)
    grades = net.grades(padded, torch.tensor([4, 1, 6]))
    for video, own in zip(videos, grades, strict=True):
        torch.testing.assert_close(own, naive_grades(net, video))


@torch.no_grad()
def test_the_score_is_the_mean_grade_weighted_by_responses(net):
    grades = torch.randn(4, 3, 8).double()
    for own, score in zip(grades, net.score(grades), strict=True):
        response = [
            1 / (1 + math.exp(-float(g @ w + b)))
            for g, w, b in zip(own, net.responses.weight, net.responses.bias, strict=True)
        ]
        share = sum(k / 2 * r for k, r in enumerate(response)) / sum(response)
        assert float(score) == pytest.approx(2 + 6 * share)


def test_clips_have_no_positions(net):
    video = torch.randn(1, 5, 5).double()
    lengths = torch.tensor([5])
    torch.testing.assert_close(net(video, lengths), net(video.flip(1), lengths))


def test_the_triplet_loss_is_of_the_farthest_fellow_and_the_nearest_stranger():
    torch.manual_seed(3)
    features, labels = torch.randn(9, 4).double(), torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 3])
    directions = [f / f.norm() for f in features]
    losses = []
    for i in range(9):
        gaps = [float((directions[i] - other).norm()) for other in directions]
        far = [gaps[j] for j in range(9) if j != i and labels[i] == labels[j]]
        near = [gaps[j] for j in range(9) if labels[i] != labels[j]]
        if far:  # the one of label 3 has no fellow
            losses.append(max(0.0, max(far) - min(near) + 0.5))
    assert float(triplet_loss(features, labels, 0.5)) == pytest.approx(np.mean(losses))


@pytest.mark.parametrize("labels", [[0], [0, 1, 2], [0, 0, 0]])
def test_without_a_triplet_the_loss_is_0_and_has_a_gradient(labels):
    features = torch.randn(len(labels), 4, requires_grad=True)
    loss = triplet_loss(features, torch.tensor(labels), 1.0)
    loss.backward()
    assert loss == 0
    assert (features.grad == 0).all()


def test_equal_vectors_have_a_finite_gradient():
    features = torch.ones(4, 3, requires_grad=True)
    triplet_loss(features, torch.tensor([0, 0, 1, 1]), 1.0).backward()
    assert torch.isfinite(features.grad).all()


def test_scores_stay_within_the_widened_range(rng):
    x = [rng.normal(size=(3, 4)) for _ in range(12)]
    y = np.linspace(20, 70, 12)
    head = GDLTHead(**QUICK, widen=0.2).fit(x, y)
    np.testing.assert_allclose(head.limits_, [10, 80])
    wild = head.predict([100 * sequence for sequence in x])
    assert ((wild > 10) & (wild < 80)).all()


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"hidden": 10, "attention_heads": 4}, "hidden=10 does not part into attention_heads=4"),
        ({"grades": 1}, "grades=1 is not a number, 2 or more"),
        ({"dropout": 1.0}, "dropout=1.0 is not a number, 0 or more and below 1"),
        ({"triplet_margin": -1.0}, "triplet_margin=-1.0 is not"),
    ],
)
def test_parameters_that_cannot_be_are_named(params, problem):
    x = [np.zeros((2, 3))] * 4
    with pytest.raises(HeadError, match=problem):
        GDLTHead(**{**QUICK, **params}).fit(x, np.arange(4.0))


def test_it_explains_no_clip(rng):
    head = GDLTHead(**QUICK).fit([rng.normal(size=(3, 4)) for _ in range(6)], np.arange(6.0))
    assert "clips" not in head.gives
    with pytest.raises(HeadError, match="GDLTHead gives no feedback"):
        head.explain(Examples.of([np.zeros((3, 4))]))


def test_grades_span_the_same_points_whatever_the_scaling(rng):
    x, y = [rng.normal(size=(3, 4)) for _ in range(12)], np.linspace(20, 70, 12)
    for centred in (True, False):
        head = GDLTHead(**QUICK, centre_scores=centred).fit(x, y)
        ends = head.net_.limits.numpy() * head.y_std_ + head.y_mean_
        np.testing.assert_allclose(ends, [15, 75], rtol=1e-5)
