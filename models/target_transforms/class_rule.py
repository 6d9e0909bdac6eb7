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


@dataclass(frozen=True)
class SaidClass:
    """The class that one or several runs say of a video.

    label: the class. probability: of the good one, the mean over the runs; None where they do not
    say it. margin: how far their answers lie above their thresholds, on average; 0 or more says
    good. by_split: the class that each says, by the name of its split.
    """

    label: str
    good: str
    probability: float | None
    margin: float
    by_split: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """The same as values that JSON takes, by the names that `aqa score --json` prints."""
        return {
            "class": self.label,
            "good": self.good,
            "probability": self.probability,
            "margin": self.margin,
            "class_by_split": dict(self.by_split),
        }


def said_class(rules: Mapping[str, ClassRule], answers: Mapping[str, float]) -> SaidClass:
    """What runs say together, by the mean of their margins. rules, answers: by split."""
    margins = {split: answers[split] - rule.threshold for split, rule in rules.items()}
    first, mean = next(iter(rules.values())), float(np.mean(list(margins.values())))
    sure = all(rule.says == "probability" for rule in rules.values())
    return SaidClass(
        first.label(mean),
        first.classes.good,
        float(np.mean(list(answers.values()))) if sure else None,
        mean,
        {split: rule.label(margins[split]) for split, rule in rules.items()},
    )


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
