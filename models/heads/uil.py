"""UIL: queries that score a video, weighed (dong2025).

From the published facts of the method: its sizes, losses and optimiser. The paper's text was not at
hand; what is said to be ours below is what they leave open.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import kl_div

from aqa.device import deterministic_kernels, pick_device
from aqa.models.examples import Examples
from aqa.models.heads.base import Answer, Explanation, check_sequences, param
from aqa.models.heads.base.end_to_end import EndToEndAdapter, OneNetworkAdapter
from aqa.models.heads.base.query_decoder import QueryDecoder, Read
from aqa.models.heads.base.score_network import ScoreNetworkHead
from aqa.models.heads.base.widths import check_parts, fitting_width, width_param
from aqa.models.training.loop import ScoreTrainer, Trainer, TrainingSettings, VideoBatch
from aqa.models.training.schedules import drop
from aqa.number_text import fixed

WIDTH = 1024
PUBLISHED = (
    *(f"hidden={WIDTH}", "queries=68", "dropout=0.7", "lr=0.0001", "weight_decay=1e-05"),
    *("drop_epoch=400", "batch_size=48", "epochs=500", "refit=false"),
)
"""The parameters of `aqa fit --head uil` with which it is as published."""


class Votes(NamedTuple):
    """What each query says: (n, queries) scores, and weights, which add up to 1."""

    scores: Tensor
    weights: Tensor


class WeighedQueries(nn.Module):
    """Learned queries read the clips; each has a score and a weight, the answer is their sum."""

    def __init__(self, dim: int, width: int, queries: int, heads: int, layers: int, dropout: float):
        super().__init__()
        self.project = nn.Linear(dim, width)
        self.queries = nn.Parameter(2 * torch.randn(queries, width))
        self.decoder = QueryDecoder(
            width=width, heads=heads, layers=layers, inner=width, dropout=dropout, first_norm=True
        )
        self.score = _three_layers(width)
        self.weight = _three_layers(width)

    def read(self, x: Tensor, lengths: Tensor) -> Read:
        """(n, clips, dim) padded behind, lengths (n,) -> what the queries have read."""
        queries = self.queries.expand(len(x), -1, -1)
        read: Read = self.decoder(queries, self.project(x), lengths)
        return read

    def votes(self, features: Tensor) -> Votes:
        """Of queries that have read, (n, queries, width)."""
        weights = self.weight(features).squeeze(2).softmax(dim=1)
        return Votes(self.score(features).squeeze(2), weights)

    def answer(self, features: Tensor) -> Tensor:
        """Of queries that have read, (n, queries, width) -> (n,)."""
        votes = self.votes(features)
        return (votes.scores * votes.weights).sum(dim=1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(n, clips, dim) padded behind, lengths (n,) -> (n,)."""
        return self.answer(self.read(x, lengths).features)


