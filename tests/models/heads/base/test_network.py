"""What heads that train a network share: the loss, the scaling of scores, augmented views."""

from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pytest
import torch

from aqa.models.heads import get_head
from aqa.models.heads.base import HeadError, network, parse_params
from aqa.models.heads.lstm import LSTMHead
from aqa.models.training.loop import Trainer

QUICK = {"epochs": 30, "hidden": 16, "lr": 0.01, "device": "cpu"}


def test_every_loss_ranks_unseen_videos(performances) -> None:
    x, y = performances.x, performances.y
    for name in ("mse", "l1+l2", "ranking", "mse+ranking"):
        predicted = LSTMHead(**QUICK, loss=name).fit(x[:45], y[:45]).predict(x[45:])
        assert np.corrcoef(predicted, y[45:])[0, 1] > 0.9, name


def test_the_margin_is_in_points() -> None:
    """Scores divided by a standard deviation, and points, are the same task."""
    head = LSTMHead(loss="ranking", margin=3.0)
    s, g = torch.tensor([1.0, 2.5, 2.0]), torch.tensor([10.0, 20.0, 30.0])
    in_points = head.objective(1.0)(s, g)
    assert float(in_points) == pytest.approx(((3 - 1.5) + (3 - 1.0) + (3 + 0.5)) / 3)
    assert float(head.objective(4.0)(s / 4, g / 4)) == pytest.approx(float(in_points) / 4)


def test_centred_scores_are_predicted_in_points(performances) -> None:
    x, y = performances.x, performances.y + 1000
    head = LSTMHead(**QUICK, centre_scores=True).fit(x, y)
    assert head.y_mean_ == pytest.approx(y.mean())
    assert np.abs(head.predict(x) - y).mean() < 0.5 * y.std()
    restored = LSTMHead(**QUICK, centre_scores=True).restore(head.state())
    np.testing.assert_array_equal(restored.predict(x), head.predict(x))


@pytest.mark.parametrize("name", ["lstm", "average", "wd"])
def test_views_are_learned_from_and_originals_evaluated(name, performances) -> None:
    """Views of noise disturb it, and those that show the original do not."""
    x, y = performances.x[:40], performances.y[:40]
    held = (performances.x[40:], performances.y[40:])
    noise = [np.random.default_rng(0).normal(size=s.shape).astype(np.float32) for s in x]
    without, noisy, again, same = (
        get_head(name)(epochs=16, device="cpu").fit(x, y, held, views=views)
        for views in ((), (noise,), (noise,), (x, x))
    )
    assert noisy.history_[-1]["train_loss"] > 2 * without.history_[-1]["train_loss"]
    np.testing.assert_array_equal(without.centre_, noisy.centre_)
    np.testing.assert_array_equal(same.predict(x), without.predict(x))
    assert again.history_ == noisy.history_


def test_type_lstm_shows_each_model_the_views_of_its_type(performances) -> None:
    head = get_head("type-lstm")(**QUICK | {"epochs": 2})
    seen = head.fit(
        performances.x, performances.y, type=performances.type, views=[performances.x]
    ).predict(performances.x, type=performances.type)
    plain = head.fit(performances.x, performances.y, type=performances.type)
    np.testing.assert_array_equal(seen, plain.predict(performances.x, type=performances.type))


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"loss": "hinge"}, "loss=hinge is not one of mse, l1"),
        ({"alpha": "equal"}, "alpha=equal is not a number or balanced"),
        ({"alpha": -1.0}, r"alpha=-1\.0 is not a number, 0 or more"),
        ({"margin": float("nan")}, "margin=nan"),
        ({"label": "incremental", "loss": "ranking"}, "takes loss=mse .*, not ranking and false"),
        ({"label": "incremental", "centre_scores": True}, "centre_scores=false, not mse and true"),
    ],
)
def test_losses_that_cannot_be_are_named(params: dict, problem: str, performances) -> None:
    with pytest.raises(HeadError, match=problem):
        LSTMHead(**QUICK, **params).fit(performances.x, performances.y)


def test_views_of_other_videos_are_refused(performances) -> None:
    with pytest.raises(HeadError, match="augmentation 0 has 3 videos for 60"):
        LSTMHead(**QUICK).fit(performances.x, performances.y, views=[performances.x[:3]])


@pytest.mark.parametrize(("text", "value"), [("balanced", "balanced"), ("0.5", 0.5), ("2", 2.0)])
def test_alpha_is_a_number_or_balanced(text: str, value: float | str) -> None:
    assert parse_params(LSTMHead, [f"alpha={text}"]) == {"alpha": value}


def test_an_alpha_that_is_neither_is_named() -> None:
    with pytest.raises(HeadError, match="alpha='even' is not a number or balanced"):
        parse_params(LSTMHead, ["alpha=even"])


