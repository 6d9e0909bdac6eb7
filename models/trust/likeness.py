"""Does a video look like those that a head learned from? A distance in feature space, and a limit.

A head scores whatever it is given; of a video unlike its training videos the score means nothing.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from aqa.errors import AqaWarning, RunError
from aqa.models.examples import Sequences
from aqa.models.training.hold_out import grouped_parts

Floats = NDArray[np.float64]

# With fewer training videos, no limit can be chosen.
LEAST_VIDEOS = 20
FOLDS = 5
# Directions that are told apart; one for every four videos where there are few.
MOST_DIRECTIONS = 20
# More videos change nothing, and take time.
MOST_VIDEOS = 2000
# Standard deviations of the logarithm of held-out training videos' distances, above their mean.
LIMIT_DEVIATIONS = 3.0


@dataclass(frozen=True)
class Likeness:
    """How far a video's mean feature lies from those of training videos.

    A probabilistic PCA's distance: along `directions`, in standard deviations, and the root mean
    square of what these leave, in that of the training videos. center, scale: (dim,), the mean and
    the standard deviation of each feature. directions: (k, dim). spread: (k,), standard deviations
    along them. rest: the training videos' mean square of what is left. limit: a video that is
    farther is unlike them. reach: how far the farthest training video within the limit lies, from a
    fit that had not seen it.
    """

    center: Floats
    scale: Floats
    directions: Floats
    spread: Floats
    rest: Floats
    limit: float
    reach: float

    def distance(self, features: NDArray[np.floating]) -> float:
        """How far a video lies. features: (n_clips, dim)."""
        return float(self.distances(features.mean(axis=0, dtype=float)[None])[0])

    def distances(self, means: Floats) -> Floats:
        """How far each video lies, (n,). means: (n, dim), the mean of each one's clips."""
        moved = (means - self.center) / self.scale
        along = moved @ self.directions.T
        left = ((moved - along @ self.directions) ** 2).mean(axis=1)
        distances: Floats = np.sqrt(((along / self.spread) ** 2).mean(axis=1) + left / self.rest)
        return distances

    def unlike(self, features: NDArray[np.floating]) -> str:
        """Why the score of a video should not be trusted, in words; "" where it may be."""
        distance = self.distance(features)
        if distance <= self.limit:
            return ""
        return (
            f"unlike the training videos ({distance:.1f}; theirs reach {self.reach:.1f}): do not "
            "trust this score"
        )

    def to_bytes(self) -> bytes:
        """As a safetensors file."""
        arrays = {  # safetensors writes the bytes as they lie, so they must lie in C order
            field.name: np.array(getattr(self, field.name), np.float64, order="C")
            for field in fields(self)
        }
        return safetensors.numpy.save(arrays)

    @classmethod
    def of(cls, data: bytes, where: object) -> Likeness:
        """From `to_bytes`. where: what the error calls it."""
        try:
            arrays: dict[str, Any] = safetensors.numpy.load(data)
            made = cls(**{field.name: arrays[field.name] for field in fields(cls)})
            k, dim = made.directions.shape
            if (
                made.center.shape != (dim,)
                or made.scale.shape != (dim,)
                or made.spread.shape != (k,)
            ):
                raise ValueError("arrays of other shapes")
        except Exception as error:  # safetensors raises its own
            raise RunError(
                f"{where}: what the training videos look like cannot be read ({error}); fit the "
                "head again"
            ) from None
        return replace(made, limit=float(made.limit), reach=float(made.reach))


def likeness(
    features: Sequences, seed: int = 0, groups: NDArray[np.intp] | None = None
) -> Likeness | None:
    """Learn what training videos look like; None where they are too few, or no vectors.

    features: (n_clips, dim) of each. The limit is chosen on videos that a fit had not seen: each
    fifth is held against the others. groups: see `Examples.groups`; a fifth then holds whole ones,
    so that the limit is for athletes who are new.
    """
    if len(features) < LEAST_VIDEOS or any(one.ndim != 2 for one in features):
        return None
    means = np.stack([one.mean(axis=0, dtype=float) for one in features])
    if not np.isfinite(means).all():
        return None
    order = np.random.default_rng(seed).permutation(len(means))[:MOST_VIDEOS]
    held = np.concatenate(
        [
            _fitted(means[np.setdiff1d(order, out)], seed).distances(means[out])
            for out in _parts(order, seed, groups)
        ]
    )
    logs = np.log(np.maximum(held, 1e-12))
    limit = float(np.exp(logs.mean() + LIMIT_DEVIATIONS * logs.std()))
    fitted = _fitted(means[order], seed)
    return Likeness(
        fitted.center,
        fitted.scale,
        fitted.directions,
        fitted.spread,
        fitted.rest,
        limit,
        float(held[held <= limit].max()),
    )


def _parts(order: NDArray[np.intp], seed: int, groups: NDArray[np.intp] | None) -> list[Any]:
    """The numbers of the videos of each part, which a fit on the others measures.

    order: numbers of all videos, shuffled. Where one group is more than half of the videos, what
    the others look like says too little of it: an `AqaWarning` says so, and it is parted.
    """
    parts = None if groups is None else grouped_parts(groups[order], FOLDS, seed)
    if parts is None:
        return [order[fold::FOLDS] for fold in range(FOLDS)]
    if max(map(len, parts)) <= len(order) / 2:
        return [order[part] for part in parts]
    warnings.warn(
        "more than half of the training videos are of one athlete or performance: how far videos "
        "lie from these is measured on the same athlete, and another may seem unlike them",
        AqaWarning,
        stacklevel=3,
    )
    return [order[fold::FOLDS] for fold in range(FOLDS)]


def _fitted(means: Floats, seed: int) -> Likeness:
    """The distance that fits these videos, (n, dim), without a limit."""
    center, scale = means.mean(axis=0), means.std(axis=0) + 1e-6
    moved = (means - center) / scale
    n = max(1, min(MOST_DIRECTIONS, len(means) // 4, means.shape[1] - 1))
    pca = PCA(n, svd_solver="randomized", random_state=seed).fit(moved)
    along = moved @ pca.components_.T
    rest = float(((moved - along @ pca.components_) ** 2).mean())
    spread = np.maximum(along.std(axis=0), 1e-6)
    return Likeness(center, scale, pca.components_, spread, np.array(max(rest, 1e-12)), 0.0, 0.0)
