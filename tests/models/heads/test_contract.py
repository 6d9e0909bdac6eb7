"""What every head must do; a new head is tested without editing this file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict

from aqa.models.heads import get_head, head_names
from aqa.models.heads.base import Head, HeadError, describe_params, parse_params

SCORING = [name for name in head_names() if get_head(name).kind == "scores"]

# Settings that make a head quick to fit, and let it answer without the manifest; the others keep
# their defaults.
QUICK = {"epochs": 60, "hidden": 32, "device": "cpu", "bounds": "fractions"}
QUICK |= {"channels": 4, "fragment": "last", "key_fragments": False}


def make(name: str, **params: object) -> Head:
    kind = get_head(name)
    names = {field.name for field in dataclasses.fields(kind)}
    return kind(**{k: v for k, v in (QUICK | params).items() if k in names})


@pytest.fixture
def fit(learned_from: Callable) -> Callable[..., Head]:
    """Fits a head of this name on videos and scores, and on the columns that it needs."""

    def run(name: str, x: list[np.ndarray], y: np.ndarray, **params: object) -> Head:
        return make(name, **params).fit(x, y, **learned_from(name, y))

    return run


@pytest.fixture
def data(name: str, rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
    """60 videos whose score the head can tell."""
    truth = rng.normal(size=60)
    make_one = movement if get_head(name).takes_joints else clips
    if get_head(name).takes == "maps":
        make_one = maps
    return [make_one(t, rng).astype(np.float32) for t in truth], 60 + 15 * truth


def clips(truth: float, rng: np.random.Generator) -> np.ndarray:
    """3 to 8 clips, each of which tells the truth."""
    features = np.outer(np.ones(rng.integers(3, 9)), [truth, -truth, 0, 1, 0.5 * truth, 0])
    return features + rng.normal(scale=0.1, size=6)


def maps(truth: float, rng: np.random.Generator) -> np.ndarray:
    """The same clips as maps, each channel alike in all of its places."""
    return np.tile(clips(truth, rng)[:, :, None, None, None], (2, 3, 3))


def movement(truth: float, rng: np.random.Generator) -> np.ndarray:
    """60 to 80 frames of 3 joints; the better, the wider and the steadier two of them swing."""
    seconds = np.linspace(0, 1, rng.integers(60, 81))[:, None]
    swing = np.sin(2 * np.pi * (seconds * [0, 0, 1, 2, 1, 1] + [0, 0, 0, 0.2, 0.4, 0.6]))
    tremble = rng.normal(scale=0.1 * np.exp(-0.5 * truth), size=swing.shape)
    return (4 + truth) * swing + tremble + 10


@pytest.mark.parametrize("name", SCORING)
class TestContract:
    def test_it_learns_and_predicts_in_points(
        self, name: str, data: tuple, learned_from: Callable
    ) -> None:
        x, y = data
        head = make(name)
        assert head.fit(x[:45], y[:45], **learned_from(name, y[:45])) is head
        predicted = head.predict(x[45:])
        assert predicted.shape == (15,)
        assert predicted.dtype == np.float64
        assert np.corrcoef(predicted, y[45:])[0, 1] > 0.9
        assert np.abs(predicted - y[45:]).mean() < 0.5 * y.std()

    def test_the_same_seed_gives_the_same_head(self, name: str, data: tuple, fit: Callable) -> None:
        x, y = data
        first, again, other = (fit(name, x, y, seed=s).state() for s in (3, 3, 4))
        assert first.keys() == again.keys()
        assert all(np.array_equal(first[k], again[k]) for k in first)
        if "epochs" in make(name).get_params():
            assert any(not np.array_equal(first[k], other[k]) for k in first)

    def test_fitting_leaves_the_global_random_state_alone(
        self, name: str, data: tuple, fit: Callable
    ) -> None:
        import torch

        torch.manual_seed(7)
        expected = torch.rand(1)
        torch.manual_seed(7)
        fit(name, *data, seed=1)
        assert torch.rand(1) == expected

    def test_a_second_fit_forgets_the_first(
        self, name: str, data: tuple, fit: Callable, learned_from: Callable
    ) -> None:
        x, y = data
        head = fit(name, x, 2 * y.mean() - y).fit(x, y, **learned_from(name, y))
        np.testing.assert_array_equal(head.predict(x), fit(name, x, y).predict(x))

    def test_saved_state_predicts_the_same(self, name: str, data: tuple, fit: Callable) -> None:
        x, y = data
        head = fit(name, x, y)
        restored = make(name).restore(head.state())
        np.testing.assert_array_equal(restored.predict(x), head.predict(x))

    def test_a_prediction_does_not_depend_on_its_company(
        self, name: str, data: tuple, fit: Callable
    ) -> None:
        x, y = data
        head = fit(name, x, y)
        alone = np.concatenate([head.predict([sequence]) for sequence in x])
        np.testing.assert_allclose(head.predict(x), alone, rtol=1e-5)

    def test_scikit_learn_can_handle_it(
        self, name: str, data: tuple, learned_from: Callable
    ) -> None:
        x, y = data
        head = make(name, seed=5)
        assert clone(head).get_params() == head.get_params()
        predicted = cross_val_predict(head, x, y, cv=3, params=learned_from(name, y))
        assert predicted.shape == y.shape

    def test_history_has_a_row_a_step(self, name: str, data: tuple, fit: Callable) -> None:
        head = fit(name, *data)
        assert head.history_
        assert all(isinstance(row, dict) for row in head.history_)

    @pytest.mark.parametrize(
        ("spoil", "problem"),
        [
            (lambda x, y: ([], []), "no videos"),
            (lambda x, y: (x, y[:-1]), "expected 60 finite scores"),
            (lambda x, y: (x, np.where(y == y[0], np.nan, y)), "finite scores"),
            (lambda x, y: ([*x[:-1], x[0][:, :3]], y), r"video number 59 has .* \(\d+, 3\b"),
            (lambda x, y: ([x[0][:0], *x[1:]], y), r"video number 0 has .* \(0, 6\b"),
            (lambda x, y: ([x[0] * np.nan, *x[1:]], y), "video number 0 .* not finite"),
            (lambda x, y: (x[:1], y[:1]), "1 training videos"),
        ],
    )
    def test_bad_data_is_named(
        self, name: str, data: tuple, spoil, problem: str, fit: Callable
    ) -> None:
        with pytest.raises(HeadError, match=problem):
            fit(name, *spoil(*data))

    def test_features_of_another_width_are_refused(
        self, name: str, data: tuple, fit: Callable
    ) -> None:
        head = fit(name, *data)
        with pytest.raises(HeadError, match=r"expected \(clips, 6\b"):
            head.predict([np.zeros((3, 7))])

    def test_every_parameter_says_what_it_is(self, name: str) -> None:
        for field in dataclasses.fields(get_head(name)):
            assert field.metadata["help"]
            assert f"{field.name}={field.default}" in describe_params(get_head(name))


def test_parameters_from_the_command_line() -> None:
    kind = get_head("lstm")
    texts = ["epochs=7", "lr=0.01", "standardise=false", "init_std=0.1", "lr_halve_every=none"]
    assert parse_params(kind, texts) == {
        "epochs": 7,
        "lr": 0.01,
        "standardise": False,
        "init_std": 0.1,
        "lr_halve_every": None,
    }


def test_every_wrong_parameter_is_named_at_once() -> None:
    with pytest.raises(HeadError) as caught:
        parse_params(get_head("svr"), ["kernal=rbf", "kernel=poly", "C=big", "folds=2.5", "x"])
    message = str(caught.value)
    for expected in (
        "no parameter 'kernal'; did you mean 'kernel'?",
        "kernel='poly' is not one of rbf, linear",
        "C='big' is not a number",
        "folds='2.5' is not a whole number",
        "'x' is not name=value",
        "  kernel=rbf  ",
    ):
        assert expected in message


def test_an_unknown_head_names_the_known_ones() -> None:
    with pytest.raises(KeyError, match=r"unknown head 'svm'; did you mean 'svr'\?"):
        get_head("svm")
