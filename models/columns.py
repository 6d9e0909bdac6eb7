"""What heads take beside features: attributes of videos, and what the store knows of clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aqa.features.clips import Clip
from aqa.features.manifest import Video


def videos_columns(
    videos: Sequence[Video], columns: Sequence[str], clips: Sequence[Sequence[Clip]] = ()
) -> dict[str, list[Any]]:
    """Attributes of videos, as heads with such `columns` take them; `clips` come from the store."""
    return {
        name: [np.asarray(ranges) for ranges in clips]
        if name == "clips"
        else [getattr(video, name) for video in videos]
        for name in columns
    }
