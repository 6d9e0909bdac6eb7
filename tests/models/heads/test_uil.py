"""UIL's queries, votes and losses, held against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from aqa.models.examples import Examples
from aqa.models.heads import get_head
from aqa.models.heads.base import HeadError, parse_params
from aqa.models.heads.uil import PUBLISHED, UILHead, WeighedQueries, attention_divergence
from aqa.models.training.loop import TrainingSettings, VideoTensors

QUICK = {"epochs": 3, "hidden": 8, "attention_heads": 2, "queries": 3, "device": "cpu"}


@pytest.fixture
def net() -> WeighedQueries:
    torch.manual_seed(0)
    return WeighedQueries(5, 8, 3, 2, 2, 0.0).double().eval()


def test_as_published_it_has_these_many_parameters() -> None:
    """1024 to 1024; 68 queries; 2 layers of 8 projections, 2 dense ones and 3 norms; 2 MLPs."""
    head = UILHead(**parse_params(UILHead, PUBLISHED))
    head.videos_ = 200
    net = head.build(1024)
    square = 1024 * 1024 + 1024
    layer = 8 * square + 2 * square + 3 * 2 * 1024
    mlp = square // 2 + (512 * 256 + 256) + (256 + 1)
    expected = square + 68 * 1024 + 2 * layer + 2 * mlp
    assert sum(p.numel() for p in net.parameters()) == expected == 23_436_290
    assert net.queries.std().item() == pytest.approx(2, rel=0.05)
    assert head.training_settings().lr_halve_every is None


def test_every_published_parameter_is_named_in_its_help() -> None:
    said = " ".join((UILHead.__doc__ or "").split())
    assert all(f"-p {one}" in said for one in PUBLISHED)


@torch.no_grad()
def test_the_answer_is_the_queries_scores_by_their_weights(net: WeighedQueries) -> None:
    features = torch.randn(2, 3, 8).double()
    for video, answer in zip(features, net.answer(features), strict=True):
        scores = [float(net.score(query)) for query in video]
        strength = [math.exp(net.weight(query)) for query in video]
        expected = sum(s * w for s, w in zip(scores, strength, strict=True)) / sum(strength)
        assert float(answer) == pytest.approx(expected)


def naive_divergence(own, clips) -> float:
    """Row by row of the two Gram matrices of every video and layer."""

    def softmax(row):
        powers = [math.exp(value) for value in row]
        return [power / sum(powers) for power in powers]

    found = []
    for a, b in zip(own.flatten(0, 1), clips.flatten(0, 1), strict=True):
        for i in range(len(a)):
            of_own = softmax(
                [float(sum(x * y for x, y in zip(a[i], row, strict=True))) for row in a]
            )
            of_clips = softmax(
                [float(sum(x * y for x, y in zip(b[i], row, strict=True))) for row in b]
            )
            found.append(sum(p * math.log(p / q) for p, q in zip(of_clips, of_own, strict=True)))
    return float(np.mean(found))


def test_the_divergence_is_of_both_attentions_gram_matrices() -> None:
    torch.manual_seed(1)
    own = torch.randn(2, 2, 3, 3).double().softmax(dim=3)
    clips = torch.randn(2, 2, 3, 5).double().softmax(dim=3)
    found = float(attention_divergence(own, clips))
    assert found == pytest.approx(naive_divergence(own, clips))
    assert float(attention_divergence(own, own)) == pytest.approx(0)


@torch.no_grad()
def test_it_learns_the_squared_error_and_the_divergence(rng: np.random.Generator) -> None:
    head = UILHead(**QUICK, divergence=0.7, dropout=0.0)
    x, y = [rng.normal(size=(n, 5)) for n in (3, 5, 2)], np.array([1.0, 2.0, 4.0])
    head.learn_scores(y)
    net = head.build(5)
    trainer = head.trainer(net)
    videos = VideoTensors.of(x, head.targets(y), torch.device("cpu"))
    (batch,) = videos.batches(3)
    read = net.read(batch.x, batch.lengths)
    errors = [
        (float(a) - b) ** 2 for a, b in zip(net.answer(read.features), y / y.std(), strict=True)
    ]
    expected = np.mean(errors) + 0.7 * naive_divergence(read.own, read.clips)
    assert float(trainer.objective(batch)) == pytest.approx(expected, rel=1e-5)
    assert trainer.evaluate(videos) == pytest.approx(np.mean(errors), rel=1e-5)


def test_the_rate_falls_to_a_tenth() -> None:
    head = UILHead(**{**QUICK, "epochs": 4}, drop_epoch=3, lr=0.002, validation=0.0)
    head.fit([np.ones((2, 4)) * k for k in range(4)], np.arange(4.0))
    assert [row["lr"] for row in head.history_] == pytest.approx([0.002, 0.002, 0.0002, 0.0002])
    settings: TrainingSettings = UILHead(**QUICK).training_settings()
    assert settings.epoch_factor is None


def test_the_clips_points_add_up_to_the_score(performances) -> None:
    head = UILHead(**QUICK).fit(performances.x, performances.y)
    for video in performances.x[:5]:
        said = head.explain(Examples.of([video]))
        assert said.values.shape == (len(video),)
        assert said.values.sum() + said.base == pytest.approx(head.predict([video])[0], rel=1e-5)


def test_its_width_goes_by_the_videos_and_features(performances) -> None:
    head = UILHead(**{**QUICK, "epochs": 1, "hidden": None}).fit(performances.x, performances.y)
    assert head.net_.queries.shape == (3, 16)
    again = UILHead(**{**QUICK, "hidden": None}).restore(head.state())
    np.testing.assert_array_equal(again.predict(performances.x), head.predict(performances.x))


def test_a_width_that_does_not_part_into_heads_is_named(performances) -> None:
    with pytest.raises(HeadError, match="hidden=9 does not part into attention_heads=2"):
        get_head("uil")(**{**QUICK, "hidden": 9}).fit(performances.x, performances.y)
