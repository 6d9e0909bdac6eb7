from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from aqa.errors import HeadError
from aqa.models.examples import Examples
from aqa.models.heads.lstm import LSTMHead
from aqa.models.heads.lstm_svr import LSTMSVRHead
from aqa.models.heads.svr import SVRHead

LSTM = {"epochs": 5, "hidden": 8, "device": "cpu", "lr": 0.01}
SVR = {"C": 10.0, "epsilon": 0.1, "gamma": 0.3}


@pytest.fixture(scope="module")
def fitted(performances):
    head = LSTMSVRHead(**LSTM, **SVR, label="incremental")
    return head.fit(performances.x, performances.y)


def states(head: LSTMHead, sequence: np.ndarray) -> np.ndarray:
    """The LSTM's own recurrence, clip by clip."""
    cell, hidden = head.net_.lstm, None
    found = []
    with torch.no_grad():
        for clip in (sequence - head.centre_) / head.scale_:
            out, hidden = cell(torch.as_tensor(clip, dtype=torch.float32)[None, None], hidden)
            found.append(out[0, 0].numpy())
    return np.stack(found)


def test_it_is_the_svr_head_on_the_lstm_heads_last_states(fitted, performances):
    lstm = LSTMHead(**LSTM, label="incremental").fit(performances.x, performances.y)
    last = [states(lstm, sequence)[-1:] for sequence in performances.x]
    svr = SVRHead(**SVR).fit(last, performances.y)
    np.testing.assert_allclose(fitted.predict(performances.x), svr.predict(last), atol=1e-3)


def test_a_clips_gain_is_that_of_the_svrs_score(fitted, performances):
    sequence = performances.x[3]
    gains = fitted.explain(Examples.of([sequence])).values
    assert gains.sum() == pytest.approx(fitted.predict([sequence])[0], rel=1e-6)
    scores = fitted.svr_.predict(list(states(fitted.lstm_, sequence)[:, None]))
    np.testing.assert_allclose(gains.cumsum(), scores, atol=1e-3)


def test_the_history_tells_both_searches(fitted):
    assert {row["phase"] for row in fitted.history_} == {"lstm", "svr"}
    assert fitted.chosen["best_params"] == SVR
    assert fitted.chosen["best_epoch"] in range(1, 6)


def test_learned_on_the_last_step_alone_it_gives_no_feedback(performances):
    head = LSTMSVRHead(epochs=1, hidden=4, device="cpu").fit(performances.x, performances.y)
    assert head.gives == ()
    with pytest.raises(HeadError, match="label=final it learns nothing of single clips"):
        head.explain(Examples.of(performances.x[:1]))


def test_its_parameters_are_those_of_both_heads():
    names = {field.name for field in dataclasses.fields(LSTMSVRHead)}
    both = (*dataclasses.fields(LSTMHead), *dataclasses.fields(SVRHead))
    assert names == {field.name for field in both}


def test_it_holds_two_heads_and_claims_none_of_their_capabilities():
    assert not issubclass(LSTMSVRHead, LSTMHead | SVRHead)
    assert LSTMHead.transferable
    assert not LSTMSVRHead.transferable
    assert LSTMHead.end_to_end is not None
    assert LSTMSVRHead.end_to_end is None


def test_wrong_svr_parameters_are_refused_before_the_lstm_is_trained(performances):
    head = LSTMSVRHead(**LSTM, C=-1.0)
    with pytest.raises(HeadError, match=r"C=-1.0 is not a number, above 0"):
        head.fit(performances.x, performances.y)
    assert not hasattr(head, "lstm_")
