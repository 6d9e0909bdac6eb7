"""Heads as scikit-learn's estimators: columns in a grid search, pipelines, pickles, not fitted."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from aqa.errors import AqaError
from aqa.models.examples import Examples
from aqa.models.heads import get_head, own_names
from aqa.models.heads.base import Head
from aqa.models.target_transforms import TransformedHead, transformed
from aqa.testing.examples import make_examples

QUICK = {"epochs": 3, "hidden": 8, "device": "cpu", "bounds": "fractions", "channels": 4}
QUICK |= {"fragment": "last", "key_fragments": False, "label": "incremental"}
N = 24


def quick(name: str, **params: Any) -> Head:
    known = {field.name for field in dataclasses.fields(get_head(name))}
    return get_head(name)(**{k: v for k, v in (QUICK | params).items() if k in known})


def videos(name: str) -> tuple[Examples, dict[str, Any]]:
    """Examples, and by name every column that the head takes."""
    examples = make_examples(get_head(name), N)
    known = dict(examples.columns)
    known |= {"type": [f"{i % 2}" for i in range(N)], "id": list(examples.ids)}
    columns = {k: known[k] for k in get_head(name).columns if k in known}
    return examples, columns


SCORING = [n for n in own_names() if get_head(n).kind == "scores"]
WITH_COLUMNS = [n for n in SCORING if videos(n)[1]]


@pytest.fixture
def routing() -> Iterator[None]:
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
@pytest.mark.filterwarnings("error::sklearn.exceptions.FitFailedWarning")
@pytest.mark.parametrize("name", WITH_COLUMNS)
def test_a_grid_search_hands_columns_on(name: str) -> None:
    examples, columns = videos(name)
    search = GridSearchCV(quick(name), {"seed": [0, 1]}, cv=2, error_score="raise")
    search.fit(examples.features, examples.scores, **columns)
    expected = quick(name, seed=search.best_params_["seed"])
    expected.fit(examples.features, examples.scores, **columns)
    told = {k: columns[k] for k in columns if k in (*expected.answer_columns, "id")}
    np.testing.assert_array_equal(
        search.best_estimator_.predict(examples.features, **told),
        expected.predict(examples.features, **told),
    )


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("name", WITH_COLUMNS)
def test_cross_validation_hands_columns_on(name: str) -> None:
    examples, columns = videos(name)
    found = cross_val_score(
        quick(name), examples.features, examples.scores, cv=2, params=columns, error_score="raise"
    )
    halves = [range(N // 2, N), range(N // 2)]
    train, test = (examples.select(half) for half in halves)
    told, asked = ({k: [v[i] for i in half] for k, v in columns.items()} for half in halves)
    head = quick(name).fit(train.features, train.scores, **told)
    asked = {k: v for k, v in asked.items() if k in (*head.answer_columns, "id")}
    assert found[0] == head.score(test.features, test.scores, **asked)


@pytest.mark.parametrize("name", WITH_COLUMNS)
def test_examples_carry_their_columns_through_cross_validation(name: str) -> None:
    """`cross_val_predict` hands `params` to fitting alone, so what answering takes is in X."""
    plain, columns = videos(name)
    examples = dataclasses.replace(plain, columns={**plain.columns, **columns})
    predicted = cross_val_predict(quick(name), examples, examples.scores, cv=2)
    head = quick(name).fit_examples(examples.select(range(N // 2, N)))
    np.testing.assert_array_equal(
        predicted[: N // 2], head.predict_examples(examples.select(range(N // 2)))
    )


@pytest.mark.usefixtures("routing")
def test_cross_val_predict_hands_columns_to_fitting() -> None:
    examples, columns = videos("musdl")
    predicted = cross_val_predict(
        quick("musdl"), examples.features, examples.scores, cv=2, params=columns
    )
    head = quick("musdl").fit(
        examples.features[N // 2 :], examples.scores[N // 2 :], judges=columns["judges"][N // 2 :]
    )
    np.testing.assert_array_equal(predicted[: N // 2], head.predict(examples.features[: N // 2]))


@pytest.mark.usefixtures("routing")
def test_the_columns_of_a_target_are_asked_for_too() -> None:
    examples = make_examples(get_head("svr"), N)
    difficulty = np.linspace(1, 3, N)
    head = transformed(get_head("svr"), {"difficulty": "multiply", "folds": 2})
    found = cross_val_score(
        head, examples.features, examples.scores * difficulty, params={"difficulty": difficulty}
    )
    assert found.min() > 0.8


@pytest.mark.usefixtures("routing")
def test_a_column_that_a_head_does_not_take_is_refused() -> None:
    examples = make_examples(get_head("svr"), N)
    with pytest.raises(TypeError, match="type"):
        cross_val_predict(
            quick("svr"), examples.features, examples.scores, params={"type": ["A"] * N}
        )


@pytest.mark.filterwarnings("ignore::UserWarning")  # answering, it is told no types
def test_without_routing_a_grid_search_tells_columns_to_fit() -> None:
    examples, columns = videos("type-lstm")
    seen = []

    class Spy(get_head("type-lstm")):  # type: ignore[misc]
        def fit_examples(self, train: Examples, *rest: Any, **more: Any) -> Any:
            seen.append(list(train.columns["type"]))
            return super().fit_examples(train, *rest, **more)

    head = Spy(**{k: v for k, v in QUICK.items() if k in ("epochs", "hidden", "device")})
    GridSearchCV(head, {"seed": [0]}, cv=2).fit(
        examples.features, examples.scores, type=columns["type"]
    )
    assert [len(types) for types in seen] == [N // 2, N // 2, N]


def test_score_takes_columns() -> None:
    examples, columns = videos("type-lstm")
    head = quick("type-lstm", epochs=60).fit(examples.features, examples.scores, **columns)
    predicted = head.predict(examples.features, type=columns["type"])
    residual = ((examples.scores - predicted) ** 2).sum()
    expected = 1 - residual / ((examples.scores - examples.scores.mean()) ** 2).sum()
    assert head.score(examples.features, examples.scores, type=columns["type"]) == pytest.approx(
        expected
    )


@pytest.mark.usefixtures("routing")
def test_the_last_step_of_a_pipeline_gets_columns() -> None:
    examples, columns = videos("type-lstm")
    pipeline = make_pipeline("passthrough", quick("type-lstm"))
    pipeline.fit(examples.features, examples.scores, type=columns["type"])
    alone = quick("type-lstm").fit(examples.features, examples.scores, **columns)
    np.testing.assert_array_equal(
        pipeline.predict(examples.features, type=columns["type"]),
        alone.predict(examples.features, **columns),
    )


@pytest.mark.parametrize("name", own_names())
def test_a_fitted_head_is_pickled_and_cloned(name: str) -> None:
    examples = make_examples(get_head(name), N)
    head = quick(name)
    with pytest.raises(NotFittedError):
        check_is_fitted(head)
    head.fit_examples(examples)
    check_is_fitted(head)
    again = pickle.loads(pickle.dumps(head))
    assert again.get_params() == head.get_params()
    if head.kind == "scores":
        np.testing.assert_array_equal(
            again.predict_examples(examples), head.predict_examples(examples)
        )
    with pytest.raises(NotFittedError):
        check_is_fitted(clone(head))


ANSWERS = {"attributes": "attributes", "parts": "parts", "clips": "explain", "joints": "gradient"}


def questions(head: Head, examples: Examples) -> dict[str, Callable[[], Any]]:
    """What can be asked of a head, by name."""
    asked: dict[str, Callable[[], Any]] = {"state": head.state}
    asked |= {
        ANSWERS[name]: lambda name=name: getattr(head, ANSWERS[name])(examples.select([0]))
        for name in head.gives
        if name in ANSWERS
    }
    if "quantiles" in head.gives:
        asked["quantiles"] = lambda: head.quantiles(examples, [0.5])  # type: ignore[attr-defined]
    if head.kind == "scores":
        asked["predict"] = lambda: head.predict(examples.features)
        asked["predict_examples"] = lambda: head.predict_examples(examples)
        asked["score"] = lambda: head.score(examples.features, examples.scores)
        asked["chosen"] = lambda: head.chosen
    elif head.kind == "pairs":
        ends = np.array([0]), np.array([1])
        asked["similarity"] = lambda: head.similarity(examples, *ends)  # type: ignore[attr-defined]
    else:
        asked["posteriors"] = lambda: head.posteriors(  # type: ignore[attr-defined]
            examples.features
        )
    return asked


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("name", own_names())
def test_an_unfitted_head_says_so_in_scikit_learns_words_and_ours(name: str, wrapped: bool) -> None:
    head = quick(name)
    if wrapped:
        if head.kind != "scores":
            return
        head = TransformedHead(head, scale="action")
    for method, ask in questions(head, make_examples(get_head(name), 5)).items():
        if method == "chosen" and not wrapped:
            continue  # of a head that chooses nothing it is empty
        with pytest.raises(NotFittedError, match="is not fitted") as caught:
            ask()
        assert isinstance(caught.value, AqaError), method
        assert "\n" not in str(caught.value)
