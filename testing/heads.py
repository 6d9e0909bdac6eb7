"""The contract of a head: what fitting, evaluation, saved runs and scikit-learn rely on."""

from __future__ import annotations

import copy
import dataclasses
import functools
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from sklearn.base import clone

from aqa.errors import AqaWarning, HeadError
from aqa.models.examples import Examples
from aqa.models.heads import find_head
from aqa.models.heads.base import Head, describe_params, parse_params
from aqa.testing.examples import make_examples


@dataclasses.dataclass(frozen=True)
class HeadCase:
    """A head to check: its class, hyper-parameters, and videos to fit it on and to ask it of."""

    head_class: type[Head]
    params: dict[str, Any]
    train: Examples
    test: Examples

    def make(self, **params: Any) -> Head:
        """The head, not fitted."""
        return self.head_class(**{**self.params, **params})

    def fitted(self) -> Head:
        """The head, fitted on the training videos."""
        return self.make().fit_examples(self.train)

    @functools.cached_property
    def ready(self) -> Head:
        """The head, fitted once for all checks that only ask it."""
        return self.fitted()

    @property
    def name(self) -> str:
        """What errors call it."""
        return self.head_class.__name__


def check_head(
    head: str | Path | type[Head],
    *,
    examples: tuple[Examples, Examples] | None = None,
    **params: Any,
) -> None:
    """Raise `AssertionError`, saying what is wrong, for a head that breaks the contract.

    head: a class, or what `--head` takes: a name, or path/to/file.py[:Class]. examples: training
    and test videos, whose scores the head can learn; made up where they are left out, with clips
    that tell the score. params: hyper-parameters, such as ones that make it quick to fit.
    """
    case = head_case(head, examples=examples, **params)
    for check in HEAD_CHECKS:
        check(case)


def head_case(
    head: str | Path | type[Head],
    *,
    examples: tuple[Examples, Examples] | None = None,
    **params: Any,
) -> HeadCase:
    """What each of `HEAD_CHECKS` takes; see `check_head`."""
    made = head
    if isinstance(head, str | Path):
        made = find_head(str(head)).head_class
    if not (isinstance(made, type) and issubclass(made, Head)):
        raise AssertionError(
            f"{made!r} is no class of a head; write a dataclass that inherits from "
            "aqa.models.heads.Head"
        )
    if examples is None:
        drawn = make_examples(made, 60)
        examples = drawn.select(range(45)), drawn.select(range(45, 60))
    return HeadCase(made, params, *examples)


def check_parameters(case: HeadCase) -> None:
    """Every hyper-parameter is a field made with `param`, is described and can be typed."""
    _require(
        "__dataclass_fields__" in vars(case.head_class), f"{case.name}: write @dataclass above it"
    )
    described = describe_params(case.head_class)
    for field in dataclasses.fields(case.head_class):
        _require(
            bool(field.metadata.get("help")),
            f"{case.name}: make the hyper-parameter {field.name} with param(default, help)",
        )
        _require(f"{field.name}={field.default}" in described, f"{field.name} is not described")
        text = str(field.default)
        try:
            typed = parse_params(case.head_class, [f"{field.name}={text}"])[field.name]
        except HeadError as error:
            raise AssertionError(f"{case.name}: its default cannot be typed: {error}") from error
        _require(
            typed == field.default,
            f"{case.name}: -p {field.name}={text} gives {typed!r}, not the default",
        )


def check_clones(case: HeadCase) -> None:
    """scikit-learn can read, set and clone it; making it only keeps its hyper-parameters."""
    head = case.make(seed=5)
    again = clone(head)
    _require(again.get_params() == head.get_params(), f"{case.name}: a clone differs")
    again.set_params(seed=6)
    _require(again.seed == 6 and head.seed == 5, f"{case.name}: set_params does not set the seed")


def check_unfitted(case: HeadCase) -> None:
    """A head that is not fitted says so, with a `HeadError`."""
    head = case.make()
    if head.kind == "scores":
        _refused(
            lambda: head.predict_examples(case.test),
            f"{case.name}: answers before it is fitted; "
            "begin predict_examples with self.check_fitted()",
        )
    _refused(head.state, f"{case.name}: has a state to save before it is fitted")


