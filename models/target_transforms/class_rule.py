"""From a head's answers to one of two classes, by a threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from aqa.annotations.two_classes import TwoClasses

Values = NDArray[np.float64]
Says = Literal["probability", "score"]

# Of probabilities, and of answers that regress 0 and 1.
MIDDLE = 0.5


@dataclass(frozen=True)
class ClassRule:
    """How the answers of a fitted head are read as classes.

    says: what they are; `probability` of the good class, or a `score` that was learned from 0 and
    1. threshold: an answer of this or above says good.
    """

    classes: TwoClasses
    says: Says
    threshold: float

    def margin(self, answers: Values) -> Values:
        """How far answers lie above the threshold; 0 or more says good."""
        margins: Values = answers - self.threshold
        return margins

    def label(self, margin: float) -> str:
        """The class that an answer says."""
        return self.classes.label(margin >= 0)

    def to_dict(self) -> dict[str, Any]:
        """As run.json has it."""
        return {**self.classes.to_dict(), "says": self.says, "threshold": self.threshold}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> ClassRule | None:
        """That of a run's record; None where the run predicts scores."""
        kept = record.get("classes")
        if kept is None or "threshold" not in kept:  # of a head that compares pairs, say
            return None
        return cls(TwoClasses.from_dict(kept), kept["says"], float(kept["threshold"]))


def best_threshold(good: NDArray[np.bool_], answers: Values) -> float:
    """The threshold of the highest balanced accuracy.

    It lies in the middle between two answers; of several that are as good, the one next to
    `MIDDLE` is taken, which is the threshold too where none tells the classes better than chance.
    good, answers: (n,), of both classes.
    """
    false, true, above = roc_curve(good, answers, drop_intermediate=False)
    gain = (true - false)[1:-1]  # without all bad and all good, which gain nothing
    middles = (above[1:-1] + above[2:]) / 2
    if not len(gain) or gain.max() <= 0:
        return MIDDLE
    best = middles[gain >= gain.max() - 1e-12]
    return float(best[np.abs(best - MIDDLE).argmin()])
