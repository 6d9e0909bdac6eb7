from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch

from aqa.evaluation.pair_metrics import measure_pairs
from aqa.models.examples import Examples
from aqa.models.heads.base import HeadError, PairHead
from aqa.models.heads.base.comparing import SiameseNet
from aqa.models.heads.base.pair_trainers import ClipTrainer, PairTrainer
from aqa.models.heads.siamese import SiameseHead
from aqa.models.pairs import make_pairs
from aqa.models.training.fast_lstm import WIDE
from aqa.models.training.loop import TrainingSettings, VideoTensors
from aqa.models.training.pair_batches import PairedVideos

QUICK = {"epochs": 60, "hidden": 16, "device": "cpu", "lr": 0.01}
WITHIN = {"pairing": "within"}


@pytest.fixture(scope="module")
def fitted(performances):
    train = performances.part(slice(45))
    return SiameseHead(**QUICK).fit(train.x, train.y, type=train.type)


def test_it_compares_pairs_and_scores_nothing(fitted):
    assert isinstance(fitted, PairHead)
    assert fitted.kind == "pairs"
    with pytest.raises(HeadError, match="SiameseHead compares two videos and scores none"):
        fitted.predict([np.zeros((2, 6))])


def test_it_learns_to_tell_similar_pairs(fitted, performances):
    pairs = fitted.pairs(
        Examples.of(
            [np.zeros((1, 1))] * len(performances.y), performances.y, type=performances.type
        )
    )
    pairs = pairs.where(pairs.second >= 45)  # a test video and any other
    chance = fitted.similarity(Examples.of(performances.x), pairs.first, pairs.second)
    assert measure_pairs(pairs, chance, resamples=5).values["roc_auc"] > 0.8


def test_a_pair_is_held_out_with_either_of_its_videos(fitted, performances):
    train = performances.part(slice(45))
    pairs = fitted.pairs(Examples.of([np.zeros((1, 1))] * len(train.y), train.y, type=train.type))
    out = np.isin(pairs.first, fitted.held_out) | np.isin(pairs.second, fitted.held_out)
    assert fitted.pairs_seen_ == {
        "train": pairs.where(~out).counts(),
        "held_out": pairs.where(out).counts(),
    }
    assert len(fitted.held_out) == round(0.15 * 45)
    assert {train.type[i] for i in fitted.held_out} == set("ABC")


@pytest.mark.parametrize("both_orders", [True, False])
def test_an_epoch_learns_from_each_pair_once(performances, both_orders, monkeypatch):
    seen, step = [], PairTrainer.step

    def spied(self, batch):
        ends = batch.video_targets[torch.stack([batch.first, batch.second])]
        seen.extend(map(tuple, ends.T.tolist()))
        return step(self, batch)

    monkeypatch.setattr(PairTrainer, "step", spied)
    y = np.arange(60.0)  # tells the videos apart
    head = SiameseHead(
        **QUICK | {"epochs": 1, "batch_size": 8, "both_orders": both_orders},
        sampling="every",
        pairing="within",
        refit=False,
    )
    head.fit(performances.x, y, type=performances.type)
    pairs = head.pairs(Examples.of([np.zeros((1, 1))] * len(y), y, type=performances.type))
    pairs = pairs.where(~np.isin([pairs.first, pairs.second], head.held_out).any(axis=0))
    expected = [*zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)]
    turned = [(b, a) for a, b in expected] if both_orders else []
    assert sorted(seen) == sorted(expected + turned)
    assert head.pairs_seen_["train"] == pairs.counts()  # each pair counts once


def test_given_validation_videos_are_held_out_instead(performances):
    train, val = performances.part(slice(40)), performances.part(slice(40, None))
    head = SiameseHead(**QUICK).fit(
        train.x, train.y, (val.x, val.y, {"type": val.type}), type=train.type
    )
    assert len(head.held_out) == 0
    assert (
        head.pairs_seen_["train"]
        == head.pairs(
            Examples.of([np.zeros((1, 1))] * len(train.y), train.y, type=train.type)
        ).counts()
    )
    everything = head.pairs(
        Examples.of(
            [np.zeros((1, 1))] * len(performances.y), performances.y, type=performances.type
        )
    ).counts()
    seen = head.pairs_seen_
    for kind, count in everything.items():
        assert seen["train"][kind] + seen["held_out"][kind] == count


