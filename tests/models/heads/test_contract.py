"""What every head must do; a new head is tested without editing this file."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.model_selection import cross_val_predict

from aqa.errors import HeadUsageError
from aqa.models.heads import get_head, own_names
from aqa.models.heads.base import HeadError, parse_params
from aqa.models.heads.svr import SVRHead
from aqa.testing.examples import make_examples
from aqa.testing.heads import HEAD_CHECKS, HeadCase, head_case

# Settings that make a head quick to fit, and let it answer without the manifest; the others keep
# their defaults.
QUICK = {"epochs": 60, "hidden": 32, "device": "cpu", "bounds": "fractions"}
QUICK |= {"channels": 8, "fragment": "last", "key_fragments": False, "queries": 4, "samples": 4}
QUICK |= {"layers": 1}
# Those of the heads that take longest: fewer passes at a higher rate, and shallower networks.
SHALLOW = {"encoder_layers": 1, "decoder_layers": 1}
QUICK_OF: dict[str, dict[str, object]] = {
    "cofinal": {"epochs": 30, "lr": 0.005, **SHALLOW},
    "gdlt": {"epochs": 30, "lr": 0.003, "decoder_layers": 1},
    "kfs": {"epochs": 10},
    "musdl": {"epochs": 25, "lr": 0.003},
    "rica2": {"epochs": 25, "lr": 0.003, "warm_up": 2, **SHALLOW},
    "score-estimation": {"epochs": 20, "score_networks": 1},
    "scoringnet": {"epochs": 25, "lr": 0.003},
    "siamese": {"epochs": 5},
    "st-gcn": {"epochs": 25, "hidden": 16},
    "t2cr": {"epochs": 20, "lr": 0.005, "exemplars": 3, "attention_heads": 2},
}


@pytest.fixture(scope="module", params=own_names())
def case(request: pytest.FixtureRequest) -> HeadCase:
    names = {field.name for field in dataclasses.fields(get_head(request.param))}
    quick = {name: value for name, value in QUICK.items() if name in names}
    return head_case(request.param, **{**quick, **QUICK_OF.get(request.param, {})})


@pytest.mark.parametrize("check", HEAD_CHECKS, ids=lambda check: check.__name__)
def test_a_head_keeps_the_contract(case: HeadCase, check: Callable[[HeadCase], None]) -> None:
    check(case)


@pytest.mark.parametrize("name", own_names())
def test_help_is_not_filled_by_metadata_requests(name: str) -> None:
    kind = get_head(name)
    assert not [n for n in dir(kind) if n.startswith("set_") and n.endswith("_request")]
    assert "x" in inspect.signature(kind.fit).parameters


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda x, y: ([], []), "no videos"),
        (lambda x, y: (x, y[:-1]), "expected 60 finite scores"),
        (lambda x, y: (x, np.where(y == y[0], np.nan, y)), "finite scores"),
        (lambda x, y: ([*x[:-1], x[0][:, :3]], y), r"row 59 has .* \(\d+, 3\b"),
        (lambda x, y: ([x[0][:0], *x[1:]], y), r"row 0 has .* \(0, 6\b"),
        (lambda x, y: ([x[0] * np.nan, *x[1:]], y), "row 0 .* not finite"),
        (lambda x, y: (x[:1], y[:1]), "1 training videos"),
    ],
)
@pytest.mark.parametrize("name", ["svr", "lstm"])
def test_bad_data_is_named(name: str, spoil: Callable, problem: str) -> None:
    videos = make_examples(get_head(name), 60)
    with pytest.raises(HeadError, match=problem):
        get_head(name)().fit(*spoil(videos.features, videos.scores))


def test_scikit_learn_can_cross_validate_it() -> None:
    videos = make_examples(SVRHead, 60)
    predicted = cross_val_predict(SVRHead(folds=2), videos.features, videos.scores, cv=3)
    assert np.corrcoef(predicted, videos.scores)[0, 1] > 0.9


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
    with pytest.raises(HeadUsageError) as caught:
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
