"""Measured aspects: points per degree, with intervals (ours)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aqa.features.aspects.definition import Aspect
from aqa.features.aspects.read import parse_aspects
from aqa.models.examples import Examples, Sequences
from aqa.models.heads.base import (
    Answer,
    AspectPoints,
    Head,
    State,
    check_fit,
    check_params,
    check_sequences,
    pack_texts,
    params_of,
    part_of,
    shared_params,
    under,
    unpack_texts,
)
from aqa.models.heads.base.sparse_linear import Matrix, Signs, SparseLinear

if TYPE_CHECKING:
    from typing_extensions import Self

_SIGNS = {"more": -1, "less": 1, "neither": 0}
# Values that one training video in four reaches: what the others are held against.
_GOOD = 0.25


@dataclass(repr=False, eq=False)
@params_of(SparseLinear)
class AspectsHead(Head):
    """A sparse linear model of a video's aspects, by `SparseLinear`; more of a fault never helps.

    Fitted on a store of `aqa measure`, which tells which way each value is worse. On other
    features it is the same model of the average clip, with slopes of either sign. Fitted: `model_`,
    `good_` (dim,), the value that one in four training videos reaches, and `definition_`.
    """

    fitted: ClassVar[tuple[str, ...]] = ("model_", "good_", "definition_")
    columns: ClassVar[tuple[str, ...]] = ("definition",)

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """See `Head.answer_columns`: the definition is known from fitting."""
        return ()

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> Self:
        """See `Head.fit_examples`."""
        sequences, scores = check_fit(train.features, train.scores, least=4, ids=train.ids)
        check_params(self)
        vectors = _averages(sequences)
        self.definition_ = next(iter(train.columns.get("definition", ())), None) or ""
        signs = self._signs(vectors.shape[1])
        self.model_ = SparseLinear(**shared_params(self, SparseLinear)).fit(
            vectors, scores, signs, train.groups
        )
        # Of a value that may be worse either way, the slope that was learned says which way.
        way = np.where(signs == 0, np.sign(self.model_.slopes_), signs)
        low, middle, high = np.quantile(vectors, [_GOOD, 0.5, 1 - _GOOD], axis=0)
        self.good_ = np.where(way < 0, low, np.where(way > 0, high, middle))
        self.history_ = self.model_.history_
        return self

    def _signs(self, dim: int) -> Signs:
        """Those declared; 0 for values that are no aspects, such as the difficulty behind them."""
        signs = np.zeros(dim, np.int64)
        declared = [_SIGNS[aspect.worse] for aspect in self._aspects()][:dim]
        signs[: len(declared)] = declared
        return signs

    def _aspects(self) -> tuple[Aspect, ...]:
        if not self.definition_:
            return ()
        return parse_aspects(self.definition_, "the definition that the store was made by").aspects

    def predict_examples(self, examples: Examples) -> Matrix:
        """See `Head.predict_examples`."""
        return self.model_.predict(self._vectors(examples))

    def _vectors(self, examples: Examples) -> Matrix:
        self.check_fitted()
        return _averages(check_sequences(examples.features, len(self.good_), ids=examples.ids))

    @property
    def gives(self) -> tuple[Answer, ...]:
        """See `Head.gives`."""
        return ("aspects",)

    def aspect_points(self, examples: Examples) -> list[AspectPoints]:
        """See `GivesAspects`."""
        (vector,) = self._vectors(examples)
        told = [(one.name, one.unit) for one in self._aspects()]
        told += [(f"value {k + 1}", "units") for k in range(len(told), len(vector))]
        model, away = self.model_, vector - self.good_
        found = [
            AspectPoints(
                name,
                unit,
                float(vector[k]),
                float(self.good_[k]),
                float(model.slopes_[k]),
                (float(model.low_[k]), float(model.high_[k])),
                float(model.slopes_[k] * away[k]),
            )
            for k, (name, unit) in enumerate(told)
        ]
        return sorted(found, key=lambda one: one.points)

    @property
    def chosen(self) -> dict[str, Any]:
        """See `Head.chosen`."""
        self.check_fitted()
        return {"penalty": float(self.model_.penalty_)}

    def state(self) -> State:
        """See `Head.state`."""
        self.check_fitted()
        own = {"good": np.asarray(self.good_), "definition": pack_texts([self.definition_])}
        return {**own, **under("model", self.model_.state())}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> Self:
        """See `Head.restore`."""
        self.good_ = np.asarray(state["good"])
        (self.definition_,) = unpack_texts(state["definition"])
        model = SparseLinear(**shared_params(self, SparseLinear))
        self.model_ = model.restore(part_of("model", state))
        return self


def _averages(sequences: Sequences) -> Matrix:
    """The average clip of each video, (n, dim); a store of aspects has one row per video."""
    return np.stack([sequence.mean(axis=0, dtype=np.float64) for sequence in sequences])


HEAD = AspectsHead
