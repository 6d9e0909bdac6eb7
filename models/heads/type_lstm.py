"""Type-specific regression: an LSTM for each type of action (jain2020 §V-D, "dive specific")."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaWarning
from aqa.models.examples import Examples
from aqa.models.heads.base import (
    Explanation,
    Head,
    HeadError,
    State,
    check_fit,
    check_views,
    pack_texts,
    param,
    part_of,
    under,
    unpack_texts,
)
from aqa.models.heads.base.comparing import check_types
from aqa.models.heads.lstm import LSTMHead


@dataclass(repr=False, eq=False)
class TypeLSTMHead(LSTMHead):
    """One `lstm` head for each type, each on its own training videos.

    A video of a type without a model (no or too few training videos, or no known type) gets the
    mean of all models, with a warning; where there is one model only, a video without a type is
    taken to be its. Fitted: `models_`, by type.
    """

    least: int = param(5, "training videos a type needs for a model; ours")

    columns: ClassVar[tuple[str, ...]] = ("type",)
    fitted: ClassVar[tuple[str, ...]] = ("models_",)
    end_to_end: ClassVar[bool] = False

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> TypeLSTMHead:
        """See `Head.fit_examples`."""
        sequences, scores = check_fit(train.features, train.scores, ids=train.ids)
        check_views(train.views, sequences)
        given = train.columns.get("type")
        types = np.asarray(check_types(given, len(scores), strict=True), str)
        if self.least < 2:
            raise HeadError(f"least={self.least}: a model needs 2 training videos or more")
        labels, counts = np.unique(types, return_counts=True)
        if counts.max() < self.least:
            raise HeadError(
                f"no type has least={self.least} training videos; lower it with -p least=..."
            )
        self.models_ = {}
        self.history_ = []
        shared = {f.name: getattr(self, f.name) for f in dataclasses.fields(LSTMHead)}
        for label in labels[counts >= self.least]:
            own = np.flatnonzero(types == label)
            model = LSTMHead(**shared)
            model.fit_examples(train.select(own), _of_type(validation, label))
            self.models_[str(label)] = model
            self.history_ += [{"type": str(label), **row} for row in model.history_]
        return self

    def predict_examples(self, examples: Examples) -> NDArray[np.float64]:
        """See `Head.predict_examples`."""
        x = examples.features
        types = self._known(check_types(examples.columns.get("type"), len(x), strict=False))
        predicted = np.empty(len(x))
        strange = [i for i, label in enumerate(types) if label not in self.models_]
        for label, model in self.models_.items():
            own = [i for i, own_label in enumerate(types) if own_label == label]
            if own:
                predicted[own] = model.predict([x[i] for i in own])
        if strange:
            warnings.warn(
                f"{len(strange)} of {len(x)} videos are of a type without a model: "
                "scored by the mean of all models",
                AqaWarning,
                stacklevel=2,
            )
            unknown = [x[i] for i in strange]
            predicted[strange] = np.mean([m.predict(unknown) for m in self.models_.values()], 0)
        return predicted

    @property
    def chosen(self) -> dict[str, Any]:
        """See `BaseHead.chosen`."""
        return {"best_epoch": {label: model.best_epoch_ for label, model in self.models_.items()}}

    def explain(self, examples: Examples, *, align: str = "index") -> Explanation:
        """See `Head.explain`; the model of the video's type explains it."""
        label = self._known(check_types(examples.columns.get("type"), 1, strict=False))[0]
        if label not in self.models_:
            self.cannot_explain(f"it has no model of type {label!r}")
        return self.models_[label].explain(examples)

    def _known(self, types: list[str]) -> list[str]:
        """Where there is one model, a video without a type is its; an untyped model fits all."""
        if len(self.models_) > 1:
            return types
        (only,) = self.models_
        return [label if label and only else only for label in types]

    def state(self) -> State:
        """See `BaseHead.state`; each model's arrays are under its number."""
        state: State = {"types": pack_texts(list(self.models_))}
        for i, model in enumerate(self.models_.values()):
            state |= under(str(i), model.state())
        return state

    def restore(self, state: Mapping[str, NDArray[Any]]) -> TypeLSTMHead:
        """See `BaseHead.restore`."""
        shared = {f.name: getattr(self, f.name) for f in dataclasses.fields(LSTMHead)}
        self.models_ = {}
        for i, label in enumerate(unpack_texts(state["types"])):
            model = LSTMHead(**shared)
            model.restore(part_of(str(i), state))
            self.models_[label] = model
        return self


def _of_type(validation: Examples | None, label: str) -> Examples | None:
    """The validation videos of one type; None where there are none."""
    if validation is None or "type" not in validation.columns:
        return None
    own = [i for i, type_ in enumerate(validation.columns["type"]) if (type_ or "") == label]
    return validation.select(own) if own else None


HEAD: type[Head] = TypeLSTMHead
