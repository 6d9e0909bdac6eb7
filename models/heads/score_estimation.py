"""Score beside an exemplar, on a learned metric (jain2020 §III-B)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from aqa.errors import HeadUsageError
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
from aqa.models.heads.base.arrays import State
from aqa.models.heads.base.comparing import (
    ComparingHead,
    SiameseNet,
    check_types,
    hold_out,
    meet_exemplars,
)
from aqa.models.heads.base.exemplars import (
    exemplars_of,
    meaning_of_clips,
    pool_of,
    without_themselves,
)
from aqa.models.heads.base.pair_trainers import last_layer
from aqa.models.heads.base.ridge import choose_ridge, places_in_folds, solve_exact, solve_iterative
from aqa.models.heads.base.score_networks import ScoreRows, members_of, nets_of, nets_state, rows_of
from aqa.models.heads.siamese import SiameseHead, check_width

if TYPE_CHECKING:
    from typing_extensions import Self

Numbers = NDArray[np.intp]
# Numbers of the exemplar and of the video of each row.
Met = tuple[Numbers, Numbers]


@dataclass(repr=False, eq=False)
class ScoreEstimationHead(ComparingHead):
    """A Siamese network on an exemplar and the video, frozen below a linear layer, or whole.

    Fitting first learns the metric as `SiameseHead` does with the same parameters, seed and
    videos, or takes it from `start`. Then every (exemplar, video) of a type is a row of a least
    squares problem in D2's 64 activations. A prediction is the mean over the exemplars.

    By default the score is not the metric's: `score_networks` learn it from the same rows, with all
    their layers, while similarity and feedback stay the metric's. With metric=none one network
    learns the score, and nothing else.

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
        False,
        "an exemplar is compared with itself too; false: with the next best of its type",
        source="ours; jain2020 does not say",
    )
    metric: Literal["learned", "none"] = param(
        "learned",
        "learned: with metric learning; none: all layers learn the score",
        source="jain2020 Table V",
    )
    score_networks: int = param(
        2,
        "networks that learn the score with all their layers, averaged; the metric is for "
        "feedback then. 0: the score is from a linear layer on the frozen metric",
        source="ours, by held-out training dives; jain2020 §III-B: 0",
        low=0,
    )
    finetune: bool = param(False, "score networks begin as copies of the metric", source="ours")
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

    _before_spares = False  # of runs saved before there were spare exemplars
    score_nets_ = tuple[nn.Module, ...]()  # the copies that the score is from
    score_nets_before_ = score_nets_  # and these before they learned from held-out videos

    columns: ClassVar[tuple[str, ...]] = ("id", "type", "similar_within")
    starts_from: ClassVar[str | None] = "siamese"
    takes_views: ClassVar[bool] = True
    takes_blank: ClassVar[bool] = True
    fitted: ClassVar[tuple[str, ...]] = (
        *(*ComparingHead.fitted, "weights_", "intercept_", "exemplar_features_"),
        *("exemplar_lengths_", "exemplar_ids_", "exemplar_types_", "exemplar_spare_"),
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
        pool, pool_types = replace(train, features=sequences), types
        if self.exemplar_from == "all":
            pool, pool_types = pool_of(pool, types, others)
        constant = None
        if self.exemplar == "constant":
            constant = self.constant_type or max(sorted(set(types)), key=types.count)
        chosen, labels, spare = exemplars_of(
            pool.scores,
            pool_types,
            worst=self.exemplar == "worst",
            count=self.exemplars,
            constant=constant,
            spares=not self.self_rows,
        )
        self._keep_exemplars(chosen, labels, spare, pool)
        self._before_spares = False
        self._outside = tuple(pool.ids[i] for i in chosen if i >= len(scores))
        if self.metric == "none":
            self.fit_scaling(sequences)
            self.history_, self.held_out_ = [], np.arange(0)
            self.learned_clips_ = np.asarray(False)
        else:
            self._learn_metric(train, validation, metric)
        first, second = self.meet(sequences, types, warn=False)
        if not len(second):
            raise HeadError(
                "self_rows=false leaves no rows: every training video is its own exemplar"
            )
        if self.metric == "learned":
            self._solve_all(
                sequences,
                scores,
                (first, second),
                places_in_folds(len(scores), self.seed, train.groups),
            )
        self.score_nets_ = ()
        self.score_nets_before_ = ()
        if self.metric == "none" or self.score_networks:
            if not len(self.held_out_):
                self.held_out_ = hold_out(types, self.validation, self.seed, train.groups)
            rows = rows_of(
                (sequences, scores, types if self.exemplar != "constant" else None),
                *(pool.features, chosen, first, second, self.held_out_, self.tensors),
            )
            self._train_all(rows) if self.metric == "none" else self._learn_scores(rows)
        return self

    def predict_examples(self, examples: Examples) -> NDArray[np.float64]:
        """See `Head.predict_examples`."""
        self.check_fitted()
        n = len(examples)
        types = check_types(examples.columns.get("type"), n, strict=False)
        x = check_sequences(examples.features, self.clip_shape, ids=examples.ids)
        first, second = self.meet(x, types)
        count = np.bincount(second, minlength=n)
        members = members_of(self, self.score_nets_) if self.score_nets_ else [self]
        z = [one.activations(x, first, second) @ one.weights_ + one.intercept_ for one in members]
        rows = np.mean(z, axis=0)
        mean: NDArray[np.float64] = np.bincount(second, rows, minlength=n) / count
        return mean

    def meet(
        self, x: Sequences, types: Sequence[str], *, warn: bool = True
    ) -> tuple[Numbers, Numbers]:
        """Which exemplar meets which video: numbers of both, (rows,) each; see `self_rows`."""
        first, second = meet_exemplars(self.types_of_exemplars, types, warn=warn)
        if self.self_rows or self._before_spares:
            return first, second
        labels = unpack_texts(self.exemplar_types_)
        return without_themselves(first, second, x, self._features, labels, self.exemplar_spare_)

    def activations(self, x: Sequences, first: Numbers, second: Numbers) -> NDArray[np.float64]:
        """D2's activations where exemplar `first[i]` meets video `second[i]`, (rows, 64)."""
        known = self.embed(self._features)
        embedded = torch.cat([known, self.embed(x)])
        return self.join(embedded, first, second + len(known))

    @property
    def gives(self) -> tuple[Answer, ...]:
        """See `Head.gives`."""
        # Of these two, which fitting refuses together, runs saved before have a metric no more.
        metric_gone = self.finetune and not self.score_networks
        return ("clips",) if self.metric == "learned" and not metric_gone else ()

    def explain(self, examples: Examples, *, align: str = "index") -> Explanation:
        """Each clip's probability of being similar to the exemplar's clip (jain2020 §IV).

        To compare clip j, the clips after it are cut off, and those before it replaced by blank
        ones, in both videos. The mean over several exemplars; below 0.5 a clip is faulty.
        """
        self.check_fitted()
        if "clips" not in self.gives:
            self.cannot_explain("without a metric there is no similarity")
        if examples.blank is None:
            self.cannot_explain("the store does not hold the response to a blank clip")
        blank = examples.blank
        (video,) = check_sequences(examples.features, self.clip_shape, ids=examples.ids)
        types = check_types(examples.columns.get("type"), 1, strict=False)
        first, _ = self.meet([video], types)
        states = self.embed_clips(video, blank)
        matched, similar = {}, []
        for number, exemplar in enumerate(self._features):
            clips = ALIGNMENTS[align](self.scaled(video), self.scaled(exemplar))
            matched[number] = clips
            embedded = torch.cat([self.embed_clips(exemplar, blank)[clips], states])
            rows = np.arange(len(video))
            similar.append(self.probability(embedded, rows, rows + len(video)))
        values = np.mean([similar[number] for number in first], axis=0)
        others = np.setdiff1d(np.arange(self._shown), first)
        effects = [float(np.abs(similar[number] - values).mean()) for number in others]
        meaning = meaning_of_clips(effects, self.learned_clips)
        ids = unpack_texts(self.exemplar_ids_)
        shown = {ids[number]: matched[number] for number in first}
        return Explanation(values, values < 0.5, 0.5, meaning, shown)

    @property
    def ids_of_exemplars(self) -> list[str]:
        """The exemplars' names."""
        return unpack_texts(self.exemplar_ids_)[: self._shown]

    @property
    def types_of_exemplars(self) -> list[str]:
        """The type that each exemplar is for; "" for all."""
        return unpack_texts(self.exemplar_types_)[: self._shown]

    @property
    def features_of_exemplars(self) -> list[NDArray[np.float32]]:
        """The exemplars' sequences."""
        return self._features[: self._shown]

    @property
    def _features(self) -> list[NDArray[np.float32]]:
        """The sequences of the exemplars, then of the spare ones."""
        return np.split(self.exemplar_features_, np.cumsum(self.exemplar_lengths_)[:-1])

    @property
    def _shown(self) -> int:
        """How many exemplars there are without the spare ones, which stand behind them."""
        return int((~self.exemplar_spare_).sum())

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
            raise HeadUsageError("metric=none learns no metric; leave out metric_types")
        if self.finetune and (self.metric == "none" or not self.score_networks):
            raise HeadUsageError("finetune=true: leave out metric=none and score_networks=0")

    def _started(self, start: Head | None, sequences: Sequences) -> SiameseHead | None:
        if start is None:
            return None
        if self.metric == "none":
            raise HeadUsageError("metric=none learns without a metric; leave out --from")
        assert isinstance(start, SiameseHead)
        check_width(start, sequences[0].shape[1])
        return start

    def _keep_exemplars(
        self, chosen: Numbers, labels: list[str], spare: NDArray[np.bool_], pool: Examples
    ) -> None:
        self.exemplar_features_ = np.concatenate([pool.features[i] for i in chosen])
        self.exemplar_lengths_ = np.array([len(pool.features[i]) for i in chosen])
        self.exemplar_ids_ = pack_texts([pool.ids[i] for i in chosen])
        self.exemplar_types_ = pack_texts(labels)
        self.exemplar_spare_ = spare

    def restore(self, state: Mapping[str, NDArray[Any]]) -> Self:
        """See `Head.restore`; runs saved before have no spare exemplars, and answer without."""
        n = len(state["exemplar_lengths"])
        super().restore({"exemplar_spare": np.zeros(n, bool), **state})
        self._before_spares = "exemplar_spare" not in state
        self.score_nets_ = tuple(self.restore_net(own) for own in nets_of(state))
        return self

    def state(self) -> State:
        """See `Head.state`; the networks of the score are under `score_nets.0.` and so on."""
        return super().state() | nets_state(self.score_nets_)

    def _learn_metric(
        self, train: Examples, validation: Examples | None, head: SiameseHead | None
    ) -> None:
        """Learn the metric, or take it over; leaves `held_out_` and `net_before_` too."""
        self.held_out_ = np.arange(0)
        if head is None:
            settings = shared_params(self, SiameseHead)
            head = SiameseHead(**settings)
            head.fit_examples(train, validation)
            self.best_epoch_, self.pairs_seen_ = head.best_epoch_, head.pairs_seen_
            self.held_out_ = head.held_out_
        self.learned_clips_ = head.learned_clips_
        self.centre_, self.scale_ = head.centre_, head.scale_
        self.net_ = copy.deepcopy(head.net_)
        self.net_before_ = copy.deepcopy(head.before_refit().net_)
        self.history_ = [{"phase": "metric", **row} for row in getattr(head, "history_", [])]

    def before_refit(self) -> Self:
        """See `Head.before_refit`; its last layer has not learned from the held-out videos."""
        before = super().before_refit()
        before.weights_, before.intercept_ = getattr(
            self, "last_before_", (self.weights_, self.intercept_)
        )
        before.score_nets_ = getattr(self, "score_nets_before_", self.score_nets_)
        return before

    def _solve_all(
        self, sequences: Sequences, scores: NDArray[np.float64], met: Met, places: Numbers
    ) -> None:
        """Solve the last layer on the rows of all videos, and before on those not held out."""
        self.__dict__.pop("last_before_", None)
        known = ~np.isin(met[1], self.held_out_)
        if known.any() and not known.all():
            before, refitted = self.history_, self.net_
            self.net_ = self.net_before_
            self._solve(sequences, scores, (met[0][known], met[1][known]), places)
            self.last_before_ = self.weights_, self.intercept_
            self.history_, self.net_ = before, refitted
        self._solve(sequences, scores, met, places)

    def _solve(
        self, sequences: Sequences, scores: NDArray[np.float64], met: Met, places: Numbers
    ) -> None:
        """places: (n,) numbers of the videos, by which their rows are put into folds."""
        second = met[1]
        z, targets = self.activations(sequences, *met), scores[second]
        self.ridge_ = choose_ridge(z, targets, places[second]) if self.ridge is None else self.ridge
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

    def _make(self) -> nn.Module:
        return SiameseNet(len(self.centre_), self.hidden)

    def _train_all(self, rows: ScoreRows) -> None:
        """Train every layer of a fresh network, which then is the head's."""
        rows.train(self, self._make, self._make)
        self.history_ = [{"phase": "all layers", **row} for row in self.history_]
        self.last_before_ = last_layer(self.net_before_, *rows.scale)
        self.weights_, self.intercept_ = last_layer(self.net_, *rows.scale)

    def _learn_scores(self, rows: ScoreRows) -> None:
        """Train networks of the score; the metric stays as it is."""
        make = again = self._make
        if self.finetune:
            last = self.weights_, self.intercept_
            make = partial(rows.begin, self.net_before_, getattr(self, "last_before_", last))
            again = partial(rows.begin, self.net_, last)
        for member in rows.members(self, self.score_networks, make, again):
            self.history_ += member.history_
            self.score_nets_before_ += (member.net_before_,)
            self.score_nets_ += (member.net_,)


HEAD = ScoreEstimationHead
