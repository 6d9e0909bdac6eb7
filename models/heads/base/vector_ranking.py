"""A support vector machine that learns who is better of pairs of vectors (RankSVM)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import LinearSVC

from aqa.models.scaling import spread
from aqa.models.training.hold_out import folds

if TYPE_CHECKING:
    from aqa.models.heads.base.vector_svr import Groups, Matrix, VectorSVR

# Directions of a kernel with less than this share of its largest variance are rounding errors.
_NOTHING = 1e-10


def fit_pairs(
    svr: VectorSVR, vectors: Matrix, pairs: NDArray[np.intp], groups: Groups = None
) -> VectorSVR:
    """Choose the constants that are left open, then learn from all pairs; `predict` gives ranks.

    vectors: (n, dim). pairs: (pairs, 2) numbers of the better and the worse one. C and gamma are
    chosen by the share of pairs in the right order, over folds of the videos: a pair is held out
    with either of its videos. `epsilon` has no meaning here. Rank values have mean 0 and deviation
    1 over the vectors. groups: (n,), see `Examples.groups`.
    """
    svr.history_ = _search(svr, vectors, pairs, groups)
    best = max(svr.history_, key=lambda row: row["cv_accuracy"])
    svr.best_params_ = {name: best[name] for name in ("C", "gamma")}
    svr._fit_scaler(vectors)
    svr.gamma_ = best["gamma"]
    scaled = svr._scaled(vectors)
    kernel = svr._kernel(scaled, scaled, svr.gamma_)
    svr.support_vectors_, svr.dual_coef_ = scaled, rank_weights(kernel, pairs, best["C"], svr.seed)
    said = kernel @ svr.dual_coef_
    svr.intercept_, svr.y_mean_, svr.y_std_ = -said.mean(), 0.0, 1 / spread(said)
    return svr


def rank_weights(kernel: Matrix, pairs: NDArray[np.intp], c: float, seed: int) -> Matrix:
    """How much each vector counts in a rank value, (n,): kernel @ weights ranks the vectors.

    A linear machine without intercept on the differences of each pair, in the space of the kernel;
    the sign of every second difference is turned, so that there are two classes. kernel: (n, n) of
    all vectors. c: weight of errors, as if there were as many pairs as vectors.
    """
    values, directions = np.linalg.eigh(kernel)
    kept = values > _NOTHING * values[-1]
    values, directions = values[kept], directions[:, kept]
    places = directions * np.sqrt(values)
    sign = np.where(np.arange(len(pairs)) % 2, -1, 1)
    apart = (places[pairs[:, 0]] - places[pairs[:, 1]]) * sign[:, None]
    if len(pairs) == 1:  # a machine takes two classes
        apart, sign = np.vstack([apart, -apart]), np.array([1, -1])
    machine = LinearSVC(
        C=c * len(kernel) / len(pairs), fit_intercept=False, max_iter=5000, random_state=seed
    )
    weights: Matrix = directions @ (machine.fit(apart, sign).coef_[0] / np.sqrt(values))
    return weights


def _search(
    svr: VectorSVR, vectors: Matrix, pairs: NDArray[np.intp], groups: Groups
) -> list[dict[str, float]]:
    """The cross-validated accuracy of every combination; vectors are scaled within each fold."""
    videos = np.unique(pairs)
    right: dict[tuple[float, float], list[NDArray[np.bool_]]] = {}
    together = None if groups is None else groups[videos]
    for _, numbers in folds(len(videos), svr.folds, svr.seed, together):
        held = np.isin(pairs, videos[numbers]).any(axis=1)
        kept = np.setdiff1d(np.arange(len(vectors)), videos[numbers])
        if held.all():
            continue
        svr._fit_scaler(vectors[kept])
        scaled = svr._scaled(vectors)
        learned = np.searchsorted(kept, pairs[~held])
        for gamma in svr._values("gamma"):
            kernel = svr._kernel(scaled, scaled[kept], gamma)
            for c in svr._values("C"):
                said = kernel @ rank_weights(kernel[kept], learned, c, svr.seed)
                ahead = said[pairs[held, 0]] > said[pairs[held, 1]]
                right.setdefault((c, gamma), []).append(ahead)
    if not right:  # too few pairs to hold any out: the first of the grid is taken
        tried = itertools.product(svr._values("C"), svr._values("gamma"))
        return [{"C": c, "gamma": gamma, "cv_accuracy": 0.0} for c, gamma in tried]
    return [
        {"C": c, "gamma": gamma, "cv_accuracy": float(np.concatenate(ahead).mean())}
        for (c, gamma), ahead in right.items()
    ]