def test_all_pairs_are_more_than_those_within_types(performances):
    scores, types = performances.y, performances.type
    within = SiameseHead(pairing="within").pairs(
        Examples.of([np.zeros((1, 1))] * len(scores), scores, type=types)
    )
    across = SiameseHead(pairing="all").pairs(
        Examples.of([np.zeros((1, 1))] * len(scores), scores, type=types)
    )
    assert len(within.similar) == 3 * 20 * 19 / 2
    assert len(across.similar) == 60 * 59 / 2


def test_videos_without_any_types_are_of_one(performances):
    assert (
        len(
            SiameseHead()
            .pairs(Examples.of([np.zeros((1, 1))] * len(performances.y), performances.y))
            .similar
        )
        == 60 * 59 / 2
    )


def test_the_same_seed_gives_the_same_metric(performances):
    def fit(seed):
        head = SiameseHead(**QUICK | {"epochs": 3}, seed=seed)
        return head.fit(performances.x, performances.y, type=performances.type).state()

    first, again, other = fit(1), fit(1), fit(2)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["net.lstm.weight_ih_l0"], other["net.lstm.weight_ih_l0"])


def test_a_saved_metric_answers_the_same(fitted, performances):
    restored = SiameseHead(**QUICK).restore(fitted.state())
    first, second = np.array([0, 5, 9]), np.array([3, 2, 9])
    np.testing.assert_array_equal(
        restored.similarity(Examples.of(performances.x), first, second),
        fitted.similarity(Examples.of(performances.x), first, second),
    )
    np.testing.assert_array_equal(restored.unseen, fitted.unseen)


def test_the_order_of_a_pair_matters_to_the_network(fitted, performances):
    a, b = np.array([0]), np.array([1])
    one = fitted.similarity(Examples.of(performances.x), a, b)
    assert fitted.similarity(Examples.of(performances.x), b, a) != pytest.approx(one, abs=1e-12)


@pytest.mark.parametrize(
    ("params", "change", "problem"),
    [
        ({"threshold": 0.0}, {}, "threshold=0.0 is not a number, above 0"),
        ({"threshold": 1e3}, {}, "pairs are similar at threshold=1000.0; lower it"),
        ({"threshold": 1e-9}, {}, "pairs are dissimilar at threshold=1e-09; raise it"),
        (WITHIN, {"type": [str(i) for i in range(60)]}, "no two training videos of one type"),
        ({}, {"type": ["A"] * 59}, "59 values of type for 60 videos"),
        (WITHIN, {"type": [None, *["A"] * 59]}, r"1 of 60 .* have no type \(row 0\)"),
        ({"epochs": 0}, {}, "epochs=0 is not a number, 1 or more"),
    ],
)
def test_what_cannot_be_learned_from_is_named(performances, params, change, problem):
    columns = {"type": performances.type} | change
    with pytest.raises(HeadError, match=problem):
        SiameseHead(**QUICK | params).fit(performances.x, performances.y, **columns)


@pytest.mark.parametrize("clips", [False, True])
def test_a_loss_that_is_no_number_is_named(performances, clips):
    head = SiameseHead(**QUICK | {"lr": 1e30, "learn_clips": clips})
    with pytest.raises(HeadError, match="the loss is nan in epoch"):
        head.fit(performances.x, performances.y, type=performances.type, blank=np.zeros(6))


def test_across_types_a_missing_type_does_not_matter(performances):
    head = SiameseHead(**QUICK | {"epochs": 1}, pairing="all")
    head.fit(performances.x, performances.y, type=[None, *["A"] * 59])
    assert sum(head.pairs_seen_["train"].values()) > 1000


