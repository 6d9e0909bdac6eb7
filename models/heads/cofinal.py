"""CoFInAl: grades, and sub-grades inside each (zhou2024).

From the published facts of the method: its sizes, loss and learning rate. The paper's text was not
at hand; what is said to be ours below is what they leave open.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import normalize

from aqa.models.heads.base import param
from aqa.models.heads.base.end_to_end import EndToEndAdapter, OneNetworkAdapter
from aqa.models.heads.base.query_decoder import QueryDecoder, after, clip_encoder
from aqa.models.heads.base.score_network import ScoreNetworkHead
from aqa.models.heads.base.widths import check_parts, fitting_width, width_param
from aqa.models.training.loop import TrainingSettings
from aqa.models.training.losses import ScoreLossName
from aqa.models.training.schedules import cosine

WIDTH = 256
PUBLISHED = (
    *(f"hidden={WIDTH}", "grades=4", "sub_grades=100", "loss=l1", "lr=0.01", "schedule=cosine"),
)
"""The parameters of `aqa fit --head cofinal` with which it is as published."""


def simplex(points: int) -> Tensor:
    """Directions of equal angles to each other, as wide as possible: (points, points).

    Each is of length 1, and any two have the cosine -1 / (points - 1).
    """
    centred = torch.eye(points) - 1 / points
    return centred * (points / (points - 1)) ** 0.5


class GradeNet(nn.Module):
    """Clips are put in context, and a query of each grade reads them.

    A query's feature, as a direction, lies nearer to some of the fixed directions of sub-grades
    than to others: through a softmax, the mean place of the sub-grade, 0 to 1. Grades count down
    from the best: grade k of K, at place p, stands (k + p) / K below the top of `limits`. The
    score is the mean of what the grades stand for, weighted by how strongly a video shows each.
    """

    limits: Tensor
    directions: Tensor

    def __init__(
        self,
        dim: int,
        width: int,
        grades: int,
        sub_grades: int,
        heads: int,
        layers: tuple[int, int],
        dropout: float,
        limits: Tensor,
    ):
        super().__init__()
        self.project = nn.Linear(dim, width)
        self.encoder = clip_encoder(width, heads, layers[0], width, dropout)
        self.grades = nn.Parameter(torch.randn(grades, width))
        self.decoder = QueryDecoder(
            width=width, heads=heads, layers=layers[1], inner=width, dropout=dropout
        )
        self.responses = nn.Linear(width, grades)
        self.place = nn.Linear(width, sub_grades)
        self.sharpness = nn.Parameter(torch.tensor(20.0))
        self.register_buffer("directions", simplex(sub_grades))
        self.register_buffer("limits", limits)

    def read(self, x: Tensor, lengths: Tensor) -> Tensor:
        """The feature of each grade: (n, clips, dim), lengths (n,) -> (n, grades, width)."""
        behind = after(lengths, x.shape[1])
        clips = self.encoder(self.project(x), src_key_padding_mask=behind)
        features: Tensor = self.decoder(self.grades.expand(len(x), -1, -1), clips, lengths).features
        return features

    def places(self, features: Tensor) -> Tensor:
        """The mean place inside each grade, 0 to 1: (n, grades, width) -> (n, grades)."""
        cosines = normalize(self.place(features), dim=2) @ self.directions.T
        chances = (self.sharpness * cosines).softmax(dim=2)  # (n, grades, sub-grades)
        return chances @ torch.linspace(0, 1, len(self.directions)).to(chances)

    def score(self, features: Tensor) -> Tensor:
        """(n, grades, width) -> (n,)."""
        count = features.shape[1]
        logits = torch.einsum("nkd,kd->nk", features, self.responses.weight) + self.responses.bias
        response = logits.sigmoid()
        shown = response / response.sum(dim=1, keepdim=True)
        below = (torch.arange(count, device=features.device) + self.places(features)) / count
        return self.limits[1] - (self.limits[1] - self.limits[0]) * (shown * below).sum(dim=1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(n, clips, dim) padded behind, lengths (n,) -> (n,)."""
        return self.score(self.read(x, lengths))


@dataclass(repr=False, eq=False)
class CofinalHead(ScoreNetworkHead):
    """Learned queries of grades read the clips; fixed sub-grades say where in a grade it lies.

    The sub-grades are the corners of a simplex, which are not learned. How grades and sub-grades
    make up the score is ours: in `gdlt` grades rise and are points, here they fall from the top
    and are intervals. As published: `-p hidden=256 -p grades=4 -p sub_grades=100 -p loss=l1 -p
    lr=0.01 -p schedule=cosine`, there for features of 1024. Fitted besides: `limits_`, the ends in
    points, and `videos_`, how many it learned from.
    """

    loss: ScoreLossName = param(
        "mse",
        "loss of scores that is minimised",
        source="ours, by held-out training dives; zhou2024: l1",
    )
    lr: float = param(
        0.003,
        "Adam learning rate",
        source="ours, by held-out training dives; zhou2024: 0.01",
        above=0,
    )
    lr_halve_every: int | None = param(
        None, "steps after which the learning rate is halved; none: never", source="ours"
    )
    hidden: int | None = width_param(WIDTH, "zhou2024")
    grades: int = param(4, "number of grades", source="as xu2022likert", low=2)
    sub_grades: int = param(100, "number of fixed sub-grades", source="zhou2024", low=2)
    attention_heads: int = param(4, "attention heads; a divisor of hidden", source="ours")
    encoder_layers: int = param(1, "layers of the transformer over clips", source="ours")
    decoder_layers: int = param(2, "layers through which grades read the clips", source="ours")
    dropout: float = param(
        0.1,
        "share of values dropped in the layers",
        source="ours, by held-out training dives",
        below=1,
    )
    schedule: Literal["cosine", "none"] = param(
        "cosine", "how the learning rate falls over the epochs", source="zhou2024"
    )
    widen: float = param(
        0.1,
        "how far the ends of the grades lie outside the training scores, as a share of their range",
        source="ours",
    )

    bounded: ClassVar[bool] = True
    end_to_end: ClassVar[type[EndToEndAdapter] | None] = OneNetworkAdapter
    transferable: ClassVar[bool] = True
    fitted: ClassVar[tuple[str, ...]] = (*ScoreNetworkHead.fitted, "limits_", "videos_")

    def learn_scores(self, scores: NDArray[np.float64], **columns: Any) -> None:
        """See `NetworkHead.learn_scores`; the ends of the grades, and how many videos there are."""
        super().learn_scores(scores, **columns)
        reach = self.widen * np.ptp(scores)
        self.limits_ = np.array([scores.min() - reach, scores.max() + reach])
        self.videos_ = len(scores)

    def build(self, dim: int) -> nn.Module:
        """See `NetworkHead.build`."""
        width = self.hidden or fitting_width(WIDTH, dim, int(self.videos_))
        check_parts(width, self.attention_heads)
        return GradeNet(
            dim,
            width,
            self.grades,
            self.sub_grades,
            self.attention_heads,
            (self.encoder_layers, self.decoder_layers),
            self.dropout,
            torch.as_tensor((self.limits_ - self.y_mean_) / self.y_std_, dtype=torch.float32),
        )

    def training_settings(self) -> TrainingSettings:
        """See `NetworkHead.training_settings`."""
        settings = super().training_settings()
        if self.schedule == "none":
            return settings
        return replace(settings, epoch_factor=cosine(self.epochs))

    def check_params(self) -> None:
        """See `NetworkHead.check_params`."""
        super().check_params()
        check_parts(self.hidden, self.attention_heads)


HEAD = CofinalHead
