"""C3D+LSTM: an LSTM over clips (parmar2019action §4, jain2020 §II-A)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import Self

from aqa.device import deterministic_kernels, pick_device
from aqa.errors import HeadUsageError
from aqa.models.examples import Examples, Sequences
from aqa.models.heads.base import Answer, Explanation, Head, HeadError, check_sequences, param
from aqa.models.heads.base.end_to_end import EndToEndAdapter, OneNetworkAdapter
from aqa.models.heads.base.score_network import ScoreNetworkHead
from aqa.models.training import losses
from aqa.models.training.fast_lstm import lstm_states
from aqa.models.training.loop import Trainer, TrainingSettings, VideoBatch


class LSTMRegressor(nn.Module):
    """The state after a video's last clip, through a linear layer."""

    def __init__(self, dim: int, hidden: int, init_std: float | None):
        super().__init__()
        self.lstm = nn.LSTM(dim, hidden, batch_first=True)
        self.linear = nn.Linear(hidden, 1)
        if init_std is not None:
            for name, parameter in self.lstm.named_parameters():
                if "weight" in name:
                    nn.init.normal_(parameter, std=init_std)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(n, clips, dim) padded behind, lengths (n,) -> (n,)."""
        states = lstm_states(self.lstm, x)  # (n, clips, hidden)
        last = states[torch.arange(len(x), device=x.device), lengths - 1]  # (n, hidden)
        scores: Tensor = self.linear(last).squeeze(1)
        return scores

    def steps(self, x: Tensor) -> Tensor:
        """The score so far after each clip: (n, clips, dim) -> (n, clips)."""
        states = lstm_states(self.lstm, x)  # (n, clips, hidden)
        scores: Tensor = self.linear(states).squeeze(2)
        return scores


class LastState(nn.Module):
    """The state after a video's last clip, of an `LSTMRegressor`."""

    def __init__(self, net: nn.Module):
        super().__init__()
        assert isinstance(net, LSTMRegressor)
        self.lstm = net.lstm

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(n, clips, dim) padded behind, lengths (n,) -> (n, hidden)."""
        states = lstm_states(self.lstm, x)
        return states[torch.arange(len(x), device=x.device), lengths - 1]


class IncrementalTrainer(Trainer):
    """Trains an `LSTMRegressor` to let the score build up evenly, clip by clip."""

    def objective(self, batch: VideoBatch) -> Tensor:
        """See `Trainer.objective`."""
        assert isinstance(self.net, LSTMRegressor)
        return losses.incremental_mse(self.net.steps(batch.x), batch.targets, batch.lengths)


@dataclass(repr=False, eq=False)
class LSTMHead(ScoreNetworkHead):
    """LSTM 256 and a linear layer on cached clip features; the loss is on the last step."""

    validation: float = param(
        0.25,
        "share of the training videos held out for early stopping, if the split has "
        "no validation videos",
        source="ours, by held-out training dives",
        below=1,
    )
    average_weights: float | None = param(
        0.99,
        "what a step leaves of the weights' running average, which answers; none: the weights of "
        "the last step do",
        source="ours, by held-out training dives",
        above=0,
        below=1,
    )
    standardise: bool = param(
        False,
        "scale each feature to mean 0 and variance 1",
        source="false: the authors' code; no paper states it",
    )
    hidden: int = param(256, "width of the LSTM", source="parmar2019action §4")
    init_std: float | None = param(
        None,
        "standard deviation of the LSTM's random first weights; none: PyTorch's own way",
        source="ours; parmar2019action §5: 0.1, for features as they are",
    )

    label: Literal["final", "incremental"] = param(
        "final",
        "what is learned. final: the score after the last clip; incremental: after clip k of N, "
        "k / N of the score",
        source="final: parmar2019action §4; incremental: jain2020 §V-E",
    )

    starts_from: ClassVar[str | None] = "lstm"
    end_to_end: ClassVar[type[EndToEndAdapter] | None] = OneNetworkAdapter
    transferable: ClassVar[bool] = True

    def build(self, dim: int) -> nn.Module:
        """See `NetworkHead.build`."""
        return LSTMRegressor(dim, self.hidden, self.init_std)

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> Self:
        """See `Head.fit_examples`. start: a fitted `lstm` whose network is trained on.

        Features stay scaled as that one's were; the scores of this action get their own scale and
        mean (jain2020 §V-D, which fine-tunes a network of dives on vaults).
        """
        self._start = self._checked_start(start, train)
        return super().fit_examples(train, validation, others=others)

    def fit_scaling(self, sequences: Sequences) -> None:
        """See `NetworkHead.fit_scaling`."""
        start: LSTMHead | None = getattr(self, "_start", None)
        if start is None:
            super().fit_scaling(sequences)
        else:
            self.centre_, self.scale_ = start.centre_, start.scale_

    def _checked_start(self, start: Head | None, train: Examples) -> LSTMHead | None:
        """The fitted head that training goes on from; `HeadError` where it does not fit."""
        if start is None:
            return None
        assert isinstance(start, LSTMHead)
        dim = train.features[0].shape[-1] if len(train) else 0
        if len(start.centre_) != dim or (start.hidden, start.label) != (self.hidden, self.label):
            raise HeadError(
                f"the lstm to start from was fitted with hidden={start.hidden}, "
                f"label={start.label} on {len(start.centre_)} values per clip; this one has "
                f"hidden={self.hidden}, label={self.label} and {dim}: they must be alike"
            )
        return start

    def start_at(self, net: nn.Module, mean: float) -> None:
        """Scores are not centred (parmar2019action §4), so the last bias starts at their mean."""
        assert isinstance(net, LSTMRegressor)
        start: LSTMHead | None = getattr(self, "_start", None)
        if start is not None:
            net.load_state_dict(start.net_.state_dict())
        nn.init.constant_(net.linear.bias, mean if self.label == "final" else mean / 2)

    def training_settings(self) -> TrainingSettings:
        """See `NetworkHead.training_settings`."""
        return replace(super().training_settings(), average=self.average_weights)

    def trainer(self, net: nn.Module) -> Trainer:
        """See `NetworkHead.trainer`."""
        if self.label == "final":
            return super().trainer(net)
        return IncrementalTrainer(net, losses.mse, self.training_settings(), self.seed)

    @property
    def takes_logistic(self) -> bool:
        """See `Head.takes_logistic`."""
        return self.label == "final"

    @property
    def takes_pairs(self) -> bool:
        """See `Head.takes_pairs`."""
        return self.label == "final"

    def check_params(self) -> None:
        """See `NetworkHead.check_params`."""
        super().check_params()
        if self.label == "incremental" and (self.loss != "mse" or self.centre_scores):
            raise HeadUsageError(
                "label=incremental lets a score build up from 0 by squared errors of its steps; "
                f"it takes loss=mse and centre_scores=false, not {self.loss} and "
                f"{str(self.centre_scores).lower()}"
            )

    @property
    def gives(self) -> tuple[Answer, ...]:
        """See `Head.gives`."""
        return ("clips",) if self.label == "incremental" else ()

    @torch.no_grad()
    @deterministic_kernels()
    def states(self, examples: Examples) -> list[NDArray[np.float32]]:
        """The LSTM's state after each clip, (n_clips, hidden) per video."""
        self.check_fitted()
        device = pick_device(self.device)
        net = self.net_.to(device).eval()
        assert isinstance(net, LSTMRegressor)
        states = []
        for video in check_sequences(examples.features, self.clip_shape, ids=examples.ids):
            clips = torch.as_tensor(self.scaled(video), dtype=torch.float32, device=device)
            states.append(net.lstm(clips[None])[0][0].cpu().numpy())
        return states

    @torch.no_grad()
    @deterministic_kernels()
    def explain(self, examples: Examples, *, align: str = "index") -> Explanation:
        """The points that each clip adds; faulty where the score stops rising (jain2020 §V-E)."""
        self.check_fitted()
        if "clips" not in self.gives:
            self.cannot_explain("with label=final it learns nothing of single clips")
        device = pick_device(self.device)
        net = self.net_.to(device).eval()
        assert isinstance(net, LSTMRegressor)
        features = check_sequences(examples.features, self.clip_shape, ids=examples.ids)
        sequence = self.scaled(*features)
        steps = net.steps(torch.as_tensor(sequence, dtype=torch.float32, device=device)[None])
        scores = steps[0].double().cpu().numpy() * float(self.y_std_)
        return gains(scores)


def gains(scores: NDArray[np.float64]) -> Explanation:
    """What each clip adds to the scores (n_clips,) so far; faulty where they stop rising."""
    added = np.diff(scores, prepend=0.0)
    return Explanation(added, added <= 0, 0.0, "points added to the score", {}, base=0.0)


HEAD = LSTMHead
