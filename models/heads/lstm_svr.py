"""C3D+LSTM+SVR: an SVR on the state of an LSTM (jain2020 §II-A, V-C)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import nn
from typing_extensions import Self

from aqa.models.examples import Examples
from aqa.models.heads.base import (
    Answer,
    Explanation,
    Head,
    State,
    check_fit,
    check_params,
    fit_options,
    params_of,
    part_of,
    shared_params,
    under,
)
from aqa.models.heads.base.score_graph import ScaledNetwork, SVRGraph
from aqa.models.heads.lstm import LastState, LSTMHead, gains
from aqa.models.heads.svr import SVRHead


@dataclass(repr=False, eq=False)
@params_of(LSTMHead)
@params_of(SVRHead)
class LSTMSVRHead(Head):
    """The `lstm` head, trained as it is, and the `svr` head on its state after the last clip.

    No paper says which activations the SVR is given; the last state is ours. It is fitted on all
    training videos, also on those held out to stop the LSTM by, and its constants are chosen on
    states of videos that the LSTM has learned from. Fitted: `lstm_`, `svr_`.
    """

    starts_from: ClassVar[str | None] = "lstm"
    takes_views: ClassVar[bool] = True
    fitted: ClassVar[tuple[str, ...]] = ("lstm_", "svr_")

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> Self:
        """See `Head.fit_examples`. Augmentations, and what it starts from, are for the LSTM."""
        check_fit(train.features, train.scores, least=4, ids=train.ids)
        check_params(self)
        self.lstm_ = self._lstm().fit_examples(train, validation, **fit_options(start=start))
        self.svr_ = self._svr().fit_examples(self._last_states(train))
        lstm = [{"phase": "lstm", **row} for row in self.lstm_.history_]
        self.history_ = lstm + [{"phase": "svr", **row} for row in self.svr_.history_]
        return self

    def predict_examples(self, examples: Examples) -> NDArray[np.float64]:
        """See `Head.predict_examples`."""
        self.check_fitted()
        return self.svr_.predict_examples(self._last_states(examples))

    def score_graph(self) -> nn.Module:
        """See `Head.score_graph`."""
        self.check_fitted()
        lstm = self.lstm_
        state = ScaledNetwork(LastState(lstm.net_), lstm.centre_, lstm.scale_)
        return nn.Sequential(state, SVRGraph(self.svr_.svr_))

    @property
    def gives(self) -> tuple[Answer, ...]:
        """See `Head.gives`: what the LSTM gives."""
        return self._lstm().gives

    def explain(self, examples: Examples, *, align: str = "index") -> Explanation:
        """The points that each clip adds to the SVR's score of the states so far.

        jain2020 §V-E says no more of this baseline than that it scores clip by clip.
        """
        self.check_fitted()
        if "clips" not in self.gives:
            self.cannot_explain("with label=final it learns nothing of single clips")
        (states,) = self.lstm_.states(examples)
        return gains(self.svr_.predict(list(states[:, None])))

    @property
    def chosen(self) -> dict[str, Any]:
        """See `Head.chosen`."""
        self.check_fitted()
        return {**self.lstm_.chosen, **self.svr_.chosen}

    def state(self) -> State:
        """See `Head.state`; the SVR's arrays are under `svr.`."""
        self.check_fitted()
        return self.lstm_.state() | under("svr", self.svr_.state())

    def restore(self, state: Mapping[str, NDArray[Any]]) -> Self:
        """See `Head.restore`."""
        self.lstm_ = self._lstm().restore(state)
        self.svr_ = self._svr().restore(part_of("svr", state))
        return self

    def _lstm(self) -> LSTMHead:
        return LSTMHead(**shared_params(self, LSTMHead))

    def _svr(self) -> SVRHead:
        return SVRHead(**shared_params(self, SVRHead))

    def _last_states(self, examples: Examples) -> Examples:
        """Each video as one vector: the LSTM's state after its last clip."""
        states = [states[-1:] for states in self.lstm_.states(examples)]
        return replace(examples, features=states, columns={}, views=(), blank=None)


HEAD = LSTMSVRHead
