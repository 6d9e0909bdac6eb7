"""A head that is not fitted says so, whatever it is asked (`UnfittedHeadError`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from aqa.models.examples import Examples
from aqa.models.heads import find_head, own_names
from aqa.models.heads.base import Head, UnfittedHeadError

OUTSIDE = Path(__file__).parents[3] / "examples"
X = [np.ones((3, 4))] * 2
CLIPS = [np.array([[0, 16], [16, 32], [32, 48]])] * 2
NUMBERS = np.arange(2)
COLUMNS: dict[str, Any] = {
    "clips": CLIPS,
    "type": ["a", "b"],
    "stages": [{"takeoff": 0, "flight": 5, "entry": 20}] * 2,
    "difficulty": [3.0, 2.0],
    "action": ["diving", "diving"],
}
TWO = Examples(("v", "w"), X, np.array([1.0, 2.0]), COLUMNS)

# What answers, and how it is asked; properties stand with no call.
ASKED: dict[str, Callable[[Any], Any]] = {
    "activations": lambda head: head.activations(X, NUMBERS, NUMBERS),
    "answerable": lambda head: head.answerable(TWO),
    "attributes": lambda head: head.attributes(TWO),
    "branch_scores": lambda head: head.branch_scores(TWO, {"difficulty": X, "execution": X}),
    "chosen": lambda head: head.chosen,
    "classes": lambda head: head.classes,
    "clip_shape": lambda head: head.clip_shape,
    "commentary": lambda head: head.commentary(TWO),
    "decoded": lambda head: head.decoded(TWO),
    "embed": lambda head: head.embed(X),
    "embed_clips": lambda head: head.embed_clips(X[0], np.zeros(4)),
    "exemplar_pairs": lambda head: head.exemplar_pairs(TWO),
    "explain": lambda head: head.explain(TWO[0]),
    "features_of_exemplars": lambda head: head.features_of_exemplars,
    "gradient": lambda head: head.gradient(TWO[0]),
    "ids_of_exemplars": lambda head: head.ids_of_exemplars,
    "learned_clips": lambda head: head.learned_clips,
    "meet": lambda head: head.meet(X, ["a", "b"]),
    "outputs": lambda head: head.outputs(TWO),
    "parts": lambda head: head.parts(TWO),
    "posteriors": lambda head: head.posteriors(X),
    "predict": lambda head: head.predict(X, **COLUMNS),
    "predict_examples": lambda head: head.predict_examples(TWO),
    "probabilities": lambda head: head.probabilities(TWO),
    "probability": lambda head: head.probability(torch.ones(2, 4), NUMBERS, NUMBERS),
    "quantiles": lambda head: head.quantiles(TWO, [0.5]),
    "scaled": lambda head: head.scaled(X[0]),
    "score": lambda head: head.score(X, [1.0, 2.0], **COLUMNS),
    "similarity": lambda head: head.similarity(TWO, NUMBERS, NUMBERS),
    "stages": lambda head: head.stages,
    "starts": lambda head: head.starts(X, clips=CLIPS, n_frames=[48, 48]),
    "state": lambda head: head.state(),
    "states": lambda head: head.states(TWO),
    "true_parts": lambda head: head.true_parts(TWO),
    "types_of_exemplars": lambda head: head.types_of_exemplars,
    "value_quantiles": lambda head: head.value_quantiles(TWO, [0.5]),
    "vocabulary": lambda head: head.vocabulary,
}
HEADS = [
    *own_names(),
    *(str(OUTSIDE / name) for name in ("attention_pool.py", "max_ridge.py")),
]


def answers(kind: type[Head]) -> list[str]:
    """What this class answers: what it inherits from `Head` only to refuse it is no answer."""
    refused = {n for n in ("explain", "gradient") if getattr(kind, n) is getattr(Head, n)}
    if kind().kind != "scores":
        refused |= {"predict", "predict_examples", "score"}
    return [name for name in ASKED if name in dir(kind) and name not in refused]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param(text, name, id=f"{Path(text).stem} {name}")
        for text in HEADS
        for name in answers(find_head(text).head_class)
    ],
)
def test_it_says_that_it_is_not_fitted(text: str, name: str) -> None:
    kind = find_head(text).head_class
    for head in (kind(), type("Inherits", (kind,), {})()):
        with pytest.raises(UnfittedHeadError, match="is not fitted"):
            ASKED[name](head)


def test_scikit_learn_knows_the_error() -> None:
    assert issubclass(UnfittedHeadError, NotFittedError)
