"""Several drawn sports in which quality shows alike, on scales and by rules of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aqa.device import pick_device
from aqa.errors import HeadError
from aqa.metrics import spearman
from aqa.models.examples import Examples
from aqa.models.heads import find_head, make_head
from aqa.models.heads.lstm import LSTMHead
from aqa.models.training.loop import VideoTensors
from aqa.workflows.transfer.learning import (
    control,
    copy_of,
    correlation,
    curves_of,
    fine_tune,
    iterations_for,
    learn_others,
    scaled_scores,
    untrained,
)
from aqa.workflows.transfer.results import readings
from aqa.workflows.transfer.run import samples_for

QUICK = {"hidden": 8, "epochs": 40, "lr": 0.005, "device": "cpu"}
DIM = 48
# What quality looks like in every sport.
SHARED = np.random.default_rng(99).normal(size=DIM)


def drawn(n: int, seed: int, *, scale: float, base: float) -> Examples:
    """A sport: quality behind noise, a little of it seen in its own way; its own look and scale."""
    rng = np.random.default_rng(seed)
    quality = rng.normal(size=n)
    shows = SHARED + rng.normal(scale=0.5, size=DIM)
    look = rng.normal(scale=0.3, size=DIM)
    x = [0.12 * q * shows + look + rng.normal(size=(4, DIM)) for q in quality]
    return Examples.of([s.astype(np.float32) for s in x], base + scale * quality)


SPORTS = {
    "dive": drawn(80, 1, scale=15, base=60),
    "vault": drawn(80, 2, scale=1, base=4),
    "ski": drawn(80, 3, scale=6, base=30),
}


def joined(sports: dict[str, Examples]) -> Examples:
    x = [sequence for sport in sports.values() for sequence in sport.features]
    y = np.concatenate([sport.scores for sport in sports.values()])
    return Examples.of(x, y, action=[name for name, sport in sports.items() for _ in sport.scores])


@pytest.fixture(scope="module")
def novel() -> Examples:
    return drawn(90, 4, scale=3, base=8)


@pytest.fixture(scope="module")
def learned() -> LSTMHead:
    head = learn_others(find_head("lstm"), QUICK, joined(SPORTS))
    assert isinstance(head, LSTMHead)
    return head


def test_iterations_are_those_that_parmar2019action_prints() -> None:
    assert [iterations_for(n) for n in (25, 75, 125)] == [(500, 100), (1200, 300), (2000, 500)]
    assert [iterations_for(n) for n in (15, 35)] == [(300, 60), (560, 140)]
    assert samples_for(370) == (25, 75, 125)
    assert samples_for(88) == samples_for(91) == (15, 25, 35)


def test_one_model_of_all_sports_ranks_each_better_with_scores_on_one_scale() -> None:
    train = joined({name: s.select(np.arange(40)) for name, s in SPORTS.items()})
    tests = {name: s.select(np.arange(40, 80)) for name, s in SPORTS.items()}
    found = {}
    for scale in ("all", "action"):
        head = make_head("lstm", {**QUICK, "epochs": 20, "scale": scale}).fit_examples(train)
        found[scale] = np.mean(
            [
                spearman(s.scores, head.predict_examples(replace(s, columns={"action": [n] * 40})))
                for n, s in tests.items()
            ]
        )
    assert found["action"] > found["all"] + 0.1


def test_zero_shot_is_above_chance_and_untrained_networks_are_not(learned, novel) -> None:
    blind = np.array(control(learned, novel))
    assert len(blind) == 10
    assert abs(blind.mean()) < 0.25
    assert correlation(learned, novel) > max(0.5, blind.mean() + 2 * blind.std())


def test_with_few_samples_what_was_learned_before_helps(learned, novel) -> None:
    rows = list(curves_of(learned, novel, (10,), draws=2, tested=50))
    random, multi = readings(rows)
    assert (random["start"], multi["start"]) == ("random", "multi-action")
    assert multi["last"] > random["last"] + 0.05
    assert multi["zero_shot"] > random["zero_shot"]


def test_untrained_differs_in_the_weights_alone(learned, novel) -> None:
    fresh = untrained(learned, 3, mean=1.5)
    for name in ("centre_", "scale_", "y_mean_", "y_std_"):
        np.testing.assert_array_equal(getattr(fresh, name), getattr(learned, name))
    assert fresh.net_.linear.bias.tolist() == [1.5]
    assert not np.allclose(fresh.predict(novel.features), learned.predict(novel.features))
    np.testing.assert_array_equal(
        fresh.predict(novel.features), untrained(learned, 3, mean=1.5).predict(novel.features)
    )


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fine-tuning of 25 steps, looked at after every 10."""
    monkeypatch.setattr("aqa.workflows.transfer.learning.iterations_for", lambda samples: (25, 7))
    monkeypatch.setattr("aqa.workflows.transfer.learning.EVERY", 10)


