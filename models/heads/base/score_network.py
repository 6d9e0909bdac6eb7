"""What heads share whose network answers with scores: the losses, and how scores are scaled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from aqa.errors import HeadError
from aqa.models.examples import Examples
from aqa.models.heads.base.network import NetworkHead
from aqa.models.heads.base.params import param
from aqa.models.scaling import is_constant, spread
from aqa.models.training.loop import ScoreTrainer, Trainer, TrainingSettings
from aqa.models.training.losses import Balanced, Loss, LossName, make_loss


@dataclass(repr=False, eq=False)
class ScoreNetworkHead(NetworkHead):
    """A scoring head whose network answers with scores, trained on the loss of `objective`.

    Scores are divided by the standard deviation of the training videos' (parmar2019action §4).
    """

    loss: LossName = param(
        "mse", "loss that is minimised", source="l1+l2: farabi2021 §4.3; mse+ranking: li2018end §4"
    )
    margin: float = param(
        2.0, "for ranking: points by which a better video should be ahead", source="li2018end §4"
    )
    alpha: float | Balanced = param(
        "balanced",
        "for mse+ranking: weight of the ranking loss; balanced: by the gradients of both",
        source="li2018end Eq. 7",
    )
    beta: float = param(
        0.0,
        "weight of the squared weights beside half the squared error in points, see `weight_decay`",
        source="li2018end §4, li2018scoringnet §4.2: 0.0005",
        low=0,
    )
    centre_scores: bool = param(
        False, "subtract the mean score of the training videos", source="ours"
    )

    takes_views: ClassVar[bool] = True
    fitted: ClassVar[tuple[str, ...]] = (*NetworkHead.fitted, "y_mean_", "y_std_")

    def objective(self, y_std: float) -> Loss:
        """The loss, of scores in points divided by `y_std`."""
        return make_loss(self.loss, self.margin / y_std, self.alpha)

    def training_settings(self) -> TrainingSettings:
        """See `NetworkHead.training_settings`.

        Adam's penalty d adds d / 2 times the squared weights to the squared error of scores that
        are divided by `y_std_`; beside half the error in points, that is beta = d * y_std_^2 / 4.
        """
        settings = super().training_settings()
        if not self.beta:
            return settings
        decay = settings.weight_decay + 4 * self.beta / float(self.y_std_) ** 2
        return replace(settings, weight_decay=decay)

    def trainer(self, net: nn.Module) -> Trainer:
        """See `NetworkHead.trainer`."""
        return ScoreTrainer(net, self.objective(self.y_std_), self.training_settings(), self.seed)

    def learn_scores(self, scores: NDArray[np.float64], **columns: Any) -> None:
        """See `NetworkHead.learn_scores`: the scores' mean and standard deviation."""
        self.y_mean_ = float(scores.mean()) if self.centre_scores else 0.0
        self.y_std_ = spread(scores)

    def targets(self, scores: NDArray[np.float64], **columns: Any) -> NDArray[np.float64]:
        """See `NetworkHead.targets`: scaled scores."""
        scaled: NDArray[np.float64] = (scores - self.y_mean_) / self.y_std_
        return scaled

    @property
    def least_held_out(self) -> int:
        """See `NetworkHead.least_held_out`: a ranking takes two videos."""
        return 2 if self.loss == "ranking" else 1

    def check_held_out(self, targets: NDArray[np.float64]) -> None:
        """See `NetworkHead.check_held_out`: the ranking loss of equal scores is always 0."""
        if self.loss == "ranking" and is_constant(targets):
            raise HeadError(
                f"loss=ranking compares different scores, and the validation videos "
                f"({len(targets)}) have only one: give more of them, hold out more training videos "
                "with -p validation=..., or take another loss"
            )

    def predict_examples(self, examples: Examples) -> NDArray[np.float64]:
        """See `Head.predict_examples`."""
        return self.outputs(examples) * float(self.y_std_) + float(self.y_mean_)
