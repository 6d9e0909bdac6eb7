"""T2CR's paths, losses and votes, held against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from aqa.errors import AqaWarning
from aqa.models.heads.base import HeadError, parse_params, unpack_texts
from aqa.models.heads.base.two_paths import (
    MetVideos,
    TwoPathNet,
    halved,
    pair_losses,
    path_contrast,
)
from aqa.models.heads.t2cr import PUBLISHED, T2CRHead
from aqa.models.training.loop import VideoTensors
from aqa.models.training.partners import DrawnPartners, batch_of

QUICK = {"epochs": 2, "hidden": 8, "attention_heads": 2, "layers": 1, "device": "cpu"}


@pytest.fixture
def net() -> TwoPathNet:
    torch.manual_seed(0)
    return TwoPathNet(5, 8, 2, 1, 0.0).double().eval()


@pytest.fixture
def batch() -> MetVideos:
    torch.manual_seed(1)
    x, lengths = torch.randn(3, 5, 5).double(), torch.tensor([5, 2, 3])
    x = x.masked_fill((torch.arange(5) >= lengths[:, None])[:, :, None], 0.0)
    scores = torch.tensor([0.5, -1.0, 2.0]).double()
    return MetVideos(x, lengths, scores, torch.tensor([0, 1]), torch.tensor([2, 0]))


def test_as_published_it_has_these_many_parameters() -> None:
    """64 wide, two paths of 3 layers, gates over 256, and 256 to 64 to 1."""
    head = T2CRHead(**parse_params(T2CRHead, PUBLISHED))
    head.videos_ = 1059
    square = 64 * 64 + 64
    layer = 8 * square + 2 * square + 3 * 2 * 64
    gates = (256 * 16 + 16) + (16 * 256 + 256)
    ends = (256 * 64 + 64 + 65) + (128 * 64 + 64 + 65)
    expected = (1024 * 64 + 64) + 2 * 3 * layer + gates + ends
    assert sum(p.numel() for p in head.build(1024).parameters()) == expected == 350_802
    said = " ".join((T2CRHead.__doc__ or "").split())
    assert all(f"-p {one}" in said for one in PUBLISHED)


def test_half_as_many_clips_are_the_means_of_neighbours() -> None:
    clips = torch.tensor([[[1.0], [3.0], [8.0]], [[5.0], [7.0], [99.0]], [[4.0], [99.0], [99.0]]])
    means, lengths = halved(clips, torch.tensor([3, 2, 1]))
    assert lengths.tolist() == [2, 1, 1]
    assert means[0].flatten().tolist() == [2.0, 8.0]
    assert means[1, 0].item() == 6.0
    assert means[2, 0].item() == 4.0


@torch.no_grad()
def test_a_pair_reads_both_ways_in_both_paths(net: TwoPathNet, batch: MetVideos) -> None:
    found = net(batch.x, batch.lengths, batch.first, batch.second)
    for a, b, difference in zip(batch.first, batch.second, found, strict=True):
        sides = []
        for reader, other in ((b, a), (a, b)):
            for path, decoder in enumerate(net.decoders):
                mine, theirs = (
                    net.project(batch.x[i, : batch.lengths[i]]) for i in (reader, other)
                )
                if path == 1:
                    mine, theirs = (
                        torch.stack([part.mean(dim=0) for part in clips.split(2)])
                        for clips in (mine, theirs)
                    )
                read = decoder(mine[None], theirs[None], torch.tensor([len(theirs)])).features
                sides.append(read[0].mean(dim=0))
        joined = torch.cat(sides)
        squeezed = torch.clamp(net.gates.squeeze(joined), min=0)
        gated = joined / (1 + torch.exp(-net.gates.excite(squeezed)))
        torch.testing.assert_close(net.difference(gated)[0], difference)


@torch.no_grad()
def test_each_loss_is_that_of_the_naive_loop(net: TwoPathNet, batch: MetVideos) -> None:
    said = net.said(batch)
    scores, own = batch.targets.tolist(), said.own.tolist()
    pairs = list(zip(batch.first.tolist(), batch.second.tolist(), strict=True))
    found = {name: float(loss) for name, loss in pair_losses(said, batch).items()}
    differences = said.difference.tolist()
    expected = {
        "difference": [
            (d - (scores[v] - scores[e])) ** 2 for d, (e, v) in zip(differences, pairs, strict=True)
        ],
        "own": [(a - b) ** 2 for a, b in zip(own, scores, strict=True)],
        "consistency": [
            (d - (own[v] - own[e])) ** 2 for d, (e, v) in zip(differences, pairs, strict=True)
        ],
        "itself": [
            float(net(batch.x, batch.lengths, torch.tensor([i]), torch.tensor([i]))) ** 2
            for i in range(3)
        ],
    }
    for name, losses in expected.items():
        assert found[name] == pytest.approx(np.mean(losses)), name
    assert found.keys() - expected.keys() == {"contrast"}


def test_the_contrast_tells_a_video_by_its_other_path() -> None:
    torch.manual_seed(2)
    paths = torch.randn(4, 2, 6).double()
    one, other = ([row / row.norm() for row in paths[:, k]] for k in (0, 1))
    losses = []
    for rows, columns in ((one, other), (other, one)):
        for i, row in enumerate(rows):
            powers = [math.exp(float(row @ column) / 0.1) for column in columns]
            losses.append(-math.log(powers[i] / sum(powers)))
    assert float(path_contrast(paths)) == pytest.approx(np.mean(losses))


@torch.no_grad()
def test_it_learns_the_five_losses_by_their_weights(batch: MetVideos) -> None:
    head = T2CRHead(**QUICK, contrast=0.3, itself=7.0, dropout=0.0)
    head.videos_ = 3
    net = head.build(5).double()
    seen = []
    head.train_net = lambda make, train, held, trainer: seen.append(trainer(net))
    head.centre_, head.scale_ = np.zeros(5), np.ones(5)
    head.train_pairs([np.ones((2, 5))] * 3, np.arange(3.0), np.zeros(3, int), np.arange(0))
    each = {name: float(loss) for name, loss in pair_losses(net.said(batch), batch).items()}
    expected = each["difference"] + each["own"] + each["consistency"]
    expected += 0.3 * each["contrast"] + 7.0 * each["itself"]
    assert float(seen[0].objective(batch)) == pytest.approx(expected)


def partners(groups: list[int], known: list[bool], asked: list[int], most: int = 2):
    n = len(groups)
    x = [np.full((1 + i % 3, 2), i) for i in range(n)]
    videos = VideoTensors.of(x, np.arange(float(n)), torch.device("cpu"))
    return DrawnPartners(
        videos, np.array(asked), np.array(known), np.array(groups), MetVideos, most
    )


def test_a_partner_is_another_known_video_of_the_group() -> None:
    source = partners([0, 0, 0, 1, 1, 2], [True, True, False, True, True, True], [0, 2, 3, 5])
    met = set()
    for epoch in range(30):
        order = torch.randperm(4, generator=torch.Generator().manual_seed(epoch))
        for batch in source.batches(3, order):
            scores = batch.targets.tolist()
            met |= {
                (scores[e], scores[v])
                for e, v in zip(batch.first.tolist(), batch.second.tolist(), strict=True)
            }
            assert (batch.x[:, 0, 0] == batch.targets).all()
    assert met == {(1, 0), (0, 2), (1, 2), (4, 3)}  # none for video 5, alone in its group
    (fixed,) = source.batches(9)
    assert fixed.targets[fixed.second].tolist() == [0, 2, 2, 3]


def test_a_batch_holds_each_video_once() -> None:
    source = partners([0] * 4, [True] * 4, [0, 1, 2, 3])
    batch = batch_of(source.videos, np.array([[1, 3], [3, 1], [1, 0]]), MetVideos)
    assert batch.targets.tolist() == [0, 1, 3]
    assert (batch.first.tolist(), batch.second.tolist()) == ([1, 2, 1], [2, 1, 0])


def test_a_prediction_is_the_mean_vote_of_the_groups_exemplars(performances) -> None:
    x, y, types = performances.x, performances.y, performances.type
    head = T2CRHead(**QUICK, exemplars=3).fit(x[:50], y[:50], type=types[:50])
    labels, names = unpack_texts(head.ex_groups_), unpack_texts(head.ex_ids_)
    assert [labels.count(label) for label in "ABC"] == [3, 3, 3]
    tensor = lambda video: torch.tensor(head.scaled(video), dtype=torch.float32)  # noqa: E731
    for i in range(50, 53):
        votes = []
        for label, name in zip(labels, names, strict=True):
            if label == types[i]:
                number = int(name.removeprefix("row "))
                videos = [tensor(x[number]), tensor(x[i])]
                padded = torch.nn.utils.rnn.pad_sequence(videos, batch_first=True)
                lengths = torch.tensor([len(video) for video in videos])
                with torch.no_grad():
                    said = head.net_(padded, lengths, torch.tensor([0]), torch.tensor([1]))
                votes.append(y[number] + float(said) * y[:50].std())
        assert head.predict([x[i]], type=[types[i]]) == pytest.approx(np.mean(votes), rel=1e-4)


def test_a_group_without_an_exemplar_is_told(performances) -> None:
    head = T2CRHead(**QUICK).fit(performances.x, performances.y, type=performances.type)
    with pytest.warns(AqaWarning, match=r"1 of 1 videos .* without an exemplar \(D\)"):
        head.predict(performances.x[:1], type=["D"])


def test_held_out_videos_are_learned_from_in_the_refit_alone(performances, monkeypatch) -> None:
    seen = []
    inner = T2CRHead._trained

    def spy(self, make, trainer, train, held, epochs=None):
        seen.append((set(train.asked), set(np.flatnonzero(train.known)), held, epochs))
        return inner(self, make, trainer, train, held, epochs)

    monkeypatch.setattr(T2CRHead, "_trained", spy)
    head = T2CRHead(**QUICK).fit(performances.x, performances.y, type=performances.type)
    (learned, known, held, _), (every, all_known, no_stop, epochs) = seen
    assert learned == known == set(range(60)) - set(head.held_out)
    assert set(held.asked) == set(head.held_out)
    assert set(np.flatnonzero(held.known)) == learned
    assert every == all_known == set(range(60))
    assert (no_stop, epochs) == (None, head.best_epoch_)


@pytest.mark.parametrize(
    ("params", "columns", "problem"),
    [
        ({}, {"type": [str(i) for i in range(9)]}, "no two training videos of one type"),
        ({"hidden": 9}, {}, "hidden=9 does not part into attention_heads=2"),
        ({"exemplars": 0}, {}, "exemplars=0 is not a number, 1 or more"),
    ],
)
def test_what_cannot_be_fitted_is_named(performances, params, columns, problem) -> None:
    with pytest.raises(HeadError, match=problem):
        T2CRHead(**{**QUICK, **params}).fit(performances.x[:9], performances.y[:9], **columns)
