"""What a training tells while it runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from aqa.annotations.splits import Split


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
