"""Score estimation beside a reference: the frozen metric, and a linear last layer (jain2020 §III-B)."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from aqa.device import pick_device
from aqa.models.alignment import ALIGNMENTS
from aqa.models.heads.base import (
    Explanation,
    Head,
    HeadError,
    Sequences,
    check_fit,
    check_sequences,
    pack_texts,
    param,
    unpack_texts,
)
from aqa.models.heads.comparing import (
    ComparingHead,
    SiameseNet,
    check_types,
    meet_references,
)
from aqa.models.heads.siamese import SiameseHead
from aqa.models.ridge import choose_ridge, solve_exact, solve_iterative
from aqa.models.scaling import spread
from aqa.models.training import losses
from aqa.models.training.loop import Trainer, VideoBatch
from aqa.models.training.pair_batches import PairBatch, PairedVideos

Numbers = NDArray[np.intp]


class RowTrainer(Trainer):
    """Trains a whole `SiameseNet` to the second video's score; its last layer stays linear."""

    def objective(self, batch: VideoBatch) -> torch.Tensor:
        """See `Trainer.objective`."""
        assert isinstance(batch, PairBatch)
        return self.loss(self.net(*batch.inputs), batch.targets)


def choose_references(
    scores: NDArray[np.float64], types: Sequence[str], *, worst: bool, count: int
) -> dict[str, Numbers]:
    """The best (or worst) `count` videos of each type, with all that tie with the last of them.

    jain2020 Table III counts the videos tied at a type's maximum as its experts.
    """
    labels = np.asarray(types, str)
    chosen = {}
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        ranked = np.sort(scores[own]) if worst else np.sort(scores[own])[::-1]
        limit = ranked[min(count, len(own)) - 1]
        near = scores[own] <= limit if worst else scores[own] >= limit
        chosen[str(label)] = own[near]
    return chosen