def _three_layers(width: int) -> nn.Sequential:
    """width -> its half -> its quarter -> 1."""
    return nn.Sequential(
        nn.Linear(width, width // 2),
        nn.ReLU(),
        nn.Linear(width // 2, width // 4),
        nn.ReLU(),
        nn.Linear(width // 4, 1),
    )


def attention_divergence(own: Tensor, clips: Tensor) -> Tensor:
    """How far queries that look at each other differ from queries that look at the same clips.

    own: (..., queries, queries) weights, clips: (..., queries, clips) weights, each row adding up
    to 1. The products of each with itself transposed say how alike two queries are; their rows,
    through a softmax, are compared by the KL divergence of `own`'s from `clips`', summed over a
    row; the mean over rows. The softmax, the direction and the means are ours.
    """
    of_clips, of_queries = (
        (weights @ weights.transpose(-1, -2)).log_softmax(dim=-1).flatten(0, -2)
        for weights in (clips, own)
    )
    return kl_div(of_queries, of_clips, reduction="batchmean", log_target=True)


class QueryTrainer(ScoreTrainer):
    """Trains `WeighedQueries` to the scores, and their two kinds of attention to agree.

    It is stopped by the loss of the scores alone.
    """

    def __init__(self, *arguments: Any, weight: float):
        super().__init__(*arguments)
        self.weight = weight

    def objective(self, batch: VideoBatch) -> Tensor:
        """See `Trainer.objective`."""
        assert isinstance(self.net, WeighedQueries)
        read = self.net.read(batch.x, batch.lengths)
        error = self.loss(self.net.answer(read.features), batch.targets)
        return error + self.weight * attention_divergence(read.own, read.clips)


@dataclass(repr=False, eq=False)
class UILHead(ScoreNetworkHead):
    """Learned queries read the clips; each gives a score and a weight. Feedback by attention.

    A clip's points are what the queries score, by their weights and by how much of the clip they
    took; so they add up to the score. As published: `-p hidden=1024 -p queries=68 -p dropout=0.7
    -p lr=0.0001 -p weight_decay=1e-05 -p drop_epoch=400 -p batch_size=48 -p epochs=500 -p
    refit=false` (that many epochs are ours). Fitted besides: `videos_`, how many it learned from.
    """

    lr_halve_every: int | None = param(
        None, "steps after which the learning rate is halved; none: never", source="ours"
    )
    hidden: int | None = width_param(WIDTH, "dong2025")
    queries: int = param(
        16,
        "learned queries",
        source="ours, by held-out training dives: as good as dong2025's 68, in half the time",
    )
    attention_heads: int = param(4, "attention heads; a divisor of hidden", source="dong2025")
    layers: int = param(2, "layers through which queries read the clips", source="dong2025")
    dropout: float = param(0.7, "share of values dropped in the layers", source="dong2025", below=1)
    divergence: float = param(
        1.0,
        "weight of the divergence between the queries' attention to each other and to clips",
        source="dong2025 has this loss; its weight: ours",
    )
    drop_epoch: int | None = param(
        None,
        "epoch from which the learning rate is a tenth; none: never",
        source="ours; dong2025: 400",
    )

    end_to_end: ClassVar[type[EndToEndAdapter] | None] = OneNetworkAdapter
    transferable: ClassVar[bool] = True
    fitted: ClassVar[tuple[str, ...]] = (*ScoreNetworkHead.fitted, "videos_")

    def learn_scores(self, scores: NDArray[np.float64], **columns: Any) -> None:
        """See `NetworkHead.learn_scores`; and how many videos there are."""
        super().learn_scores(scores, **columns)
        self.videos_ = len(scores)

    def build(self, dim: int) -> nn.Module:
        """See `NetworkHead.build`."""
        width = self.hidden or fitting_width(WIDTH, dim, int(self.videos_))
        check_parts(width, self.attention_heads)
        return WeighedQueries(
            *(dim, width, self.queries, self.attention_heads, self.layers, self.dropout)
        )

    def start_at(self, net: nn.Module, mean: float) -> None:
        """Scores are not centred, so the score's bias starts at their mean; ours."""
        assert isinstance(net, WeighedQueries)
        nn.init.constant_(cast(nn.Linear, net.score[-1]).bias, mean)

    def trainer(self, net: nn.Module) -> Trainer:
        """See `NetworkHead.trainer`."""
        return QueryTrainer(
            *(net, self.objective(self.y_std_), self.training_settings(), self.seed),
            weight=self.divergence,
        )

    def training_settings(self) -> TrainingSettings:
        """See `NetworkHead.training_settings`."""
        settings = super().training_settings()
        if self.drop_epoch is None:
            return settings
        return replace(settings, epoch_factor=drop(self.drop_epoch, 0.1))

    def check_params(self) -> None:
        """See `NetworkHead.check_params`."""
        super().check_params()
        check_parts(self.hidden, self.attention_heads)

    @property
    def takes_pairs(self) -> bool:
        """See `Head.takes_pairs`: its divergence is learned beside scores."""
        return False

    @property
    def gives(self) -> tuple[Answer, ...]:
        """See `Head.gives`: the points of each clip."""
        return ("clips",)

    @torch.no_grad()
    @deterministic_kernels()
    def explain(self, examples: Examples, *, align: str = "index") -> Explanation:
        """The points of each clip: what queries score, as far as their last layer looked at it."""
        self.check_fitted()
        features = check_sequences(examples.features, self.clip_shape, ids=examples.ids)
        device = pick_device(self.device)
        net = self.net_.to(device).eval()
        assert isinstance(net, WeighedQueries)
        (scaled,) = (self.scaled(video) for video in features)
        clips = torch.as_tensor(scaled, dtype=torch.float32, device=device)[None]
        read = net.read(clips, torch.tensor([len(scaled)], device=device))
        votes = net.votes(read.features)
        shares = (votes.scores * votes.weights)[0] @ read.clips[0, -1]  # (clips,)
        points = shares.double().cpu().numpy() * float(self.y_std_)
        base = float(self.y_mean_)
        of = "log-odds" if self.says_probability else "score"
        meaning = f"{self.explains} added to a base of {fixed(base, 2)}"
        return Explanation(points, points < 0, 0.0, meaning, {}, base, of)


HEAD = UILHead
