"""RICA2's steps, composition, losses and how sure it is, held against plain loops."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from aqa.errors import AqaWarning
from aqa.models.examples import Examples
from aqa.models.heads.base import HeadError, parse_params, unpack_texts
from aqa.models.heads.base.rubric_network import (
    RubricNet,
    attention_order,
    attention_spread,
    bottleneck,
    part_of_steps,
)
from aqa.models.heads.rica2 import PUBLISHED, RICA2Head
from aqa.models.training.loop import VideoTensors

QUICK = {"epochs": 3, "hidden": 8, "attention_heads": 2, "samples": 5, "device": "cpu"}
DIVES = ["107B", "5253B", "407C"]


def columns(n: int) -> dict[str, list]:
    return {"type": [DIVES[i % 3] for i in range(n)]}


@pytest.fixture(scope="module")
def fitted(performances) -> RICA2Head:
    known = columns(len(performances.y))
    return RICA2Head(**{**QUICK, "epochs": 15}).fit(performances.x, performances.y, **known)


@pytest.fixture
def net() -> RubricNet:
    torch.manual_seed(0)
    net = RubricNet(
        *(5,), names=4, places=3, width=8, latent=4, heads=2, layers=(1, 2), dropout=0.0, samples=6
    )
    return net.double().eval()


def test_as_published_it_has_these_many_parameters() -> None:
    """Convolutions of width 3 to 512, 2 and 2 layers, 256 latent values, for 29 names of steps."""
    head = RICA2Head(**parse_params(RICA2Head, PUBLISHED))
    names = [f"step {k}" for k in range(29)]
    head.learn_scores(np.arange(29.0), steps=[(name, "a", "b", "c", "d") for name in names])
    net = head.build(1024)
    square, norm = 512 * 512 + 512, 2 * 512
    convolutions = (1024 * 3 * 512 + 512) + (512 * 3 * 512 + 512)
    encoder, decoder = 2 * (6 * square + 2 * norm), 2 * (10 * square + 3 * norm)
    vectors = (33 + 2) * 512 + 5 * 512  # 29 and a to d, none and unknown; places
    latent = 2 * (512 * 256 + 256) + 3 * (256 * 256 + 256) + (768 * 256 + 256) + 257
    expected = convolutions + encoder + decoder + vectors + latent
    assert sum(p.numel() for p in net.parameters()) == expected == 11_453_185
    assert net.noise.shape == (20, 5, 256)
    said = " ".join((RICA2Head.__doc__ or "").split())
    assert all(f"-p {one}" in said for one in PUBLISHED)


@torch.no_grad()
def test_samples_of_steps_are_composed_to_parts_and_to_the_score(net: RubricNet) -> None:
    drawn, counts = torch.randn(3, 2, 5, 4).double(), torch.tensor([5, 2, 1])
    found = net.composed(drawn, counts)
    groups = {5: ([0], [1, 2, 3], [4]), 2: ([0], [], [1]), 1: ([], [0], [])}
    for video, count in enumerate(counts.tolist()):
        for sample in range(2):
            parts = []
            for layer, group in zip(net.parts, groups[count], strict=True):
                total = sum((drawn[video, sample, k] for k in group), torch.zeros(4).double())
                parts.append(torch.clamp(layer(total / max(len(group), 1)), min=0))
            whole = torch.clamp(net.whole(torch.cat(parts)), min=0)
            assert float(found[video, sample]) == pytest.approx(float(net.last(whole)))


def test_the_first_step_those_between_and_the_last_are_parts() -> None:
    parts = part_of_steps(torch.tensor([4, 1]), 4)
    assert parts[0].tolist() == [[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]]
    assert parts[1].tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


@torch.no_grad()
def test_padding_and_company_move_no_score(net: RubricNet) -> None:
    videos = [torch.randn(n, 5).double() for n in (4, 1, 6)]
    steps = torch.tensor([[2, 3, 0], [2, 4, 5], [1, 0, 0]])
    padded = torch.nn.utils.rnn.pad_sequence(videos, batch_first=True, padding_value=7.0)
    together = net(padded, torch.tensor([4, 1, 6]), steps)
    for video, own, scores in zip(videos, steps, together, strict=True):
        alone = net(video[None], torch.tensor([len(video)]), own[own > 0][None])
        torch.testing.assert_close(alone[0], scores)


def test_the_bottleneck_is_the_divergence_from_the_normal_distribution() -> None:
    torch.manual_seed(1)
    mean, log_variance = torch.randn(2, 3, 4).double(), torch.randn(2, 3, 4).double()
    found = bottleneck(mean, log_variance, torch.tensor([3, 1]))
    normal = torch.distributions.Normal(0.0, 1.0)
    each = []
    for video, step in ((0, 0), (0, 1), (0, 2), (1, 0)):
        own = torch.distributions.Normal(mean[video, step], (log_variance[video, step] / 2).exp())
        each.append(float(torch.distributions.kl_divergence(own, normal).sum()))
    assert float(found) == pytest.approx(np.mean(each))


def naive_places(weights, n: int) -> list[float]:
    return [sum(float(w) * (i + 0.5) / n for i, w in enumerate(row[:n])) for row in weights]


def naive_order(clips, lengths, counts) -> float:
    late = []
    for weights, n, k in zip(clips, lengths.tolist(), counts.tolist(), strict=True):
        places = naive_places(weights[:k], n)
        late += [max(0.0, a + 1 / max(n, k) - b) for a, b in itertools.pairwise(places)]
    return float(np.mean(late))


def naive_spread(clips, lengths, counts) -> float:
    far = []
    for weights, n, k in zip(clips, lengths.tolist(), counts.tolist(), strict=True):
        for row, place in zip(weights[:k], naive_places(weights[:k], n), strict=True):
            far.append(sum(float(w) * abs((i + 0.5) / n - place) for i, w in enumerate(row[:n])))
    return float(np.mean(far))


def drawn_attention():
    torch.manual_seed(2)
    lengths, counts = torch.tensor([5, 2, 4]), torch.tensor([3, 3, 1])
    clips = torch.randn(3, 3, 5).double()
    behind = torch.arange(5) >= lengths[:, None]
    return clips.masked_fill(behind[:, None], -torch.inf).softmax(dim=2), lengths, counts


def test_attention_is_asked_to_be_in_order_and_narrow() -> None:
    clips, lengths, counts = drawn_attention()
    assert float(attention_order(clips, lengths, counts)) == pytest.approx(
        naive_order(clips, lengths, counts)
    )
    assert float(attention_spread(clips, lengths, counts)) == pytest.approx(
        naive_spread(clips, lengths, counts)
    )
    alone = attention_order(clips[2:], lengths[2:], counts[2:])
    assert float(alone) == 0


def test_steps_that_look_one_after_the_other_cost_nothing() -> None:
    clips = torch.eye(3)[None]
    lengths = counts = torch.tensor([3])
    assert float(attention_order(clips, lengths, counts)) == pytest.approx(0, abs=1e-6)
    assert float(attention_spread(clips, lengths, counts)) == pytest.approx(0, abs=1e-6)
    assert float(attention_order(clips.flip(1), lengths, counts)) == pytest.approx(2 / 3)


@torch.no_grad()
def test_it_learns_all_four_losses_by_their_weights(rng: np.random.Generator) -> None:
    head = RICA2Head(**QUICK, bottleneck=0.3, order=0.2, sparsity=0.1, dropout=0.0)
    x, y = [rng.normal(size=(n, 5)) for n in (3, 5, 2)], np.array([1.0, 2.0, 4.0])
    known = {"id": list("abc"), **columns(3)}
    head.learn_scores(y, **known)
    net = head.build(5)
    trainer = head.trainer(net)
    videos = VideoTensors.of(x, head.targets(y, **known), torch.device("cpu"))
    (batch,) = videos.batches(3)
    torch.manual_seed(4)
    found = float(trainer.objective(batch))
    torch.manual_seed(4)
    said = net.said(batch.x, batch.lengths, batch.targets[:, 1:].long())
    scaled = (y - y.mean()) / y.std()
    errors = np.mean(
        [(s - t) ** 2 for row, t in zip(said.scores.tolist(), scaled, strict=True) for s in row]
    )
    expected = errors + 0.3 * float(bottleneck(said.mean, said.log_variance, said.counts))
    expected += 0.2 * naive_order(said.clips, batch.lengths, said.counts)
    expected += 0.1 * naive_spread(said.clips, batch.lengths, said.counts)
    assert found == pytest.approx(expected, rel=1e-4)
    net.eval()
    means = net.said(batch.x, batch.lengths, batch.targets[:, 1:].long()).scores.mean(dim=1)
    assert trainer.evaluate(videos) == pytest.approx(
        np.mean([(float(m) - t) ** 2 for m, t in zip(means, scaled, strict=True)]), rel=1e-5
    )


def test_a_usual_spread_is_as_large_as_errors_on_held_out_videos(fitted, performances) -> None:
    known = columns(len(performances.y))
    every = Examples.of(performances.x, performances.y, id=performances.id, **known)
    held, before = every.select(fitted.held_out), fitted.before_refit()
    errors = before.predict_examples(held) - held.scores
    for head in (fitted, before):
        (low, high) = head.quantiles(every, [0.15865525393145707, 0.8413447460685429]).T
        assert np.median(high - low) / 2 == pytest.approx(np.sqrt(np.mean(errors**2)))
        scores, spreads = head.scores_and_spreads(every)
        np.testing.assert_allclose((high + low) / 2, scores)
        np.testing.assert_allclose((high - low) / 2, head.trust_ * spreads)
    assert fitted.trust_ != before.trust_


def test_steps_come_from_the_first_column_that_every_video_has(performances) -> None:
    x, y = performances.x[:9], performances.y[:9]
    stages = [{"flight": 3, "entry": 9}] * 9
    named = [("Forward", "Entry")] * 9
    found = {}
    for name, known in {
        "steps": {**columns(9), "stages": stages, "steps": named},
        "type": {**columns(9), "stages": stages, "steps": [()] * 9},
        "stages": {"type": ["vault"] * 9, "stages": stages},
        "none": {},
    }.items():
        head = RICA2Head(**{**QUICK, "epochs": 1}).fit(x, y, **known)
        assert head.chosen["steps"] == name
        found[name] = unpack_texts(head.names_)
        assert head.answer_columns == (() if name == "none" else (name,))
    assert found["steps"] == ["Entry", "Forward"]
    assert found["stages"] == ["entry", "flight"]
    assert found["none"] == ["action"]
    assert "2.5 somersaults pike" in found["type"]


def test_a_step_that_training_had_not_is_said(fitted, performances) -> None:
    with pytest.warns(AqaWarning, match="no training video has the step reverse take-off"):
        fitted.predict(performances.x[:1], type=["307B"])
    with pytest.warns(AqaWarning, match="1 of 2 videos have no steps"):
        fitted.predict(performances.x[:2], type=["107B", None])


def test_a_step_that_training_had_not_is_the_mean_of_those_it_had(fitted) -> None:
    for net in (fitted.net_, fitted.net_before_):
        vectors = net.names.weight.detach()
        assert len(vectors) == 2 + len(unpack_texts(fitted.names_))
        torch.testing.assert_close(vectors[1], vectors[2:].mean(dim=0))
        assert not vectors[0].any()


def test_the_same_clips_in_another_dive_get_another_score(fitted, performances) -> None:
    one, other = (fitted.predict(performances.x[:5], type=[dive] * 5) for dive in DIVES[:2])
    assert not np.allclose(one, other, rtol=1e-3)


def test_steps_that_some_videos_lack_are_told(performances) -> None:
    x, y = performances.x[:9], performances.y[:9]
    types = [None, *["107B"] * 8]
    with pytest.warns(AqaWarning, match=r"1 of 9 training videos have no steps by type \(row 0\)"):
        head = RICA2Head(**{**QUICK, "epochs": 1}).fit(x, y, type=types)
    assert head.chosen["steps"] == "none"
    with pytest.raises(HeadError, match=r"no steps by steps=type \(row 0\); fill in"):
        RICA2Head(**QUICK, steps="type").fit(x, y, type=types)
    with pytest.raises(HeadError, match="8 values of type for 9 videos"):
        RICA2Head(**QUICK).fit(x, y, type=types[1:])


def test_the_rate_warms_up(performances) -> None:
    head = RICA2Head(**QUICK, warm_up=2, lr=0.004, validation=0.0)
    head.fit(performances.x[:9], performances.y[:9])
    assert [row["lr"] for row in head.history_] == pytest.approx([0.002, 0.004, 0.004])
    assert math.isfinite(head.trust_)
