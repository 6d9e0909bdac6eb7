"""Are two performances similar? A metric, no scores (jain2020 §III)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aqa.models.examples import Examples, Sequences
from aqa.models.heads.base import Head, HeadError, check_fit, check_views
from aqa.models.heads.base.comparing import ComparingHead, SiameseNet, check_types, hold_out
from aqa.models.heads.base.head import Kind
from aqa.models.pairs import Pairs, make_pairs, meant_similarity
from aqa.models.training.loop import BatchSource, Trainer, TrainingSettings, VideoBatch
from aqa.models.training.losses import bag_loss, log_bag_similarity, pair_loss
from aqa.models.training.pair_batches import PairBatch, PairedVideos


class PairTrainer(Trainer):
    """Trains a `SiameseNet` to tell similar pairs from dissimilar ones.

    weights: of dissimilar and of similar pairs. Training is stopped by the mean probability of the
    wrong answer on held-out pairs, not by their loss: with few videos the loss is lowest after an
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
        """The mean probability of the wrong answer; similar and dissimilar pairs weigh the same."""
        self.net.eval()
        wrong, total = torch.zeros(2), torch.zeros(2)
        for batch in examples.batches(self.settings.batch_size):
            assert isinstance(batch, PairBatch)
            kind, chance = (tensor.cpu() for tensor in self.mistakes(batch))
            wrong += torch.bincount(kind, chance, 2)
            total += torch.bincount(kind, minlength=2)
        return float((wrong / total)[total > 0].mean())


