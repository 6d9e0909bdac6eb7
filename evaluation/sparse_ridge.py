"""Ridge regression on many videos with many labels, as scikit-learn's `RidgeCV` in less memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, RegressorMixin

Values = NDArray[np.float64]

# So many rows of a dense product are in memory at once.
_ROWS = 2000


class SparseRidgeCV(RegressorMixin, BaseEstimator):
    """Chooses its penalty by leaving out one video after the other, in closed form.

    `RidgeCV` makes the table of labels dense, or multiplies its rows by all labels; here memory is
    that of labels squared, and time that of the labels which each video has. Fitted: `alpha_`,
    `coef_` (columns,), `intercept_`.
    """

    def __init__(self, alphas: Sequence[float]):
        self.alphas = alphas

    def fit(self, x: Any, y: Sequence[float]) -> SparseRidgeCV:
        """Learn from a sparse table (videos, columns) and scores (videos,)."""
        table, scores = csr_array(x), np.asarray(y, float)
        n = len(scores)
        centre = np.asarray(table.sum(axis=0), float).ravel() / n
        rest = scores - scores.mean()
        products = (table.T @ table).toarray() - n * np.outer(centre, centre)
        strength, directions = np.linalg.eigh(products)
        strength = np.maximum(strength, 0.0)
        least = np.inf
        for alpha in self.alphas:
            inverse = (directions / (strength + alpha)) @ directions.T
            coefficients = inverse @ (table.T @ rest)
            off = rest - (table @ coefficients - centre @ coefficients)
            left_out = off / (1 - 1 / n - _leverage(table, centre, inverse))
            error = float(np.mean(np.square(left_out)))
            if error < least:
                least, self.alpha_, self.coef_ = error, alpha, coefficients
        self.intercept_ = float(scores.mean() - centre @ self.coef_)
        return self

    def predict(self, x: Any) -> Values:
        """Scores (videos,)."""
        predicted: Values = csr_array(x) @ self.coef_ + self.intercept_
        return predicted


def _leverage(table: csr_array, centre: Values, inverse: Values) -> Values:
    """(x - centre) inverse (x - centre) of each row x."""
    moved = inverse @ centre
    own = np.concatenate(
        [
            np.asarray(rows.multiply(rows @ inverse).sum(axis=1)).ravel()
            for start in range(0, table.shape[0], _ROWS)
            for rows in [table[start : start + _ROWS]]
        ]
    )
    leverage: Values = own - 2 * (table @ moved) + centre @ moved
    return leverage
