from __future__ import annotations

import numpy as np
import pytest

from aqa.errors import AqaWarning
from aqa.models.heads.base import HeadError
from aqa.models.heads.lstm import LSTMHead
from aqa.models.heads.type_lstm import TypeLSTMHead

QUICK = {"epochs": 5, "hidden": 8, "device": "cpu"}


@pytest.fixture(scope="module")
def fitted(performances):
    return TypeLSTMHead(**QUICK).fit(performances.x, performances.y, type=performances.type)


def test_each_type_has_the_lstm_of_its_own_videos(fitted, performances):
    own = [i for i, label in enumerate(performances.type) if label == "B"]
    alone = LSTMHead(**QUICK).fit([performances.x[i] for i in own], performances.y[own])
    np.testing.assert_array_equal(
        fitted.predict(performances.x[:5], type=["B"] * 5), alone.predict(performances.x[:5])
    )


def test_saved_models_predict_the_same(fitted, performances):
    restored = TypeLSTMHead(**QUICK).restore(fitted.state())
    x, types = performances.x, performances.type
    np.testing.assert_array_equal(restored.predict(x, type=types), fitted.predict(x, type=types))


def test_a_type_without_a_model_gets_the_mean_of_all(fitted, performances):
    x = performances.x[:1]
    with pytest.warns(AqaWarning, match="1 of 1 videos are of a type without a model"):
        predicted = fitted.predict(x, type=["Z"])
    assert predicted == pytest.approx(np.mean([fitted.predict(x, type=[t]) for t in "ABC"]))


def test_rare_types_get_no_model(performances):
    types = ["rare"] * 4 + ["often"] * 56
    head = TypeLSTMHead(**QUICK).fit(performances.x, performances.y, type=types)
    assert list(head.models_) == ["often"]
    with pytest.raises(HeadError, match="no type has least=57"):
        TypeLSTMHead(**QUICK, least=57).fit(performances.x, performances.y, type=types)


def test_validation_videos_go_to_their_type(performances):
    train, val = performances.part(slice(45)), performances.part(slice(45, None))
    head = TypeLSTMHead(**QUICK).fit(
        train.x, train.y, (val.x, val.y, {"type": val.type}), type=train.type
    )
    own = [i for i, label in enumerate(train.type) if label == "A"]
    held = [i for i, label in enumerate(val.type) if label == "A"]
    alone = LSTMHead(**QUICK).fit(
        [train.x[i] for i in own], train.y[own], ([val.x[i] for i in held], val.y[held])
    )
    np.testing.assert_array_equal(head.models_["A"].predict(val.x), alone.predict(val.x))


def test_some_without_a_type_are_refused(performances):
    with pytest.raises(HeadError, match="2 of 60 training videos have no type"):
        TypeLSTMHead(**QUICK).fit(performances.x, performances.y, type=[None] * 2 + ["A"] * 58)
