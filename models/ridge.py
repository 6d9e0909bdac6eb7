"""A linear layer on given activations: its exact least-squares optimum, and the way down to it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
RIDGES = (0.001, 0.01, 0.1, 1.0, 10.0)


def solve_exact(z: Matrix, y: Matrix, ridge: float) -> tuple[Matrix, float]:
    """Weights (k,) and intercept of the least squares of y (n,) on activations z (n, k).

    ridge: times the squared weights, for activations of unit variance on average, beside the mean
    squared error; the intercept is free. At 0, of all optima the one of smallest weights.
    """
    centre, scale = _scaling(z)
    normal, target = (z - centre) / scale, y - y.mean()
    if ridge:
        gram = normal.T @ normal / len(y) + ridge * np.eye(z.shape[1])
        weights = np.linalg.solve(gram, normal.T @ target / len(y))
    else:
        weights = np.linalg.lstsq(normal, target, rcond=None)[0]
    return _undo(weights, 0.0, centre, scale, y.mean(), 1.0)


def solve_iterative(
    z: Matrix, y: Matrix, ridge: float, *, epochs: int, lr: float
) -> tuple[Matrix, float, list[dict[str, float]]]:
    """The same layer by Adam on the whole of the data, its rate falling to 0 along a cosine.

    Starts from weights of 0, so stopping early is a regulariser. Gives also a row an epoch.
    """
    (centre, scale), (mean, spread) = _scaling(z), (y.mean(), y.std() or 1.0)
    normal = torch.from_numpy((z - centre) / scale)
    target = torch.from_numpy((y - mean) / spread)
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
        history.append({"epoch": epoch, "train_mse": float(error.detach()) * spread**2})
    fitted = weights.detach().numpy()
    return *_undo(fitted, float(bias.detach()), centre, scale, mean, spread), history


def choose_ridge(z: Matrix, y: Matrix, groups: NDArray[np.intp], folds: int = 5) -> float:
    """The ridge of least squared error over folds; the rows of one group stay together."""
    fold = groups % folds
    errors = []
    for ridge in RIDGES:
        error = 0.0
        for k in np.unique(fold):
            kept, held = fold != k, fold == k
            weights, intercept = solve_exact(z[kept], y[kept], ridge)
            error += np.square(z[held] @ weights + intercept - y[held]).sum()
        errors.append(error)
    return RIDGES[int(np.argmin(errors))]


def _scaling(z: Matrix) -> tuple[Matrix, float]:
    # One scale for all: a unit that hardly moved in training must stay small, since an unseen
    # video may move it far.
    spread = float(np.sqrt(z.var(axis=0).mean()))
    return z.mean(axis=0), spread or 1.0


def _undo(
    weights: Matrix, bias: float, centre: Matrix, scale: float, mean: float, spread: float
) -> tuple[Matrix, float]:
    """From scaled activations and targets back to the raw ones."""
    raw = weights / scale * spread
    return raw, float(bias * spread + mean - centre @ raw)
