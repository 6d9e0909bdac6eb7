"""Between which scores those of a run's training videos lie, as its record holds it."""

from __future__ import annotations

import math
from typing import Any

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split


def training_scores(manifest: Manifest, split: Split) -> dict[str, Any]:
    """What the record holds: the lowest and the highest. Of classes and of pairs there are none."""
    scores = [manifest.by_id[i].score for i in split.train]
    if manifest.pairs is not None or manifest.classes is not None or not scores:
        return {}
    if not all(map(math.isfinite, scores)):
        return {}
    return {"training_scores": [min(scores), max(scores)]}