class TestViews:
    def test_copies_multiply_the_training_pairs_and_none_are_held_out(self, performances):
        train = performances.part(slice(45))
        view = [sequence + 0.01 for sequence in train.x]
        quick = QUICK | {"epochs": 1}
        plain, augmented = (
            SiameseHead(**quick).fit(train.x, train.y, type=train.type, views=views)
            for views in ([], [view, view])
        )
        assert augmented.pairs_seen_["held_out"] == plain.pairs_seen_["held_out"]
        before, after = plain.pairs_seen_["train"], augmented.pairs_seen_["train"]
        kept = 45 - len(plain.held_out)
        assert after["dissimilar"] == 9 * before["dissimilar"]
        assert after["similar"] == 9 * before["similar"] + 3 * kept  # a video and its copies

    def test_views_of_other_videos_are_refused(self, performances):
        x, y = performances.x, performances.y
        with pytest.raises(HeadError, match="augmentation 0 has 3 videos for 60"):
            SiameseHead(**QUICK).fit(x, y, views=[x[:3]])


class TestSingleClips:
    """learn_clips=true: it learns too from what feedback will ask it about."""

    def fit(self, performances, **more):
        head = SiameseHead(**QUICK | {"epochs": 2, "learn_clips": True} | more.pop("params", {}))
        columns = {"type": performances.type, "blank": performances.blank} | more
        return head.fit(performances.x, performances.y, **columns)

    @pytest.mark.parametrize("dim", [6, WIDE])
    def test_the_loss_is_that_of_the_naive_loop(self, dim):
        rng = np.random.default_rng(2)
        x = [rng.normal(size=(n, dim)).astype(np.float32) for n in (3, 2, 4, 4)]
        blank = rng.normal(size=dim).astype(np.float32)
        x[2][0] = x[3][2] = blank
        net = SiameseNet(dim, 8, (10, 6))
        pairs = make_pairs(np.array([60.0, 58.0, 52.0, 40.0]), 5.0).both_orders()
        meant = np.where(pairs.first == 1, np.array([0.9, 0.5, 0.4, 0.1])[pairs.second], np.nan)
        videos = VideoTensors.of(x, np.zeros(4), torch.device("cpu"))
        targets = np.stack([pairs.similar, meant], axis=1)
        paired = PairedVideos(videos, pairs.first, pairs.second, targets, np.zeros(4, int))
        weights, bag_weights = (0.8, 1.4), (0.5, 2.0)
        trainer = ClipTrainer(
            net, weights, TrainingSettings(1, 9, 1e-3), 0, bag_weights, torch.from_numpy(blank)
        )
        (batch,) = paired.batches(9)
        found = trainer.objective(batch).item()

        def similarity(p, q):
            ends = [net.lstm(torch.from_numpy(np.stack(v))[None])[0][0, -1] for v in (p, q)]
            return torch.sigmoid(net.last(net.d2(net.d1(torch.cat(ends)).relu()).relu())).item()

        losses, bags, wrong = [], [], {False: [], True: []}
        for p, q, similar, mean in zip(*pairs, meant, strict=True):
            chance = similarity(x[p], x[q])
            losses.append(-np.log(chance if similar else 1 - chance) * weights[int(similar)])
            if p == 1:
                chances = []
                for j, clip in enumerate(x[q]):
                    k = min(j, len(x[p]) - 1)
                    if (clip != blank).any():
                        pair = [blank] * k + [x[p][k]], [blank] * j + [clip]
                        chances.append(similarity(*pair))
                chance = np.prod(chances) ** (1 / len(chances))
                entropy = -mean * np.log(chance) - (1 - mean) * np.log(1 - chance)
                bags.append(bag_weights[int(mean > 0.5)] * entropy)
                wrong[mean > 0.5].append(1 - chance if mean > 0.5 else chance)
        assert found == pytest.approx(np.mean(losses) + np.mean(bags), rel=1e-5)
        # Stopped by the bags alone, each kind weighing the same.
        expected = np.mean([np.mean(chances) for chances in wrong.values()])
        assert trainer.evaluate(paired) == pytest.approx(expected, rel=1e-5)

    def test_a_step_without_experts_learns_from_pairs_alone(self):
        net = SiameseNet(6, 8, (10, 6))
        videos = VideoTensors.of(
            [np.ones((2, 6)), np.zeros((3, 6))], np.zeros(2), torch.device("cpu")
        )
        one, other, targets = np.array([0]), np.array([1]), np.array([[1.0, np.nan]])
        (batch,) = PairedVideos(videos, one, other, targets, np.zeros(2, int)).batches(9)
        args = ((1.0, 1.0), TrainingSettings(1, 9, 1e-3), 0)
        clips = ClipTrainer(net, *args, (1.0, 1.0), torch.full((6,), 0.5)).objective(batch)
        plain = PairTrainer(net, *args).objective(replace(batch, targets=batch.targets[:, 0]))
        assert clips.item() == plain.item()

    def test_experts_are_of_the_same_type_whatever_is_paired(self, performances):
        head = self.fit(performances, params={"pairing": "all"})
        assert sum(head.pairs_seen_["train"].values()) > 1000
        alone = {"type": [str(i) for i in range(60)], "params": {"pairing": "all"}}
        with pytest.raises(HeadError, match="no exemplar to compare clips with"):
            self.fit(performances, **alone)

    def test_a_store_without_a_blank_response_is_refused(self, performances):
        with pytest.raises(
            HeadError, match=r"the response to a blank clip.*leave learn_clips=true out"
        ):
            self.fit(performances, blank=None)

    def test_one_order_of_pairs_is_refused(self, performances):
        with pytest.raises(HeadError, match="leave out both_orders=false"):
            self.fit(performances, params={"both_orders": False})


