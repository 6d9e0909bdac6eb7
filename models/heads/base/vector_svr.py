"""Support vector regression on one vector per video, its constants chosen by cross-validation."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import linear_kernel, rbf_kernel
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import SVR

from aqa.models.heads.base.arrays import State
from aqa.models.heads.base.params import param
from aqa.models.heads.base.vector_ranking import fit_pairs
from aqa.models.scaling import spread
from aqa.models.training.hold_out import folds

if TYPE_CHECKING:
    from typing_extensions import Self

Matrix = NDArray[np.float64]
# One number per video, see `Examples.groups`.
Groups = NDArray[np.intp] | None


@dataclass(eq=False)
class VectorSVR:
    """Vectors (n, dim) to scores (n,): scaled, then SVR. Heads that make vectors hold one.

    The papers state neither kernel nor normalisation nor constants, so all of them are ours. What
    is left open is chosen by mean squared error over folds of the training videos. Fitted:
    `best_params_`, and `history_`, one row for each combination tried.
    """

    kernel: Literal["rbf", "linear"] = param(
        "rbf", "kernel of the support vector regression", source="ours; no paper states it"
    )
    normalise: Literal["standardise", "l2"] = param(
        "standardise",
        "standardise: each feature to mean 0 and variance 1, divided by sqrt(dim); "
        "l2: each video's vector to length 1",
        source="ours",
    )
    C: float | None = param(
        None, "weight of errors, for scores of variance 1; none: searched", source="ours", above=0
    )
    epsilon: float | None = param(
        None,
        "error that costs nothing, in standard deviations of the scores; none: searched",
        source="ours",
    )
    gamma: float | None = param(
        None,
        "width of the rbf kernel, for normalised features; none: searched",
        source="ours",
        above=0,
    )
    folds: int = param(5, "folds of the cross-validation", source="ours", low=2)
    seed: int = param(0, "of the folds", low=0, below=2**32)

    # One grid fits every score range and feature width, since both are scaled away.
    GRID: ClassVar[dict[str, tuple[float, ...]]] = {
        "C": (0.1, 1.0, 10.0, 100.0),
        "epsilon": (0.01, 0.1, 0.3),
        "gamma": (0.03, 0.1, 0.3, 1.0),
    }
    fitted: ClassVar[tuple[str, ...]] = (
        *("centre_", "scale_", "gamma_", "support_vectors_", "dual_coef_"),
        *("intercept_", "y_mean_", "y_std_"),
    )

    def fit(self, vectors: Matrix, scores: Matrix, groups: Groups = None) -> Self:
        """Choose the constants that are left open, then learn from all videos.

        groups: (n,), see `Examples.groups`.
        """
        self.y_mean_, self.y_std_ = scores.mean(), spread(scores)
        targets = (scores - self.y_mean_) / self.y_std_
        self.history_ = self._search(vectors, targets, groups)
        best = min(self.history_, key=lambda row: row["cv_mse"])
        self.best_params_ = {name: best[name] for name in self.GRID}
        self._fit_scaler(vectors)
        self.gamma_ = self.best_params_["gamma"]
        scaled = self._scaled(vectors)
        model = SVR(kernel="precomputed", C=best["C"], epsilon=best["epsilon"])
        model.fit(self._kernel(scaled, scaled, self.gamma_), targets)
        self.support_vectors_ = scaled[model.support_]
        self.dual_coef_, self.intercept_ = model.dual_coef_[0], model.intercept_[0]
        return self

    def fit_pairs(self, vectors: Matrix, pairs: NDArray[np.intp], groups: Groups = None) -> Self:
        """Learn from pairs which vectors are better, see `vector_ranking.fit_pairs`."""
        fit_pairs(self, vectors, pairs, groups)
        return self

    def predict(self, vectors: Matrix) -> Matrix:
        """Scores of vectors: (n, dim) -> (n,) points."""
        if not len(self.support_vectors_):  # no training score was more than epsilon from the mean
            return np.full(len(vectors), self.intercept_ * self.y_std_ + self.y_mean_)
        kernel = self._kernel(self._scaled(vectors), self.support_vectors_, float(self.gamma_))
        scores: Matrix = (kernel @ self.dual_coef_ + self.intercept_) * self.y_std_ + self.y_mean_
        return scores

    def slope(self, vector: Matrix) -> Matrix:
        """How the score grows with each entry of a vector: (dim,) -> (dim,) points."""
        (scaled,) = self._scaled(vector[None])
        if self.kernel == "linear" or not len(self.support_vectors_):
            slope = self.dual_coef_ @ self.support_vectors_
        else:
            (kernel,) = self._kernel(scaled[None], self.support_vectors_, float(self.gamma_))
            away = scaled - self.support_vectors_
            slope = -2.0 * float(self.gamma_) * (self.dual_coef_ * kernel) @ away
        if self.normalise == "l2":
            length = np.linalg.norm(vector) or 1.0
            slope = (slope - scaled * (scaled @ slope)) / length
        else:
            slope = slope / self.scale_
        return np.asarray(slope * self.y_std_)

    def state(self) -> State:
        """The fitted arrays by name, without the underscore."""
        return {name.rstrip("_"): np.asarray(getattr(self, name)) for name in self.fitted}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> Self:
        """Become the fitted regression that `state` was taken from."""
        for name in self.fitted:
            setattr(self, name, np.asarray(state[name.rstrip("_")]))
        return self

    def _search(self, vectors: Matrix, targets: Matrix, groups: Groups) -> list[dict[str, float]]:
        """The cross-validated error of every combination; vectors are scaled within each fold.

        As scikit-learn's `GridSearchCV` around a pipeline of a scaler and `SVR` has it, in a fifth
        of its time or less: all C and epsilon share a fold's kernel, which it computes for each.
        """
        errors: dict[tuple[float, ...], list[Matrix]] = {}
        for train, held in folds(len(targets), self.folds, self.seed, groups):
            self._fit_scaler(vectors[train])
            scaled, scaled_held = self._scaled(vectors[train]), self._scaled(vectors[held])
            for gamma in self._values("gamma"):
                kernel = self._kernel(scaled, scaled, gamma)
                kernel_held = self._kernel(scaled_held, scaled, gamma)
                for c, epsilon in itertools.product(self._values("C"), self._values("epsilon")):
                    model = SVR(kernel="precomputed", C=c, epsilon=epsilon)
                    predicted = model.fit(kernel, targets[train]).predict(kernel_held)
                    error = np.square(predicted - targets[held])
                    errors.setdefault((c, epsilon, gamma), []).append(error)
        return [
            {
                **dict(zip(self.GRID, tried, strict=True)),
                "cv_mse": float(np.concatenate(error).mean() * self.y_std_**2),
            }
            for tried, error in errors.items()
        ]

    def _values(self, name: str) -> Iterator[float]:
        given = getattr(self, name)
        if name == "gamma" and self.kernel == "linear":
            return iter((1.0,))  # unused
        return iter(self.GRID[name] if given is None else (given,))

    def _fit_scaler(self, vectors: Matrix) -> None:
        scaler = StandardScaler().fit(vectors)
        self.centre_ = scaler.mean_
        # Squared distances are then about 2 whatever the width, and so is the fitting gamma.
        self.scale_ = scaler.scale_ * np.sqrt(vectors.shape[1])

    def _scaled(self, vectors: Matrix) -> Matrix:
        if self.normalise == "l2":
            scaled: Matrix = Normalizer().transform(vectors)
        else:
            scaled = (vectors - self.centre_) / self.scale_
        return scaled

    def _kernel(self, a: Matrix, b: Matrix, gamma: float) -> Matrix:
        return linear_kernel(a, b) if self.kernel == "linear" else rbf_kernel(a, b, gamma)