def check_fit(case: HeadCase) -> None:
    """Fitting gives the head itself, and changes nothing that it is given."""
    before = copy.deepcopy(case.train)
    head = case.make()
    params = head.get_params()
    _require(head.fit_examples(case.train) is head, f"{case.name}: fitting does not give the head")
    _require(head.get_params() == params, f"{case.name}: fitting changes its hyper-parameters")
    _require(_same(before, case.train), f"{case.name}: fitting changes the training videos")
    history = getattr(head, "history_", [])
    _require(
        isinstance(history, list) and all(isinstance(row, dict) for row in history),
        f"{case.name}: history_ is not a list of rows, name -> value",
    )
    _require(isinstance(head.chosen, dict), f"{case.name}: chosen is not a dict")


def check_scores(case: HeadCase) -> None:
    """Answers are one finite score per video, in points, that go with what the videos show."""
    if case.head_class.kind != "scores":
        return
    before, head = copy.deepcopy(case.test), case.ready
    predicted = head.predict_examples(case.test)
    n = len(case.test)
    _require(
        isinstance(predicted, np.ndarray) and predicted.shape == (n,),
        f"{case.name}: predicts {type(predicted).__name__} {np.shape(predicted)} for {n} "
        f"videos, not an array ({n},)",
    )
    _require(predicted.dtype == np.float64, f"{case.name}: predicts {predicted.dtype}, not float64")
    _require(
        bool(np.isfinite(predicted).all()), f"{case.name}: predicts scores that are not finite"
    )
    _require(_same(before, case.test), f"{case.name}: answering changes the videos")
    true = case.test.scores
    _require(
        bool(np.corrcoef(predicted, true)[0, 1] > 0.9),
        f"{case.name}: does not learn scores that every clip tells",
    )
    off = float(np.abs(predicted - true).mean())
    _require(
        off < 0.5 * true.std(),
        f"{case.name}: its scores lie {off:.1f} points off, of scores that deviate by "
        f"{true.std():.1f}; answer in points, and let a network start at the mean (`start_at`)",
    )


def check_company(case: HeadCase) -> None:
    """A video's score does not depend on the videos beside it."""
    if case.head_class.kind != "scores":
        return
    head = case.ready
    together = head.predict_examples(case.test)
    alone = [head.predict_examples(case.test.select([i]))[0] for i in range(len(case.test))]
    _require(
        bool(np.allclose(together, alone, rtol=1e-5)),
        f"{case.name}: a video's score depends on the videos beside it",
    )


def check_seed(case: HeadCase) -> None:
    """The same seed gives the same head, and PyTorch's global random numbers are left alone."""
    first, before = case.ready.state(), torch.get_rng_state()
    again = case.fitted().state()
    _require(
        torch.equal(before, torch.get_rng_state()),
        f"{case.name}: fitting moves PyTorch's global random numbers; use torch.random.fork_rng",
    )
    _require(_equal(first, again), f"{case.name}: the same seed gives another head")


def check_second_fit(case: HeadCase) -> None:
    """It can be given validation videos; and a second fit, without them, forgets the first."""
    turned = dataclasses.replace(
        case.train, scores=2 * case.train.scores.mean() - case.train.scores
    )
    head = case.make().fit_examples(turned, case.test).fit_examples(case.train)
    _require(
        _equal(head.state(), case.ready.state()),
        f"{case.name}: a second fit remembers something of the first",
    )


def check_restore(case: HeadCase) -> None:
    """What is saved is arrays alone, and a head restored from them answers the same."""
    head = case.ready
    state = head.state()
    wrong = [name for name, array in state.items() if not isinstance(array, np.ndarray)]
    _require(not wrong, f"{case.name}: {wrong[:3]} of its state are no arrays")
    _require(
        all(array.dtype != object for array in state.values()),
        f"{case.name}: its state holds arrays of objects; save texts with pack_texts",
    )
    saved = safetensors.numpy.load(safetensors.numpy.save(_contiguous(state)))
    restored = case.make().restore(saved)
    _require(_equal(restored.state(), state), f"{case.name}: a restored head has another state")
    if head.kind == "scores":
        _require(
            np.array_equal(restored.predict_examples(case.test), head.predict_examples(case.test)),
            f"{case.name}: a restored head predicts something else; name all that predicting "
            "needs in `fitted`",
        )
    _require(restored.gives == head.gives, f"{case.name}: a restored head gives other answers")


