"""What a training tells while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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
