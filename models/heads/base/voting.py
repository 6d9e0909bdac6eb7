"""What heads share that answer with exemplars' votes: who is an exemplar, and of whom."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from aqa.errors import HeadError
from aqa.models.examples import Examples, Sequences
from aqa.models.heads.base.arrays import pack_texts, unpack_texts
from aqa.models.heads.base.checks import check_fit
from aqa.models.heads.base.comparing import check_types, hold_out, meet_exemplars
from aqa.models.heads.base.head import Head
from aqa.models.heads.base.network import NetworkHead
from aqa.models.heads.base.params import param
from aqa.models.scaling import spread

if TYPE_CHECKING:
    from typing_extensions import Self

Numbers = NDArray[np.intp]


@dataclass(repr=False, eq=False)
class VotingHead(NetworkHead):
    """A head whose network says how far a video's score is from an exemplar's.

    An exemplar is a training video of the same group; the answer is the mean over the exemplars of
    its score plus the difference. A video of a group without a training video, or of no known
    group, is compared with the exemplars of every group, with a warning; where no training video
    has a group, all are of one, and where some have and some have not, fitting is refused.

    A head writes `train_pairs`, and `predict_examples` by `exemplar_pairs` and `vote`. Fitted: the
    exemplars, `ex_features_` (what is `shown` of them), `ex_scores_`, `ex_ids_`, `ex_groups_`. A
    head that needs them to answer also names in `fitted`: `ex_lengths_`, clips of each exemplar;
    `videos_`, how many it learned from.
    """

    exemplars: int = param(
        10, "exemplars of a group whose votes are averaged, drawn by the seed", source="yu2021"
    )
    group: Literal["type", "difficulty", "none"] = param(
        "type",
        "what an exemplar and a video have in common",
        source="yu2021: action for AQA-7, difficulty for MTL-AQA",
    )

    columns: ClassVar[tuple[str, ...]] = ("id", "type", "difficulty")
    fitted: ClassVar[tuple[str, ...]] = (
        *NetworkHead.fitted,
        *("y_mean_", "y_std_", "ex_features_", "ex_scores_", "ex_ids_", "ex_groups_"),
    )

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> Self:
        """See `Head.fit_examples`; the ids are for the record of the exemplars."""
        sequences, scores = check_fit(train.features, train.scores, ids=train.ids)
        self.check_params()
        groups = self.groups(train, strict=True)
        shown = self.shown(sequences)
        self.fit_scaling(shown)
        self.y_mean_, self.y_std_ = scores.mean(), spread(scores)
        self._keep(self._drawn(groups), shown, scores, train.ids, groups)
        self.held_out_ = np.arange(0)
        if validation is not None and len(validation):
            more, more_scores = check_fit(
                validation.features, validation.scores, least=1, ids=validation.ids
            )
            held = np.arange(len(scores), len(scores) + len(more))
            shown, scores = shown + self.shown(more), np.concatenate([scores, more_scores])
            groups = groups + self.groups(validation, strict=False)
        else:
            held = self.held_out_ = hold_out(groups, self.validation, self.seed, train.groups)
        labels = np.unique(np.asarray(groups, str), return_inverse=True)[1]
        learned = np.delete(labels, held)
        if len(np.unique(learned)) == len(learned):
            raise HeadError(
                f"no two training videos of one {self.group_column}, so there are no pairs to "
                "learn from; compare all videos with -p group=none"
            )
        self.train_pairs(shown, (scores - self.y_mean_) / self.y_std_, labels, held)
        return self

    @property
    def chosen(self) -> dict[str, Any]:
        """See `Head.chosen`; and the ids of each group's exemplars."""
        self.check_fitted()
        chosen: dict[str, Any] = super().chosen
        chosen["exemplars"] = {}
        labels, names = unpack_texts(self.ex_groups_), unpack_texts(self.ex_ids_)
        for label, name in zip(labels, names, strict=True):
            chosen["exemplars"].setdefault(label or "every video", []).append(name)
        return chosen

    @property
    def learns_difficulty(self) -> bool:
        """See `Head.learns_difficulty`: it only chooses exemplars by it."""
        return False

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """See `Head.answer_columns`: what tells the group, so that results are marked by it."""
        return () if self.group == "none" else (self.group,)

    def needed_columns(self, start: Head | None = None) -> tuple[str, ...]:
        """See `Head.needed_columns`: what tells the group."""
        return self.answer_columns

    @property
    def group_column(self) -> str:
        """The manifest's column that tells the group, in errors and warnings."""
        return "type" if self.group == "none" else self.group

    def groups(self, examples: Examples, *, strict: bool) -> list[str]:
        """The group that each video is compared within; "" where not known, or all are one."""
        given = examples.columns.get(self.group)
        return check_types(
            given, len(examples), strict=strict, column=self.group_column, ids=examples.ids
        )

    def _drawn(self, groups: Sequence[str]) -> Numbers:
        order = np.random.default_rng(self.seed).permutation(len(groups))
        drawn = np.asarray(groups, str)[order]
        return np.concatenate(
            [np.sort(order[drawn == label][: self.exemplars]) for label in np.unique(drawn)]
        )

    def _keep(
        self,
        chosen: Numbers,
        shown: Sequences,
        scores: NDArray[np.float64],
        names: Sequence[str],
        groups: Sequence[str],
    ) -> None:
        kept = [shown[i] for i in chosen]
        self.ex_features_ = np.concatenate(kept)
        self.ex_lengths_ = np.array([len(video) for video in kept])
        self.ex_scores_ = scores[chosen]
        self.ex_ids_ = pack_texts([names[i] for i in chosen])
        self.ex_groups_ = pack_texts([groups[i] for i in chosen])
        self.videos_ = len(scores)

    def shown(self, sequences: Sequences) -> list[NDArray[np.float32]]:
        """What the network is shown of each video, (clips, dim); all of it, by default."""
        return [np.asarray(sequence) for sequence in sequences]

    @abstractmethod
    def train_pairs(
        self,
        shown: list[NDArray[np.float32]],
        scores: NDArray[np.float64],
        groups: Numbers,
        held: Numbers,
    ) -> None:
        """Train on pairs of videos that are not held out, and stop by (known, held) pairs.

        scores: standardised. groups: one label per video; at least two videos that are not held
        out have the same. held: numbers of videos.
        """

    def exemplar_pairs(self, examples: Examples) -> tuple[Numbers, Numbers]:
        """Which exemplar meets which video: numbers of both, (pairs,) each."""
        groups = self.groups(examples, strict=False)
        return meet_exemplars(unpack_texts(self.ex_groups_), groups, kind=self.group_column)

    def vote(
        self, first: Numbers, second: Numbers, differences: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The mean vote on each video, in points; differences: (pairs,), standardised."""
        votes = self.ex_scores_[first] + differences * self.y_std_
        mean: NDArray[np.float64] = np.bincount(second, votes) / np.bincount(second)
        return mean
