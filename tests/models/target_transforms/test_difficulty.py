from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
from sklearn.base import clone

from aqa.errors import AqaWarning
from aqa.models.examples import Examples
from aqa.models.heads import get_head, make_head, own_names
from aqa.models.heads.base import Head, HeadError
from aqa.models.heads.lstm import LSTMHead
from aqa.models.heads.pose_dct import PoseDCTHead
from aqa.models.heads.svr import SVRHead
from aqa.models.target_transforms import TransformedHead

SCORING = [
    name
    for name in own_names()
    if get_head(name).kind == "scores"
    and get_head(name).takes == "vectors"
    and "difficulty" not in get_head(name).columns
    and not get_head(name).takes_joints
]
QUICK = {"epochs": 4, "hidden": 8, "device": "cpu", "bounds": "fractions"}
# Under a name that means something else in another head.
QUICK_OF = {"score-estimation": {"steps": 20}}


@pytest.fixture
def data(rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """40 videos that show their execution; scores are execution times difficulty."""
    execution, difficulty = rng.uniform(10, 28, 40), rng.uniform(1.5, 4, 40)
    x = [np.outer(np.ones(rng.integers(2, 5)), [e / 10, -e / 10, 1.0, 0.0]) for e in execution]
    x = [(s + rng.normal(scale=0.05, size=s.shape)).astype(np.float32) for s in x]
    return x, execution * difficulty, difficulty


def make(name: str, difficulty: str) -> TransformedHead:
    names = {field.name for field in dataclasses.fields(get_head(name))}
    quick = {k: v for k, v in QUICK.items() if k in names} | QUICK_OF.get(name, {})
    head = make_head(name, {**quick, "difficulty": difficulty})
    assert isinstance(head, TransformedHead)
    return head


def plain(name: str) -> Head:
    return make(name, "multiply").head


def widened(x: list[np.ndarray], values: np.ndarray) -> list[np.ndarray]:
    """Sequences with a column more, of one value a video."""
    return [
        np.column_stack([s, np.full(len(s), v, np.float32)]) for s, v in zip(x, values, strict=True)
    ]


@pytest.mark.parametrize("name", SCORING)
class TestEveryScoringHead:
    @pytest.fixture(autouse=True)
    def _untyped(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AqaWarning)
            yield

    def test_multiply_is_a_head_of_the_execution(
        self, name: str, data: tuple, learned_from
    ) -> None:
        x, y, d = data
        own = learned_from(name, y[:30])
        told = make(name, "multiply").fit(x[:30], y[:30], difficulty=d[:30], **own)
        by_hand = plain(name).fit(x[:30], y[:30] / d[:30], **own)
        expected = by_hand.predict(x[30:]) * d[30:]
        np.testing.assert_array_equal(told.predict(x[30:], difficulty=d[30:]), expected)

    def test_input_is_a_standardised_feature_more(
        self, name: str, data: tuple, learned_from
    ) -> None:
        x, y, d = data
        z = (d - d[:30].mean()) / d[:30].std()
        wider = [
            np.column_stack([s, np.full(len(s), v, np.float32)]) for s, v in zip(x, z, strict=True)
        ]
        own = learned_from(name, y[:30])
        told = make(name, "input").fit(x[:30], y[:30], difficulty=d[:30], **own)
        by_hand = plain(name).fit(wider[:30], y[:30], **own)
        np.testing.assert_array_equal(
            told.predict(x[30:], difficulty=d[30:]), by_hand.predict(wider[30:])
        )

    @pytest.mark.parametrize("how", ["multiply", "input"])
    def test_saved_state_predicts_the_same(
        self, name: str, how: str, data: tuple, learned_from
    ) -> None:
        x, y, d = data
        head = make(name, how).fit(x, y, difficulty=d, **learned_from(name, y))
        restored = make(name, how).restore(head.state())
        np.testing.assert_array_equal(
            restored.predict(x, difficulty=d), head.predict(x, difficulty=d)
        )
        assert head.history_
        assert head.params["difficulty"] == how


def test_knowing_the_difficulty_helps(data: tuple) -> None:
    x, y, d = data
    errors = {}
    for how in ("multiply", "input"):
        predicted = (
            make("svr", how)
            .fit(x[:30], y[:30], difficulty=d[:30])
            .predict(x[30:], difficulty=d[30:])
        )
        errors[how] = np.square(predicted - y[30:]).mean()
    unaware = SVRHead().fit(x[:30], y[:30]).predict(x[30:])
    errors["none"] = np.square(unaware - y[30:]).mean()
    assert errors["multiply"] < 0.1 * errors["input"] < 0.1 * errors["none"]


@pytest.mark.parametrize("how", ["multiply", "input"])
def test_validation_videos_have_their_own(how: str, data: tuple) -> None:
    x, y, d = data
    head = make("lstm", how)
    val = (x[25:30], y[25:30], {"difficulty": d[25:30]})
    head.fit(x[:25], y[:25], val, difficulty=d[:25])
    mean, std = d[:25].mean(), d[:25].std()  # of the training videos alone
    shown = widened(x, (d - mean) / std) if how == "input" else x
    target = y / d if how == "multiply" else y
    by_hand = plain("lstm").fit(shown[:25], target[:25], (shown[25:30], target[25:30]))
    assert by_hand.history_ == head.history_


def test_columns_are_the_heads_and_difficulty() -> None:
    assert make("svr", "input").columns == ("difficulty",)
    assert make("score-estimation", "input").columns == (
        *("id", "type", "similar_within", "difficulty"),
    )
    assert make_head("svr", {"difficulty": "none"}).columns == ()
    assert make_head("siamese", {}).kind == "pairs"


def test_scikit_learn_can_clone_it() -> None:
    head = TransformedHead(SVRHead(C=2.0), difficulty="input")
    again = clone(head)
    assert again.head.get_params() == head.head.get_params()
    assert again.difficulty == "input"


@pytest.mark.parametrize("how", ["multiply", "input"])
def test_explanations_are_the_heads(how: str, data: tuple) -> None:
    x, y, d = data
    head = make_head("lstm", {**QUICK_LSTM, "difficulty": how})
    head.fit(x, y, difficulty=d)
    assert "clips" in head.gives
    blank = np.zeros(4, np.float32)
    found = head.explain(Examples.of(x[:1], blank=blank, difficulty=d[:1]))
    # The points that clips add up to are the prediction.
    scale = d[0] if how == "multiply" else 1
    assert found.values.sum() * scale == pytest.approx(
        head.predict(x[:1], difficulty=d[:1])[0], rel=1e-4
    )
    assert ("of score / difficulty" in found.meaning) == (how == "multiply")


QUICK_LSTM = {"epochs": 4, "hidden": 8, "device": "cpu", "label": "incremental"}


@pytest.mark.parametrize(
    ("how", "difficulty", "problem"),
    [
        ("multiply", None, "difficulty=multiply takes .* and 40 of 40 have none above 0"),
        ("multiply", [2.0] * 39 + [0.0], "1 of 40 have none above 0"),
        ("input", [2.0] * 38 + [None] * 2, r"2 of 40 have none \(row 38, row 39\): fill"),
        ("input", [2.0] * 3, "3 values of difficulty for 40 videos"),
    ],
)
def test_what_is_refused(how: str, difficulty, problem: str, data: tuple) -> None:
    with pytest.raises(HeadError, match=problem):
        make("svr", how).fit(data[0], data[1], difficulty=difficulty)


def test_a_head_that_takes_it_by_itself_is_not_told_twice(data: tuple) -> None:
    x, y, d = data

    class Knowing(SVRHead):
        columns = ("difficulty",)

    with pytest.raises(HeadError, match="Knowing takes the difficulty by itself"):
        TransformedHead(Knowing(), difficulty="input").fit(x, y, difficulty=d)


def test_a_metric_of_other_features_is_refused(data: tuple) -> None:
    x, y, d = data
    with pytest.raises(HeadError, match="difficulty=input widens the features; leave out --from"):
        make("score-estimation", "input").fit(x, y, difficulty=d, start=LSTMHead())


def test_joints_are_multiplied_but_get_no_column_more(rng: np.random.Generator) -> None:
    x = [rng.normal(scale=9, size=(12, 8)).cumsum(axis=0).astype(np.float32) for _ in range(10)]
    difficulty = rng.uniform(2, 4, 10)
    scores = rng.uniform(10, 25, 10) * difficulty
    told = TransformedHead(PoseDCTHead(k=5), difficulty="multiply")
    told.fit(x, scores, difficulty=difficulty)
    alone = PoseDCTHead(k=5).fit(x, scores / difficulty)
    np.testing.assert_allclose(
        told.gradient(Examples.of([x[3]], difficulty=difficulty[3:4])),
        alone.gradient(Examples.of([x[3]])) * difficulty[3],
    )
    with pytest.raises(HeadError, match=r"difficulty=input is no joint's place"):
        TransformedHead(PoseDCTHead(), difficulty="input").fit(x, scores, difficulty=difficulty)


@pytest.mark.parametrize("name", ["svr", "lstm"])
def test_a_difficulty_that_is_the_same_in_training_does_not_blow_up(name: str, data) -> None:
    """The standard deviation of thirty times 3.1 is a rounding error, and 3.2 is not far off."""
    x, y, same = data[0][:30], data[1][:30], [3.1] * 30
    assert 0 < np.std(same) < 1e-12
    told = make(name, "input").fit(x, y, difficulty=same)
    near = told.predict(x, difficulty=[3.2] * 30)
    assert np.abs(near - told.predict(x, difficulty=same)).max() < 0.1 * y.std()
