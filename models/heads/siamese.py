"""Siamese metric learning: are two performances within a few points of each other? (000 III)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from aqa.device import pick_device
from aqa.models.heads.base import HeadError, PairHead, Sequences, check_fit, check_views
from aqa.models.heads.comparing import ComparingHead, SiameseNet, check_types, hold_out, trimmed
from aqa.models.losses import pair_loss
from aqa.models.pair_batches import PairBatch, PairedVideos
from aqa.models.pairs import Pairs, make_pairs
from aqa.models.train import Batch, Examples, Schedule, Trainer, Videos


class PairTrainer(Trainer):
    """Trains a `SiameseNet` to tell similar pairs from dissimilar ones.

    weights: of dissimilar and of similar pairs. It is stopped by the probability that
    held-out pairs' wrong answers get, not by their loss: of few videos the loss is lowest after an
    epoch or two, when every pair is still called dissimilar.
    """

    criterion: ClassVar[str] = "val_balanced_error"

    def __init__(self, net: nn.Module, weights: tuple[float, float], schedule: Schedule, seed: int):
        super().__init__(net, self._loss, schedule, seed)
        self.weights = weights

    def _loss(self, logits: Tensor, similar: Tensor) -> Tensor:
        return pair_loss(logits, similar, self.weights)

    def objective(self, batch: Batch) -> Tensor:
        """See `Trainer.objective`."""
        assert isinstance(batch, PairBatch)
        logits = self.net(*batch.inputs)
        return self.loss(logits, batch.targets)

    @torch.no_grad()
    def evaluate(self, examples: Examples) -> float:
        """The mean probability of the wrong answer, each kind of pairs weighing the same."""
        self.net.eval()
        wrong, total = torch.zeros(2), torch.zeros(2)
        for batch in examples.batches(self.schedule.batch_size):
            assert isinstance(batch, PairBatch)
            logits = self.net(*batch.inputs)
            kind = batch.targets.long().cpu()
            wrong += torch.bincount(kind, (logits.sigmoid() - batch.targets).abs().cpu(), 2)
            total += torch.bincount(kind, minlength=2)
        return float((wrong / total)[total > 0].mean())


@dataclass(repr=False, eq=False)
class SiameseHead(ComparingHead, PairHead):
    """Shared LSTM, 128, 64, similar or not: learned on pairs of training videos; scores nothing.

    A pair is held out when one of its videos is. Fitted besides: `pairs_seen_`, how many pairs
    of each kind were learned from and held out, each counted in one order.
    """

    columns: ClassVar[tuple[str, ...]] = ("type", "similar_within")
    takes_views: ClassVar[bool] = True
    takes_blank: ClassVar[bool] = True
    fitted: ClassVar[tuple[str, ...]] = (*ComparingHead.fitted, "held_out_")

    def fit(
        self,
        x: Sequences,
        y: ArrayLike,
        validation: tuple[Any, ...] | None = None,
        *,
        type: Sequence[str | None] | None = None,
        similar_within: Sequence[float | None] | None = None,
        views: Sequence[Sequences] = (),
        blank: NDArray[np.floating] | None = None,
    ) -> SiameseHead:
        """See `BaseHead.fit`.

        similar_within: in points, one a video, such as its action's; None: `threshold`.
        views: the training videos again, as augmented views show them. They take part in the
        training pairs, also as similar pairs of one video with itself, and are never held out.
        blank: needed with clips=true. Two clips of the same number are then as similar as their
        videos, which is as much as is known of them; clips that are all padding are left out.
        """
        sequences, scores = check_fit(x, y)
        types = check_types(type, len(scores), strict=self.pairing == "within")
        self._check_params()
        limits = self.thresholds(similar_within, len(scores))
        self._fit_scaling(sequences)
        copies, copied = self._copies(views, sequences)
        if validation is not None and len(validation[0]):
            more, more_scores = check_fit(validation[0], validation[1], least=1)
            columns = validation[2] if len(validation) > 2 else {}
            held = np.arange(len(scores), len(scores) + len(more))
            self.held_out_ = held[:0]
            sequences, scores = [*sequences, *more], np.concatenate([scores, more_scores])
            types += check_types(columns.get("type"), len(more), strict=False)
            more_limits = self.thresholds(columns.get("similar_within"), len(more))
            limits = np.append(limits, more_limits)
        else:
            held = self.held_out_ = hold_out(types, self.validation, self.seed)
        n = len(scores)
        sequences = [*sequences, *copies]
        owner = np.concatenate([np.arange(n), copied])
        groups = np.asarray(types if self.pairing == "within" else [""] * n)[owner]
        copy = np.arange(len(owner)) >= n
        if self.clips:
            cut, source, names = self._single_clips(sequences, blank)
            sequences = [*sequences, *cut]
            owner, copy = np.append(owner, owner[source]), np.append(copy, copy[source])
            groups = np.append(groups, np.char.add(groups[source], names))
        scores = scores[owner]
        pairs = make_pairs(scores, limits[owner], groups)
        train, kept_out = self._part(pairs, np.isin(owner, held), copy)
        self._check_kinds(train)
        self.pairs_seen_ = {"train": train.counts(), "held_out": kept_out.counts()}
        videos = Videos.of(self._scaled(sequences), scores, pick_device(self.device))
        groups = np.unique(groups, return_inverse=True)[1]
        dim = sequences[0].shape[1]
        self.train_net(
            lambda: SiameseNet(dim, self.hidden),
            self._paired(videos, train, groups),
            self._paired(videos, kept_out, groups) if len(kept_out.similar) else None,
            lambda net: PairTrainer(net, self._weights(train), self._schedule(), self.seed),
        )
        return self

    def pairs(self, y: ArrayLike, **columns: Any) -> Pairs:
        """See `PairHead.pairs`; columns: `type` and `similar_within`, one a video."""
        scores = np.asarray(y, np.float64)
        types = check_types(columns.get("type"), len(scores), strict=False)
        limits = self.thresholds(columns.get("similar_within"), len(scores))
        return make_pairs(scores, limits, types if self.pairing == "within" else None)

    def similarity(
        self, x: Sequences, first: NDArray[np.intp], second: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """See `PairHead.similarity`."""
        return self.probability(self.embed(x), first, second)

    @property
    def held_out(self) -> NDArray[np.intp]:
        """See `PairHead.held_out`."""
        return self.held_out_

    @property
    def chosen(self) -> dict[str, Any]:
        """See `BaseHead.chosen`."""
        return super().chosen | {"pairs": self.pairs_seen_}

    def _copies(
        self, views: Sequence[Sequences], videos: list[NDArray[np.float32]]
    ) -> tuple[list[NDArray[np.float32]], NDArray[np.intp]]:
        """Every view of the videos, one after the other, and the number of each one's video."""
        checked = [sequence for view in check_views(views, videos) for sequence in view]
        return checked, np.tile(np.arange(len(videos)), len(views))

    def _single_clips(
        self, videos: Sequences, blank: NDArray[np.floating] | None
    ) -> tuple[list[NDArray[np.float32]], NDArray[np.intp], NDArray[np.str_]]:
        """Each clip behind blank ones, the number of its video, and a name for its place."""
        if blank is None:
            raise HeadError(
                "clips=true takes the response to a blank clip, which the store does not hold; "
                "make it with `aqa extract`, or leave clips=true out"
            )
        cut, source, places = [], [], []
        for number, video in enumerate(videos):
            shown = np.flatnonzero(~np.isclose(video, blank, atol=1e-5).all(axis=1))
            cut += trimmed(video, shown, blank) if len(shown) else []
            source += [number] * len(shown)
            places += [f" clip {place}" for place in shown]
        return cut, np.array(source, np.intp), np.array(places, str)

    def _part(
        self, pairs: Pairs, held: NDArray[np.bool_], copy: NDArray[np.bool_]
    ) -> tuple[Pairs, Pairs]:
        """The pairs to learn from, and those with a held-out video; of copies the former only."""
        first, second = pairs.first, pairs.second
        out = held[first] | held[second]
        return pairs.where(~out), pairs.where(out & ~(copy[first] | copy[second]))

    def _check_kinds(self, pairs: Pairs) -> None:
        counts = pairs.counts()
        if all(counts.values()):
            return
        if not len(pairs.similar):
            raise HeadError(
                "no two training videos of one type, so there are no pairs to learn from; "
                "compare across types with -p pairing=all, or check the manifest's column type"
            )
        raise HeadError(
            f"all {len(pairs.similar)} training pairs are "
            f"{'similar' if counts['similar'] else 'dissimilar'} at threshold={self.threshold}; "
            f"{'lower' if counts['similar'] else 'raise'} it with -p threshold=..."
        )

    def _paired(self, videos: Videos, pairs: Pairs, groups: NDArray[np.intp]) -> PairedVideos:
        chosen = pairs.both_orders() if self.both_orders else pairs
        return PairedVideos(videos, chosen.first, chosen.second, chosen.similar, groups)

    def _weights(self, pairs: Pairs) -> tuple[float, float]:
        """So that each kind of training pairs weighs half, and the mean weight is 1."""
        if not self.balance:
            return 1.0, 1.0
        counts, total = pairs.counts(), len(pairs.similar)
        return total / (2 * counts["dissimilar"]), total / (2 * counts["similar"])


HEAD = SiameseHead
