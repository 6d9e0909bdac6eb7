"""Siamese metric learning: are two performances within a few points of each other? (jain2020 §III)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from aqa.models.heads.base import HeadError, PairHead, Sequences, check_fit, check_views
from aqa.models.heads.comparing import ComparingHead, SiameseNet, check_types, hold_out
from aqa.models.pairs import Pairs, make_pairs, meant_similarity
from aqa.models.training.loop import (
    BatchSource,
    Trainer,
    TrainingSettings,
    VideoBatch,
)
from aqa.models.training.losses import bag_loss, log_bag_similarity, pair_loss
from aqa.models.training.pair_batches import PairBatch, PairedVideos


class PairTrainer(Trainer):
    """Trains a `SiameseNet` to tell similar pairs from dissimilar ones.

    weights: of dissimilar and of similar pairs. It is stopped by the probability that
    held-out pairs' wrong answers get, not by their loss: of few videos the loss is lowest after an
    epoch or two, when every pair is still called dissimilar.
    """

    criterion: ClassVar[str] = "val_balanced_error"

    def __init__(
        self, net: nn.Module, weights: tuple[float, float], settings: TrainingSettings, seed: int
    ):
        super().__init__(net, self._loss, settings, seed)
        self.weights = weights

    def _loss(self, logits: Tensor, similar: Tensor) -> Tensor:
        return pair_loss(logits, similar, self.weights)

    def objective(self, batch: VideoBatch) -> Tensor:
        """See `Trainer.objective`."""
        assert isinstance(batch, PairBatch)
        logits = self.net(*batch.inputs)
        return self.loss(logits, batch.targets)

    def mistakes(self, batch: PairBatch) -> tuple[Tensor, Tensor]:
        """Each answer's kind, and the probability of the wrong one: (answers,) each."""
        logits = self.net(*batch.inputs)
        return batch.targets.long(), (logits.sigmoid() - batch.targets).abs()

    @torch.no_grad()
    def evaluate(self, examples: BatchSource) -> float:
        """The mean probability of the wrong answer, each kind of answers weighing the same."""
        self.net.eval()
        wrong, total = torch.zeros(2), torch.zeros(2)
        for batch in examples.batches(self.settings.batch_size):
            assert isinstance(batch, PairBatch)
            kind, chance = (part.cpu() for part in self.mistakes(batch))
            wrong += torch.bincount(kind, chance, 2)
            total += torch.bincount(kind, minlength=2)
        return float((wrong / total)[total > 0].mean())


