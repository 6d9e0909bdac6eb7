from __future__ import annotations

import numpy as np
import pytest
import torch

from aqa.models.heads.base import HeadError
from aqa.models.heads.lstm import LSTMHead, LSTMRegressor


def plain_lstm(state: dict[str, torch.Tensor], sequence: np.ndarray) -> float:
    """The LSTM's equations, gate by gate, over one video."""
    w_x, w_h = state["lstm.weight_ih_l0"].double(), state["lstm.weight_hh_l0"].double()
    bias = state["lstm.bias_ih_l0"].double() + state["lstm.bias_hh_l0"].double()
    h = c = torch.zeros(w_h.shape[1], dtype=torch.float64)
    for x in torch.from_numpy(sequence).double():
        i, f, g, o = (w_x @ x + w_h @ h + bias).chunk(4)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
    return float(state["linear.weight"].double()[0] @ h + state["linear.bias"].double()[0])


def test_predictions_are_the_equations_of_each_video_alone(rng: np.random.Generator) -> None:
    x = [rng.normal(size=(n, 5)).astype(np.float32) for n in (3, 1, 7, 4, 4, 2)]
    y = rng.normal(size=6) * 10 + 50
    head = LSTMHead(epochs=3, hidden=4, device="cpu", batch_size=4, standardise=True).fit(x, y)
    scaled = [(s - head.centre_) / head.scale_ for s in x]
    state = head.net_.state_dict()
    expected = [plain_lstm(state, s) * head.y_std_ for s in scaled]
    np.testing.assert_allclose(head.predict(x), expected, rtol=1e-5)


def test_features_are_taken_as_they_are_unless_asked(rng: np.random.Generator) -> None:
    x = [rng.normal(3, 2, size=(3, 4)).astype(np.float32) for _ in range(20)]
    quick = {"epochs": 1, "hidden": 4, "device": "cpu"}
    plain = LSTMHead(**quick).fit(x, np.arange(20.0))
    np.testing.assert_array_equal(plain.centre_, np.zeros(4))
    np.testing.assert_array_equal(plain.scale_, np.ones(4))
    assert len(plain.held_out) == 5  # a quarter
    scaled = LSTMHead(**quick, standardise=True).fit(x, np.arange(20.0))
    np.testing.assert_allclose(scaled.centre_, np.concatenate(x).mean(axis=0), rtol=1e-6)


def test_order_of_clips_matters(rng: np.random.Generator) -> None:
    x = [rng.normal(size=(6, 4)).astype(np.float32) for _ in range(40)]
    y = np.array([s[-1, 0] for s in x]) * 10 + 50  # only the last clip counts
    head = LSTMHead(epochs=200, patience=200, hidden=16, device="cpu").fit(x, y)
    assert np.corrcoef(head.predict(x), y)[0, 1] > 0.95
    assert np.corrcoef(head.predict([s[::-1] for s in x]), y)[0, 1] < 0.6


def test_the_untrained_network_says_the_mean() -> None:
    head = LSTMHead()
    net = head.build(3)
    head.start_at(net, 4.5)
    with torch.no_grad():
        assert abs(float(net(torch.zeros(1, 1, 3), torch.tensor([1]))) - 4.5) < 0.5


def test_early_stopping_keeps_the_best_epoch(rng: np.random.Generator) -> None:
    x = [rng.normal(size=(3, 30)).astype(np.float32) for _ in range(30)]
    y = rng.normal(size=30)  # nothing to learn: it overfits
    validation = (x[20:], y[20:])
    head = LSTMHead(epochs=80, patience=5, hidden=32, device="cpu", lr=0.01)
    head.fit(x[:20], y[:20], validation=validation)
    assert len(head.history_) == head.best_epoch_ + 5 < 80
    best = head.history_[head.best_epoch_ - 1]
    error = np.square((head.predict(validation[0]) - validation[1]) / head.y_std_).mean()
    assert error == pytest.approx(best["val_loss"], rel=1e-4)
    assert best["val_loss"] == min(row["val_loss"] for row in head.history_)


def test_without_held_out_videos_all_epochs_run(rng: np.random.Generator) -> None:
    x = [rng.normal(size=(2, 3)).astype(np.float32) for _ in range(6)]
    head = LSTMHead(epochs=4, validation=0, hidden=4, device="cpu").fit(x, np.arange(6.0))
    assert len(head.history_) == head.best_epoch_ == 4
    assert "val_loss" not in head.history_[0]


