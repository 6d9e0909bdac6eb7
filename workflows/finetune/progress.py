"""What a training tells while it runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from aqa.annotations.splits import Split
from aqa.growing_table import GrowingTable


class FinetuneProgress:
    """Is told how the training of one split goes on; this one prints nothing."""

    def start(self, epoch: int, n_videos: int) -> None:
        """An epoch over this many videos begins."""

    def videos(self, n: int) -> None:
        """This many more videos were learned from."""

    def epoch(self, row: Mapping[str, Any]) -> None:
        """An epoch has ended; row: of the history."""

    def line(self, text: str) -> None:
        """A message for the user."""


class FinetuneHistory(FinetuneProgress):
    """Writes each epoch into a table that can be read meanwhile, and tells another progress.

    earlier: the epochs of a training that goes on.
    """

    def __init__(
        self, table: GrowingTable, earlier: Sequence[Mapping[str, Any]], inner: FinetuneProgress
    ):
        self._table, self._inner = table, inner
        for row in earlier:
            table.add(row)

    def start(self, epoch: int, n_videos: int) -> None:
        """See `FinetuneProgress.start`."""
        self._inner.start(epoch, n_videos)

    def videos(self, n: int) -> None:
        """See `FinetuneProgress.videos`."""
        self._inner.videos(n)

    def epoch(self, row: Mapping[str, Any]) -> None:
        """See `FinetuneProgress.epoch`."""
        self._table.add(row)
        self._inner.epoch(row)

    def line(self, text: str) -> None:
        """See `FinetuneProgress.line`."""
        self._inner.line(text)


def training_lines(quiet: bool) -> Any:
    """Makes a split's `FinetuneProgress`: a line per epoch, and on a terminal a bar within it."""
    from tqdm import tqdm

    class FinetuneBar(FinetuneProgress):
        def __init__(self, split: Split):
            self._name = f"split {split.name}"
            self._bar: Any = None
            parts = (f"{len(split.train)} training videos", f"{len(split.val)} for validation")
            self.line(f"{self._name}: {', '.join(parts)}")

        def start(self, epoch: int, n_videos: int) -> None:
            hidden = quiet or not sys.stderr.isatty()
            self._bar = tqdm(total=n_videos, unit="video", leave=False, disable=hidden)

        def videos(self, n: int) -> None:
            self._bar.update(n)

        def epoch(self, row: Mapping[str, Any]) -> None:
            if self._bar is not None:
                self._bar.close()
            self.line(f"{self._name}, {_row(row)}")

        def line(self, text: str) -> None:
            tqdm.write(text, file=sys.stderr)

    return FinetuneBar


def _row(row: Mapping[str, Any]) -> str:
    """One row of the history as text."""
    losses = {name: value for name, value in row.items() if name.endswith("loss")}
    text = ", ".join(f"{k.replace('_', ' ')} {v:.5g}" for k, v in losses.items() if v is not None)
    if not row["epoch"]:
        return f"before training: {text}"
    memory = "" if row["memory_gb"] is None else f", {row['memory_gb']:.2f} GB"
    return f"epoch {row['epoch']}: {text} ({row['seconds']:.1f} s{memory})"