class ClipTrainer(PairTrainer):
    """Trains a `SiameseNet` on pairs of videos, and on their clips beside those of exemplars; ours.

    No column says which clips are faulty. What is known is how many points a video is below an
    exemplar. So the pairs of their clips form a bag with one label (multiple-instance learning):
    the mean similarity of the clips shall be what the lost points say. A clip's probability is then
    1/2 where a video of such clips alone would lose the threshold, and below 1/2, faulty, where it
    loses more than its share.

    Targets are (pairs, 2): whether two videos are similar, and `meant_similarity`, NaN for pairs
    that are no bag. bag_weights: as `weights`, of bags meant below and above 1/2. blank: (dim,),
    scaled, the feature of a blank clip, which takes the place of what is before a clip (jain2020
    §IV). Training is stopped by the held-out bags alone: with few videos the answers on whole
    videos may never get better.
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
        """The logarithm of how similar pairs are by their clips, (pairs,); padding is left out."""
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
        """The pairs of an exemplar and another video, and how similar they are meant to be."""
        meant = batch.targets[:, 1]
        known = ~meant.isnan()
        return replace(
            batch, first=batch.first[known], second=batch.second[known], targets=meant[known]
        )


@dataclass(repr=False, eq=False)
class SiameseHead(ComparingHead):
    """Whether two videos are similar, by a shared LSTM and layers of 128 and 64; no scores.

    It learns from pairs of training videos. A pair is held out when one of its videos is. Fitted
    besides: `pairs_seen_`, how many pairs of each kind were learned from and held out, each counted
    in one order.
    """

    kind: ClassVar[Kind] = "pairs"
    columns: ClassVar[tuple[str, ...]] = ("type", "similar_within")
    takes_views: ClassVar[bool] = True
    takes_blank: ClassVar[bool] = True
    fitted: ClassVar[tuple[str, ...]] = (*ComparingHead.fitted, "held_out_")

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> SiameseHead:
        """See `Head.fit_examples`.

        The column similar_within holds points, one per video, such as its action's; None:
        `threshold`. Augmented videos take part in the training pairs, also as similar pairs of one
        video with itself, and are never held out. `blank` is needed with learn_clips=true; see
        `ClipTrainer`.
        """
        sequences, scores = check_fit(train.features, train.scores, ids=train.ids)
        types = check_types(
            train.columns.get("type"),
            len(scores),
            strict=self.pairing == "within",
            ids=train.ids,
        )
        self.check_params()
        similar_within, blank = train.columns.get("similar_within"), train.blank
        limits = self.thresholds(similar_within, len(scores))
        self.fit_scaling(sequences)
        copies, copied = self._copies(train.views, sequences, train.ids)
        if validation is not None and len(validation):
            more, more_scores = check_fit(
                validation.features, validation.scores, least=1, ids=validation.ids
            )
            columns = validation.columns
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
        learned, kept_out = self._part(pairs, out, copy)
        kinds = np.asarray(types)[owner]
        self._check_kinds(learned, kinds)
        self.pairs_seen_ = {"train": learned.counts(), "held_out": kept_out.counts()}
        videos = self.tensors(sequences, scores)

        codes = np.unique(groups, return_inverse=True)[1]

        def paired(pairs: Pairs) -> PairedVideos:
            chosen = pairs.both_orders() if self.both_orders else pairs
            targets = chosen.similar
            if self.learn_clips:
                meant = meant_similarity(chosen, scores, limits, kinds, ~out)
                targets = np.stack([chosen.similar, meant], axis=1)
            return PairedVideos(videos, chosen.first, chosen.second, targets, codes)

        learn, keep = paired(learned), paired(kept_out)
        evaluated = keep.targets[:, 1] if self.learn_clips else keep.targets
        dim = sequences[0].shape[1]
        self.train_net(
            lambda: SiameseNet(dim, self.hidden),
            learn,
            keep if evaluated.isfinite().any() else None,
            lambda net: self._trainer(net, learn.targets, blank),
        )
        return self

    def pairs(self, examples: Examples) -> Pairs:
        """See `PairHead.pairs`."""
        scores, columns = examples.scores, examples.columns
        types = check_types(columns.get("type"), len(scores), strict=False)
        limits = self.thresholds(columns.get("similar_within"), len(scores))
        return make_pairs(scores, limits, types if self.pairing == "within" else None)

    def similarity(
        self, examples: Examples, first: NDArray[np.intp], second: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """See `PairHead.similarity`."""
        self.check_fitted()
        return self.probability(self.embed(examples.features), first, second)

    def needed_columns(self, start: Head | None = None) -> tuple[str, ...]:
        """See `Head.needed_columns`."""
        return ("type",) if self.pairing == "within" else ()

    @property
    def held_out(self) -> NDArray[np.intp]:
        """See `PairHead.held_out`."""
        return self.held_out_

    @property
    def chosen(self) -> dict[str, Any]:
        """See `Head.chosen`."""
        return super().chosen | {"pairs": self.pairs_seen_}

    def _copies(
        self,
        views: Sequence[Sequences],
        videos: list[NDArray[np.float32]],
        ids: Sequence[str],
    ) -> tuple[list[NDArray[np.float32]], NDArray[np.intp]]:
        """The videos under each augmentation, and the number of the video that each one shows."""
        checked = [sequence for view in check_views(views, videos, ids) for sequence in view]
        return checked, np.tile(np.arange(len(videos)), len(views))

    def _trainer(
        self, net: nn.Module, targets: Tensor, blank: NDArray[np.floating] | None
    ) -> PairTrainer:
        settings = self.training_settings()
        if not self.learn_clips:
            return PairTrainer(net, self._weights(targets), settings, self.seed)
        if blank is None:
            raise HeadError(
                "learn_clips=true takes the response to a blank clip, which the store "
                "does not hold;"
                "make it with `aqa extract`, or leave learn_clips=true out"
            )
        similar, meant = targets.unbind(dim=1)
        weights, bag_weights = self._weights(similar), self._weights(meant[meant.isfinite()])
        scaled = torch.as_tensor(self.scaled(blank)).to(targets)
        return ClipTrainer(net, weights, settings, self.seed, bag_weights, scaled)

    def _part(
        self, pairs: Pairs, held: NDArray[np.bool_], copy: NDArray[np.bool_]
    ) -> tuple[Pairs, Pairs]:
        """The pairs to learn from, and those held out; augmented videos are only learned from."""
        first, second = pairs.first, pairs.second
        out = held[first] | held[second]
        return pairs.where(~out), pairs.where(out & ~(copy[first] | copy[second]))

    def _check_kinds(self, pairs: Pairs, types: NDArray[np.str_]) -> None:
        if self.learn_clips and not (types[pairs.first] == types[pairs.second]).any():
            raise HeadError(
                "no two training videos of one type, so there is no exemplar to "
                "compare clips with;"
                "leave learn_clips=true out, or check the manifest's column type"
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
        """So that labels below and above 1/2 weigh half of the total each; the mean is 1."""
        if not self.balance:
            return 1.0, 1.0
        low, high = torch.bincount((labels > 0.5).long(), minlength=2).clamp(min=1).tolist()
        return len(labels) / (2 * low), len(labels) / (2 * high)


HEAD = SiameseHead
