"""CoRe's tree, exemplars and intervals, held against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aqa.errors import AqaWarning
from aqa.models.examples import Examples
from aqa.models.heads.base import HeadError, unpack_texts
from aqa.models.heads.base.regression_tree import LevelTree, NodeTree
from aqa.models.heads.core import ContrastiveNet, CoReHead
from aqa.models.target_transforms import transformed
from aqa.models.training.losses import leaf_loss, tree_loss

QUICK = {"epochs": 15, "hidden": 16, "depth": 4, "device": "cpu"}


@pytest.fixture
def dives(rng):
    """60 videos of two types, worth their features and 20 points more for type B."""
    truth, types = rng.normal(size=60), np.array(["A", "B"] * 30)
    x = [t + rng.normal(scale=0.1, size=(3, 4)).astype(np.float32) for t in truth]
    return x, 50 + 10 * truth + 20 * (types == "B"), types.tolist()


def naive_levels(tree, features):
    """Node by node for one pair: the probability of each leaf, and where it puts its answer."""
    depth = len(tree.levels)
    chance = []
    for leaf in range(2**depth):
        way, node, state = 1.0, 0, features
        for level in range(depth):
            state = torch.clamp(tree.levels[level](state), min=0)
            right = 1 / (1 + torch.exp(-tree.turns[level](state)[node]))
            goes_right = leaf >> (depth - 1 - level) & 1
            way = way * (right if goes_right else 1 - right)
            node = 2 * node + goes_right
        chance.append(way)
    return torch.stack(chance), 1 / (1 + torch.exp(-tree.leaves(state)))


def naive_nodes(tree, features):
    """The same of a tree with a layer for each node: down the way to each leaf by itself."""
    chance, places = [], []
    for leaf in range(2**tree.splits):
        way, node, state = 1.0, 0, features
        for level in range(tree.splits):
            turn = tree.turns[level]
            sides = torch.exp(state @ turn.weight[node] + turn.bias[node, 0])
            goes_right = leaf >> (tree.splits - 1 - level) & 1
            way = way * sides[goes_right] / sides.sum()
            node = 2 * node + goes_right
            layer = tree.nodes[level]
            state = torch.clamp(state @ layer.weight[node] + layer.bias[node, 0], min=0)
        chance.append(way)
        places.append((state @ tree.leaves.weight[node] + tree.leaves.bias[node, 0])[0])
    return torch.stack(chance), torch.stack(places)


@pytest.mark.parametrize(("make", "naive"), [(LevelTree, naive_levels), (NodeTree, naive_nodes)])
def test_a_leafs_probability_is_the_product_along_its_way(make, naive):
    torch.manual_seed(0)
    tree = make(6, torch.linspace(-2, 2, 9)).double()
    features = torch.randn(5, 6).double()
    log_chance, place = tree(features)
    for row, own_chance, own_place in zip(features, log_chance, place, strict=True):
        chance, where = naive(tree, row)
        torch.testing.assert_close(own_chance.exp(), chance)
        torch.testing.assert_close(own_place, where)
    torch.testing.assert_close(log_chance.exp().sum(dim=1), torch.ones(5).double())


def test_a_tree_of_nodes_has_as_many_parameters_as_the_authors_code():
    """2049 values to 256, 30 layers of 256, 15 of 2 logits, 16 leaves."""
    head = CoReHead()
    edges = torch.linspace(-1, 1, 2 ** (head.depth - 1) + 1)
    net = ContrastiveNet(1024, head.hidden, edges, levels=False)
    expected = 2049 * 256 + 256 + 30 * (256 * 256 + 256) + 15 * (256 * 2 + 2) + 16 * (256 + 1)
    assert sum(p.numel() for p in net.parameters()) == expected == 2_510_382


def test_the_loss_of_a_node_tree_is_the_right_leafs():
    torch.manual_seed(1)
    chance = torch.softmax(torch.randn(4, 8).double(), dim=1)
    place, leaf, target = torch.randn(4, 8).double(), torch.tensor([0, 7, 3, 3]), torch.rand(4)
    expected = [
        -torch.log(chance[i, leaf[i]]) + (place[i, leaf[i]] - target[i].double()) ** 2
        for i in range(4)
    ]
    found = leaf_loss(chance.log(), place, leaf, target.double())
    torch.testing.assert_close(found, torch.stack(expected).mean())
    tree = NodeTree(2, torch.tensor([0.0, 1.0, 3.0]))
    log_chance, places = torch.log(torch.tensor([[0.25, 0.75]])), torch.tensor([[9.0, 0.4]])
    loss = tree.loss(log_chance, places, torch.tensor([2.0]))
    assert float(loss) == pytest.approx(-np.log(0.75) + (0.4 - 0.5) ** 2)


def test_the_loss_is_every_leafs_cross_entropy_and_the_right_ones_error():
    torch.manual_seed(1)
    chance = torch.softmax(torch.randn(4, 8).double(), dim=1)
    place, leaf, target = torch.rand(4, 8).double(), torch.tensor([0, 7, 3, 3]), torch.rand(4)
    expected = 0.0
    for pair in range(4):
        for r in range(8):
            right = r == int(leaf[pair])
            expected -= torch.log(chance[pair, r] if right else 1 - chance[pair, r])
        expected += (place[pair, leaf[pair]] - target[pair]) ** 2
    torch.testing.assert_close(
        tree_loss(chance.log(), place, leaf, target.double()), expected / 4, atol=1e-5, rtol=0
    )


def test_the_loss_of_a_certain_tree_is_finite():
    log_chance = torch.tensor([[0.0, -200.0]], requires_grad=True)
    loss = tree_loss(log_chance, torch.zeros(1, 2), torch.tensor([1]), torch.zeros(1))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(log_chance.grad).all()


@pytest.mark.parametrize(
    ("difference", "leaf", "place"),
    [
        (-1.0, 0, 0.0),
        (-0.75, 0, 0.5),
        (-0.5, 1, 0.0),
        (0.0, 3, 0.0),  # an interval without width holds nothing
        (1.0, 3, 0.5),
        (2.0, 3, 1.0),
        (-9.0, 0, 0.0),
        (9.0, 3, 1.0),
    ],
)
def test_a_difference_belongs_to_an_interval_and_a_place_in_it(difference, leaf, place):
    tree = LevelTree(2, torch.tensor([-1.0, -0.5, 0.0, 0.0, 2.0]))
    found_leaf, found_place = tree.locate(torch.tensor([difference]))
    assert (int(found_leaf), float(found_place)) == (leaf, place)
    if abs(difference) <= 2:
        chance = torch.full((1, 4), -9.0).index_fill(1, found_leaf, 0.0)
        back = tree.answer(chance, found_place[:, None].expand(1, 4))
        assert float(back) == difference


def test_intervals_hold_equally_many_training_pairs(dives):
    x, y, types = dives
    head = CoReHead(**{**QUICK, "epochs": 1}, validation=0.0).fit(x, y, type=types)
    differences = [
        (y[j] - y[i]) / y.std()
        for i in range(60)
        for j in range(60)
        if i != j and types[i] == types[j]
    ]
    counts = np.histogram(differences, head.net_.tree.edges.numpy().astype(float))[0]
    assert counts.sum() >= len(differences) - 2  # float32 ends may leave the extremes out
    assert counts.max() - counts.min() <= 4


@pytest.mark.parametrize("levels", [False, True])
def test_parts_that_are_joined_are_one_linear_layer(levels):
    torch.manual_seed(2)
    net = ContrastiveNet(3, 5, torch.linspace(-1, 1, 5), levels=levels)
    x, scores = torch.randn(4, 3), torch.randn(4)
    weight = torch.cat([net.exemplar.weight, net.video.weight, net.score.weight], dim=1)
    first, second = torch.tensor([0, 3, 2]), torch.tensor([1, 1, 2])
    for pair, (a, b) in enumerate(zip(first, second, strict=True)):
        joined = weight @ torch.cat([x[a], x[b], scores[a : a + 1]]) + net.exemplar.bias
        state = torch.relu(joined)[None]
        expected = net.tree(torch.relu(net.joined(state)) if levels else state)
        found = net(x, scores, first, second)
        torch.testing.assert_close(found[0][pair], expected[0][0])
        torch.testing.assert_close(found[1][pair], expected[1][0])


def test_a_prediction_is_the_mean_vote_of_the_types_exemplars(dives):
    x, y, types = dives
    head = CoReHead(**QUICK, exemplars=4).fit(x[:50], y[:50], type=types[:50])
    labels, names = unpack_texts(head.ex_groups_), unpack_texts(head.ex_ids_)
    assert (labels.count("A"), labels.count("B")) == (4, 4)
    scaled = lambda video: torch.tensor(  # noqa: E731
        (video.mean(axis=0) - head.centre_) / head.scale_, dtype=torch.float32
    )
    for i in range(50, 60):
        votes = []
        for label, name in zip(labels, names, strict=True):
            if label != types[i]:
                continue
            number = int(name.removeprefix("row "))
            pair = torch.stack([scaled(x[number]), scaled(x[i])])
            score = torch.tensor([(y[number] - y[:50].mean()) / y[:50].std(), 0.0]).float()
            with torch.no_grad():
                found = head.net_(pair, score, torch.tensor([0]), torch.tensor([1]))
            votes.append(y[number] + float(head.net_.tree.answer(*found)) * y[:50].std())
        assert head.predict([x[i]], type=[types[i]]) == pytest.approx(np.mean(votes), rel=1e-4)


def test_held_out_videos_are_no_pair_to_learn_from(dives, monkeypatch):
    x, y, types = dives
    seen = []
    monkeypatch.setattr(
        CoReHead,
        "train_net",
        lambda self, make, train, held, trainer: seen.append(
            (set(train.first) | set(train.second), set(held.first), set(held.second))
        ),
    )
    CoReHead(**QUICK, refit=False).fit(x, y, type=types)
    ((learned, exemplars, evaluated),) = seen
    assert len(evaluated) == 9
    assert not learned & evaluated
    assert exemplars <= learned
    CoReHead(**QUICK).fit(x[:40], y[:40], (x[40:], y[40:], {"type": types[40:]}), type=types[:40])
    learned, exemplars, evaluated = seen[1]
    assert learned == exemplars == set(range(40))
    assert evaluated == set(range(40, 60))


def test_difficulty_can_be_the_group(dives):
    x, y, types = dives
    difficulty = [2.5 if t == "A" else 3.1 for t in types]
    head = CoReHead(**QUICK, group="difficulty").fit(x, y, difficulty=difficulty)
    assert set(unpack_texts(head.ex_groups_)) == {"2.5", "3.1"}
    by_type = CoReHead(**QUICK).fit(x, y, type=types)
    np.testing.assert_array_equal(
        head.predict(x, difficulty=difficulty), by_type.predict(x, type=types)
    )


def test_scores_may_be_learned_without_the_difficulty_that_chooses_exemplars(dives):
    """As the authors' runs on MTL-AQA: both ends of a pair are of the same difficulty."""
    x, y, types = dives
    difficulty = np.where(np.array(types) == "A", 2.5, 3.1)
    params = {**QUICK, "group": "difficulty", "difficulty": "multiply"}
    head = transformed(CoReHead, params).fit(x, y, difficulty=difficulty.tolist())
    assert head.answer_columns == ("difficulty",)
    alone = CoReHead(**QUICK, group="difficulty")
    alone.fit(x, y / difficulty, difficulty=difficulty.tolist())
    np.testing.assert_allclose(
        head.predict(x, difficulty=difficulty.tolist()),
        alone.predict(x, difficulty=difficulty.tolist()) * difficulty,
    )


