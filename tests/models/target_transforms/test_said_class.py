"""What several runs say together of a video's class."""

from __future__ import annotations

import pytest

from aqa.annotations.two_classes import TwoClasses
from aqa.models.target_transforms.class_rule import ClassRule, said_class

CLASSES = TwoClasses("label", "bad", "good")


def test_runs_say_the_class_by_the_mean_of_their_margins() -> None:
    rules = {"1": ClassRule(CLASSES, "score", 0.3), "2": ClassRule(CLASSES, "score", 0.6)}
    said = said_class(rules, {"1": 0.5, "2": 0.5})
    assert (said.label, said.good, said.probability) == ("good", "good", None)
    assert said.margin == pytest.approx(0.05)
    assert said.by_split == {"1": "good", "2": "bad"}


def test_probabilities_are_averaged() -> None:
    rules = {name: ClassRule(CLASSES, "probability", 0.5) for name in "12"}
    said = said_class(rules, {"1": 0.2, "2": 0.4})
    assert (said.label, said.probability) == ("bad", pytest.approx(0.3))
    assert said.to_dict()["class_by_split"] == {"1": "bad", "2": "bad"}
