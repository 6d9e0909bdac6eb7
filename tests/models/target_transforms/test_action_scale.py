from __future__ import annotations

import numpy as np
import pytest

from aqa.errors import AqaWarning
from aqa.models.examples import Examples
from aqa.models.heads import make_head
from aqa.models.heads.base import HeadError
from aqa.models.heads.svr import SVRHead
from aqa.models.target_transforms import TransformedHead

QUICK = {"kernel": "linear", "C": 1.0, "epsilon": 0.1}


@pytest.fixture
def data(rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray, list[str]]:
    """Two actions whose features tell quality alike, evaluated on scales of 20 and of 1."""
    quality = rng.normal(size=60)
    actions = ["dive" if i % 2 else "vault" for i in range(60)]
    scale = np.array([20.0 if action == "dive" else 1.0 for action in actions])
    x = [np.tile([q, -q, 1.0], (3, 1)) + rng.normal(scale=0.05, size=(3, 3)) for q in quality]
    return [s.astype(np.float32) for s in x], scale * (5 + quality), actions


def make(**params: object) -> TransformedHead:
    head = make_head("svr", {**QUICK, "scale": "action", **params})
    assert isinstance(head, TransformedHead)
    return head


def test_targets_are_divided_by_each_actions_deviation(data: tuple) -> None:
    x, y, actions = data
    dive = np.array([action == "dive" for action in actions])
    std = np.where(dive, y[dive].std(), y[~dive].std())
    expected = SVRHead(**QUICK).fit(x, y / std).predict(x) * std
    np.testing.assert_allclose(
        make().fit(x, y, action=actions).predict(x, action=actions), expected
    )


def test_one_model_of_two_scales_is_right_on_both(data: tuple) -> None:
    x, y, actions = data
    found = make().fit(x[:40], y[:40], action=actions[:40]).predict(x[40:], action=actions[40:])
    for action in ("dive", "vault"):
        own = [i for i in range(20) if actions[40 + i] == action]
        assert np.corrcoef(found[own], y[40:][own])[0, 1] > 0.95


def test_a_saved_head_answers_the_same(data: tuple) -> None:
    x, y, actions = data
    head = make().fit(x, y, action=actions)
    again = make().restore(head.state())
    np.testing.assert_array_equal(again.predict(x, action=actions), head.predict(x, action=actions))


def test_feedback_says_what_it_is_of(data: tuple) -> None:
    x, y, actions = data
    lstm = {"epochs": 2, "hidden": 4, "device": "cpu", "label": "incremental"}
    head = make_head("lstm", {**lstm, "scale": "action"}).fit(x, y, action=actions)
    found = head.explain(Examples.of(x[:1], action=actions[:1]))
    assert found.meaning.endswith(", of score / the action's standard deviation")
    scaled = head.predict(x[:1], action=actions[:1]) / y[::2].std()
    assert found.values.sum() == pytest.approx(scaled[0], rel=1e-4)


def test_an_unseen_action_gets_the_mean_spread(data: tuple) -> None:
    x, y, actions = data
    head = make().fit(x, y, action=actions)
    with pytest.warns(AqaWarning, match="no training video is of the action ski"):
        found = head.predict(x, action=["ski"] * 60)
    ratio = found / head.predict(x, action=["dive"] * 60)
    (scale,) = head.transforms_
    np.testing.assert_allclose(ratio, scale.stds_.mean() / scale.stds_[scale.names_.index("dive")])


def test_with_known_difficulty_both_apply(data: tuple) -> None:
    x, y, actions = data
    head = make_head("svr", {**QUICK, "scale": "action", "difficulty": "multiply"})
    assert [t.column for t in head.transforms()] == ["difficulty", "action"]
    hard = np.linspace(1, 3, 60)
    found = head.fit(x, y * hard, action=actions, difficulty=hard)
    expected = make().fit(x, y, action=actions).predict(x, action=actions) * hard
    np.testing.assert_allclose(
        found.predict(x, action=actions, difficulty=hard), expected, rtol=1e-6
    )


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (None, "60 of 60 have none"),
        (["dive"] * 59 + [""], "1 of 60"),
        (["dive"], "1 values of action for 60 videos"),
    ],
)
def test_missing_actions_are_refused(data: tuple, actions: object, message: str) -> None:
    with pytest.raises(HeadError, match=message):
        make().fit(data[0], data[1], action=actions)