def check_arrays(case: HeadCase) -> None:
    """`fit` and `predict` on plain arrays, as scikit-learn calls them, do the same."""
    if case.head_class.kind != "scores":
        return
    head, train, test = case.make(), case.train, case.test
    known = _named(train.only((*head.columns, "id")), head)
    if head.takes_blank:
        known["blank"] = train.blank
    _require(
        head.fit(train.features, train.scores, **known) is head,
        f"{case.name}: fit does not give the head",
    )
    predicted = head.predict(test.features, **test.only(head.answer_columns))
    _require(
        np.array_equal(predicted, case.ready.predict_examples(test)),
        f"{case.name}: fit and predict on arrays differ from those on examples",
    )


def check_score_graph(case: HeadCase) -> None:
    """As one network, which `aqa export` writes, it says the same; or it refuses that."""
    if case.head_class.kind != "scores":
        return
    try:
        graph = case.ready.score_graph().eval()
    except HeadError:
        return
    scores = case.ready.predict_examples(case.test)
    for features, score in zip(case.test.features, scores.tolist(), strict=True):
        with torch.no_grad():
            said = float(graph(torch.as_tensor(features, dtype=torch.float32)))
        _require(
            abs(said - score) <= 1e-3 * max(1.0, abs(score)),
            f"{case.name}: score_graph says {said}, predict_examples {score}",
        )


def check_refusals(case: HeadCase) -> None:
    """Videos and scores that cannot be are refused with a `HeadError`."""
    x, train = list(case.train.features), case.train
    spoiled: dict[str, Callable[[], Examples]] = {
        "no videos": lambda: train.select([]),
        "a single video": lambda: train.select([0]),
        "scores that are not known": lambda: _scored(train, np.nan),
        "a video of another width": lambda: _with(train, [*x[:-1], x[-1][:, :-1]]),
        "a video without clips": lambda: _with(train, [x[0][:0], *x[1:]]),
        "features that are not finite": lambda: _with(train, [x[0] * np.nan, *x[1:]]),
    }
    if case.head_class.kind == "stages":
        del spoiled["scores that are not known"], spoiled["a single video"]
    for what, spoil in spoiled.items():
        _refused(
            lambda spoil=spoil: case.make().fit_examples(spoil()),  # type: ignore[misc]
            f"{case.name}: is fitted on {what}; begin fit_examples with "
            "x, y = check_fit(train.features, train.scores), of aqa.models.heads",
        )
    if case.head_class.kind == "scores":
        head = case.ready
        narrow = [clips[:, :-1] for clips in case.test.features]
        _refused(
            lambda: head.predict_examples(_with(case.test, narrow)),
            f"{case.name}: scores videos of another width than it was fitted on; begin "
            "predict_examples with x = check_sequences(examples.features, clip_shape), of "
            "aqa.models.heads",
        )


HEAD_CHECKS: tuple[Callable[[HeadCase], None], ...] = (
    check_parameters,
    check_clones,
    check_unfitted,
    check_fit,
    check_scores,
    check_company,
    check_seed,
    check_second_fit,
    check_restore,
    check_arrays,
    check_score_graph,
    check_refusals,
)


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise AssertionError(otherwise)


def _refused(call: Callable[[], Any], otherwise: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AqaWarning)
            call()
    except HeadError:
        return
    except Exception as error:
        raise AssertionError(
            f"{otherwise}: raises {type(error).__name__}, not HeadError: {error}"
        ) from error
    raise AssertionError(f"{otherwise}, where it should raise HeadError")


def _with(examples: Examples, features: Sequence[NDArray[Any]]) -> Examples:
    return dataclasses.replace(examples, features=features, views=())


def _scored(examples: Examples, score: float) -> Examples:
    scores = examples.scores.copy()
    scores[0] = score
    return dataclasses.replace(examples, scores=scores)


def _named(known: dict[str, Any], head: Head) -> dict[str, Any]:
    """The columns that the head names; ids only where it does."""
    return {name: values for name, values in known.items() if name in head.columns}


def _same(one: Examples, other: Examples) -> bool:
    """Whether features, scores and columns are the same."""
    return (
        all(np.array_equal(a, b) for a, b in zip(one.features, other.features, strict=True))
        and np.array_equal(one.scores, other.scores)
        and repr(one.columns) == repr(other.columns)
    )


def _equal(one: dict[str, NDArray[Any]], other: dict[str, NDArray[Any]]) -> bool:
    """Whether two states hold the same arrays."""
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


def _contiguous(state: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name: array.copy() for name, array in state.items()}
