"""An LSTM for each type of action (jain2020 §V-D)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from aqa.errors import AqaWarning, HeadUsageError
from aqa.models.examples import Examples
from aqa.models.heads.base import (
    Answer,
    Explanation,
    Head,
    HeadError,
    State,
    check_fit,
    check_params,
    pack_texts,
    param,
    params_of,
    part_of,
    shared_params,
    under,
    unpack_texts,
)
from aqa.models.heads.base.comparing import check_types
from aqa.models.heads.lstm import LSTMHead


@dataclass(repr=False, eq=False)
@params_of(LSTMHead)
class TypeLSTMHead(Head):
    """One `lstm` head for each type, each on its own training videos.

    A video of a type without a model (no or too few training videos, or no known type) gets the
    mean of all models, with a warning; where there is one model only, a video without a type is
    taken to be of the model's type. Fitted: `models_`, by type.
    """

    least: int = param(5, "training videos that a type needs for a model of its own", source="ours")

    columns: ClassVar[tuple[str, ...]] = ("type",)
    takes_views: ClassVar[bool] = True
    fitted: ClassVar[tuple[str, ...]] = ("models_",)

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> Self:
        """See `Head.fit_examples`."""
        check_fit(train.features, train.scores, ids=train.ids)
        check_params(self)
        given = train.columns.get("type")
        types = np.asarray(check_types(given, len(train), strict=True, ids=train.ids), str)
        if self.least < 2:
            raise HeadUsageError(f"least={self.least}: a model needs 2 training videos or more")
        labels, counts = np.unique(types, return_counts=True)
        if counts.max() < self.least:
            raise HeadError(
                f"no type has least={self.least} training videos; lower it with -p least=..."
            )
        self.models_: dict[str, LSTMHead] = {}
        self.history_ = []
        for label in labels[counts >= self.least]:
            model = self._lstm().fit_examples(
                train.select(np.flatnonzero(types == label)), _of_type(validation, label)
            )
            self.models_[str(label)] = model
            self.history_ += [{"type": str(label), **row} for row in model.history_]
        return self

    def predict_examples(self, examples: Examples) -> NDArray[np.float64]:
        """See `Head.predict_examples`."""
        self.check_fitted()
        types = np.asarray(self._known_types(examples), str)
        predicted = np.empty(len(examples))
        for label, model in self.models_.items():
            of_type = np.flatnonzero(types == label)
            if len(of_type):
                predicted[of_type] = model.predict_examples(examples.select(of_type))
        strange = np.flatnonzero(~np.isin(types, list(self.models_)))
        if len(strange):
            warnings.warn(
                f"{len(strange)} of {len(examples)} videos are of a type without a model: "
                "scored by the mean of all models",
                AqaWarning,
                stacklevel=2,
            )
            unknown = examples.select(strange)
            each = [model.predict_examples(unknown) for model in self.models_.values()]
            predicted[strange] = np.mean(each, 0)
        return predicted

    def needed_columns(self, start: Head | None = None) -> tuple[str, ...]:
        """See `Head.needed_columns`."""
        return ("type",)

    @property
    def gives(self) -> tuple[Answer, ...]:
        """See `Head.gives`: what an LSTM gives."""
        return self._lstm().gives

    def explain(self, examples: Examples, *, align: str = "index") -> Explanation:
        """See `Head.explain`; the model of the video's type explains it."""
        self.check_fitted()
        (label,) = self._known_types(examples)
        if label not in self.models_:
            self.cannot_explain(f"it has no model of type {label!r}")
        return self.models_[label].explain(examples)

    @property
    def chosen(self) -> dict[str, Any]:
        """See `Head.chosen`."""
        self.check_fitted()
        return {"best_epoch": {label: model.best_epoch_ for label, model in self.models_.items()}}

    def state(self) -> State:
        """See `Head.state`; each model's arrays are under its number."""
        self.check_fitted()
        state: State = {"types": pack_texts(list(self.models_))}
        for i, model in enumerate(self.models_.values()):
            state |= under(str(i), model.state())
        return state

    def restore(self, state: Mapping[str, NDArray[Any]]) -> Self:
        """See `Head.restore`."""
        self.models_ = {
            label: self._lstm().restore(part_of(str(i), state))
            for i, label in enumerate(unpack_texts(state["types"]))
        }
        return self

    def _lstm(self) -> LSTMHead:
        return LSTMHead(**shared_params(self, LSTMHead))

    def _known_types(self, examples: Examples) -> Sequence[str]:
        """The type of each video; where there is one model, a video without a type gets its type.

        A model of videos without types fits all.
        """
        types = check_types(examples.columns.get("type"), len(examples), strict=False)
        if len(self.models_) > 1:
            return types
        (only,) = self.models_
        return [label if label and only else only for label in types]


def _of_type(validation: Examples | None, label: str) -> Examples | None:
    """The validation videos of one type; None where there are none."""
    if validation is None or "type" not in validation.columns:
        return None
    numbers = [i for i, of in enumerate(validation.columns["type"]) if (of or "") == label]
    return validation.select(numbers) if numbers else None


HEAD = TypeLSTMHead
