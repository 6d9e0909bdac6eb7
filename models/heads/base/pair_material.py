"""What a metric is learned from: videos, how they are paired, and what pairs are meant to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aqa.models.pairs import Pairs, is_exemplar, meant_similarity
from aqa.models.training.loop import VideoTensors
from aqa.models.training.pair_batches import PairedVideos, PairsTogether, PairsWithinBatches

Numbers = NDArray[np.intp]

# The most other videos that held-out videos are paired with, to stop training by.
MOST_BESIDE = 200


@dataclass(frozen=True)
class PairMaterial:
    """Videos to pair, those held out too; every array has one entry per video.

    scores, limits: in points; two scores that differ by less than both limits are similar. kinds:
    types. groups: numbers; pairs are made within groups. held: whether it is held out. with_clips:
    whether pairs have a second target, `meant_similarity`.
    """

    videos: VideoTensors
    scores: NDArray[np.float64]
    limits: NDArray[np.float64]
    kinds: NDArray[np.str_]
    groups: Numbers
    held: NDArray[np.bool_]
    with_clips: bool

    def targets(self, first: Numbers, second: Numbers) -> NDArray[np.floating]:
        """Whether pairs are similar, (pairs,); with clips (pairs, 2), see `ClipTrainer`."""
        limits = np.minimum(self.limits[first], self.limits[second])
        similar = np.abs(self.scores[first] - self.scores[second]) < limits
        if not self.with_clips:
            return similar.astype(np.float32)
        pairs = Pairs(first, second, similar)
        meant = meant_similarity(pairs, self.scores, self.limits, self.kinds.tolist(), ~self.held)
        return np.stack([similar, meant], axis=1).astype(np.float32)

    def every(self, first: Numbers, second: Numbers) -> PairedVideos:
        """Each of these pairs once in an epoch."""
        return PairedVideos(self.videos, first, second, self.targets(first, second), self.groups)

    def within_batches(self, both_orders: bool) -> PairsWithinBatches:
        """The pairs within batches of the videos that are not held out."""
        exemplars = {}
        if self.with_clips:
            codes = np.unique(self.kinds, return_inverse=True)[1]
            best = is_exemplar(self.scores, self.limits, codes, ~self.held)
            exemplars = {
                kind: np.flatnonzero(best & (self.kinds == kind))
                for kind in np.unique(self.kinds[best]).tolist()
            }
        return PairsWithinBatches(
            self.videos,
            np.flatnonzero(~self.held),
            self.groups,
            self.kinds,
            exemplars,
            self.targets,
            both_orders,
        )

    def stopping(
        self, first: Numbers, second: Numbers, together: bool, seed: int
    ) -> PairedVideos | None:
        """Those of the pairs kept out that training is stopped by; None where none can stop it.

        With clips, it is stopped by the pairs of an exemplar and another video alone. together:
        embed each video once, and take only such pairs; without clips, only those of held-out
        videos with each other and with at most `MOST_BESIDE` others, drawn by the seed.
        """
        targets = self.targets(first, second)
        shown = np.isfinite(targets[:, 1]) if self.with_clips else np.ones(len(first), bool)
        if together and not self.with_clips:
            order = np.random.default_rng(seed).permutation(np.flatnonzero(~self.held))
            beside = self.held.copy()
            beside[order[:MOST_BESIDE]] = True
            shown = beside[first] & beside[second]
        if not shown.any():
            return None
        if not together:
            return PairedVideos(self.videos, first, second, targets, self.groups)
        alike = np.zeros_like(self.groups)
        return PairsTogether(self.videos, first[shown], second[shown], targets[shown], alike)


def score_rows(
    videos: VideoTensors,
    first: Numbers,
    second: Numbers,
    targets: NDArray[np.float64],
    types: Sequence[str] | None,
) -> PairedVideos:
    """Rows of an exemplar and a video, to learn scores from; (rows,) numbers and targets.

    types: of the training videos, which stand first among `videos`; None where one exemplar is for
    all.
    """
    groups = np.zeros(len(videos), np.intp)
    if types is not None:
        groups[: len(types)] = np.unique(types, return_inverse=True)[1]
        groups[first] = groups[second]
    return PairedVideos(videos, first, second, targets, groups)
