"""C3D+LSTM+SVR: support vector regression on what an LSTM makes of a video (jain2020 §II-A, V-C)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from aqa.device import deterministic_kernels, pick_device
from aqa.models.examples import Examples
from aqa.models.heads.base import (
    Explanation,
    Head,
    Sequences,
    State,
    check_fit,
    check_sequences,
    part_of,
    under,
)
from aqa.models.heads.lstm import LSTMHead, LSTMRegressor, gains
from aqa.models.heads.svr import SVRParams


@dataclass(repr=False, eq=False)
class LSTMSVRHead(SVRParams, LSTMHead):
    """The `lstm` head, trained as it is, and the `svr` head on its state after the last clip.

    No paper says which activations the SVR is given; the last state is ours. It is fitted on all
    training videos, those held out to stop the LSTM by among them, and its constants are chosen
    on states of videos that the LSTM has seen. Fitted: `svr_`, and what the two heads leave.
    """

    end_to_end: ClassVar[bool] = False

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> LSTMSVRHead:
        """See `Head.fit_examples`; augmentations are for the LSTM alone."""
        check_fit(train.features, train.scores, least=4, ids=train.ids)
        super().fit_examples(train, validation)
        self.svr_ = self.make_svr().fit(self._last_states(train.features), train.scores)
        lstm = [{"phase": "lstm", **row} for row in self.history_]
        self.history_ = lstm + [{"phase": "svr", **row} for row in self.svr_.history_]
        return self

    def predict_examples(self, examples: Examples) -> NDArray[np.float64]:
        """See `Head.predict_examples`."""
        return self.svr_.predict(self._last_states(examples.features))

    def explain(self, examples: Examples, *, align: str = "index") -> Explanation:
        """The points that each clip adds to the SVR's score of the states so far.

        jain2020 §V-E says no more of this baseline than that it scores clip by clip.
        """
        if "clips" not in self.gives:
            self.cannot_explain("with label=final it learns nothing of single clips")
        (states,) = self._states(examples.features)
        return gains(self.svr_.predict(list(states[:, None])))

    @property
    def chosen(self) -> dict[str, Any]:
        """See `BaseHead.chosen`."""
        return {**super().chosen, **self.svr_.chosen}

    def state(self) -> State:
        """See `BaseHead.state`; the SVR's arrays are under `svr.`."""
        return super().state() | under("svr", self.svr_.state())

    def restore(self, state: Mapping[str, NDArray[Any]]) -> LSTMSVRHead:
        """See `BaseHead.restore`."""
        super().restore(state)
        self.svr_ = self.make_svr()
        self.svr_.restore(part_of("svr", state))
        return self

    def _last_states(self, x: Sequences) -> list[NDArray[np.float32]]:
        return [states[-1:] for states in self._states(x)]

    @torch.no_grad()
    @deterministic_kernels()
    def _states(self, x: Sequences) -> list[NDArray[np.float32]]:
        """The LSTM's state after each clip, (n_clips, hidden) a video."""
        device = pick_device(self.device)
        net = self.net_.to(device).eval()
        assert isinstance(net, LSTMRegressor)
        found = []
        for sequence in check_sequences(x, len(self.centre_)):
            clips = torch.as_tensor(self.scaled(sequence), dtype=torch.float32, device=device)
            found.append(net.lstm(clips[None])[0][0].cpu().numpy())
        return found


HEAD = LSTMSVRHead