def test_the_rate_is_halved_by_steps(rng: np.random.Generator) -> None:
    x = [rng.normal(size=(2, 3)).astype(np.float32) for _ in range(8)]
    head = LSTMHead(
        epochs=6, validation=0, hidden=4, batch_size=4, lr=0.1, lr_halve_every=4, device="cpu"
    ).fit(x, np.arange(8.0))
    assert [row["lr"] for row in head.history_] == [0.1, 0.1, 0.05, 0.05, 0.025, 0.025]


def test_the_rate_may_fall_by_another_factor(rng: np.random.Generator) -> None:
    x = [rng.normal(size=(2, 3)).astype(np.float32) for _ in range(4)]
    settings = {"epochs": 3, "validation": 0, "batch_size": 4, "lr": 0.1, "lr_halve_every": 1}
    head = LSTMHead(hidden=4, device="cpu", lr_factor=0.45, **settings).fit(x, np.arange(4.0))
    assert [row["lr"] for row in head.history_] == pytest.approx([0.1, 0.045, 0.02025])


def test_the_papers_beta_is_the_same_penalty_whatever_the_scores_spread() -> None:
    """d / 2 |w|^2 beside (s - g)^2 / S^2 is beta |w|^2 beside (s - g)^2 / 2."""
    head = LSTMHead(beta=0.0005)
    assert LSTMHead().training_settings().weight_decay == 0
    for spread in (17.0, 0.9):
        head.y_std_ = spread
        decay = head.training_settings().weight_decay
        assert decay / 2 * spread**2 / 2 == pytest.approx(0.0005)


def test_training_goes_on_from_a_fitted_head(rng: np.random.Generator) -> None:
    x = [rng.normal(size=(3, 4)).astype(np.float32) for _ in range(30)]
    y = np.array([s[-1, 0] for s in x])
    quick = {"epochs": 3, "hidden": 4, "device": "cpu", "validation": 0, "standardise": True}
    dives = LSTMHead(**quick).fit(x, 60 + 10 * y)
    # Without a step only the last bias differs: it starts at the new action's mean score.
    still = LSTMHead(**(quick | {"lr": 1e-12})).fit(x[:20], 15 + y[:20], start=dives)
    np.testing.assert_array_equal(still.centre_, dives.centre_)
    before, after = dives.net_.state_dict(), still.net_.state_dict()
    for name in before.keys() - {"linear.bias"}:
        torch.testing.assert_close(after[name], before[name])
    assert float(after["linear.bias"]) * still.y_std_ == pytest.approx((15 + y[:20]).mean())
    assert LSTMHead(**quick).fit(x[:20], 15 + y[:20]).centre_ != pytest.approx(dives.centre_)
    with pytest.raises(HeadError, match=r"hidden=4, label=final on 4 values .* hidden=5"):
        LSTMHead(**(quick | {"hidden": 5})).fit(x, y, start=dives)
    with pytest.raises(HeadError, match="they must be alike"):
        LSTMHead(**quick, label="incremental").fit(x, y, start=dives)


def test_gaussian_weights_as_in_004() -> None:
    torch.manual_seed(0)
    net = LSTMRegressor(64, 256, init_std=0.1)
    assert float(net.lstm.weight_ih_l0.detach().std()) == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"lr": -1.0}, "lr=-1.0"),
        ({"validation": 1.0}, r"validation=1\.0"),
        ({"lr": 1e30, "epochs": 50}, "lower the learning rate"),
    ],
)
def test_bad_parameters_are_named(params: dict, problem: str, rng: np.random.Generator) -> None:
    x = [rng.normal(size=(2, 3)).astype(np.float32) for _ in range(20)]
    with pytest.raises(HeadError, match=problem):
        LSTMHead(hidden=4, device="cpu", **params).fit(x, np.arange(20.0))


def test_the_average_of_its_weights_answers_unless_asked(rng: np.random.Generator) -> None:
    x = [rng.normal(size=(3, 4)).astype(np.float32) for _ in range(20)]
    y = np.arange(20.0)
    quick = {"epochs": 5, "hidden": 4, "lr": 0.02, "device": "cpu", "validation": 0.0}
    averaged, last, hardly = (
        LSTMHead(**quick, **more).fit(x, y).predict(x)
        for more in ({}, {"average_weights": None}, {"average_weights": 1e-9})
    )
    np.testing.assert_allclose(hardly, last, rtol=1e-4)
    assert np.abs(averaged - last).max() > 0.01
