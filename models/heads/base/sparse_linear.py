"""A sparse linear model whose slopes have the signs that are declared, with their intervals."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso

from aqa.models.heads.base.arrays import State
from aqa.models.heads.base.params import param
from aqa.models.scaling import spread
from aqa.models.training.hold_out import folds

if TYPE_CHECKING:
    from typing_extensions import Self

Matrix = NDArray[np.float64]
Signs = NDArray[np.int64]
# Training videos per value from which on no penalty is needed: see docs/results.md.
_ENOUGH = 2
PENALTIES = (0.3, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002)


@dataclass(eq=False)
class SparseLinear:
    """Vectors (n, dim) to scores (n,): the lasso chooses values, least squares fit their slopes.

    A slope is 0 where its sign would be another than declared. Fitted: `slopes_` (dim,) in points
    per unit, `intercept_`, `low_` and `high_` (dim,), the interval of each slope over resampled
    training videos, `penalty_`, and `history_`, a row per penalty tried.
    """

    penalty: float | None = param(
        None,
        "weight of the absolute slopes, for values and scores of variance 1; none: 0 for two "
        "training videos per value or more, else searched",
        source="ours",
    )
    refit: bool = param(
        True, "fit the slopes of the chosen values once more without the penalty", source="ours"
    )
    signs: bool = param(True, "let slopes have only the declared signs", source="ours")
    folds: int = param(5, "folds of the cross-validation", source="ours", low=2)
    resamples: int = param(200, "times that videos are drawn again for intervals", source="ours")
    coverage: float = param(0.9, "share of these inside an interval", source="ours", below=1)
    seed: int = param(0, "of the folds and of drawing", low=0, below=2**32)

    fitted: ClassVar[tuple[str, ...]] = ("slopes_", "intercept_", "low_", "high_", "penalty_")

    def fit(
        self,
        vectors: Matrix,
        scores: Matrix,
        signs: Signs,
        groups: NDArray[np.intp] | None = None,
    ) -> Self:
        """Choose the penalty, learn from all videos, and draw them again for intervals.

        signs: (dim,) of the slopes: -1, 1, or 0 for either. groups: (n,), see `Examples.groups`.
        """
        asked = signs if self.signs else np.zeros_like(signs)
        self.history_ = self._search(vectors, scores, asked, groups)
        best = min(self.history_, key=lambda row: row["cv_mse"])
        self.penalty_ = best["penalty"]
        self.slopes_, self.intercept_ = self._slopes(vectors, scores, asked, self.penalty_)
        drawn = np.random.default_rng(self.seed)
        again = [
            self._slopes(vectors[rows], scores[rows], asked, self.penalty_)[0]
            for rows in drawn.integers(0, len(scores), (self.resamples, len(scores)))
        ]
        outside = (1 - self.coverage) / 2
        self.low_, self.high_ = np.quantile(again, [outside, 1 - outside], axis=0)
        return self

    def predict(self, vectors: Matrix) -> Matrix:
        """Scores of vectors: (n, dim) -> (n,) points."""
        scores: Matrix = vectors @ self.slopes_ + self.intercept_
        return scores

    def state(self) -> State:
        """The fitted arrays by name, without the underscore."""
        return {name.rstrip("_"): np.asarray(getattr(self, name)) for name in self.fitted}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> Self:
        """Become the fitted model that `state` was taken from."""
        for name in self.fitted:
            setattr(self, name, np.asarray(state[name.rstrip("_")]))
        return self

    def _search(
        self, vectors: Matrix, scores: Matrix, signs: Signs, groups: NDArray[np.intp] | None
    ) -> list[dict[str, float]]:
        """The cross-validated error of every penalty."""
        tried = PENALTIES if self.penalty is None else (self.penalty,)
        if self.penalty is None and len(scores) >= _ENOUGH * vectors.shape[1]:
            tried = (0.0,)  # the signs alone make it sparse
        errors: dict[float, list[Matrix]] = {penalty: [] for penalty in tried}
        for train, held in folds(len(scores), self.folds, self.seed, groups):
            for penalty in tried:
                slopes, base = self._slopes(vectors[train], scores[train], signs, penalty)
                errors[penalty].append(np.square(vectors[held] @ slopes + base - scores[held]))
        return [
            {"penalty": penalty, "cv_mse": float(np.concatenate(error).mean())}
            for penalty, error in errors.items()
        ]

    def _slopes(
        self, vectors: Matrix, scores: Matrix, signs: Signs, penalty: float
    ) -> tuple[Matrix, float]:
        """Slopes (dim,) in points per unit, and the intercept."""
        centre, mean, deviation = vectors.mean(axis=0), scores.mean(), spread(scores)
        scale = vectors.std(axis=0)
        scale = np.where(scale > 1e-12 * np.maximum(np.abs(centre), 1), scale, np.inf)
        normal, targets = (vectors - centre) / scale, (scores - mean) / deviation
        # A slope of either sign is the difference of two that are not negative.
        columns = np.flatnonzero(np.concatenate([signs >= 0, signs <= 0]))
        both = np.concatenate([normal, -normal], axis=1)[:, columns]
        weights = _lasso(both, targets, penalty)
        chosen = np.flatnonzero(weights)
        if self.refit and len(chosen):
            weights[chosen] = _least_squares(both[:, chosen], targets)
        every = np.zeros(2 * len(centre))
        every[columns] = weights
        slopes = (every[: len(centre)] - every[len(centre) :]) * deviation / scale
        return slopes, float(mean - centre @ slopes)


def _lasso(normal: Matrix, targets: Matrix, penalty: float) -> Matrix:
    """Weights that are not negative, by coordinate descent."""
    if not penalty:
        return _least_squares(normal, targets)
    model = Lasso(penalty, fit_intercept=False, positive=True, max_iter=2000, tol=1e-4)
    with warnings.catch_warnings():  # what is not quite there is fitted again
        warnings.simplefilter("ignore", ConvergenceWarning)
        weights: Matrix = model.fit(normal, targets).coef_
    return weights.copy()


def _least_squares(normal: Matrix, targets: Matrix) -> Matrix:
    """Weights that are not negative, of least squares; tied down a little where videos are few."""
    n, dim = normal.shape
    tied = np.concatenate([normal, np.sqrt(1e-4 * n) * np.eye(dim)])
    weights: Matrix = nnls(tied, np.concatenate([targets, np.zeros(dim)]), maxiter=30 * dim)[0]
    return weights