class ClipTrainer(PairTrainer):
    """Trains a `SiameseNet` on pairs of videos, and on single clips of experts and other videos.

    Which clips are at fault nobody says. What is known is how many points a video loses to an
    expert, so pairs of their clips are learned from as bags, of which only the whole is labelled
    (multiple-instance learning): clip by clip they are to be as similar in the mean as the points
    that are lost say. A clip's probability is then 1/2 where a video of such clips alone would lose
    the threshold: faulty is one that loses more than its share of it. Ours, as all of this.

    Targets are (pairs, 2): whether two videos are similar, and `meant_similarity`, NaN for pairs
    that are no bag. bag_weights: as `weights`, of bags meant below and above 1/2. blank: (dim,),
    scaled, the response to a blank clip, which stands in for what is before a clip (jain2020 §IV).
    It is stopped by the held-out bags alone: of few whole videos the answers may never get better.
    """

    def __init__(
        self,
        net: nn.Module,
        weights: tuple[float, float],
        settings: TrainingSettings,
        seed: int,
        bag_weights: tuple[float, float],
        blank: Tensor,
    ):
        super().__init__(net, weights, settings, seed)
        self.bag_weights, self.blank = bag_weights, blank

    def objective(self, batch: VideoBatch) -> Tensor:
        """See `Trainer.objective`; the videos' loss and the bags', each averaged."""
        assert isinstance(batch, PairBatch)
        loss = super().objective(replace(batch, targets=batch.targets[:, 0]))
        bags = self._bags(batch)
        if len(bags.targets):
            loss = loss + bag_loss(self.by_clips(bags), bags.targets, self.bag_weights)
        return loss

    def mistakes(self, batch: PairBatch) -> tuple[Tensor, Tensor]:
        """See `PairTrainer.mistakes`; a bag is similar where more than 1/2 is meant."""
        bags = self._bags(batch)
        similar = (bags.targets > 0.5).long()
        return similar, (self.by_clips(bags).exp() - similar).abs()

    def by_clips(self, batch: PairBatch) -> Tensor:
        """How similar the pairs are by their clips, as logarithms (pairs,); but for padding."""
        assert isinstance(self.net, SiameseNet)
        x = batch.x[batch.rows]  # (n, longest, dim)
        longest = x.shape[1]
        embedded = self.net.embed_clips(x, self.blank).flatten(0, 1)  # (n * longest, M)
        # Stores may hold halves, which miss the blank response by their rounding.
        padding = torch.isclose(x, self.blank, rtol=1e-3, atol=1e-3).all(dim=2)
        padding |= torch.arange(longest, device=padding.device) >= batch.lengths[:, None]
        bag, clip = (~padding)[batch.second].nonzero(as_tuple=True)
        first, second = batch.first[bag], batch.second[bag]
        matched = torch.minimum(clip, batch.lengths[first] - 1)  # as `align.by_index`
        joined = self.net.join(embedded, first * longest + matched, second * longest + clip)
        return log_bag_similarity(self.net.last(joined).squeeze(1), bag, len(batch.second))

    def _bags(self, batch: PairBatch) -> PairBatch:
        """The pairs of an expert and another video, and what is meant of them."""
        meant = batch.targets[:, 1]
        known = ~meant.isnan()
        return replace(
            batch, first=batch.first[known], second=batch.second[known], targets=meant[known]
        )


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
        blank: needed with clips=true; see `ClipTrainer`.
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
        scores, limits = scores[owner], limits[owner]
        pairs = make_pairs(scores, limits, groups)
        out = np.isin(owner, held)
        train, kept_out = self._part(pairs, out, copy)
        kinds = np.asarray(types)[owner]
        self._check_kinds(train, kinds)
        self.pairs_seen_ = {"train": train.counts(), "held_out": kept_out.counts()}
        videos = self._tensors(sequences, scores)

        codes = np.unique(groups, return_inverse=True)[1]

        def paired(pairs: Pairs) -> PairedVideos:
            chosen = pairs.both_orders() if self.both_orders else pairs
            targets = chosen.similar
            if self.clips:
                meant = meant_similarity(chosen, scores, limits, kinds, ~out)
                targets = np.stack([chosen.similar, meant], axis=1)
            return PairedVideos(videos, chosen.first, chosen.second, targets, codes)

        learn, keep = paired(train), paired(kept_out)
        evaluated = keep.targets[:, 1] if self.clips else keep.targets
        dim = sequences[0].shape[1]
        self.train_net(
            lambda: SiameseNet(dim, self.hidden),
            learn,
            keep if evaluated.isfinite().any() else None,
            lambda net: self._trainer(net, learn.targets, blank),
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

    def _trainer(
        self, net: nn.Module, targets: Tensor, blank: NDArray[np.floating] | None
    ) -> PairTrainer:
        settings = self._training_settings()
        if not self.clips:
            return PairTrainer(net, self._weights(targets), settings, self.seed)
        if blank is None:
            raise HeadError(
                "clips=true takes the response to a blank clip, which the store does not hold; "
                "make it with `aqa extract`, or leave clips=true out"
            )
        similar, meant = targets.unbind(dim=1)
        weights, bag_weights = self._weights(similar), self._weights(meant[meant.isfinite()])
        scaled = torch.as_tensor(self._scaled(blank)).to(targets)
        return ClipTrainer(net, weights, settings, self.seed, bag_weights, scaled)

    def _part(
        self, pairs: Pairs, held: NDArray[np.bool_], copy: NDArray[np.bool_]
    ) -> tuple[Pairs, Pairs]:
        """The pairs to learn from, and those with a held-out video; of copies the former only."""
        first, second = pairs.first, pairs.second
        out = held[first] | held[second]
        return pairs.where(~out), pairs.where(out & ~(copy[first] | copy[second]))

    def _check_kinds(self, pairs: Pairs, types: NDArray[np.str_]) -> None:
        if self.clips and not (types[pairs.first] == types[pairs.second]).any():
            raise HeadError(
                "no two training videos of one type, so there is no expert to compare clips with; "
                "leave clips=true out, or check the manifest's column type"
            )
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

    def _weights(self, labels: Tensor) -> tuple[float, float]:
        """So that labels below and above 1/2 weigh half each in total, and the mean weight is 1."""
        if not self.balance:
            return 1.0, 1.0
        low, high = torch.bincount((labels > 0.5).long(), minlength=2).clamp(min=1).tolist()
        return len(labels) / (2 * low), len(labels) / (2 * high)


HEAD = SiameseHead
