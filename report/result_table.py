"""A table of results, which text and pages draw alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aqa.evaluation.result import AnyResult, Result
from aqa.evaluation.score_metrics import FEWEST_RANKED
from aqa.report.tables import table, terminal_width, wrapped

# What a table shows in place of a correlation of few videos.
TOO_FEW = "too few"
# Kinds whose `n` counts videos.
OF_VIDEOS = ("scores", "parts")
_UNLIMITED = 10_000


@dataclass(frozen=True)
class ResultTable:
    """One table of results, for text and pages: its title, its header, and its lines.

    keys: how many columns say what a line is of; the others are numbers. lines: (whether of
    baselines, whether spreads stand below their values) -> cells.
    """

    title: str
    kind: str
    header: Sequence[str]
    keys: int
    lines: Callable[[bool, bool], list[list[str]]]

    def text(self) -> str:
        """As a terminal shows it: baselines in a block of their own below the heads."""
        drawn = self._drawn(below=False, width=_UNLIMITED)
        if max(map(len, drawn.split("\n"))) > terminal_width():
            drawn = self._drawn(below=True, width=None)
        return f"{wrapped(self.title)}\n{drawn}"

    def _drawn(self, below: bool, width: int | None) -> str:
        blind = [[f"  {first}", *others] for first, *others in self.lines(True, below)]
        between = [["without pixels:", *[""] * (len(self.header) - 1)]] if blind else []
        every = [*self.lines(False, below), *between, *blind]
        return table(every, self.header, self.keys, width=width)


def head_title(head: str, difficulty: str | None) -> str:
    """A head's name, and how it was told the difficulty."""
    signs = {"multiply": " x difficulty", "input": " + difficulty"}
    return head + "/".join(signs.get(how, "") for how in (difficulty or "").split("/"))


def too_few(one: AnyResult) -> bool:
    """Whether a result, or one that its mean is of, is of too few videos for a correlation."""
    n = one.n if isinstance(one, Result) else one.fewest
    return one.kind in OF_VIDEOS and n is not None and n < FEWEST_RANKED
