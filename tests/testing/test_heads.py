"""`check_head` finds what is wrong with a head."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from aqa.models.heads import Head, param
from aqa.testing import check_head

SOURCE = '''
from dataclasses import dataclass
import numpy as np
from sklearn.linear_model import Ridge
from aqa.models.heads import Head, param

@dataclass
class TopKHead(Head):
    """Ridge regression on each feature's largest value over a video's clips."""

    alpha: float = param(1.0, "times the squared weights", above=0)

    fitted = ("weights_", "intercept_")

    def fit(self, x, y, validation=None, **columns):
        model = Ridge(self.alpha).fit(self.largest(x), y)
        self.weights_, self.intercept_ = model.coef_, model.intercept_
        return self

    def predict(self, x, **columns):
        return self.largest(x) @ self.weights_ + self.intercept_

    def largest(self, x):
        return np.stack([clips.max(axis=0) for clips in x])

HEAD = TopKHead
'''


@dataclass(repr=False, eq=False)
class MeanHead(Head):
    """Least squares on the mean clip."""

    ridge: float = param(1e-3, "times the squared weights")

    fitted: ClassVar[tuple[str, ...]] = ("weights_",)

    def fit(self, x: Any, y: Any, validation: Any = None, **columns: Any) -> MeanHead:
        rows = self.rows(x)
        self.weights_ = np.linalg.solve(rows.T @ rows + self.ridge * np.eye(7), rows.T @ y)
        return self

    def predict(self, x: Any, **columns: Any) -> Any:
        return self.rows(x) @ self.weights_

    def rows(self, x: Any) -> Any:
        return np.stack([np.append(clips.mean(axis=0, dtype=float), 1) for clips in x])


def test_a_good_head_passes() -> None:
    check_head(MeanHead)
    check_head(MeanHead, ridge=0.1)


def test_a_head_in_a_file_passes(tmp_path: Path) -> None:
    path = tmp_path / "topk.py"
    path.write_text(SOURCE)
    check_head(path)
    check_head(f"{path}:TopKHead", alpha=0.5)


class NoDataclass(MeanHead):
    steps: int = param(3, "never a field")


@dataclass(repr=False, eq=False)
class Undescribed(MeanHead):
    steps: int = 3


@dataclass(repr=False, eq=False)
class Untypable(MeanHead):
    rows_: list[int] = field(default_factory=list, metadata={"help": "no text gives a list"})


@dataclass(repr=False, eq=False)
class Forgetful(MeanHead):
    fitted: ClassVar[tuple[str, ...]] = ()


@dataclass(repr=False, eq=False)
class Remembering(MeanHead):
    def fit(self, x: Any, y: Any, validation: Any = None, **columns: Any) -> Remembering:
        before = getattr(self, "weights_", 0)
        super().fit(x, y)
        self.weights_ = self.weights_ + 0.01 * before
        return self


@dataclass(repr=False, eq=False)
class Meddling(MeanHead):
    def fit(self, x: Any, y: Any, validation: Any = None, **columns: Any) -> Meddling:
        for clips in x:
            clips[:] = np.round(clips, 2)
        super().fit(x, y)
        return self


@dataclass(repr=False, eq=False)
class Restless(MeanHead):
    def fit(self, x: Any, y: Any, validation: Any = None, **columns: Any) -> Restless:
        super().fit(x, y)
        self.weights_ = self.weights_ + 1e-3 * torch.randn(7).numpy()
        return self


@dataclass(repr=False, eq=False)
class Sociable(MeanHead):
    def predict(self, x: Any, **columns: Any) -> Any:
        scores = super().predict(x)
        return scores + 0.1 * scores.mean()


@dataclass(repr=False, eq=False)
class Nobody(MeanHead):
    def fit(self, x: Any, y: Any, validation: Any = None, **columns: Any) -> None:  # type: ignore[override]
        super().fit(x, y)


@dataclass(repr=False, eq=False)
class Blind(MeanHead):
    def rows(self, x: Any) -> Any:
        return np.ones((len(x), 7))


@dataclass(repr=False, eq=False)
class Scaled(MeanHead):
    def predict(self, x: Any, **columns: Any) -> Any:
        return super().predict(x) / 100


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (NoDataclass, "write @dataclass above it"),
        (Undescribed, "make the hyper-parameter steps with param"),
        (Untypable, "its default cannot be typed"),
        (Forgetful, "before it is fitted|a restored head"),
        (Remembering, "a second fit remembers"),
        (Meddling, "changes the training videos"),
        (Restless, "moves PyTorch's global random numbers"),
        (Sociable, "depends on the videos beside it"),
        (Nobody, "fit does not give the head"),
        (Blind, "does not learn"),
        (Scaled, "its scores lie .* points off"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_what_is_wrong_is_found(head: type[Head], problem: str) -> None:
    with pytest.raises(AssertionError, match=problem):
        check_head(head)


def test_a_class_that_learns_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.py"
    path.write_text(
        "from dataclasses import dataclass\nfrom aqa.models.heads import Head\n\n\n"
        "@dataclass\nclass EmptyHead(Head):\n    pass\n\n\nHEAD = EmptyHead\n"
    )
    with pytest.raises(Exception, match="EmptyHead learns or answers nothing"):
        check_head(path)


@dataclass(repr=False, eq=False)
class Bare(Head):
    """It writes the methods on `Examples`, and checks nothing by itself."""

    fitted = ("weights_",)

    def fit_examples(self, train, validation=None, *, start=None):
        self.weights_ = np.linalg.lstsq(_means(train), train.scores, rcond=None)[0]
        return self

    def predict_examples(self, examples):
        return _means(examples) @ self.weights_


def _means(examples):
    return np.stack([[*clips.mean(0), 1] for clips in examples.features])


def test_what_to_write_is_said() -> None:
    with pytest.raises(AssertionError, match=r"begin fit_examples with x, y = check_fit"):
        check_head(Bare)


@pytest.mark.parametrize("wrong", [dict, Bare()], ids=["class", "object"])
def test_what_is_no_head_is_told(wrong: Any) -> None:
    with pytest.raises(AssertionError, match="no class of a head; write a dataclass"):
        check_head(wrong)
