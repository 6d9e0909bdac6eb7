"""RICA2: a score composed of steps, and how sure it is (majeedi2024).

From the published facts of the method: its sizes, losses and optimiser. The paper's text was not at
hand; what is said to be ours below is what they leave open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm
from torch import Tensor, nn

from aqa.device import deterministic_kernels, pick_device
from aqa.models.examples import Examples
from aqa.models.heads.base import Answer, Head, pack_texts, param, unpack_texts
from aqa.models.heads.base.network import NetworkHead
from aqa.models.heads.base.rubric_network import (
    RubricNet,
    StepSaid,
    attention_order,
    attention_spread,
    bottleneck,
)
from aqa.models.heads.base.steps import SOURCES, StepSource, choose_source, step_numbers, steps_of
from aqa.models.heads.base.widths import check_parts, fitting_width, width_param
from aqa.models.scaling import spread
from aqa.models.training import losses
from aqa.models.training.loop import BatchSource, Trainer, TrainingSettings, VideoBatch
from aqa.models.training.schedules import warm_up

if TYPE_CHECKING:
    from typing_extensions import Self

WIDTH = 512
PUBLISHED = (
    *(f"hidden={WIDTH}", "latent=256", "attention_heads=8", "dropout=0.1", "samples=20"),
    *("lr=0.0005", "batch_size=8"),
)
"""The parameters of `aqa fit --head rica2` with which it is as published."""
_LEAST_SPREAD = 1e-9  # points; no network's samples are so alike


class RubricTrainer(Trainer):
    """Trains a `RubricNet`; targets are a score and numbers of steps, (n, 1 + steps).

    It is stopped by the squared error of the mean score.
    """

    criterion: ClassVar[str] = "val_mse"

    def __init__(self, *arguments: Any, weights: tuple[float, float, float]):
        super().__init__(*arguments)
        self.weights = weights

    def objective(self, batch: VideoBatch) -> Tensor:
        """See `Trainer.objective`."""
        said = _said(self.net, batch)
        apart = (
            bottleneck(said.mean, said.log_variance, said.counts),
            attention_order(said.clips, batch.lengths, said.counts),
            attention_spread(said.clips, batch.lengths, said.counts),
        )
        errors = (said.scores - batch.targets[:, :1]).square().mean()
        return errors + sum(w * loss for w, loss in zip(self.weights, apart, strict=True))

    @torch.no_grad()
    def evaluate(self, examples: BatchSource) -> float:
        """The mean squared error of scaled scores."""
        assert isinstance(self.net, RubricNet)
        self.net.settle_unknown()  # the videos that it is stopped by may have such steps
        self.net.eval()
        errors = [
            (_said(self.net, batch).scores.mean(dim=1) - batch.targets[:, 0]).square()
            for batch in examples.batches(self.settings.batch_size)
        ]
        return float(torch.cat(errors).mean())


def _said(net: nn.Module, batch: VideoBatch) -> StepSaid:
    assert isinstance(net, RubricNet)
    return net.said(batch.x, batch.lengths, batch.targets[:, 1:].long())


@dataclass(repr=False, eq=False)
class RICA2Head(NetworkHead):
    """Each step of the action reads the clips; what they say, as distributions, makes the score.

    Steps come from the column `steps`, from the number of a dive (`type`), or from `stage_<name>`;
    a step is a learned vector of its name, where the authors take an embedding of a text; one that
    no training video has is the mean of these vectors. Parts of the action are its first step,
    those between, and its last. It says how sure it is by the spread of the samples' scores. That
    gets the smaller the longer a network is trained, whatever its errors, so it only says of which
    videos it is surer than of others: the training videos' median spread stands for the root mean
    square of the errors on the videos that training is stopped by. As these chose the epoch too,
    `aqa fit` learns ranges from others, see `aqa.models.trust.score_range`. As published: `-p
    hidden=512 -p latent=256 -p attention_heads=8 -p dropout=0.1 -p samples=20 -p lr=0.0005 -p
    batch_size=8`.

    Fitted besides: `names_` of the training videos' steps, `source_` that they come from,
    `places_`, the most steps of a video, `videos_`, how many it learned from, and `trust_`, what
    the samples' spread is multiplied by (until it is saved `trust_before_`, that of the network
    before the refit).
    """

    lr: float = param(0.0005, "Adam learning rate", source="majeedi2024", above=0)
    batch_size: int = param(8, "videos per step", source="majeedi2024")
    warm_up: int = param(
        10,
        "epochs in which the learning rate rises to its value",
        source="majeedi2024 warms up; for how long: ours",
        low=0,
    )
    lr_halve_every: int | None = param(
        None, "steps after which the learning rate is halved; none: never", source="ours"
    )
    steps: StepSource = param(
        "auto",
        "what an action's steps are. steps: the column of this name; type: the number of a dive; "
        "stages: the columns stage_<name>; none: one step; auto: the first of these that every "
        "training video has",
        source="ours",
    )
    hidden: int | None = width_param(WIDTH, "majeedi2024")
    latent: int | None = param(
        None,
        "values of a step's distribution; none: half the width",
        source="majeedi2024: 256 of 512",
    )
    attention_heads: int = param(8, "attention heads; a divisor of hidden", source="majeedi2024")
    encoder_layers: int = param(2, "layers of the transformer over clips", source="majeedi2024")
    decoder_layers: int = param(2, "layers through which steps read clips", source="majeedi2024")
    dropout: float = param(
        0.1, "share of values dropped in the layers", source="majeedi2024", below=1
    )
    samples: int = param(20, "samples of every step's distribution", source="majeedi2024", low=2)
    bottleneck: float = param(
        1e-5, "weight of the information bottleneck beside the squared error", source="majeedi2024"
    )
    order: float = param(
        0.05,
        "weight of the loss of steps that look earlier than the one before",
        source="majeedi2024",
    )
    sparsity: float = param(
        0.05, "weight of the loss of steps that look far around", source="majeedi2024"
    )

    takes_views: ClassVar[bool] = True
    columns: ClassVar[tuple[str, ...]] = ("id", *SOURCES)
    fitted: ClassVar[tuple[str, ...]] = (
        *(*NetworkHead.fitted, "y_mean_", "y_std_"),
        *("names_", "source_", "places_", "videos_", "trust_"),
    )

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> Self:
        """See `NetworkHead.fit_examples`; and how large its errors are beside its spread."""
        self.trust_ = 1.0  # until it is known
        super().fit_examples(train, validation, others=others, start=start)
        asked = validation if validation is not None and len(validation) else train
        if asked is train and len(self.held_out):
            asked = train.select(self.held_out)
        before = super().before_refit()
        errors = before.scores_and_spreads(asked)[0] - asked.scores
        size = float(np.sqrt(np.square(errors).mean()))
        self.trust_, self.trust_before_ = (
            size / max(float(np.median(head.scores_and_spreads(train)[1])), _LEAST_SPREAD)
            for head in (self, before)
        )
        return self

    def before_refit(self) -> Self:
        """See `Head.before_refit`; with the scale of its own spread."""
        before = super().before_refit()
        before.trust_ = getattr(self, "trust_before_", self.trust_)
        return before

    def learn_scores(self, scores: NDArray[np.float64], **columns: Any) -> None:
        """See `NetworkHead.learn_scores`: their scale, and the names of steps."""
        n = len(scores)
        ids = columns.get("id") or [f"row {i}" for i in range(n)]
        source = choose_source(columns, n, self.steps, ids)
        videos = steps_of(columns, n, source)
        self.source_ = pack_texts([source])
        self.names_ = pack_texts(sorted({name for steps in videos for name in steps}))
        self.places_, self.videos_ = max(map(len, videos)), n
        self.y_mean_, self.y_std_ = float(scores.mean()), spread(scores)

    def targets(self, scores: NDArray[np.float64], **columns: Any) -> NDArray[np.float64]:
        """See `NetworkHead.targets`: the scaled score, and numbers of steps, (n, 1 + steps)."""
        return self._rows(scores, columns)

    def _rows(
        self, scores: NDArray[np.float64], columns: dict[str, Any], *, warn: bool = False
    ) -> NDArray[np.float64]:
        steps = steps_of(columns, len(scores), self.source)
        numbers = step_numbers(steps, unpack_texts(self.names_), warn=warn)
        return np.column_stack([(scores - self.y_mean_) / self.y_std_, numbers])

    @property
    def source(self) -> StepSource:
        """Where the steps come from, as fitting settled."""
        (source,) = unpack_texts(self.source_)
        return source  # type: ignore[return-value]

    def build(self, dim: int) -> nn.Module:
        """See `NetworkHead.build`."""
        width = self.hidden or fitting_width(WIDTH, dim, int(self.videos_))
        check_parts(width, self.attention_heads)
        return RubricNet(
            dim,
            names=len(unpack_texts(self.names_)),
            places=int(self.places_),
            width=width,
            latent=self.latent or max(width // 2, 1),
            heads=self.attention_heads,
            layers=(self.encoder_layers, self.decoder_layers),
            dropout=self.dropout,
            samples=self.samples,
        )

    def trainer(self, net: nn.Module) -> Trainer:
        """See `NetworkHead.trainer`."""
        weights = self.bottleneck, self.order, self.sparsity
        settings = self.training_settings()
        return RubricTrainer(net, losses.mse, settings, self.seed, weights=weights)

    def training_settings(self) -> TrainingSettings:
        """See `NetworkHead.training_settings`."""
        return replace(super().training_settings(), epoch_factor=warm_up(self.warm_up))

    def _trained(self, *arguments: Any, **more: Any) -> tuple[nn.Module, list[dict[str, Any]], str]:
        """See `NetworkHead._trained`; and a vector for steps that training had not."""
        net, history, criterion = super()._trained(*arguments, **more)
        assert isinstance(net, RubricNet)
        net.settle_unknown()
        return net, history, criterion

    def check_params(self) -> None:
        """See `NetworkHead.check_params`."""
        super().check_params()
        check_parts(self.hidden, self.attention_heads)

    @property
    def gives(self) -> tuple[Answer, ...]:
        """See `Head.gives`: quantiles, of a normal distribution."""
        return ("quantiles",)

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """See `Head.answer_columns`: what tells the steps."""
        sources = SOURCES if self.steps == "auto" else (self.steps,)
        if self.steps == "auto" and hasattr(self, "source_"):
            sources = (self.source,)
        return tuple(source for source in sources if source in SOURCES)

    @property
    def chosen(self) -> dict[str, Any]:
        """See `Head.chosen`; and where the steps come from, and their names."""
        self.check_fitted()
        return {**super().chosen, "steps": self.source, "step_names": unpack_texts(self.names_)}

    def predict_examples(self, examples: Examples) -> NDArray[np.float64]:
        """See `Head.predict_examples`."""
        return self.scores_and_spreads(examples)[0]

    def quantiles(self, examples: Examples, at: ArrayLike) -> NDArray[np.float64]:
        """See `GivesQuantiles`: of a normal distribution around each score."""
        scores, spreads = self.scores_and_spreads(examples)
        width = float(self.trust_) * spreads
        quantiles: NDArray[np.float64] = scores[:, None] + width[:, None] * norm.ppf(np.asarray(at))
        return quantiles

    @torch.no_grad()
    @deterministic_kernels()
    def scores_and_spreads(
        self, examples: Examples
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of each video's samples, (n,) each, in points."""
        self.check_fitted()
        net = self.net_.to(pick_device(self.device)).eval()
        said = [_said(net, batch).scores for batch in self._asked(examples)]
        samples = torch.cat(said).double().cpu().numpy() * float(self.y_std_) + float(self.y_mean_)
        return samples.mean(axis=1), samples.std(axis=1)

    def outputs(self, examples: Examples) -> NDArray[np.float64]:
        """See `NetworkHead.outputs`: each video's mean score, scaled."""
        return (self.scores_and_spreads(examples)[0] - self.y_mean_) / self.y_std_

    def _asked(self, examples: Examples) -> Iterator[VideoBatch]:
        sequences = self.answerable(examples)
        rows = self._rows(np.zeros(len(sequences)), examples.only(self.columns), warn=True)
        return self.tensors(sequences, rows).batches(self.batch_size)


HEAD = RICA2Head
