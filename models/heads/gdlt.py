"""GDLT: how strongly a video shows each grade (xu2022likert).

From the paper's abstract, the settings of the authors' published runs, and what is remembered of
the method: the paper's text was not at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aqa.models.heads.base import param
from aqa.models.heads.base.end_to_end import EndToEndAdapter, OneNetworkAdapter
from aqa.models.heads.base.query_decoder import after, clip_encoder
from aqa.models.heads.base.score_network import ScoreNetworkHead
from aqa.models.heads.base.widths import check_parts
from aqa.models.training import losses
from aqa.models.training.loop import ScoreTrainer, Trainer, VideoBatch
from aqa.models.training.losses import ScoreLossName


class GradeTransformer(nn.Module):
    """Clips are put in context, learned prototypes of grades look at them, and each answers.

    A grade's response is a linear function of its own, through a sigmoid, and divided by the sum
    over grades; the score is the mean of the grades' values, evenly spaced over `limits`,
    weighted by the responses.
    """

    limits: Tensor

    def __init__(
        self,
        dim: int,
        width: int,
        grades: int,
        heads: int,
        layers: tuple[int, int],
        dropout: float,
        limits: Tensor,
    ):
        super().__init__()
        self.project = nn.Linear(dim, width)
        self.encoder = clip_encoder(width, heads, layers[0], width, dropout)
        layer = nn.TransformerDecoderLayer(width, heads, width, dropout, batch_first=True)
        self.decoder = nn.TransformerDecoder(layer, layers[1])
        self.prototypes = nn.Parameter(torch.randn(grades, width))
        self.responses = nn.Linear(width, grades)
        self.register_buffer("limits", limits)

    def grades(self, x: Tensor, lengths: Tensor) -> Tensor:
        """The feature of each grade: (n, clips, dim), lengths (n,) -> (n, grades, width)."""
        behind = after(lengths, x.shape[1])
        clips = self.encoder(self.project(x), src_key_padding_mask=behind)
        prototypes = self.prototypes.expand(len(x), -1, -1)
        grades: Tensor = self.decoder(prototypes, clips, memory_key_padding_mask=behind)
        return grades

    def score(self, grades: Tensor) -> Tensor:
        """(n, grades, width) -> (n,)."""
        logits = torch.einsum("nkd,kd->nk", grades, self.responses.weight) + self.responses.bias
        response = logits.sigmoid()
        values = torch.linspace(0, 1, response.shape[1], device=response.device)
        share = (response * values).sum(dim=1) / response.sum(dim=1)
        return self.limits[0] + (self.limits[1] - self.limits[0]) * share

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(n, clips, dim) padded behind, lengths (n,) -> (n,)."""
        return self.score(self.grades(x, lengths))


class GradeTrainer(ScoreTrainer):
    """Trains a `GradeTransformer` to the scores, and its grades to be told apart.

    It is stopped by the loss of the scores alone.
    """

    def __init__(self, *arguments: Any, weight: float, margin: float):
        super().__init__(*arguments)
        self.weight, self.margin = weight, margin

    def objective(self, batch: VideoBatch) -> Tensor:
        """See `Trainer.objective`."""
        assert isinstance(self.net, GradeTransformer)
        grades = self.net.grades(batch.x, batch.lengths)
        n, count, _ = grades.shape
        labels = torch.arange(count, device=grades.device).repeat(n)
        apart = losses.triplet_loss(grades.flatten(0, 1), labels, self.margin)
        return self.loss(self.net.score(grades), batch.targets) + self.weight * apart


@dataclass(repr=False, eq=False)
class GDLTHead(ScoreNetworkHead):
    """Transformer over clips; learned prototypes of grades, whose responses make up the score.

    The lowest and the highest grade stand for the ends of the training scores' range, somewhat
    widened. Clips have no positions: what counts is what is seen, not when. Fitted besides:
    `limits_`, the two ends in points.
    """

    loss: ScoreLossName = param(
        "mse",
        "loss of scores that is minimised",
        source="l1+l2: farabi2021 §4.3; mse+ranking: li2018end §4",
    )
    refit: bool = param(
        False,
        "after training was stopped by held-out training videos, train anew on all of them for as "
        "many epochs as were best",
        source="ours, by held-out training dives: its loss wavers, so that an epoch is no measure",
    )
    grades: int = param(
        4,
        "number of grades, each with a prototype",
        source="xu2022likert, the authors' runs",
        low=2,
    )
    hidden: int = param(128, "width of the transformer", source="ours, by held-out training dives")
    attention_heads: int = param(4, "attention heads; a divisor of hidden", source="ours")
    encoder_layers: int = param(1, "layers of the transformer over clips", source="ours")
    decoder_layers: int = param(
        2,
        "layers through which prototypes read the clips",
        source="xu2022likert, the authors' runs",
    )
    dropout: float = param(
        0.3,
        "share of values dropped in all layers",
        source="xu2022likert, the authors' runs",
        below=1,
    )
    triplet: float = param(
        1.0, "weight of the triplet loss", source="xu2022likert, the authors' runs"
    )
    triplet_margin: float = param(
        1.0, "margin of the triplet loss", source="xu2022likert, the authors' runs"
    )
    widen: float = param(
        0.1,
        "how far the lowest and highest grade lie outside the training scores, as a "
        "share of their range",
        source="ours",
    )

    bounded: ClassVar[bool] = True
    end_to_end: ClassVar[type[EndToEndAdapter] | None] = OneNetworkAdapter
    transferable: ClassVar[bool] = True
    fitted: ClassVar[tuple[str, ...]] = (*ScoreNetworkHead.fitted, "limits_")

    def learn_scores(self, scores: NDArray[np.float64], **columns: Any) -> None:
        """See `NetworkHead.learn_scores`; and the ends of the grades."""
        super().learn_scores(scores, **columns)
        reach = self.widen * np.ptp(scores)
        self.limits_ = np.array([scores.min() - reach, scores.max() + reach])

    def build(self, dim: int) -> nn.Module:
        """See `NetworkHead.build`."""
        return GradeTransformer(
            dim,
            self.hidden,
            self.grades,
            self.attention_heads,
            (self.encoder_layers, self.decoder_layers),
            self.dropout,
            torch.as_tensor((self.limits_ - self.y_mean_) / self.y_std_, dtype=torch.float32),
        )

    def trainer(self, net: nn.Module) -> Trainer:
        """See `NetworkHead.trainer`."""
        return GradeTrainer(
            *(net, self.objective(self.y_std_), self.training_settings(), self.seed),
            weight=self.triplet,
            margin=self.triplet_margin,
        )

    def check_params(self) -> None:
        """See `NetworkHead.check_params`."""
        super().check_params()
        check_parts(self.hidden, self.attention_heads)


HEAD = GDLTHead
