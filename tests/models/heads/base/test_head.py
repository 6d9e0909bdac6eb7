"""What the base class does for a head that someone else writes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from aqa.errors import HeadError
from aqa.models.heads import Examples, Head
from aqa.models.target_transforms import transformed


@dataclass(repr=False, eq=False)
class ShortHead(Head):
    """The mean score, with no more options than it needs."""

    fitted = ("mean_",)

    def fit_examples(self, train, validation=None, *, start=None):
        self.mean_ = np.asarray(train.scores.mean())
        return self

    def predict_examples(self, examples):
        return np.full(len(examples), float(self.mean_))


class ForgetfulHead(ShortHead):
    """It forgets to say what a run saves."""

    fitted = ()


EXAMPLES = Examples.of(np.ones((4, 1, 2)), [1.0, 2.0, 3.0, 6.0], difficulty=[1.0, 2.0, 3.0, 2.0])


@pytest.mark.parametrize("params", [{}, {"difficulty": "multiply"}], ids=str)
def test_fit_examples_need_not_take_others(params: dict[str, str]) -> None:
    head = transformed(ShortHead, params)
    assert head.fit(EXAMPLES.features, EXAMPLES.scores, difficulty=[1, 2, 3, 2]) is head
    assert np.isfinite(head.fit_examples(EXAMPLES).predict_examples(EXAMPLES)).all()


def test_a_head_that_names_nothing_to_save_is_told_what_to_write() -> None:
    head = ForgetfulHead().fit_examples(EXAMPLES)
    with pytest.raises(HeadError, match=r"write fitted = \('mean_',\) in the class"):
        head.state()