class TestSimilarWithin:
    """A threshold of its own for each action, from the manifest."""

    def test_it_goes_before_the_parameter(self, performances):
        own = [None if k % 2 else 1.0 for k in range(60)]
        found = SiameseHead(threshold=30.0).pairs(
            Examples.of(
                [np.zeros((1, 1))] * len(performances.y), performances.y, similar_within=own
            )
        )
        gap = np.abs(performances.y[found.first] - performances.y[found.second])
        both_odd = (found.first % 2 == 1) & (found.second % 2 == 1)
        np.testing.assert_array_equal(found.similar, gap < np.where(both_odd, 30.0, 1.0))

    def test_fitting_counts_by_it(self, performances):
        x, y, kinds = performances.x, performances.y, performances.type
        head = SiameseHead(**QUICK | {"epochs": 1})
        seen = head.fit(x, y, type=kinds, similar_within=[2.0] * 60).pairs_seen_
        plain = SiameseHead(**QUICK | {"epochs": 1}, threshold=2.0).fit(x, y, type=kinds)
        assert seen == plain.pairs_seen_

    @pytest.mark.parametrize(
        ("own", "said"), [([0.0] * 60, "smallest 0"), ([5.0], "1 values of similar_within for 60")]
    )
    def test_what_cannot_be_is_refused(self, performances, own, said):
        with pytest.raises(HeadError, match=said):
            SiameseHead().fit(performances.x, performances.y, similar_within=own)


def test_the_pairs_activations_are_not_all_held(fitted, performances):
    """64 numbers per pair, of which only a weighted sum is wanted."""
    first, second = np.tile(np.triu_indices(60, k=1), 60)
    embedded = fitted.embed(performances.x)
    tracemalloc.start()
    try:
        found = fitted.probability(embedded, first, second)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * 8 * len(first)
    z, last = fitted.join(embedded, first[:50], second[:50]), fitted.net_.last
    logits = z @ last.weight[0].double().detach().numpy() + last.bias.item()
    np.testing.assert_allclose(found[:50], 1 / (1 + np.exp(-logits)), rtol=1e-12)
