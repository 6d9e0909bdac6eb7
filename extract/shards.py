"""A share of the videos for each of several jobs, so that each makes a part of the store."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aqa.annotations.manifest import Video
from aqa.errors import AqaError


@dataclass(frozen=True)
class Shard:
    """The share `number` of `count`, 1 <= number <= count; as text `2/8`."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """A shard from its text; `AqaError` for another text."""
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        shard = cls(int(found[1]), int(found[2])) if found else None
        if shard is None or not 1 <= shard.number <= shard.count:
            raise AqaError(f"shard {text!r}: expected K/N with K from 1 to N, such as 2/8")
        return shard

    def of(self, videos: Sequence[Video]) -> list[Video]:
        """This share of the videos: every `count`-th file, with all the actions that it holds."""
        files: dict[Path | str, int] = {}
        for video in videos:
            files.setdefault(video.file or video.id, len(files))
        return [
            video
            for video in videos
            if files[video.file or video.id] % self.count == self.number - 1
        ]
