from __future__ import annotations

import numpy as np
import pytest
import torch

from aqa.models.heads.base.comparing import SiameseNet
from aqa.models.heads.base.pair_trainers import PairTrainer
from aqa.models.pairs import make_pairs
from aqa.models.training.loop import TrainingSettings, VideoTensors
from aqa.models.training.losses import pair_loss
from aqa.models.training.pair_batches import PairedVideos, PairsTogether, PairsWithinBatches

WEIGHTS = (0.7, 1.9)


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    x = [rng.normal(size=(int(n), 12)) for n in rng.integers(1, 6, 14)]
    scores, types = rng.uniform(0, 20, 14), rng.integers(0, 2, 14)
    pairs = make_pairs(scores, 5.0, types.astype(str)).both_orders()
    videos = VideoTensors.of(x, scores, torch.device("cpu"))
    return videos, pairs, PairedVideos(videos, pairs.first, pairs.second, pairs.similar, types)


def network():
    torch.manual_seed(0)
    return SiameseNet(12, 8, (10, 6)).double()


def as_double(batch):
    x, *others = batch.inputs
    return x.double(), *others


def naive_logit(net, videos, p, q):
    """As the paper draws it: both videos through the LSTM, joined, D1, D2, out."""
    ends = []
    for i in (p, q):
        _, (state, _) = net.lstm(videos.sequences[i].double()[None])
        ends.append(state[0, 0])
    joined = torch.cat(ends)
    return net.last(torch.relu(net.d2(torch.relu(net.d1(joined)))))[0]


def test_loss_and_gradients_are_those_of_the_naive_loop(data):
    videos, pairs, paired = data
    (batch,) = paired.batches(100)
    net = network()
    pair_loss(net(*as_double(batch)), batch.targets.double(), WEIGHTS).backward()
    fast = {name: p.grad.clone() for name, p in net.named_parameters()}

    net.zero_grad()
    losses = []
    for p, q, similar in zip(*pairs, strict=True):
        probability = torch.sigmoid(naive_logit(net, videos, p, q))
        chance = probability if similar else 1 - probability
        losses.append(-WEIGHTS[int(similar)] * torch.log(chance))
    torch.stack(losses).mean().backward()
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(fast[name], parameter.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("size", [2, 4, 14])
def test_gradients_of_an_epoch_do_not_depend_on_its_steps(data, size):
    _, pairs, paired = data
    grads = []
    for batches in (paired.batches(100), paired.batches(size, torch.randperm(14))):
        net = network()
        for batch in batches:
            loss = pair_loss(net(*as_double(batch)), batch.targets.double(), WEIGHTS)
            (loss * len(batch.targets) / len(pairs.first)).backward()
        grads.append(torch.cat([p.grad.flatten() for p in net.parameters()]))
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-9, atol=1e-12)


def test_an_epoch_trains_on_every_pair_once(data):
    _, pairs, paired = data
    seen = []

    class Spy(PairTrainer):
        def step(self, batch):
            seen.append(len(batch.targets))
            return super().step(batch)

    net = SiameseNet(12, 8)
    loss = Spy(net, WEIGHTS, TrainingSettings(1, 4, lr=1e-3), seed=0).epoch(paired)
    assert sum(seen) == len(pairs.first)
    assert np.isfinite(loss)


def test_balanced_weights_give_each_kind_half():
    similar = torch.tensor([1.0, 0.0, 0.0, 0.0])
    # Two unsure answers: the loss is log 2 whatever the weights, if they average to 1.
    weights = (4 / (2 * 3), 4 / (2 * 1))
    assert pair_loss(torch.zeros(4), similar, weights).item() == pytest.approx(np.log(2))
    moved = pair_loss(torch.tensor([0.0, 5.0, 5.0, 5.0]), similar, weights)
    expected = 0.5 * np.log(2) + 0.5 * np.log1p(np.exp(5))
    assert moved.item() == pytest.approx(expected)


@pytest.mark.parametrize("size", [4, 100])
def test_a_step_holds_each_of_its_clips_once(size):
    rng = np.random.default_rng(3)
    blank = np.zeros((1, 3))
    own = [rng.normal(size=(n, 3)) for n in (2, 1, 3, 1, 2, 2)]
    x = [np.concatenate([blank] * k + [clips]) for k, clips in enumerate(own)]
    videos = VideoTensors.of(x, np.arange(6.0), torch.device("cpu"))
    first, second = np.triu_indices(6, k=1)
    paired = PairedVideos(videos, first, second, np.ones(len(first)), np.zeros(6, int))
    for batch in paired.batches(size, torch.arange(6)):
        numbers = batch.video_targets.long().tolist()
        for number, rows, length in zip(numbers, batch.rows, batch.lengths, strict=True):
            np.testing.assert_array_equal(batch.x[rows[:length]], x[number].astype(np.float32))
        clips = sum(len(own[number]) for number in numbers)
        assert len(batch.x) == clips + any(number > 0 for number in numbers)  # and one blank


