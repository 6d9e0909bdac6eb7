"""Type-specific regression: an LSTM for each type of action (jain2020 §V-D, "dive specific")."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aqa.errors import AqaWarning
from aqa.models.heads.base import (
    Explanation,
    Head,
    HeadError,
    Sequences,
    State,
    check_fit,
    check_views,
    pack_texts,
    param,
    part_of,
    under,
    unpack_texts,
)
from aqa.models.heads.comparing import check_types
from aqa.models.heads.lstm import LSTMHead
from aqa.models.heads.network import pick


@dataclass(repr=False, eq=False)
class TypeLSTMHead(LSTMHead):
    """One `lstm` head for each type, each on its own training videos.

    A video of a type without a model (no or too few training videos, or no known type) gets the
    mean of all models, with a warning; where there is one model only, a video without a type is
    taken to be its. Fitted: `models_`, by type.
    """

    least: int = param(5, "training videos a type needs for a model; ours")

    columns: ClassVar[tuple[str, ...]] = ("type",)
    end_to_end: ClassVar[bool] = False

    def fit(
        self,
        x: Sequences,
        y: ArrayLike,
        validation: tuple[Any, ...] | None = None,
        *,
        type: Sequence[str | None] | None = None,
        views: Sequence[Sequences] = (),
    ) -> TypeLSTMHead:
        """See `NetworkHead.fit`."""
        sequences, scores = check_fit(x, y)
        copies = check_views(views, sequences)
        types = np.asarray(check_types(type, len(scores), strict=True), str)
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
            model.fit(
                pick(sequences, own),
                scores[own],
                _of_type(validation, label),
                views=[pick(view, own) for view in copies],
            )
            self.models_[str(label)] = model
            self.history_ += [{"type": str(label), **row} for row in model.history_]
        return self

    def predict(
        self, x: Sequences, *, type: Sequence[str | None] | None = None
    ) -> NDArray[np.float64]:
        """See `Head.predict`. type: one a video."""
        types = self._known(check_types(type, len(x), strict=False))
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

    def explain(
        self,
        x: Sequences,
        blank: NDArray[np.floating] | None,
        *,
        align: str = "index",
        **columns: Any,
    ) -> Explanation:
        """See `Head.explain`; the model of the video's type explains it."""
        label = self._known(check_types(columns.get("type"), 1, strict=False))[0]
        if label not in self.models_:
            self.cannot_explain(f"it has no model of type {label!r}")
        return self.models_[label].explain(x, blank)

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


def _of_type(validation: tuple[Any, ...] | None, label: str) -> tuple[Any, ...] | None:
    """The validation videos of one type; None where there are none."""
    if validation is None or len(validation) < 3:
        return None
    x, y, columns = validation
    own = [i for i, own_label in enumerate(columns["type"]) if (own_label or "") == label]
    return ([x[i] for i in own], np.asarray(y)[own]) if own else None


HEAD: type[Head] = TypeLSTMHead
