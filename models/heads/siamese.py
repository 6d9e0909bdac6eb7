"""Are two performances similar? A metric, no scores (jain2020 §III)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from aqa.models.examples import Examples, Sequences
from aqa.models.heads.base import Head, HeadError, State, check_fit, check_views
from aqa.models.heads.base.comparing import (
    ComparingHead,
    SiameseNet,
    check_types,
    hold_out,
    of_frequent_types,
    of_same_types,
)
from aqa.models.heads.base.head import Kind
from aqa.models.heads.base.pair_material import PairMaterial
from aqa.models.heads.base.pair_trainers import ClipTrainer, PairTrainer
from aqa.models.pairs import Pairs, make_pairs
from aqa.models.scaling import spread
from aqa.models.training.loop import BatchSource


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
        if self.metric_types is None:
            self._fit(train, validation)
            return self
        self.check_params()
        chosen = of_frequent_types(train, self.metric_types)
        some = train.select(chosen)
        self._fit(some, None if validation is None else of_same_types(validation, some))
        self.held_out_ = chosen[self.held_out_]
        return self

    def _fit(self, train: Examples, validation: Examples | None) -> None:
        """Learn from all pairs of these videos."""
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
            held = self.held_out_ = hold_out(types, self.validation, self.seed, train.groups)
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
        with_clips = self._learns_clips(learned, kinds, blank)
        self.learned_clips_ = np.asarray(with_clips)
        self._check_kinds(learned)
        self.pairs_seen_ = {"train": learned.counts(), "held_out": kept_out.counts()}
        material = PairMaterial(
            self.tensors(sequences, scores),
            *(scores, limits, kinds, np.unique(groups, return_inverse=True)[1], out),
            with_clips=with_clips,
        )
        self._learn(material, pairs, learned, kept_out, blank)

    def _learn(
        self,
        material: PairMaterial,
        pairs: Pairs,
        learned: Pairs,
        kept_out: Pairs,
        blank: NDArray[np.floating] | None,
    ) -> None:
        """Train on the learned pairs, stopped by those kept out; with `refit` anew on all pairs."""
        weights = self._weights(material.targets(*self._ordered(learned)))
        scale = spread(material.scores)

        def source(material: PairMaterial, pairs: Pairs) -> BatchSource:
            if self.sampling == "every":
                return material.every(*self._ordered(pairs))
            return material.within_batches(self.both_orders)

        def make() -> nn.Module:
            return SiameseNet(len(self.centre_), self.hidden)

        def trainer(net: nn.Module) -> PairTrainer:
            return self._trainer(net, weights, blank, scale)

        keep = material.stopping(*self._ordered(kept_out), self.sampling == "batches", self.seed)
        self.train_net(make, source(material, learned), keep, trainer)
        if keep is not None and len(self.held_out_):
            nothing = np.zeros_like(material.held)
            self.refit_net(make, lambda: source(replace(material, held=nothing), pairs), trainer)

    def state(self) -> State:
        """See `Head.state`; of the videos held out, those that it has not learned from since."""
        return super().state() | {"held_out": self.unseen}

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
        return ("type",) if self.pairing == "within" or self.metric_types is not None else ()

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

    def _learns_clips(
        self, pairs: Pairs, kinds: NDArray[np.str_], blank: NDArray[np.floating] | None
    ) -> bool:
        """Whether it learns from single clips; `HeadError` where it is told to and cannot."""
        exemplary = bool((kinds[pairs.first] == kinds[pairs.second]).any())
        if self.learn_clips is None:
            return blank is not None and exemplary and self.both_orders
        if self.learn_clips and blank is None:
            raise HeadError(
                "learn_clips=true takes the response to a blank clip, which the store "
                "does not hold; make it with `aqa extract`, or leave learn_clips=true out"
            )
        if self.learn_clips and not exemplary:
            raise HeadError(
                "no two training videos of one type, so there is no exemplar to compare clips "
                "with; leave learn_clips=true out, or check the manifest's column type"
            )
        return self.learn_clips

    def _ordered(self, pairs: Pairs) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The pairs in the orders that are learned."""
        ordered = pairs.both_orders() if self.both_orders else pairs
        return ordered.first, ordered.second

    def _trainer(
        self,
        net: nn.Module,
        weights: list[tuple[float, float]],
        blank: NDArray[np.floating] | None,
        scale: float,
    ) -> PairTrainer:
        assert isinstance(net, SiameseNet)
        common = net, weights[0], self.training_settings(), self.seed
        further = self.difference_weight, scale
        if not self.learned_clips:
            return PairTrainer(*common, *further)
        assert blank is not None
        scaled = torch.as_tensor(self.scaled(blank)).to(net.last.weight)
        return ClipTrainer(*common, weights[1], scaled, *further)

    def _part(
        self, pairs: Pairs, held: NDArray[np.bool_], copy: NDArray[np.bool_]
    ) -> tuple[Pairs, Pairs]:
        """The pairs to learn from, and those held out; augmented videos are only learned from."""
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

    def _weights(self, targets: NDArray[np.floating]) -> list[tuple[float, float]]:
        """Of each column of targets, so that those below and above 1/2 weigh half of the total.

        Their mean is 1.
        """
        if not self.balance:
            return [(1.0, 1.0)] * 2
        weights = []
        for labels in targets.reshape(len(targets), -1).T:
            known = labels[np.isfinite(labels)]
            high = int((known > 0.5).sum())
            low = len(known) - high
            weights.append((len(known) / (2 * max(low, 1)), len(known) / (2 * max(high, 1))))
        return weights


def check_width(metric: SiameseHead, width: int) -> None:
    """Raise `HeadError` where a metric was learned on features of another width than these."""
    if len(metric.centre_) != width:
        raise HeadError(
            f"the metric was learned on features of {len(metric.centre_)} values per clip, "
            f"these have {width}; extract them with the same backbone"
        )


HEAD = SiameseHead