@pytest.mark.parametrize("tree", ["nodes", "levels"])
def test_a_refit_learns_from_the_videos_that_were_held_out(dives, monkeypatch, tree):
    x, y, types = dives
    seen = []
    inner = CoReHead._trained

    def spy(self, make, trainer, train, held, epochs=None):
        seen.append((set(train.first) | set(train.second), held is None, epochs))
        return inner(self, make, trainer, train, held, epochs)

    monkeypatch.setattr(CoReHead, "_trained", spy)
    head = CoReHead(**QUICK, tree=tree).fit(x, y, type=types)
    (learned, _, _), (every, no_stop, epochs) = seen
    assert every == set(range(60))
    assert set(head.held_out) == every - learned
    assert (no_stop, epochs) == (True, head.best_epoch_)
    before, after = head.before_refit(), head
    told = {"type": types[:5]}
    assert not np.array_equal(before.predict(x[:5], **told), after.predict(x[:5], **told))


@pytest.mark.parametrize(
    ("group", "columns"), [("type", ("type",)), ("difficulty", ("difficulty",)), ("none", ())]
)
def test_to_answer_it_is_told_the_group_alone(group, columns):
    """Results of a head that is told the difficulty are marked."""
    assert CoReHead(group=group).answer_columns == columns


def test_a_video_of_an_unknown_type_meets_every_exemplar_and_says_so(dives):
    x, y, types = dives
    head = CoReHead(**QUICK, exemplars=3).fit(x, y, type=types)
    with pytest.warns(AqaWarning, match=r"2 of 3 videos .* without an exemplar \(C, no type\)"):
        strange = head.predict(x[:3], type=["A", "C", None])
    both = [head.predict(x[1:3], type=[t, t]) for t in ("A", "B")]
    np.testing.assert_allclose(strange[1:], np.mean(both, axis=0))


