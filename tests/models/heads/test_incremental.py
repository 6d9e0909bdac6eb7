"""The LSTM whose score builds up clip by clip."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aqa.models.examples import Examples
from aqa.models.heads.base import HeadError
from aqa.models.heads.lstm import LSTMHead
from aqa.models.training.losses import incremental_mse

QUICK = {"epochs": 150, "hidden": 16, "device": "cpu", "lr": 0.01}


@pytest.fixture(scope="module")
def fitted(performances):
    head = LSTMHead(**QUICK, label="incremental")
    return head.fit(same_length(performances)[:45], performances.y[:45])


def same_length(performances):
    """Where lengths differ, a score that builds up evenly cannot be told before the end."""
    return [sequence[:2] for sequence in performances.x]


def test_the_loss_is_that_of_the_naive_loop():
    rng = np.random.default_rng(0)
    predicted, target, lengths = rng.normal(size=(3, 5)), rng.normal(size=3), [5, 1, 3]
    expected = np.mean(
        [
            np.mean([(predicted[i, k] - target[i] * (k + 1) / n) ** 2 for k in range(n)])
            for i, n in enumerate(lengths)
        ]
    )
    loss = incremental_mse(*map(torch.as_tensor, (predicted, target, lengths)))
    assert loss.item() == pytest.approx(expected)


def test_the_last_step_is_the_prediction(fitted, performances):
    x = same_length(performances)[45:]
    gains = [fitted.explain(Examples.of([sequence])).values for sequence in x]
    np.testing.assert_allclose([g.sum() for g in gains], fitted.predict(x), rtol=1e-5)
    assert np.corrcoef(fitted.predict(x), performances.y[45:])[0, 1] > 0.9


def test_a_clip_is_faulty_where_the_score_stops_rising(fitted, performances):
    found = fitted.explain(Examples.of(performances.x[:1]))
    np.testing.assert_array_equal(found.faulty, found.values <= 0)
    assert found.matched == {}


def test_learned_on_the_last_step_alone_it_gives_no_feedback(performances):
    head = LSTMHead(**QUICK | {"epochs": 1}).fit(performances.x, performances.y)
    assert "clips" not in head.gives
    with pytest.raises(HeadError, match="label=final it learns nothing of single clips"):
        head.explain(Examples.of(performances.x[:1]))