class TestPairsWithinBatches:
    KINDS = np.array(list("AABBCABCAB"))

    def source(self, groups=None, exemplars=None, both_orders=True):
        rng = np.random.default_rng(4)
        x = [rng.normal(size=(2, 3)) for _ in self.KINDS]
        return PairsWithinBatches(
            VideoTensors.of(x, np.arange(10.0), torch.device("cpu")),
            np.array([0, 1, 2, 3, 5, 6, 7, 8]),  # 4 and 9 are held out
            np.zeros(10, int) if groups is None else groups,
            self.KINDS,
            exemplars or {},
            lambda first, second: first * 100.0 + second,
            both_orders,
        )

    def pairs(self, batch):
        numbers = batch.video_targets.long()
        return [*zip(numbers[batch.first].tolist(), numbers[batch.second].tolist(), strict=True)]

    @pytest.mark.parametrize("both_orders", [True, False])
    def test_each_batch_holds_all_pairs_of_its_videos(self, both_orders):
        seen = []
        for batch in self.source(both_orders=both_orders).batches(3, torch.randperm(8)):
            videos = batch.video_targets.long().tolist()
            seen += videos
            assert 2 <= len(videos) <= 3
            expected = [
                (i, j) for i in videos for j in videos if (i != j if both_orders else i < j)
            ]
            assert sorted(self.pairs(batch)) == sorted(expected)
            assert batch.targets.tolist() == [100.0 * i + j for i, j in self.pairs(batch)]
        assert sorted(seen) == [0, 1, 2, 3, 5, 6, 7, 8]  # each once, none that is held out

    def test_an_exemplar_of_each_type_stands_beside_a_batch(self):
        best = {"A": np.array([0, 8]), "B": np.array([3])}
        drawn = set()
        for seed in range(9):
            order = torch.randperm(8, generator=torch.Generator().manual_seed(seed))
            for batch in self.source(exemplars=best).batches(2, order):
                videos = set(batch.video_targets.long().tolist())
                for kind, exemplars in best.items():
                    if kind in self.KINDS[sorted(videos)]:
                        assert videos & set(exemplars.tolist())
                drawn |= videos & {0, 8}
        assert drawn == {0, 8}

    def test_pairs_are_made_within_groups(self):
        groups = np.unique(self.KINDS, return_inverse=True)[1]
        for batch in self.source(groups).batches(4, torch.randperm(8)):
            for i, j in self.pairs(batch):
                assert self.KINDS[i] == self.KINDS[j]

    def test_the_same_order_gives_the_same_batches(self):
        best = {"A": np.array([0, 8])}
        order = torch.randperm(8)
        one, other = (
            [self.pairs(b) for b in self.source(exemplars=best).batches(3, order)] for _ in "12"
        )
        assert one == other


def test_pairs_to_stop_by_are_one_batch(data):
    videos, pairs, _ = data
    groups = np.zeros(len(videos), int)
    together = PairsTogether(videos, pairs.first, pairs.second, pairs.similar, groups)
    (batch,) = together.batches(2)
    assert len(batch.targets) == len(pairs.similar)
    assert len(batch.lengths) == len(set(pairs.first) | set(pairs.second))


def test_differences_are_learned_beside_similarity(data):
    _, _, paired = data
    net = SiameseNet(12, 8, (10, 6))
    settings = TrainingSettings(1, 99, 1e-3)
    plain = PairTrainer(net, WEIGHTS, settings, 0)
    both = PairTrainer(net, WEIGHTS, settings, 0, difference_weight=0.5, scale=4.0)
    (batch,) = paired.batches(99)
    added = both.objective(batch) - plain.objective(batch)
    with torch.no_grad():
        z = net.join(net.embed(batch.x, batch.lengths, batch.rows), batch.first, batch.second)
        errors = [
            both.difference(row).item() - (videos_score(batch, q) - videos_score(batch, p)) / 4
            for row, p, q in zip(z, batch.first.tolist(), batch.second.tolist(), strict=True)
        ]
    assert added.item() == pytest.approx(0.5 * np.mean(np.square(errors)), rel=1e-4)


def videos_score(batch, number):
    return batch.video_targets[number].item()