@pytest.mark.parametrize(
    ("params", "columns", "problem"),
    [
        ({}, {"type": ["A"] * 59}, "59 values of type for 60 videos"),
        ({}, {"type": [None, *["A"] * 59]}, r"1 of 60 training videos have no type"),
        (
            {"group": "difficulty"},
            {"difficulty": [None, *[3.1] * 59]},
            "1 of 60 training videos have no difficulty .* column difficulty",
        ),
        ({}, {"type": [str(i) for i in range(60)]}, "no two training videos of one type"),
        ({"depth": 12}, {}, "depth=12 is not a number, 2 or more and below 12"),
        ({"tree": "oak"}, {}, "tree=oak is not one of nodes, levels"),
        ({"exemplars": 0}, {}, "exemplars=0 is not a number, 1 or more"),
        ({"group": "colour"}, {}, "group=colour is not one of type, difficulty, none"),
    ],
)
def test_what_cannot_be_fitted_is_named(dives, params, columns, problem):
    x, y, _ = dives
    with pytest.raises(HeadError, match=problem):
        CoReHead(**{**QUICK, **params}).fit(x, y, **columns)


def test_it_explains_no_clip(dives):
    x, y, types = dives
    head = CoReHead(**QUICK).fit(x, y, type=types)
    assert "clips" not in head.gives
    with pytest.raises(HeadError, match="CoReHead gives no feedback"):
        head.explain(Examples.of(x[:1], type=types[:1]))
