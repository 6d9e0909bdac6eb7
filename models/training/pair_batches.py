"""Batches of pairs of videos in which each video, and each distinct clip, is computed once.

A step holds many pairs of few videos, so that its cost is that of the videos and not of the pairs.
A clip that several videos hold, such as a blank one, is computed once for all of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aqa.models.pairs import plan_steps
from aqa.models.training.loop import VideoBatch, VideoTensors


@dataclass(frozen=True)
class PairBatch(VideoBatch):
    """The distinct clips of a batch, the videos that they make up, and pairs of these videos.

    x: (clips, dim). rows: (n, longest) numbers of clips, those of each video; after a video's end
    any. first, second: (pairs,) numbers of videos in the batch. targets: (pairs,). video_targets:
    (n,), the videos' own targets.
    """

    rows: Tensor
    first: Tensor
    second: Tensor
    video_targets: Tensor

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The arguments of a `SiameseNet`."""
        return self.x, self.lengths, self.first, self.second, self.rows


class PairedVideos:
    """Videos and ordered pairs of them; the batches of an epoch hold every pair exactly once.

    videos: with their own targets. first, second: (pairs,) numbers of videos. targets: (pairs,).
    groups: (videos,) labels; where few pairs are of two groups, few videos are computed twice.
    """

    def __init__(
        self,
        videos: VideoTensors,
        first: NDArray[np.intp],
        second: NDArray[np.intp],
        targets: NDArray[np.floating] | NDArray[np.bool_],
        groups: NDArray[np.intp],
    ):
        self.videos, self.first, self.second, self.groups = videos, first, second, groups
        self._rows = clips_of(videos)
        device = videos.targets.device
        self.targets = torch.as_tensor(targets, dtype=torch.float32, device=device)

    def __len__(self) -> int:
        return len(self.videos)

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[PairBatch]:
        """Batches of the pairs of at most `size` distinct videos; see `plan_steps`."""
        places = np.arange(len(self)) if order is None else order.numpy()
        rng = None if order is None else np.random.default_rng(places)
        by_group = places[np.argsort(self.groups[places], kind="stable")]
        for chosen in plan_steps(self.first, self.second, by_group, size, rng):
            targets = self.targets[torch.from_numpy(chosen).to(self.targets.device)]
            ends = self.first[chosen], self.second[chosen]
            yield pair_batch(self.videos, self._rows, *ends, targets)


class PairsTogether(PairedVideos):
    """All pairs in one batch, however many videos they are of; to stop training by."""

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[PairBatch]:
        """See `PairedVideos.batches`; `size` has no effect."""
        return super().batches(2 * len(self), order)


# Targets, (pairs,) or (pairs, k), of ordered pairs of videos by their numbers, (pairs,) each.
PairTargets = Callable[[NDArray[np.intp], NDArray[np.intp]], NDArray[np.floating]]


@dataclass(frozen=True)
class PairsWithinBatches:
    """The pairs within batches of videos that are drawn anew in each epoch.

    An epoch embeds each video once, and computes for n videos in batches of b some n b pairs of
    the n^2 that there are. Beside each batch stands one exemplar of each type in it.

    videos: all. learned: (n,) numbers of those to learn from. groups: (videos,) labels, of which
    pairs are made within; batches are of one label as far as they can. kinds: (videos,) types.
    exemplars: type -> numbers of its exemplars, one of which is drawn for each batch. both_orders:
    pairs (p, q) and (q, p), or p < q alone.
    """

    videos: VideoTensors
    learned: NDArray[np.intp]
    groups: NDArray[np.intp]
    kinds: NDArray[Any]
    exemplars: Mapping[Any, NDArray[np.intp]]
    targets: PairTargets
    both_orders: bool = True

    def __len__(self) -> int:
        return len(self.learned)

    @cached_property
    def _rows(self) -> Tensor:
        return clips_of(self.videos)

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[PairBatch]:
        """Batches of at most `size` of the videos, and their exemplars."""
        places = np.arange(len(self)) if order is None else order.numpy()
        rng = np.random.default_rng(places)
        chosen = self.learned[places]
        chosen = chosen[np.argsort(self.groups[chosen], kind="stable")]
        parts = np.array_split(chosen, -(-len(chosen) // size))
        for number in rng.permutation(len(parts)) if order is not None else range(len(parts)):
            batch = self._batch(parts[number], rng)
            if batch is not None:
                yield batch

    def _batch(self, chosen: NDArray[np.intp], rng: np.random.Generator) -> PairBatch | None:
        """The pairs of these videos and of one exemplar of each of their types."""
        known = [kind for kind in np.unique(self.kinds[chosen]) if kind in self.exemplars]
        beside = [rng.choice(self.exemplars[kind]) for kind in known]
        used = np.unique(np.concatenate([chosen, np.array(beside, np.intp)]))
        paired = self.groups[used, None] == self.groups[used]
        paired &= ~np.eye(len(used), dtype=bool) if self.both_orders else used[:, None] < used
        i, j = paired.nonzero()
        if not len(i):
            return None
        first, second = used[i], used[j]
        targets = self.videos.targets.new_tensor(self.targets(first, second))
        return pair_batch(self.videos, self._rows, first, second, targets)


def pair_batch(
    videos: VideoTensors,
    rows: Tensor,
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    targets: Tensor,
) -> PairBatch:
    """The batch of these pairs of videos, by their numbers; rows: see `clips_of`."""
    used, numbers = np.unique(np.concatenate([first, second]), return_inverse=True)
    device = videos.targets.device
    chosen = torch.from_numpy(used).to(device)
    lengths = videos.lengths[chosen]
    clips, places = rows[chosen, : int(lengths.max())].unique(return_inverse=True)
    x = videos.clips.index_select(0, clips)
    left, right = torch.from_numpy(numbers).to(device).chunk(2)
    return PairBatch(x, lengths, targets, places, left, right, videos.targets[chosen])


def clips_of(videos: VideoTensors) -> Tensor:
    """The rows of `videos.clips` that each video is made of: (n, longest).

    Of equal rows the first stands for all. A video's last row fills the places after its end.
    """
    seen: dict[bytes, int] = {}
    first_equal = [
        seen.setdefault(hashlib.sha256(row).digest(), number)
        for number, row in enumerate(videos.clips.cpu().numpy())
    ]
    step = torch.arange(int(videos.lengths.max()), device=videos.lengths.device)
    places = videos.starts[:, None] + step.minimum(videos.lengths[:, None] - 1)
    return torch.tensor(first_equal, device=places.device)[places]
