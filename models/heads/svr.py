"""C3D-SVR: the average of clips, an SVR (parmar2019action §5.1)."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics.pairwise import linear_kernel, rbf_kernel
from sklearn.model_selection import KFold
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import SVR

from aqa.models.heads.base import (
    BaseHead,
    Head,
    Sequences,
    check_fit,
    check_params,
    check_sequences,
    param,
)
from aqa.models.scaling import spread

Matrix = NDArray[np.float64]


@dataclass(repr=False, eq=False)
class SVRParams(BaseHead):
    """The hyper-parameters of a support vector regression and of its search."""

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
        None, "regularisation, for scores of variance 1; none: searched", source="ours", above=0
    )
    epsilon: float | None = param(
        None,
        "width of the tube, in standard deviations of the score; none: searched",
        source="ours",
    )
    gamma: float | None = param(
        None,
        "width of the rbf kernel, for normalised features; none: searched",
        source="ours",
        above=0,
    )
    folds: int = param(5, "folds of the cross-validation", source="ours", low=2)

    def make_svr(self) -> SVRHead:
        """An `svr` head with these parameters."""
        return SVRHead(**{f.name: getattr(self, f.name) for f in dataclasses.fields(SVRHead)})


@dataclass(repr=False, eq=False)
class SVRHead(SVRParams, Head):
    """Clip average, standardise, SVR; what is left open is chosen by cross-validation.

    The papers state neither kernel nor normalisation nor constants, so all of them are ours. The
    choice is by mean squared error over folds of the training videos; given validation videos
    are not used. Fitted: `best_params_`, and `history_`, a row for each combination tried.
    """

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

    def fit(
        self, x: Sequences, y: ArrayLike, validation: tuple[Sequences, ArrayLike] | None = None
    ) -> SVRHead:
        """See `Head.fit`."""
        sequences, scores = check_fit(x, y, least=4)
        check_params(self)
        averages = self.vectors(sequences)
        self.y_mean_, self.y_std_ = scores.mean(), spread(scores)
        targets = (scores - self.y_mean_) / self.y_std_
        self.history_ = self._search(averages, targets)
        best = min(self.history_, key=lambda row: row["cv_mse"])
        self.best_params_ = {name: best[name] for name in self.GRID}
        self._fit_scaler(averages)
        self.gamma_ = self.best_params_["gamma"]
        normal = self._normal(averages)
        model = SVR(kernel="precomputed", C=best["C"], epsilon=best["epsilon"])
        model.fit(self._kernel(normal, normal, self.gamma_), targets)
        self.support_vectors_ = normal[model.support_]
        self.dual_coef_, self.intercept_ = model.dual_coef_[0], model.intercept_[0]
        return self

    def vectors(self, sequences: Sequences) -> Matrix:
        """What stands for each video: the average of its clips, (n, dim)."""
        return np.stack([sequence.mean(axis=0, dtype=np.float64) for sequence in sequences])

    @property
    def _dim(self) -> int:
        """The width of a clip's feature."""
        return len(self.centre_)

    def predict(self, x: Sequences) -> Matrix:
        """See `Head.predict`."""
        averages = self.vectors(check_sequences(x, self._dim))
        if not len(self.support_vectors_):  # every training score lay within the tube
            return np.full(len(averages), self.intercept_ * self.y_std_ + self.y_mean_)
        kernel = self._kernel(self._normal(averages), self.support_vectors_, float(self.gamma_))
        scores: Matrix = (kernel @ self.dual_coef_ + self.intercept_) * self.y_std_ + self.y_mean_
        return scores

    def _search(self, averages: Matrix, targets: Matrix) -> list[dict[str, float]]:
        """Cross-validate every combination; the scaler too is fitted within each fold."""
        folds = KFold(min(self.folds, len(targets)), shuffle=True, random_state=self.seed)
        errors: dict[tuple[float, ...], list[Matrix]] = {}
        for train, held in folds.split(averages):
            self._fit_scaler(averages[train])
            normal, shown = self._normal(averages[train]), self._normal(averages[held])
            for gamma in self._values("gamma"):
                kernel = self._kernel(normal, normal, gamma)
                kernel_held = self._kernel(shown, normal, gamma)
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

    def _fit_scaler(self, averages: Matrix) -> None:
        scaler = StandardScaler().fit(averages)
        self.centre_ = scaler.mean_
        # Squared distances are then about 2 whatever the width, and so is the fitting gamma.
        self.scale_ = scaler.scale_ * np.sqrt(averages.shape[1])

    def _normal(self, averages: Matrix) -> Matrix:
        if self.normalise == "l2":
            return Normalizer().transform(averages)
        return (averages - self.centre_) / self.scale_

    def _kernel(self, a: Matrix, b: Matrix, gamma: float) -> Matrix:
        return linear_kernel(a, b) if self.kernel == "linear" else rbf_kernel(a, b, gamma)


HEAD = SVRHead