def test_a_ranking_holds_out_two_videos_at_least(performances) -> None:
    """One video has no rank: with a loss of 0 in every epoch, the first would be the best."""
    x, y = performances.x[:8], performances.y[:8]
    head = LSTMHead(**QUICK, loss="ranking", patience=30, refit=False).fit(x, y)
    for n, held in ((8, [1, 2]), (45, [7, 7])):
        heads = [LSTMHead(loss=loss, validation=0.15) for loss in ("mse", "ranking")]
        assert [len(head.hold_out(n)[1]) for head in heads] == held
    assert len({row["val_loss"] for row in head.history_}) > 5
    assert len(LSTMHead(loss="ranking", validation=0.0).hold_out(8)[1]) == 0


@pytest.mark.parametrize("rows", [[40], [40, 40, 40]])
def test_a_ranking_of_equal_scores_cannot_stop_training(performances, rows) -> None:
    x, y = performances.x, performances.y
    held = ([x[i] for i in rows], y[rows])
    problem = rf"compares different scores, and the validation videos \({len(rows)}\) have only one"
    with pytest.raises(HeadError, match=problem):
        LSTMHead(**QUICK, loss="ranking").fit(x[:40], y[:40], held)
    other = LSTMHead(**QUICK | {"epochs": 1}, loss="mse+ranking").fit(x[:40], y[:40], held)
    assert other.history_[0]["val_loss"] > 0


def test_training_is_told_what_the_head_says(performances, monkeypatch) -> None:
    told = {"epochs": 2, "batch_size": 7, "lr": 0.02, "lr_halve_every": 5, "patience": 4}
    told |= {"weight_decay": 0.3, "clip_gradient": 0.7, "lr_factor": 0.6}
    for name in ("lstm", "siamese", "average", "core", "usdl"):
        seen, start = [], Trainer.__init__

        def spied(self, *args, start=start, seen=seen, **more):
            start(self, *args, **more)
            seen.append(self.settings)

        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "__init__", spied)
            head = get_head(name)(device="cpu", refit=False, **told)
            head.fit(performances.x, performances.y, type=performances.type)
        expected = told | {"max_steps": getattr(head, "max_steps", None)}
        expected["average"] = getattr(head, "average_weights", None)
        expected["epoch_factor"] = None
        assert [dataclasses.asdict(settings) for settings in seen] == [expected], name


def test_answers_in_steps_are_the_same(performances, monkeypatch) -> None:
    head = get_head("wd")(epochs=2, batch_size=4, device="cpu").fit(performances.x, performances.y)
    at_once = head.predict(performances.x)
    monkeypatch.setattr(network, "_BATCHES", 2)
    np.testing.assert_array_equal(head.predict(performances.x), at_once)


def test_an_answer_copies_a_few_batches_of_videos(performances, rng) -> None:
    head = get_head("average")(epochs=1, device="cpu").fit(performances.x, performances.y)
    videos = [rng.normal(size=(300, head.clip_shape[0])).astype(np.float32) for _ in range(4000)]
    tracemalloc.start()
    head.predict(videos)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.6 * sum(video.nbytes for video in videos)


def test_held_out_videos_are_drawn_by_the_seed_and_not_learned_from(
    performances, monkeypatch
) -> None:
    x, y = performances.x, np.arange(60.0) + 40
    seen, fit = [], Trainer.fit

    def spied(self, train, validation, epochs):
        shown = [
            torch.cat([batch.targets for batch in videos.batches(60)])
            for videos in (train, validation)
        ]
        seen.append([set(part.tolist()) for part in shown])
        return fit(self, train, validation, epochs)

    monkeypatch.setattr(Trainer, "fit", spied)
    for seed in (0, 0, 1):
        head = LSTMHead(**QUICK | {"epochs": 1}, seed=seed, validation=0.15, refit=False)
        head.fit(x, y)
    for learned, held in seen:
        assert (len(learned), len(held)) == (51, 9)
        assert not learned & held
    held = [part for _, part in seen]
    assert held[0] == held[1] != held[2]
    assert held[0] != set(sorted(held[0] | seen[0][0])[:9])  # not just the first ones


def test_features_are_standardised_only_if_asked(performances) -> None:
    x = [5 + 3 * sequence for sequence in performances.x]
    plain, scaled = (
        LSTMHead(**QUICK | {"epochs": 1}, standardise=asked).fit(x, performances.y)
        for asked in (False, True)
    )
    np.testing.assert_array_equal(plain.centre_, 0)
    np.testing.assert_array_equal(plain.scale_, 1)
    np.testing.assert_allclose(scaled.centre_, np.concatenate(x).mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(scaled.scale_, np.concatenate(x).std(axis=0), rtol=1e-5)