@pytest.mark.usefixtures("short")
def test_fine_tuning_is_as_fitting_for_so_many_steps_and_leaves_the_head_alone(
    learned, novel
) -> None:
    """15 videos are one batch, so a step is an epoch."""
    train, test = novel.select(np.arange(15)), novel.select(np.arange(40, 90))
    before = learned.predict(novel.features)
    points = fine_tune(learned, train, test)
    np.testing.assert_array_equal(learned.predict(novel.features), before)
    assert [iteration for iteration, _ in points] == [0, 10, 20, 25]
    assert points[0][1] == correlation(learned, test)

    tuned = copy_of(learned, lr_halve_every=7, epochs=25, average_weights=None)
    scaled = [(s - learned.centre_) / learned.scale_ for s in train.features]
    videos = VideoTensors.of(scaled, scaled_scores(learned, train.scores), pick_device("cpu"))
    tuned.trainer(tuned.net_).fit(videos, None)
    assert points[-1][1] == pytest.approx(correlation(tuned, test))


def test_scores_are_divided_by_the_samples_own_deviation(learned) -> None:
    y = np.array([10.0, 30.0, 20.0, 80.0])
    np.testing.assert_allclose(scaled_scores(learned, y) * learned.y_std_, y / y.std())
    np.testing.assert_allclose(scaled_scores(learned, 7 * y), scaled_scores(learned, y))


def test_draws_test_others_and_nest_the_samples(learned, novel, monkeypatch) -> None:
    shown = []

    def look(head, train, test, most):
        shown.append((head.seed, set(train.scores), set(test.scores)))
        return [(0, 0.0), (100, None)]

    monkeypatch.setattr("aqa.workflows.transfer.learning.fine_tune", look)
    rows = list(curves_of(learned, novel, (10, 20), draws=2, tested=50, seed=5))
    assert len(rows) == 2 * 2 * 2 * 2
    for _, train, test in shown:
        assert not train & test
        assert len(test) == 50
    (_, few, _), _, (_, more, tested), _ = shown[:4]
    assert few < more
    assert len(few) == 10
    assert shown[4][2] != tested
    assert [seed for seed, _, _ in shown] == [5] * 4 + [6] * 4


def test_readings_are_the_last_and_the_best_point_of_each_draw() -> None:
    curves = {0: [0.9, 0.2, 0.6, 0.4], 1: [0.1, 0.3, None, 0.8]}
    rows = [
        {"samples": 25, "start": "random", "draw": d, "iteration": 100 * i, "spearman": v}
        for d, values in curves.items()
        for i, v in enumerate(values)
    ]
    (row,) = readings(rows)
    assert row["draws"] == 2
    assert row["zero_shot"] == pytest.approx(0.5)
    assert row["last"] == pytest.approx(0.6)
    assert row["best"] == pytest.approx((0.6 + 0.8) / 2)
    assert row["best_std"] == pytest.approx(np.std([0.6, 0.8], ddof=1))


@pytest.mark.usefixtures("short")
def test_views_are_trained_on(learned, novel) -> None:
    train, test = novel.select(np.arange(15)), novel.select(np.arange(40, 90))
    noise = [
        np.random.default_rng(0).normal(size=s.shape).astype(np.float32) for s in train.features
    ]
    plain, same, noisy = (
        fine_tune(learned, replace(train, views=views), test)[-1][1]
        for views in ((), (train.features,), (noise,))
    )
    assert same == pytest.approx(plain)
    assert noisy != pytest.approx(plain)


def test_views_of_the_others_are_learned_from_too() -> None:
    others = joined(SPORTS)
    noise = [
        np.random.default_rng(0).normal(size=s.shape).astype(np.float32) for s in others.features
    ]
    plain, same, noisy = (
        learn_others(find_head("lstm"), {**QUICK, "epochs": 2}, replace(others, views=views))
        for views in ((), (others.features,), (noise,))
    )
    np.testing.assert_array_equal(same.predict(others.features), plain.predict(others.features))
    assert noisy.history_[-1]["train_loss"] > plain.history_[-1]["train_loss"]


@pytest.mark.parametrize(
    "head", [*["svr", "siamese", "type-lstm", "lstm-svr", "scoringnet", "fragments", "usdl"]]
)
def test_heads_without_a_network_of_scores_alone_are_refused(head) -> None:
    with pytest.raises(HeadError, match=f"{head} trains no network from"):
        learn_others(find_head(head), {}, joined(SPORTS))


def test_difficulty_is_refused() -> None:
    with pytest.raises(HeadError, match="another scale; leave out difficulty"):
        learn_others(find_head("lstm"), {"difficulty": "input"}, joined(SPORTS))