@dataclass(repr=False, eq=False)
class ScoreHead(ComparingHead, Head):
    """The frozen Siamese net with a linear last layer, fed a reference video and the video.

    `fit` first learns the metric as `SiameseHead` does with the same parameters, seed and
    videos, or takes it from `start`. Then every (reference, video) of a type is a row of a least
    squares problem in D2's 64 activations. A prediction is the mean over the references.

    A video of a type that no reference is of, or of no known type, is compared with the
    references of every type, with a warning; where all references are of one type, a video
    without a type is taken to be of it. Fitted besides: `references`, `weights_`, `intercept_`.
    """

    bias: Literal["best", "worst", "constant"] = param(
        "best", "reference: best or worst of the video's type, or the best of one type for all"
    )
    constant_type: str | None = param(
        None, "type of the constant reference; none: the most frequent (jain2020 Table I: type 1)"
    )
    references: int = param(1, "a type; all that tie with the last are taken (jain2020 Table III)")
    reference_from: Literal["train", "all"] = param(
        "train",
        "videos that references are taken from; all, jain2020's reading, takes test videos too",
    )
    self_rows: bool = param(True, "learn from a reference beside itself too; jain2020 does not say")
    metric: Literal["learned", "none"] = param(
        "learned", "none: no metric learning, all layers learn the score (jain2020 Table V)"
    )
    finetune: bool = param(False, "go on from the solved last layer and train all layers")
    solver: Literal["exact", "iterative"] = param(
        "exact", "of the last layer: least squares, or gradient descent (Adam) to it"
    )
    ridge: float | None = param(
        None, "times the squared weights, of activations scaled alike; none: cross-validated"
    )
    steps: int = param(2000, "of the iterative solver; ours")
    step_size: float = param(0.02, "of the iterative solver's first step; ours", above=0)

    columns: ClassVar[tuple[str, ...]] = ("id", "type", "similar_within")
    starts_from: ClassVar[str | None] = "siamese"
    takes_views: ClassVar[bool] = True
    takes_blank: ClassVar[bool] = True
    fitted: ClassVar[tuple[str, ...]] = (
        *ComparingHead.fitted,
        *("weights_", "intercept_", "ref_features_", "ref_lengths_", "ref_ids_", "ref_types_"),
    )

    def fit(
        self,
        x: Sequences,
        y: ArrayLike,
        validation: tuple[Any, ...] | None = None,
        *,
        id: Sequence[str] | None = None,
        type: Sequence[str | None] | None = None,
        similar_within: Sequence[float | None] | None = None,
        others: tuple[Any, ...] | None = None,
        start: SiameseHead | None = None,
        views: Sequence[Sequences] = (),
        blank: NDArray[np.floating] | None = None,
    ) -> ScoreHead:
        """See `BaseHead.fit`.

        id: names of the videos, which references are told by. others: (x, y, columns) that
        references may be taken from as well. start: a fitted head whose metric is used.
        similar_within, views, blank: for metric learning only; the last layer learns from the
        videos themselves (jain2020 §V-D).
        """
        sequences, scores = check_fit(x, y)
        types = check_types(type, len(scores), strict=self.bias != "constant")
        names = [f"number {i}" for i in range(len(scores))] if id is None else list(id)
        self._check_params()
        self._check_start(start, sequences)
        pool, pool_scores = sequences, scores
        pool_types, pool_names = types, names
        if self.reference_from == "all":
            if others is None:
                raise HeadError("reference_from=all takes the split's test videos as `others`")
            more, more_scores = check_fit(others[0], others[1], least=1)
            pool, pool_scores = [*sequences, *more], np.concatenate([scores, more_scores])
            pool_types = types + check_types(others[2]["type"], len(more), strict=False)
            pool_names = names + list(others[2]["id"])
        chosen, labels = self._choose(pool_scores, pool_types, types)
        self._keep_references(chosen, labels, pool, pool_names)
        self._outside = tuple(pool_names[i] for i in chosen if i >= len(scores))
        if self.metric == "none":
            self._fit_scaling(sequences)
            self.history_ = []
        else:
            learning = {"similar_within": similar_within, "views": views, "blank": blank}
            self._learn_metric(sequences, scores, validation, types, start, learning)
        first, second = meet_references(self.reference_types, types, warn=False)
        if not self.self_rows:
            alien = chosen[first] != second
            first, second = first[alien], second[alien]
            if not len(second):
                raise HeadError(
                    "self_rows=false leaves no rows: every training video is its own reference"
                )
        if self.metric == "learned":
            self._solve(sequences, scores, first, second)
        if self.metric == "none" or self.finetune:
            self._train_all(sequences, scores, types, chosen, pool, first, second)
        return self

    def predict(
        self,
        x: Sequences,
        *,
        id: Sequence[str] | None = None,
        type: Sequence[str | None] | None = None,
    ) -> NDArray[np.float64]:
        """See `Head.predict`. type: one a video; `id` is not used."""
        types = check_types(type, len(x), strict=False)
        first, second = meet_references(self.reference_types, types)
        z = self.activations(x, first, second)
        count = np.bincount(second, minlength=len(x))
        rows = z @ self.weights_ + self.intercept_
        mean: NDArray[np.float64] = np.bincount(second, rows, minlength=len(x)) / count
        return mean

    def activations(self, x: Sequences, first: Numbers, second: Numbers) -> NDArray[np.float64]:
        """D2's activations where reference `first[i]` meets video `second[i]`, (rows, 64)."""
        references = self.embed(self.reference_features)
        embedded = torch.cat([references, self.embed(x)])
        return self.join(embedded, first, second + len(references))

    @property
    def explaining(self) -> bool:
        """See `Head.explaining`."""
        return self.metric == "learned" and not self.finetune

    def explain(
        self,
        x: Sequences,
        blank: NDArray[np.floating] | None,
        *,
        align: str = "index",
        **columns: Any,
    ) -> Explanation:
        """Each clip's probability of being similar to the reference's clip (jain2020 §IV).

        To compare clip j, what follows it is cut off and what precedes it is blanked, in both
        videos. The mean over several references; below 0.5 a clip is faulty.
        """
        if not self.explaining:
            self.cannot_explain("metric=none and finetune=true leave it without a similarity")
        if blank is None:
            self.cannot_explain("the store does not hold the response to a blank clip")
        (video,) = check_sequences(x, len(self.centre_))
        types = check_types(columns.get("type"), 1, strict=False)
        first, _ = meet_references(self.reference_types, types)
        own = self.embed_clips(video, blank)
        matched, probabilities = {}, []
        for number in first:
            reference = self.reference_features[number]
            clips = ALIGNMENTS[align](self._scaled(video), self._scaled(reference))
            matched[self.reference_ids[number]] = clips
            embedded = torch.cat([self.embed_clips(reference, blank)[clips], own])
            rows = np.arange(len(video))
            probabilities.append(self.probability(embedded, rows, rows + len(video)))
        values = np.mean(probabilities, axis=0)
        return Explanation(values, values < 0.5, 0.5, "similarity to the reference", matched)

    @property
    def reference_ids(self) -> list[str]:
        """The references' names."""
        return unpack_texts(self.ref_ids_)

    @property
    def reference_types(self) -> list[str]:
        """The type that each reference is for; "" for all."""
        return unpack_texts(self.ref_types_)

    @property
    def reference_features(self) -> list[NDArray[np.float32]]:
        """The references' sequences."""
        return np.split(self.ref_features_, np.cumsum(self.ref_lengths_)[:-1])

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """See `BaseHead.answer_columns`."""
        return ("id", "type")

    @property
    def also_shown(self) -> tuple[str, ...]:
        """See `BaseHead.also_shown`."""
        return ("val", "test") if self.reference_from == "all" else ()

    @property
    def chosen(self) -> dict[str, Any]:
        """See `BaseHead.chosen`."""
        found: dict[str, Any] = super().chosen
        if hasattr(self, "pairs_seen_"):
            found["pairs"] = self.pairs_seen_
        if self.metric == "learned":
            found["ridge"] = self.ridge_
        found["references"] = {}
        for label, name in zip(self.reference_types, self.reference_ids, strict=True):
            found["references"].setdefault(label or "every type", []).append(name)
        return found

    @property
    def learned_from_others(self) -> tuple[str, ...]:
        """See `BaseHead.learned_from_others`."""
        return self._outside

    def _check_params(self) -> None:
        super()._check_params()
        if self.metric == "none" and self.finetune:
            raise HeadError("finetune=true goes on from a learned metric, and metric=none has none")

    def _check_start(self, start: SiameseHead | None, sequences: Sequences) -> None:
        if start is None:
            return
        if self.metric == "none":
            raise HeadError("metric=none learns without a metric; leave out --from")
        if len(start.centre_) != sequences[0].shape[1]:
            raise HeadError(
                f"the metric was learned on features of {len(start.centre_)} values a clip, these "
                f"have {sequences[0].shape[1]}; extract them with the same backbone"
            )

    def _choose(
        self, scores: NDArray[np.float64], types: list[str], trained: list[str]
    ) -> tuple[Numbers, list[str]]:
        """The numbers of the references, and the type that each is for."""
        found = choose_references(scores, types, worst=self.bias == "worst", count=self.references)
        if self.bias == "constant":
            label = self.constant_type
            if label is None:
                label = max(sorted(set(trained)), key=trained.count)
            if label not in found:
                known = ", ".join(sorted(found)) or "none"
                raise HeadError(f"constant_type={label!r} is no training video's; known: {known}")
            return found[label], [""] * len(found[label])
        numbers = np.concatenate(list(found.values()))
        return numbers, [types[i] for i in numbers]

    def _keep_references(
        self, chosen: Numbers, labels: list[str], pool: Sequences, names: list[str]
    ) -> None:
        self.ref_features_ = np.concatenate([pool[i] for i in chosen])
        self.ref_lengths_ = np.array([len(pool[i]) for i in chosen])
        self.ref_ids_ = pack_texts([names[i] for i in chosen])
        self.ref_types_ = pack_texts(labels)

    def _learn_metric(
        self,
        sequences: Sequences,
        scores: NDArray[np.float64],
        validation: tuple[Any, ...] | None,
        types: list[str],
        start: SiameseHead | None,
        learning: dict[str, Any],
    ) -> None:
        head = start
        if head is None:
            shared = {f.name: getattr(self, f.name) for f in dataclasses.fields(SiameseHead)}
            head = SiameseHead(**shared)
            head.fit(sequences, scores, validation, type=types, **learning)
            self.best_epoch_, self.pairs_seen_ = head.best_epoch_, head.pairs_seen_
        self.centre_, self.scale_ = head.centre_, head.scale_
        self.net_ = copy.deepcopy(head.net_)
        self.history_ = [{"phase": "metric", **row} for row in getattr(head, "history_", [])]

    def _solve(
        self, sequences: Sequences, scores: NDArray[np.float64], first: Numbers, second: Numbers
    ) -> None:
        z, targets = self.activations(sequences, first, second), scores[second]
        order = np.random.default_rng(self.seed).permutation(len(scores))
        self.ridge_ = choose_ridge(z, targets, order[second]) if self.ridge is None else self.ridge
        if self.solver == "exact":
            self.weights_, intercept = solve_exact(z, targets, self.ridge_)
            error = float(np.square(z @ self.weights_ + intercept - targets).mean())
            rows = [{"epoch": 0, "train_mse": error}]
        else:
            self.weights_, intercept, rows = solve_iterative(
                z, targets, self.ridge_, epochs=self.steps, lr=self.step_size
            )
        self.intercept_ = np.asarray(intercept)
        self.history_ += [{"phase": "last layer", **row} for row in rows]

    def _train_all(
        self,
        sequences: Sequences,
        scores: NDArray[np.float64],
        types: list[str],
        chosen: Numbers,
        pool: Sequences,
        first: Numbers,
        second: Numbers,
    ) -> None:
        """Train every layer on the rows; of the training videos some are held out to stop by."""
        mean, deviation = scores.mean(), spread(scores)
        nodes = sorted({*range(len(sequences)), *chosen.tolist()})
        place = {node: i for i, node in enumerate(nodes)}
        begin = np.array([place[i] for i in chosen.tolist()])[first]
        device = pick_device(self.device)
        videos = self._tensors([pool[i] for i in nodes], np.zeros(len(nodes)))
        groups = np.zeros(len(nodes), np.intp)
        if self.bias != "constant":
            groups[: len(types)] = np.unique(types, return_inverse=True)[1]
            groups[begin] = groups[second]
        order = np.random.default_rng(self.seed).permutation(len(scores))
        held = np.isin(second, order[: round(self.validation * len(scores))])
        train, kept_out = (
            PairedVideos(
                videos, begin[rows], second[rows], (scores[second[rows]] - mean) / deviation, groups
            )
            for rows in (~held, held)
        )
        warm = copy.deepcopy(self.net_) if self.finetune else None

        def make() -> nn.Module:
            net = SiameseNet(len(self.centre_), self.hidden) if warm is None else warm
            assert isinstance(net, SiameseNet)
            if warm is not None:
                weight = torch.as_tensor(self.weights_ / deviation)[None]
                net.last.weight.data = weight.to(net.last.weight)
                bias = torch.as_tensor((self.intercept_ - mean) / deviation).reshape(1)
                net.last.bias.data = bias.to(net.last.bias)
            return net

        before = self.history_
        self.train_net(
            make,
            train,
            kept_out if held.any() else None,
            lambda net: RowTrainer(net, losses.mse, self._training_settings(), self.seed),
        )
        self.history_ = before + [{"phase": "all layers", **row} for row in self.history_]
        last = self._net(device).last
        weight, bias = (p.detach().double().cpu().numpy() for p in (last.weight, last.bias))
        self.weights_ = weight[0] * deviation
        self.intercept_ = np.asarray(bias[0] * deviation + mean)


HEAD = ScoreHead
