"""What can be predicted of two classes without any pixels: the commoner one, and by columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import RidgeClassifierCV

from aqa.annotations.two_classes import TwoClasses
from aqa.models.target_transforms.class_rule import MIDDLE, ClassRule

# The class that most training videos are of, said of every video.
MAJORITY = "majority"
# Answers of `ClassRidgeCV` of this or above say good.
BOUNDARY = 0.0


class ClassRidgeCV(RidgeClassifierCV):
    """scikit-learn's ridge classifier, both classes weighing the same, as a regression's.

    `predict` gives how far a video is on the good side, 0 being the boundary. The penalty is
    chosen by leaving out one training video after the other.
    """

    def __init__(self, alphas: Sequence[float] = (0.1, 1.0, 10.0)):
        super().__init__(alphas, class_weight="balanced")

    def predict(self, x: Any) -> Any:
        """Signed distances, (n,)."""
        return self.decision_function(x)


def column_rule(classes: TwoClasses, model: Any, share: float) -> ClassRule:
    """How the answers of a fitted regression on columns are read as classes.

    share: of good training videos, where a regression of 0 and 1 has no weights for the classes.
    """
    boundary = BOUNDARY if isinstance(model, ClassRidgeCV) else share
    return ClassRule(classes, "score", boundary)


def majority(share: float, counts: Mapping[str, int]) -> dict[str, list[float]]:
    """The answers of saying the commoner class, for so many videos of each part.

    share: of good training videos.
    """
    return {part: np.full(n, float(share >= MIDDLE)).tolist() for part, n in counts.items()}
