"""What heads share whose network answers with scores: the losses, and how scores are scaled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from torch import nn

from aqa.errors import HeadError, HeadUsageError
from aqa.models.examples import Examples
from aqa.models.heads.base.arrays import State
from aqa.models.heads.base.head import Head
from aqa.models.heads.base.network import NetworkHead
from aqa.models.heads.base.params import param
from aqa.models.heads.base.ranking import fit_ranking
from aqa.models.heads.base.score_graph import ScaledNetwork, ScoreGraph
from aqa.models.scaling import is_constant, spread
from aqa.models.training.hold_out import held_out_groups
from aqa.models.training.loop import ScoreTrainer, Trainer, TrainingSettings
from aqa.models.training.losses import (
    PAIR_LOSSES,
    Balanced,
    ClassWeights,
    Loss,
    LossName,
    make_loss,
)
from aqa.target_names import RANK_VALUE

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(repr=False, eq=False)
class ScoreNetworkHead(NetworkHead):
    """A scoring head whose network answers with scores, trained on the loss of `objective`.

    Scores are divided by the standard deviation of the training videos' (parmar2019action §4).
    With loss=logistic the network says the log-odds that a video is the good one of two classes,
    which are told as scores of 1 and 0, and the head answers with that probability. With
    loss=pair-margin or bradley-terry it learns from pairs who is better, and answers with a rank
    value, see `fit_ranking`.

    bounded: its answers lie between ends in points, and neither log-odds nor rank values do.
    """

    loss: LossName = param(
        "mse",
        "loss that is minimised; logistic: of labels of two values, which get it by default; "
        "pair-margin or bradley-terry: of --target pairs, which gets the first by default",
        source="l1+l2: farabi2021 §4.3; mse+ranking: li2018end §4; pair-margin: doughty2018",
    )
    balance_classes: bool = param(
        True,
        "for logistic: both classes weigh the same in the loss, however many videos each has; "
        "false: every video does",
        source="ours",
    )
    margin: float = param(
        2.0, "for ranking: points by which a better video should be ahead", source="li2018end §4"
    )
    pair_margin: float = param(
        1.0,
        "for pair-margin: by how much the network should say more of a better video",
        source="doughty2019, the authors' code",
        above=0,
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

    bounded: ClassVar[bool] = False
    takes_views: ClassVar[bool] = True
    fitted: ClassVar[tuple[str, ...]] = (*NetworkHead.fitted, "y_mean_", "y_std_")

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> Self:
        """See `NetworkHead.fit_examples`; by the pairs of `train` where the loss is of pairs."""
        if not self.says_rank:
            return super().fit_examples(train, validation, others=others, start=start)
        fit_ranking(self, train, validation)
        return self

    def objective(self, y_std: float) -> Loss:
        """The loss, of scores in points divided by `y_std`."""
        if self.says_rank:
            raise HeadError(
                f"loss={self.loss} learns from pairs of videos, and this from scores; take another "
                "loss"
            )
        weights = self.class_weights_ if self.says_probability else (1.0, 1.0)
        return make_loss(self.loss, self.margin / y_std, self.alpha, weights)

    def training_settings(self) -> TrainingSettings:
        """See `NetworkHead.training_settings`.

        Adam's penalty d adds d / 2 times the squared weights to the squared error of scores that
        are divided by `y_std_`; beside half the error in points, that is beta = d * y_std_^2 / 4.
        """
        settings = super().training_settings()
        if not self.beta or self.says_rank:  # pairs know no error in points
            return settings
        decay = settings.weight_decay + 4 * self.beta / float(self.y_std_) ** 2
        return replace(settings, weight_decay=decay)

    def trainer(self, net: nn.Module) -> Trainer:
        """See `NetworkHead.trainer`."""
        return ScoreTrainer(net, self.objective(self.y_std_), self.training_settings(), self.seed)

    def learn_scores(self, scores: NDArray[np.float64], **columns: Any) -> None:
        """See `NetworkHead.learn_scores`: the scores' mean and standard deviation.

        Of two classes: what a video of each weighs.
        """
        self.y_mean_ = float(scores.mean()) if self.centre_scores else 0.0
        self.y_std_ = spread(scores)
        if self.loss == "logistic":
            self.y_mean_, self.y_std_ = 0.0, 1.0
            self.class_weights_ = class_weights(self.targets(scores), self.balance_classes)

    def targets(self, scores: NDArray[np.float64], **columns: Any) -> NDArray[np.float64]:
        """See `NetworkHead.targets`: scaled scores."""
        if self.loss == "logistic":
            check_two_classes(scores)
        scaled: NDArray[np.float64] = (scores - self.y_mean_) / self.y_std_
        return scaled

    def start_target(self, targets: NDArray[np.float64]) -> float:
        """See `NetworkHead.start_target`: of two classes the log-odds of the good one, weighted."""
        if self.loss != "logistic":
            return super().start_target(targets)
        bad, good = self.class_weights_
        return float(np.log(good * targets.sum() / (bad * (1 - targets).sum())))

    def hold_out(
        self,
        n: int,
        targets: NDArray[np.float64] | None = None,
        groups: NDArray[np.intp] | None = None,
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """See `NetworkHead.hold_out`; of two classes a share of each, or none."""
        if self.loss != "logistic" or targets is None:
            return super().hold_out(n, groups=groups)
        rng, out = np.random.default_rng(self.seed), np.arange(0)
        for label in (0, 1):
            order = rng.permutation(np.flatnonzero(targets == label))
            size = max(round(self.validation * len(order)), 1) if self.validation else 0
            if size >= len(order):
                return np.arange(n), np.arange(0)
            out = np.r_[out, order[:size]]

        def both_classes(held: NDArray[np.intp]) -> bool:
            return not is_constant(targets[held]) and not is_constant(np.delete(targets, held))

        together = held_out_groups(groups, len(out), self.seed, kinds=targets, usable=both_classes)
        out = out if together is None else together
        return np.setdiff1d(np.arange(n), out), np.sort(out)

    @property
    def least_held_out(self) -> int:
        """See `NetworkHead.least_held_out`: a ranking takes two videos."""
        return 2 if self.loss == "ranking" else 1

    def check_held_out(self, targets: NDArray[np.float64]) -> None:
        """See `NetworkHead.check_held_out`: a ranking compares scores, and classes must be two."""
        if self.loss in ("ranking", "logistic") and is_constant(targets):
            what = {"ranking": "compares different scores", "logistic": "tells two classes"}
            raise HeadError(
                f"loss={self.loss} {what[self.loss]}, and the validation videos "
                f"({len(targets)}) have only one: give more of them, hold out more training videos "
                "with -p validation=..., or take another loss"
            )

    def check_params(self) -> None:
        """See `NetworkHead.check_params`."""
        super().check_params()
        if self.loss == "logistic" and not self.takes_logistic:
            raise HeadUsageError(
                f"loss=logistic: {type(self).__name__} does not learn classes by it; take another "
                "loss, and 0 and 1 are learned as scores"
            )
        if self.says_rank and not self.takes_pairs:
            raise HeadUsageError(
                f"loss={self.loss}: {type(self).__name__} does not learn from pairs; take another "
                "loss, or another head"
            )
        if (self.says_probability or self.says_rank) and self.centre_scores:
            raise HeadUsageError(
                f"loss={self.loss} has no scores to centre; leave out centre_scores=true"
            )

    @property
    def takes_logistic(self) -> bool:
        """See `Head.takes_logistic`."""
        return not self.bounded

    @property
    def says_probability(self) -> bool:
        """See `Head.says_probability`."""
        return self.loss == "logistic"

    @property
    def takes_pairs(self) -> bool:
        """See `Head.takes_pairs`."""
        return not self.bounded

    @property
    def says_rank(self) -> bool:
        """Whether it learns from pairs and answers with rank values."""
        return self.loss in PAIR_LOSSES

    @property
    def explains(self) -> str:
        """What the parts that `explain` gives add up to."""
        if self.says_rank:
            return RANK_VALUE
        return "log-odds" if self.says_probability else "points"

    def predict_examples(self, examples: Examples) -> NDArray[np.float64]:
        """See `Head.predict_examples`; with loss=logistic probabilities, 0 to 1."""
        if self.says_probability:
            return np.asarray(expit(self.outputs(examples)), np.float64)
        return self.outputs(examples) * float(self.y_std_) + float(self.y_mean_)

    def score_graph(self) -> nn.Module:
        """See `Head.score_graph`."""
        self.check_fitted()
        if self.takes == "maps":
            self.cannot_be_exported("it takes feature maps")
        network = ScaledNetwork(self.exported_net(), self.centre_, self.scale_)
        return ScoreGraph(network, self.y_mean_, self.y_std_, odds=self.says_probability)

    def exported_net(self) -> nn.Module:
        """Its network, in a form without shapes that depend on values."""
        return self.net_

    def state(self) -> State:
        """See `Head.state`; of two classes also their weights, which training goes on with."""
        state = super().state()
        if self.says_probability:
            state["class_weights"] = np.array(self.class_weights_)
        return state

    def restore(self, state: Mapping[str, NDArray[Any]]) -> Self:
        """See `Head.restore`."""
        super().restore(state)
        if "class_weights" in state:
            bad, good = state["class_weights"].tolist()
            self.class_weights_ = (bad, good)
        return self


def check_two_classes(scores: NDArray[np.float64]) -> None:
    """Raise `HeadError` where scores are not 0 and 1."""
    if not np.isin(scores, (0.0, 1.0)).all():
        raise HeadError(
            "loss=logistic learns labels of two values, told as 0 and 1; these are other scores: "
            "take another loss"
        )


def class_weights(targets: NDArray[np.float64], balanced: bool) -> ClassWeights:
    """What a video of the bad and of the good class weighs; 1 on average over the videos.

    targets: (n,), 0 and 1.
    """
    n, good = len(targets), int(targets.sum())
    if good in (0, n):
        raise HeadError(
            f"loss=logistic tells two classes, and all {n} training videos are of one of them; add "
            "videos of the other, or take another loss"
        )
    return (n / (2 * (n - good)), n / (2 * good)) if balanced else (1.0, 1.0)
