"""MUSDL: the distribution of each judge's mark (tang2020)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from aqa.errors import HeadUsageError
from aqa.models.examples import Examples
from aqa.models.heads.base import Head, HeadError, check_column, name_of, param
from aqa.models.heads.base.distribution import DistributionHead
from aqa.models.heads.base.end_to_end import EndToEndAdapter, OneNetworkAdapter
from aqa.models.heads.base.pooling import AverageMLP
from aqa.models.heads.base.score_graph import MiddleMarksGraph


class JudgesNet(nn.Module):
    """A network for each judge, which share nothing but the average of a video's clips.

    Seven of 1024 -> 256 -> 128 -> 21 have the 2,086,035 parameters of the authors' code.
    """

    def __init__(self, dim: int, widths: tuple[int, ...], judges: int, bins: int):
        super().__init__()
        self.judges = nn.ModuleList(AverageMLP(dim, widths, bins) for _ in range(judges))

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(n, clips, dim) zero behind each video's end, lengths (n,) -> (n, judges, bins)."""
        said = torch.stack([judge(x, lengths) for judge in self.judges], dim=1)
        return log_softmax(said, dim=2)


@dataclass(repr=False, eq=False)
class MUSDLHead(DistributionHead):
    """Probabilities of bins of each judge's mark; the rules make the score of the marks.

    Predicted marks are sorted, the highest and the lowest are left out, and the middle ones added
    up: the execution. A straight line, fitted to the training videos' marks and scores, turns it
    into the score. The authors multiply the execution by the video's known difficulty: so does
    `difficulty=multiply`, with which the line changes nothing. Without it, quantiles leave out the
    error of the line.

    farabi2021 says in one place that 5 middle marks are added up, in another 3; 3 is diving's rule
    for 7 judges. The head learns from the manifest's columns judge_1, judge_2, ... as they stand.
    Fitted: `judges_`, how many; `slope_` and `intercept_`, of the line.
    """

    bins: int = param(
        21, "bins of a mark, at equal distances", source="tang2020: 0, 0.5, ..., 10", low=2
    )
    low: float = param(
        0.0, "points of the first bin: the lowest mark", source="tang2020", low=-math.inf
    )
    high: float = param(
        10.0, "points of the last bin: the highest mark", source="tang2020", low=-math.inf
    )
    std: float = param(
        1.0,
        "standard deviation of a mark's soft label, in bins",
        source="ours: with tang2020's 5, expected marks would lie within 2 to 8",
        above=0,
    )
    networks: Literal["own", "shared"] = param(
        "own",
        "own: a network for each judge; shared: one for all, but for its last layer",
        source="own: tang2020, the authors' code; shared: ours",
    )
    middle: int = param(
        3, "marks that are added up; as many high as low ones are left out", source="tang2020"
    )

    end_to_end: ClassVar[type[EndToEndAdapter] | None] = OneNetworkAdapter
    columns: ClassVar[tuple[str, ...]] = ("id", "judges")
    fitted: ClassVar[tuple[str, ...]] = (
        *DistributionHead.fitted,
        *("judges_", "slope_", "intercept_"),
    )

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """See `Head.answer_columns`."""
        return ()

    def needed_columns(self, start: Head | None = None) -> tuple[str, ...]:
        """See `Head.needed_columns`."""
        return ("judges",)

    @property
    def values(self) -> int:
        """See `DistributionHead.values`: one per judge."""
        return int(self.judges_)

    def build(self, dim: int) -> nn.Module:
        """See `NetworkHead.build`."""
        if self.networks == "shared":
            return super().build(dim)
        return JudgesNet(dim, (self.width_1, self.width_2), self.values, self.bins)

    def learn_scores(self, scores: NDArray[np.float64], **columns: Any) -> None:
        """See `NetworkHead.learn_scores`: what the marks are in points."""
        judges = columns.get("judges")
        if self.low >= self.high:
            raise HeadUsageError(f"low={self.low:g} is not below high={self.high:g}")
        first = check_column("judges", judges, len(scores), columns.get("id"))[0]
        self.judges_ = np.asarray(len(first))
        self.low_ = np.asarray(self.low)
        self.step_ = np.asarray((self.high - self.low) / (self.bins - 1))
        self._fit_line(self._execution(self._marks(judges, len(scores), columns.get("id"))), scores)

    def targets(self, scores: NDArray[np.float64], **columns: Any) -> NDArray[np.float64]:
        """See `NetworkHead.targets`: each judge's mark as the number of a bin, (n, judges)."""
        return self.in_bins(self._marks(columns.get("judges"), len(scores), columns.get("id")))

    def predict_examples(self, examples: Examples) -> NDArray[np.float64]:
        """See `Head.predict_examples`."""
        return self._score(self._execution(self.decoded(examples)))

    def score_graph(self) -> nn.Module:
        """See `Head.score_graph`."""
        aside = (int(self.judges_) - self.middle) // 2
        return MiddleMarksGraph(self.values_graph(), aside, self.slope_, self.intercept_)

    def quantiles(self, examples: Examples, at: ArrayLike) -> NDArray[np.float64]:
        """See `GivesQuantiles`. The judges are taken to err together, all as high or as low."""
        return self._score(self._execution(self.value_quantiles(examples, at).swapaxes(1, 2)))

    def _marks(
        self, judges: Sequence[Sequence[float]] | None, n: int, ids: Sequence[str] | None
    ) -> NDArray[np.float64]:
        """Checked marks, (n, judges)."""
        marks = [
            np.asarray(video_marks, float) for video_marks in check_column("judges", judges, n, ids)
        ]
        for i, video_marks in enumerate(marks):
            if len(video_marks) != self.judges_:
                raise HeadError(
                    f"{name_of(i, ids)} has {len(video_marks)} judges, the first training video "
                    f"{self.judges_}; a head learns from as many everywhere"
                )
            strange = video_marks[~((video_marks >= self.low) & (video_marks <= self.high))]
            if len(strange):
                raise HeadError(
                    f"{name_of(i, ids)} has a judge's mark of {strange[0]:g}, which is not from "
                    f"low={self.low:g} to high={self.high:g}"
                )
        left_out = int(self.judges_) - self.middle
        if left_out < 0 or left_out % 2:
            raise HeadError(
                f"middle={self.middle} of {self.judges_} judges' marks cannot be the middle ones; "
                "choose another with -p middle=..."
            )
        return np.stack(marks)

    def _execution(self, marks: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of the middle marks, (..., judges) -> (...,)."""
        aside = (int(self.judges_) - self.middle) // 2
        middle = np.sort(marks, axis=-1)[..., aside : aside + self.middle]
        total: NDArray[np.float64] = middle.sum(axis=-1)
        return total

    def _fit_line(self, executions: NDArray[np.float64], scores: NDArray[np.float64]) -> None:
        slope, intercept = 0.0, scores.mean()
        if np.ptp(executions):
            slope, intercept = np.polyfit(executions, scores, 1)
        self.slope_, self.intercept_ = np.asarray(slope), np.asarray(intercept)

    def _score(self, executions: NDArray[np.float64]) -> NDArray[np.float64]:
        scores: NDArray[np.float64] = executions * self.slope_ + self.intercept_
        return scores


HEAD = MUSDLHead
