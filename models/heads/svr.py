"""C3D-SVR: the average of clips, an SVR (parmar2019action §5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aqa.models.examples import Examples, Sequences
from aqa.models.heads.base import (
    Head,
    State,
    check_fit,
    check_pairs,
    check_params,
    check_sequences,
    params_of,
    shared_params,
)
from aqa.models.heads.base.score_graph import AverageGraph, SVRGraph
from aqa.models.heads.base.vector_svr import Matrix, VectorSVR

if TYPE_CHECKING:
    from torch import nn
    from typing_extensions import Self


@dataclass(repr=False, eq=False)
@params_of(VectorSVR)
class SVRHead(Head):
    """Averages the clips of a video, and regresses its score on that by `VectorSVR`.

    Of pairs it learns who is better (RankSVM, on the differences of both videos' averages). Given
    validation videos are not used. Fitted: `svr_`, and its `best_params_` and `history_`.
    """

    fitted: ClassVar[tuple[str, ...]] = ("svr_",)

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> Self:
        """See `Head.fit_examples`."""
        if train.pairs is not None:
            return self._fit_pairs(train, check_pairs(train))
        sequences, scores = check_fit(train.features, train.scores, least=4, ids=train.ids)
        check_params(self)
        self.svr_ = VectorSVR(**shared_params(self, VectorSVR)).fit(
            averages(sequences), scores, train.groups
        )
        self.history_, self.best_params_ = self.svr_.history_, self.svr_.best_params_
        return self

    def _fit_pairs(self, train: Examples, pairs: NDArray[np.intp]) -> Self:
        """Learn who is better; the answers are then rank values."""
        sequences = check_sequences(train.features, ids=train.ids)
        check_params(self)
        svr = VectorSVR(**shared_params(self, VectorSVR))
        self.svr_ = svr.fit_pairs(averages(sequences), pairs, train.groups)
        self.history_, self.best_params_ = self.svr_.history_, self.svr_.best_params_
        return self

    @property
    def takes_pairs(self) -> bool:
        """See `Head.takes_pairs`."""
        return True

    def predict_examples(self, examples: Examples) -> Matrix:
        """See `Head.predict_examples`."""
        self.check_fitted()
        sequences = check_sequences(examples.features, len(self.svr_.centre_), ids=examples.ids)
        return self.svr_.predict(averages(sequences))

    def score_graph(self) -> nn.Module:
        """See `Head.score_graph`."""
        self.check_fitted()
        return AverageGraph(SVRGraph(self.svr_))

    def state(self) -> State:
        """See `Head.state`."""
        self.check_fitted()
        return self.svr_.state()

    def restore(self, state: Mapping[str, NDArray[Any]]) -> Self:
        """See `Head.restore`."""
        self.svr_ = VectorSVR(**shared_params(self, VectorSVR)).restore(state)
        return self


def averages(sequences: Sequences) -> Matrix:
    """The average clip of each video, (n, dim)."""
    return np.stack([sequence.mean(axis=0, dtype=np.float64) for sequence in sequences])


HEAD = SVRHead
