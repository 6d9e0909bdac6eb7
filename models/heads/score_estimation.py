"""Score beside an exemplar, on a learned metric (jain2020 §III-B)."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from aqa.device import pick_device
from aqa.models.examples import Examples, Sequences
from aqa.models.heads.base import (
    Answer,
    Explanation,
    Head,
    HeadError,
    check_fit,
    check_sequences,
    pack_texts,
    param,
    shared_params,
    unpack_texts,
)
from aqa.models.heads.base.alignment import ALIGNMENTS
from aqa.models.heads.base.comparing import (
    ComparingHead,
    SiameseNet,
    check_types,
    meet_exemplars,
)
from aqa.models.heads.base.ridge import choose_ridge, solve_exact, solve_iterative
from aqa.models.heads.siamese import SiameseHead
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


def choose_exemplars(
    scores: NDArray[np.float64], types: Sequence[str], *, worst: bool, count: int
) -> dict[str, Numbers]:
    """The best (or worst) `count` videos of each type, and those with the same score as the last.

    jain2020 Table III counts all videos with a type's highest score as its experts.
    """
    labels = np.asarray(types, str)
    chosen = {}
    for label in np.unique(labels):
        videos_of_type = np.flatnonzero(labels == label)
        ranked = np.sort(scores[videos_of_type]) if worst else np.sort(scores[videos_of_type])[::-1]
        limit = ranked[min(count, len(videos_of_type)) - 1]
        near = scores[videos_of_type] <= limit if worst else scores[videos_of_type] >= limit
        chosen[str(label)] = videos_of_type[near]
    return chosen


def of_types(videos: Examples, labels: set[str]) -> Examples:
    """The videos of these types; "" stands for none."""
    types = check_types(videos.columns.get("type"), len(videos), strict=False)
    return videos.select([i for i, label in enumerate(types) if label in labels])


@dataclass(repr=False, eq=False)
class ScoreEstimationHead(ComparingHead):
    """A frozen Siamese network on an exemplar and the video, and a linear last layer.

    Fitting first learns the metric as `SiameseHead` does with the same parameters, seed and
    videos, or takes it from `start`. Then every (exemplar, video) of a type is a row of a least
    squares problem in D2's 64 activations. A prediction is the mean over the exemplars.

    A video of a type that no exemplar is of, or of no known type, is compared with the exemplars
    of every type, with a warning; where all exemplars are of one type, a video without a type is
    taken to be of it. Fitted besides: the exemplars, `weights_`, `intercept_`.
    """

    exemplar: Literal["best", "worst", "constant"] = param(
        "best",
        "what a video is compared with: the best or the worst of its type, or the "
        "best of one type for all",
        source="jain2020 §III-B, V-D",
    )
    constant_type: str | None = param(
        None, "for exemplar=constant: its type; none: the most frequent", source="jain2020 Table I"
    )
    exemplars: int = param(
        1,
        "exemplars per type; all that tie with the last are taken too",
        source="jain2020 Table III",
    )
    exemplar_from: Literal["train", "all"] = param(
        "train",
        "videos that exemplars are taken from; all takes test videos too",
        source="all: jain2020; train: ours",
    )
    self_rows: bool = param(
        True, "learn from each exemplar beside itself too", source="ours; jain2020 does not say"
    )
    metric: Literal["learned", "none"] = param(
        "learned",
        "learned: with metric learning; none: all layers learn the score",
        source="jain2020 Table V",
    )
    metric_types: int | None = param(
        None,
        "learn the metric on so many types only, the most frequent; none: on all",
        source="jain2020 §V-A: 3",
    )
    finetune: bool = param(False, "train all layers after the last one is solved", source="ours")
    solver: Literal["exact", "iterative"] = param(
        "exact",
        "of the last layer: exact least squares, or iterative by gradient descent (Adam)",
        source="ours",
    )
    ridge: float | None = param(
        None, "weight of the squared weights; none: cross-validated", source="ours"
    )
    steps: int = param(2000, "steps of the iterative solver", source="ours")
    step_size: float = param(
        0.02, "first step size of the iterative solver", source="ours", above=0
    )

    columns: ClassVar[tuple[str, ...]] = ("id", "type", "similar_within")
    starts_from: ClassVar[str | None] = "siamese"
    takes_views: ClassVar[bool] = True
    takes_blank: ClassVar[bool] = True
    fitted: ClassVar[tuple[str, ...]] = (
        *(*ComparingHead.fitted, "weights_", "intercept_", "exemplar_features_"),
        *("exemplar_lengths_", "exemplar_ids_", "exemplar_types_"),
    )

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> ScoreEstimationHead:
        """See `Head.fit_examples`.

        others: videos that exemplars may be taken from as well. start: a fitted `SiameseHead`
        whose metric is used. The column similar_within, augmentations and `blank` are for metric
        learning only; the last layer learns from the videos themselves (jain2020 §V-D).
        """
        sequences, scores = check_fit(train.features, train.scores, ids=train.ids)
        strict = self.exemplar != "constant"
        types = check_types(train.columns.get("type"), len(scores), strict=strict, ids=train.ids)
        self.check_params()
        metric = self._started(start, sequences)
        pool, pool_types = self._pool(replace(train, features=sequences), types, others)
        chosen, labels = self._choose(pool.scores, pool_types, types)
        self._keep_exemplars(chosen, labels, pool)
        self._outside = tuple(pool.ids[i] for i in chosen if i >= len(scores))
        if self.metric == "none":
            self.fit_scaling(sequences)
            self.history_ = []
        else:
            self._learn_metric(train, validation, metric)
        first, second = meet_exemplars(self.types_of_exemplars, types, warn=False)
        if not self.self_rows:
            alien = chosen[first] != second
            first, second = first[alien], second[alien]
            if not len(second):
                raise HeadError(
                    "self_rows=false leaves no rows: every training video is its own exemplar"
                )
        if self.metric == "learned":
            self._solve(sequences, scores, first, second)
        if self.metric == "none" or self.finetune:
            self._train_all(sequences, scores, types, chosen, pool.features, first, second)
        return self

    def predict_examples(self, examples: Examples) -> NDArray[np.float64]:
        """See `Head.predict_examples`."""
        self.check_fitted()
        n = len(examples)
        types = check_types(examples.columns.get("type"), n, strict=False)
        first, second = meet_exemplars(self.types_of_exemplars, types)
        x = check_sequences(examples.features, self.clip_shape, ids=examples.ids)
        z = self.activations(x, first, second)
        count = np.bincount(second, minlength=n)
        rows = z @ self.weights_ + self.intercept_
        mean: NDArray[np.float64] = np.bincount(second, rows, minlength=n) / count
        return mean

    def activations(self, x: Sequences, first: Numbers, second: Numbers) -> NDArray[np.float64]:
        """D2's activations where exemplar `first[i]` meets video `second[i]`, (rows, 64)."""
        known = self.embed(self.features_of_exemplars)
        embedded = torch.cat([known, self.embed(x)])
        return self.join(embedded, first, second + len(known))

    @property
    def gives(self) -> tuple[Answer, ...]:
        """See `Head.gives`."""
        return ("clips",) if self.metric == "learned" and not self.finetune else ()

    def explain(self, examples: Examples, *, align: str = "index") -> Explanation:
        """Each clip's probability of being similar to the exemplar's clip (jain2020 §IV).

        To compare clip j, the clips after it are cut off, and those before it replaced by blank
        ones, in both videos. The mean over several exemplars; below 0.5 a clip is faulty.
        """
        if "clips" not in self.gives:
            self.cannot_explain("metric=none and finetune=true leave it without a similarity")
        self.check_fitted()
        if examples.blank is None:
            self.cannot_explain("the store does not hold the response to a blank clip")
        blank = examples.blank
        (video,) = check_sequences(examples.features, self.clip_shape, ids=examples.ids)
        types = check_types(examples.columns.get("type"), 1, strict=False)
        first, _ = meet_exemplars(self.types_of_exemplars, types)
        states = self.embed_clips(video, blank)
        matched, probabilities = {}, []
        for number in first:
            exemplar = self.features_of_exemplars[number]
            clips = ALIGNMENTS[align](self.scaled(video), self.scaled(exemplar))
            matched[self.ids_of_exemplars[number]] = clips
            embedded = torch.cat([self.embed_clips(exemplar, blank)[clips], states])
            rows = np.arange(len(video))
            probabilities.append(self.probability(embedded, rows, rows + len(video)))
        values = np.mean(probabilities, axis=0)
        return Explanation(values, values < 0.5, 0.5, "similarity to the exemplar", matched)

    @property
    def ids_of_exemplars(self) -> list[str]:
        """The exemplars' names."""
        return unpack_texts(self.exemplar_ids_)

    @property
    def types_of_exemplars(self) -> list[str]:
        """The type that each exemplar is for; "" for all."""
        return unpack_texts(self.exemplar_types_)

    @property
    def features_of_exemplars(self) -> list[NDArray[np.float32]]:
        """The exemplars' sequences."""
        return np.split(self.exemplar_features_, np.cumsum(self.exemplar_lengths_)[:-1])

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """See `Head.answer_columns`."""
        return ("id", "type")

    def needed_columns(self, start: Head | None = None) -> tuple[str, ...]:
        """See `Head.needed_columns`."""
        by_type = self.exemplar != "constant" or (self.pairing == "within" and start is None)
        return ("type",) if by_type else ()

    @property
    def also_shown(self) -> tuple[str, ...]:
        """See `Head.also_shown`."""
        return ("val", "test") if self.exemplar_from == "all" else ()

    @property
    def chosen(self) -> dict[str, Any]:
        """See `Head.chosen`."""
        chosen: dict[str, Any] = super().chosen
        if hasattr(self, "pairs_seen_"):
            chosen["pairs"] = self.pairs_seen_
        if self.metric == "learned":
            chosen["ridge"] = self.ridge_
        chosen["exemplars"] = {}
        for label, name in zip(self.types_of_exemplars, self.ids_of_exemplars, strict=True):
            chosen["exemplars"].setdefault(label or "every type", []).append(name)
        return chosen

    @property
    def learned_from_others(self) -> tuple[str, ...]:
        """See `Head.learned_from_others`."""
        return self._outside

    def check_params(self) -> None:
        """See `NetworkHead.check_params`."""
        super().check_params()
        if self.metric == "none" and self.metric_types is not None:
            raise HeadError("metric=none learns no metric; leave out metric_types")
        if self.metric == "none" and self.finetune:
            raise HeadError("finetune=true goes on from a learned metric, and metric=none has none")

    def _started(self, start: Head | None, sequences: Sequences) -> SiameseHead | None:
        """The fitted head whose metric is used; `HeadError` where it does not fit."""
        if start is None:
            return None
        if self.metric == "none":
            raise HeadError("metric=none learns without a metric; leave out --from")
        assert isinstance(start, SiameseHead)
        if len(start.centre_) != sequences[0].shape[1]:
            raise HeadError(
                f"the metric was learned on features of {len(start.centre_)} values per clip, "
                f"these have {sequences[0].shape[1]}; extract them with the same backbone"
            )
        return start

    def _pool(
        self, train: Examples, types: list[str], others: Examples | None
    ) -> tuple[Examples, list[str]]:
        """The videos that exemplars are taken from, the training videos first; their types."""
        if self.exemplar_from == "train":
            return train, types
        if others is None:
            raise HeadError("exemplar_from=all takes the split's test videos as `others`")
        more, more_scores = check_fit(others.features, others.scores, least=1, ids=others.ids)
        pool = Examples(
            (*train.ids, *others.ids),
            [*train.features, *more],
            np.concatenate([train.scores, more_scores]),
        )
        return pool, types + check_types(others.columns.get("type"), len(more), strict=False)

    def _choose(
        self, scores: NDArray[np.float64], types: list[str], trained: list[str]
    ) -> tuple[Numbers, list[str]]:
        """The numbers of the exemplars, and the type that each is for."""
        worst = self.exemplar == "worst"
        chosen = choose_exemplars(scores, types, worst=worst, count=self.exemplars)
        if self.exemplar == "constant":
            label = self.constant_type
            if label is None:
                label = max(sorted(set(trained)), key=trained.count)
            if label not in chosen:
                known = ", ".join(sorted(chosen)) or "none"
                raise HeadError(f"constant_type={label!r} is no training video's; known: {known}")
            return chosen[label], [""] * len(chosen[label])
        numbers = np.concatenate(list(chosen.values()))
        return numbers, [types[i] for i in numbers]

    def _keep_exemplars(self, chosen: Numbers, labels: list[str], pool: Examples) -> None:
        self.exemplar_features_ = np.concatenate([pool.features[i] for i in chosen])
        self.exemplar_lengths_ = np.array([len(pool.features[i]) for i in chosen])
        self.exemplar_ids_ = pack_texts([pool.ids[i] for i in chosen])
        self.exemplar_types_ = pack_texts(labels)

    def _learn_metric(
        self, train: Examples, validation: Examples | None, head: SiameseHead | None
    ) -> None:
        if head is None:
            head = SiameseHead(**shared_params(self, SiameseHead))
            frequent = self._frequent(train)
            if frequent is not None:
                train = of_types(train, frequent)
                validation = validation and of_types(validation, frequent)
            head.fit_examples(train, validation)
            self.best_epoch_, self.pairs_seen_ = head.best_epoch_, head.pairs_seen_
        self.centre_, self.scale_ = head.centre_, head.scale_
        self.net_ = copy.deepcopy(head.net_)
        self.history_ = [{"phase": "metric", **row} for row in getattr(head, "history_", [])]

    def _frequent(self, train: Examples) -> set[str] | None:
        """The types that the metric is learned on; None: on all. The label decides a tie."""
        if self.metric_types is None:
            return None
        types = check_types(train.columns.get("type"), len(train), strict=False)
        counts = Counter(types)
        return set(sorted(counts, key=lambda label: (-counts[label], label))[: self.metric_types])

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
        """Train every layer on the rows; a share of the training videos is held out to stop by."""
        mean, deviation = scores.mean(), spread(scores)
        nodes = sorted({*range(len(sequences)), *chosen.tolist()})
        place = {node: i for i, node in enumerate(nodes)}
        begin = np.array([place[i] for i in chosen.tolist()])[first]
        device = pick_device(self.device)
        videos = self.tensors([pool[i] for i in nodes], np.zeros(len(nodes)))
        groups = np.zeros(len(nodes), np.intp)
        if self.exemplar != "constant":
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
            lambda net: RowTrainer(net, losses.mse, self.training_settings(), self.seed),
        )
        self.history_ = before + [{"phase": "all layers", **row} for row in self.history_]
        last = self._siamese_net(device).last
        weight, bias = (p.detach().double().cpu().numpy() for p in (last.weight, last.bias))
        self.weights_ = weight[0] * deviation
        self.intercept_ = np.asarray(bias[0] * deviation + mean)


HEAD = ScoreEstimationHead
