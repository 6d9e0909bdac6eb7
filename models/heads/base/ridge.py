"""A linear layer on given activations: its least-squares optimum, and gradient descent to it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, PredefinedSplit

from aqa.models.scaling import spread
from aqa.models.training.hold_out import grouped_parts

Matrix = NDArray[np.float64]
RIDGES = (0.001, 0.01, 0.1, 1.0, 10.0)
FOLDS = 5


class RelativeRidge(RegressorMixin, BaseEstimator):
    """scikit-learn's `Ridge`, whose penalty grows with the rows and the activations' variance.

    ridge: times the squared weights, for activations of unit variance on average, beside the mean
    squared error; the intercept is free. At 0, of all optima the one of smallest weights. One
    scale serves all activations: a unit that hardly moved in training keeps a small weight, since
    an unseen video may move it far.
    """

    def __init__(self, ridge: float = 0.0):
        self.ridge = ridge

    def fit(self, z: Matrix, y: Matrix) -> RelativeRidge:
        """Learn weights (k,) and intercept from activations (n, k) and targets (n,)."""
        alpha = self.ridge * len(y) * float(z.var(axis=0).mean())
        self.model_ = (Ridge(alpha) if alpha else LinearRegression()).fit(z, y)
        return self

    def predict(self, z: Matrix) -> Matrix:
        """Targets of activations (n, k): (n,)."""
        predicted: Matrix = self.model_.predict(z)
        return predicted


def solve_exact(z: Matrix, y: Matrix, ridge: float) -> tuple[Matrix, float]:
    """Weights (k,) and intercept of the least squares of y (n,) on activations z (n, k).

    ridge: see `RelativeRidge`.
    """
    model = RelativeRidge(ridge).fit(z, y).model_
    return model.coef_, float(model.intercept_)


def solve_iterative(
    z: Matrix, y: Matrix, ridge: float, *, epochs: int, lr: float
) -> tuple[Matrix, float, list[dict[str, float]]]:
    """The same layer by Adam on all rows at once, its rate falling to 0 along a cosine.

    Starts from weights of 0, so stopping early is a regulariser. Also gives one row per epoch.
    """
    centre, mean, deviation = z.mean(axis=0), y.mean(), spread(y)
    scale = float(np.sqrt(z.var(axis=0).mean())) or 1.0
    normal = torch.from_numpy((z - centre) / scale)
    target = torch.from_numpy((y - mean) / deviation)
    weights = torch.zeros(z.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([weights, bias], lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    history = []
    for epoch in range(1, epochs + 1):
        optimizer.zero_grad()
        error = (normal @ weights + bias - target).square().mean()
        (error + ridge * weights.square().sum()).backward()
        optimizer.step()
        schedule.step()
        history.append({"epoch": epoch, "train_mse": float(error.detach()) * deviation**2})
    raw: Matrix = weights.detach().numpy() / scale * deviation  # of activations as they were given
    return raw, float(bias.detach()) * deviation + mean - float(centre @ raw), history


def places_in_folds(n: int, seed: int, groups: NDArray[np.intp] | None) -> NDArray[np.intp]:
    """A number for each of `n` videos, drawn by the seed, for `choose_ridge` to fold them by.

    groups: see `Examples.groups`; whole ones are in one fold.
    """
    parts = grouped_parts(groups, FOLDS, seed)
    if parts is None:
        return np.random.default_rng(seed).permutation(n)
    places = np.zeros(n, np.intp)
    for number, part in enumerate(parts):
        places[part] = number
    return places


def choose_ridge(z: Matrix, y: Matrix, groups: NDArray[np.intp], folds: int = FOLDS) -> float:
    """The one of `RIDGES` of least squared error, summed over folds.

    groups: (n,) numbers; the rows of one group, such as a video's, are in one fold. Rows of a
    single fold cannot be cross-validated: they take the strongest ridge.
    """
    fold = groups % folds
    if (fold == fold[0]).all():
        return RIDGES[-1]
    search = GridSearchCV(
        RelativeRidge(),
        {"ridge": RIDGES},
        scoring=_negative_squared_error,
        cv=PredefinedSplit(fold),
        refit=False,
    ).fit(z, y)
    return float(search.best_params_["ridge"])


def _negative_squared_error(model: RelativeRidge, z: Matrix, y: Matrix) -> float:
    """Summed, not averaged: larger folds count for more."""
    return -float(np.square(model.predict(z) - y).sum())
