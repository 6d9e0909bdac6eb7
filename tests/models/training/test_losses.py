"""Each loss and its gradient against the formula, video by video and pair by pair."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from aqa.models.training import losses
from aqa.models.training.losses import bag_loss, balanced_alpha, log_bag_similarity, make_loss

MARGIN = 0.7


def naive_ranking(s, g, margin=MARGIN):
    """li2018end Eq. 2 over untied pairs, averaged; with its gradient, sign factor and all (E9)."""
    total, count, gradient = 0.0, 0, np.zeros(len(s))
    for i, j in itertools.combinations(range(len(s)), 2):
        sign = np.sign(g[j] - g[i])
        if sign == 0:
            continue
        count += 1
        short = margin - (s[j] - s[i]) * sign
        if short > 0:
            total += short
            gradient[i] += sign
            gradient[j] -= sign
    return total / max(count, 1), gradient / max(count, 1)


def naive_mse(s, g):
    return sum((a - b) ** 2 for a, b in zip(s, g, strict=True)) / len(s), 2 * (s - g) / len(s)


def naive_l1_l2(s, g):
    value, gradient = naive_mse(s, g)
    mae = sum(abs(a - b) for a, b in zip(s, g, strict=True)) / len(s)
    return value + mae, gradient + np.sign(s - g) / len(s)


def naive_sum(alpha):
    def naive(s, g):
        (first, slope), (second, other) = naive_mse(s, g), naive_ranking(s, g)
        weight = alpha
        if alpha == "balanced":
            weight = np.abs(slope).sum() / (np.abs(other).sum() or np.inf)
        return first + weight * second, slope + weight * other

    return naive


LOSSES = [
    ("mse", 1.0, naive_mse),
    ("l1+l2", 1.0, naive_l1_l2),
    ("ranking", 1.0, naive_ranking),
    ("mse+ranking", 0.3, naive_sum(0.3)),
    ("mse+ranking", "balanced", naive_sum("balanced")),
]


def with_gradient(loss, s, g):
    predicted = torch.tensor(s, requires_grad=True)
    value = loss(predicted, torch.tensor(g))
    value.backward()
    return value.item(), predicted.grad.numpy()


@pytest.mark.parametrize(("name", "alpha", "naive"), LOSSES)
@pytest.mark.parametrize("n", [1, 2, 9])
def test_a_loss_and_its_gradient_are_those_of_the_double_loop(name, alpha, naive, n, rng) -> None:
    s, g = rng.normal(size=n), rng.normal(size=n)
    g[n // 2 :] = np.round(g[n // 2 :])  # some ties
    value, gradient = with_gradient(make_loss(name, MARGIN, alpha), s, g)
    expected = naive(s, g)
    assert value == pytest.approx(expected[0])
    np.testing.assert_allclose(gradient, expected[1], atol=1e-12)


@pytest.mark.parametrize("n", [1, 4])
def test_tied_videos_are_no_pairs(n, rng) -> None:
    value, gradient = with_gradient(
        make_loss("ranking", MARGIN, 1.0), rng.normal(size=n), np.ones(n)
    )
    assert value == 0
    np.testing.assert_array_equal(gradient, np.zeros(n))


def test_ranking_asks_for_the_margin_and_no_more() -> None:
    g = np.array([1.0, 2.0, 3.0])
    assert with_gradient(make_loss("ranking", MARGIN, 1.0), MARGIN * g * 1.01, g)[0] == 0
    assert with_gradient(make_loss("ranking", MARGIN, 1.0), MARGIN * g * 0.99, g)[0] > 0


def test_ranking_does_not_ask_for_the_order_of_the_batch(rng) -> None:
    """li2018end Eq. 5 holds for batches sorted by score only."""
    s, g, order = rng.normal(size=8), rng.normal(size=8), rng.permutation(8)
    value, gradient = with_gradient(make_loss("ranking", MARGIN, 1.0), s, g)
    shuffled, moved = with_gradient(make_loss("ranking", MARGIN, 1.0), s[order], g[order])
    assert shuffled == pytest.approx(value)
    np.testing.assert_allclose(moved, gradient[order])


def test_balanced_terms_move_the_predictions_alike(rng) -> None:
    s, g = rng.normal(size=12), rng.normal(size=12)
    alpha = float(balanced_alpha(torch.tensor(s), torch.tensor(g), MARGIN))
    _, by_mse = with_gradient(losses.mse, s, g)
    _, by_ranking = with_gradient(make_loss("ranking", MARGIN, 1.0), s, g)
    assert alpha > 0
    assert np.abs(by_mse).sum() == pytest.approx(alpha * np.abs(by_ranking).sum())


def test_balanced_alpha_is_a_constant_and_0_where_nothing_is_out_of_order() -> None:
    g = torch.tensor([1.0, 2.0, 3.0])
    s = (10 * g).requires_grad_()
    assert not balanced_alpha(s, g, MARGIN).requires_grad
    assert balanced_alpha(s, g, MARGIN) == 0
    assert make_loss("mse+ranking", MARGIN, "balanced")(s, g) == losses.mse(s, g)


def test_alpha_in_the_sums_of_001(rng) -> None:
    """Half the squared error and a times the sum over pairs is ours, with alpha = n (n - 1) a."""
    n, a, std = 7, 0.01, 15.0
    s, g = std * rng.normal(size=n), std * rng.normal(size=n)
    pairs = n * (n - 1) / 2
    as_printed = naive_mse(s, g)[1] / 2 + a * pairs * naive_ranking(s, g, 2.0)[1]
    ours = make_loss("mse+ranking", 2.0 / std, n * (n - 1) * a / std)
    _, gradient = with_gradient(ours, s / std, g / std)
    np.testing.assert_allclose(
        gradient / np.abs(gradient).sum(), as_printed / np.abs(as_printed).sum()
    )


def test_a_bag_is_as_similar_as_its_clips_in_the_geometric_mean():
    logits = torch.tensor([0.3, -1.2, 2.0, 0.7, -40.0], dtype=torch.float64)
    bags = torch.tensor([0, 2, 0, 2, 3])
    found = log_bag_similarity(logits, bags, 4).exp()
    for number in range(4):
        chances = [torch.sigmoid(z) for z, b in zip(logits, bags, strict=True) if b == number]
        product = 1.0
        for chance in chances:
            product *= float(chance)
        assert found[number].item() == pytest.approx(product ** (1 / max(len(chances), 1)))


def test_the_loss_of_bags_is_their_weighed_cross_entropy():
    chances = torch.tensor([0.2, 0.9, 0.5], dtype=torch.float64)
    meant, weights = torch.tensor([0.0, 1.0, 0.3], dtype=torch.float64), (0.5, 2.0)
    naive = [0.5 * -np.log(0.8), 2 * -np.log(0.9), 0.5 * -np.log(0.5)]
    found = bag_loss(chances.log(), meant, weights)
    assert found.item() == pytest.approx(np.mean(naive))


@pytest.mark.parametrize("logit", [10.0, 18.0, 60.0])
def test_a_bag_that_is_all_but_sure_still_learns(logit):
    logits = torch.full((3,), logit, requires_grad=True)
    log_similarity = log_bag_similarity(logits, torch.zeros(3, dtype=torch.long), 1)
    loss = bag_loss(log_similarity, torch.tensor([0.9]), (1.0, 1.0))
    loss.backward()
    assert loss.item() == pytest.approx(0.1 * min(logit, -np.log(1e-6)), rel=0.02)
    assert (logits.grad.abs() < 0.1).all()
