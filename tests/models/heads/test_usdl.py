from __future__ import annotations

import numpy as np
import pytest
import torch

from aqa.models.examples import Examples
from aqa.models.heads.base import HeadError
from aqa.models.heads.usdl import USDLHead
from aqa.models.training.losses import divergence, soft_labels

QUICK = {"epochs": 40, "device": "cpu", "width_1": 16, "width_2": 16, "lr": 0.01}


@pytest.fixture(scope="module")
def fitted(performances):
    return USDLHead(**QUICK).fit(performances.x, performances.y)


def test_the_loss_is_that_of_the_naive_loop(rng: np.random.Generator) -> None:
    logits, values, std = rng.normal(size=(3, 2, 7)), rng.uniform(0, 6, size=(3, 2)), 1.5
    total = 0.0
    for i in range(3):
        for j in range(2):
            meant = [np.exp(-((k - values[i, j]) ** 2) / (2 * std**2)) for k in range(7)]
            said = np.exp(logits[i, j]) / np.exp(logits[i, j]).sum()
            total += sum(
                p * np.log(p / q) for p, q in zip(meant / np.sum(meant), said, strict=True)
            )
    found = divergence(torch.log_softmax(torch.tensor(logits), 2), torch.tensor(values), std)
    assert found.item() == pytest.approx(total / 6)


def test_the_loss_is_zero_where_the_soft_label_is_said() -> None:
    values = torch.tensor([[2.25], [5.0]], dtype=torch.float64)
    assert divergence(soft_labels(values, 11, 2.0).log(), values, 2.0).item() == pytest.approx(0)


def test_predictions_are_the_equations_of_each_video(fitted, performances) -> None:
    weights = {k: v.double().numpy() for k, v in fitted.net_.state_dict().items()}
    bins = float(fitted.low_) + float(fitted.step_) * np.arange(101)
    expected = []
    for sequence in performances.x:
        z = ((sequence - fitted.centre_) / fitted.scale_).mean(axis=0)
        for layer in ("layers.0", "layers.2"):
            z = np.maximum(weights[f"{layer}.weight"] @ z + weights[f"{layer}.bias"], 0)
        logits = weights["last.weight"] @ z + weights["last.bias"]
        p = np.exp(logits - logits.max())
        expected.append(p / p.sum() @ bins)
    np.testing.assert_allclose(fitted.predict(performances.x), expected, rtol=1e-4)


def test_the_mode_is_the_most_probable_bin(fitted, performances) -> None:
    mode = USDLHead(**QUICK, decode="mode").restore(fitted.state())
    p = fitted.probabilities(Examples.of(performances.x))[:, 0]
    assert p.shape == (60, 101)
    bins = np.linspace(float(fitted.low_), float(fitted.low_ + 100 * fitted.step_), 101)
    np.testing.assert_allclose(mode.predict(performances.x), bins[p.argmax(axis=1)])


def test_bins_leave_room_for_the_soft_labels_of_the_best_and_the_worst(fitted, performances):
    """Else their expected values would lie inside the range."""
    y, step = performances.y, float(fitted.step_)
    assert y.min() - float(fitted.low_) == pytest.approx(15 * step)
    assert float(fitted.low_) + 100 * step - y.max() == pytest.approx(15 * step)
    best = torch.tensor([(y.max() - float(fitted.low_)) / step])
    label = soft_labels(best, 101, 5.0).double().numpy()[0]
    assert label @ np.arange(101) * step + float(fitted.low_) == pytest.approx(y.max(), rel=1e-3)


def test_the_range_may_be_given(performances) -> None:
    head = USDLHead(epochs=1, low=0, high=104.5, device="cpu").fit(performances.x, performances.y)
    assert (float(head.low_), float(head.step_)) == (0.0, pytest.approx(1.045))


def test_quantiles_are_where_the_bins_add_up_to_them(fitted, performances) -> None:
    assert fitted.gives == ("quantiles",)
    at = np.array([0.1, 0.5, 0.9])
    found = fitted.quantiles(Examples.of(performances.x), at)
    assert (np.diff(found, axis=1) > 0).all()
    low, step = float(fitted.low_), float(fitted.step_)
    for p, own in zip(fitted.probabilities(Examples.of(performances.x))[:, 0], found, strict=True):
        for q, value in zip(at, own, strict=True):
            below = sum(
                mass * np.clip((value - (low + step * (k - 0.5))) / step, 0, 1)
                for k, mass in enumerate(p)
            )
            assert below / p.sum() == pytest.approx(q, abs=1e-6)


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"low": 50.0}, r"row \d+ has score .* not from low=50 to high="),
        ({"high": 60.0}, r"row \d+ has score .* not from low=.* to high=60"),
        ({"low": 90.0, "high": 80.0}, "low=90 is not below high=80"),
        ({"std": 20.0}, "std=20 is too wide for bins=101"),
        ({"std": 0.0}, "std=0.0 is not a number, above 0"),
        ({"bins": 1}, "bins=1 is not a number, 2 or more"),
    ],
)
def test_what_cannot_be_is_named(performances, params: dict, problem: str) -> None:
    with pytest.raises(HeadError, match=problem):
        USDLHead(**QUICK | params).fit(performances.x, performances.y)


def test_validation_videos_are_evaluated_by_the_same_loss(performances) -> None:
    train, val = performances.part(slice(45)), performances.part(slice(45, None))
    head = USDLHead(**QUICK | {"epochs": 2}).fit(train.x, train.y, (val.x, val.y))
    said = torch.tensor(head.outputs(Examples.of(val.x)))
    values = torch.tensor(head.in_bins(val.y)[:, None])
    best = head.history_[head.best_epoch_ - 1]["val_loss"]
    assert divergence(said, values, 5.0).item() == pytest.approx(best, rel=1e-4)
