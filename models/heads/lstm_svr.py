"""C3D+LSTM+SVR: support vector regression on what an LSTM makes of a video (jain2020 §II-A, V-C)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from aqa.device import pick_device
from aqa.models.heads.base import (
    Explanation,
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

    def fit(
        self,
        x: Sequences,
        y: ArrayLike,
        validation: tuple[Sequences, ArrayLike] | None = None,
        *,
        views: Sequence[Sequences] = (),
    ) -> LSTMSVRHead:
        """See `Head.fit`. views: for the LSTM alone."""
        check_fit(x, y, least=4)
        super().fit(x, y, validation, views=views)
        self.svr_ = self.make_svr().fit(self._last_states(x), y)
        lstm = [{"phase": "lstm", **row} for row in self.history_]
        self.history_ = lstm + [{"phase": "svr", **row} for row in self.svr_.history_]
        return self

    def predict(self, x: Sequences) -> NDArray[np.float64]:
        """See `Head.predict`."""
        return self.svr_.predict(self._last_states(x))

    def explain(
        self,
        x: Sequences,
        blank: NDArray[np.floating] | None,
        *,
        align: str = "index",
        **columns: Any,
    ) -> Explanation:
        """The points that each clip adds to the SVR's score of the states so far.

        jain2020 §V-E says no more of this baseline than that it scores clip by clip.
        """
        if not self.explaining:
            self.cannot_explain("with label=final it learns nothing of single clips")
        (states,) = self._states(x)
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
    def _states(self, x: Sequences) -> list[NDArray[np.float32]]:
        """The LSTM's state after each clip, (n_clips, hidden) a video."""
        device = pick_device(self.device)
        net = self.net_.to(device).eval()
        assert isinstance(net, LSTMRegressor)
        found = []
        for sequence in check_sequences(x, len(self.centre_)):
            clips = torch.as_tensor(self._scaled(sequence), dtype=torch.float32, device=device)
            found.append(net.lstm(clips[None])[0][0].cpu().numpy())
        return found


HEAD = LSTMSVRHead
