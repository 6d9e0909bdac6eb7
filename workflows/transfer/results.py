"""What a transfer gives: the curves of fine-tuning, and what is read off them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from aqa.metrics import mean_and_std

# Where the weights that fine-tuning begins with come from.
Start = Literal["random", "multi-action"]
STARTS: tuple[Start, ...] = get_args(Start)

Row = dict[str, Any]


@dataclass(frozen=True)
class TransferResult:
    """How well other actions prepare a head for an action.

    others: the actions that were learned before, from n_others videos. n: videos of the action, of
    which `tested` are tested in each draw. zero_shot: Spearman's correlation without fine-tuning,
    on all `n` videos: `multi-action`, and `random`, the mean over untrained networks, with
    its standard deviation. curves: a row per point: samples, draw, start, iteration, spearman on
    the tested videos; iteration 0 is before fine-tuning.
    """

    action: str
    others: tuple[str, ...]
    n_others: int
    n: int
    tested: int
    zero_shot: dict[str, float | None]
    curves: list[Row]

    def readings(self) -> list[Row]:
        """See `readings`."""
        return readings(self.curves)

    def to_dict(self) -> dict[str, Any]:
        """The same as values that JSON takes."""
        kept = {name: getattr(self, name) for name in ("action", "others", "n_others", "n")}
        return kept | {
            "tested": self.tested,
            "zero_shot": self.zero_shot,
            "best_chosen_on": "the tested videos, as parmar2019action Table 4 is",
            "readings": self.readings(),
        }


def readings(curves: Sequence[Row]) -> list[Row]:
    """A row per number of samples and start: means and standard deviations over the draws.

    zero_shot: iteration 0. last: the last iteration. best: the best point after iteration 0 on the
    tested videos themselves, which is what parmar2019action Table 4 prints.
    """
    rows = []
    for samples, start in dict.fromkeys((row["samples"], row["start"]) for row in curves):
        by_draw: dict[int, list[float | None]] = {}
        for row in curves:
            if (row["samples"], row["start"]) == (samples, start):
                by_draw.setdefault(row["draw"], []).append(row["spearman"])
        drawn = list(by_draw.values())
        best = [max((v for v in curve[1:] if v is not None), default=None) for curve in drawn]
        rows.append(
            {"samples": samples, "start": start, "draws": len(drawn)}
            | mean_and_std("zero_shot", [curve[0] for curve in drawn])
            | mean_and_std("last", [curve[-1] for curve in drawn])
            | mean_and_std("best", best)
        )
    return rows
