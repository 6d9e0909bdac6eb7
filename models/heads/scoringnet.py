"""ScoringNet: difficulty and execution, fused (li2018scoringnet §3.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from aqa.errors import HeadUsageError
from aqa.models.examples import Examples, Sequences
from aqa.models.heads.base import (
    Answer,
    Head,
    HeadError,
    State,
    check_fit,
    check_params,
    check_sequences,
    check_views,
    pack_texts,
    param,
    params_of,
    part_of,
    shared_params,
    under,
    unpack_texts,
)
from aqa.models.heads.base.key_fragments import KeyFragments
from aqa.models.heads.base.score_rules import PARTS, check_known, fused, rule_of, true_parts
from aqa.models.heads.base.two_branches import TwoBranchesAdapter
from aqa.models.heads.kfs import KFSHead, check_stride
from aqa.models.heads.lstm import LSTMHead
from aqa.models.stages import hand_starts, stage_names

Columns = Mapping[str, Sequence[Any]]


@dataclass(repr=False, eq=False)
@params_of(LSTMHead)
class ScoringNetHead(Head):
    """One `lstm` for difficulty and one for execution, each on its key fragments; fused by rule.

    Key fragments are the clips whose middle frame is in certain stages: by the fitted `kfs` that
    `--from` names, or else as the manifest's columns stage_<name> say. li2018scoringnet learns
    convolutions over a fragment's frames; here each branch reads cached vectors, best of dense
    clips (--stride 4). The branches share neither weights nor a term of the loss, so each is
    trained, and stopped, by itself; they learn from augmentations, such as later starts, too.
    Without a column execution it is what the rule makes of score and difficulty. Fitted:
    `branches_`, `kfs_` (None without), `rule_`.

    End to end the backbone is theirs in common (li2018scoringnet: each has its own): the loss is
    the sum of both (li2018scoringnet eq. 10), each divided by its own deviation, on the
    hand-labelled key fragments, and the epoch is chosen by the fused score. Then a `kfs` with its
    defaults learns the same labels from the features of the trained backbone, where
    li2018scoringnet adds its loss to theirs.
    """

    key_fragments: bool = param(
        True,
        "read only the clips of certain stages; false: both parts are read from the whole video",
        source="li2018scoringnet §4.4",
    )
    difficulty_stages: str = param(
        "takeoff,flight",
        "names of the stages that difficulty is read from; for vault: the post-flight",
        source="li2018scoringnet §4.3",
    )
    execution_stages: str = param(
        "takeoff,flight,entry",
        "names of the stages that execution is read from; for vault: post-flight and landing",
        source="li2018scoringnet §4.3",
    )
    rule: Literal["action", "product", "sum"] = param(
        "action",
        "score = difficulty x execution (product), or + (sum); action: diving x, vault +",
        source="li2018scoringnet §4.1",
    )
    # Those of `lstm` were chosen for whole videos, not for key fragments.
    validation: float = param(
        0.15,
        "share of the training videos held out for early stopping, if the split has "
        "no validation videos",
        source="ours",
        below=1,
    )
    standardise: bool = param(
        True, "scale each feature to mean 0 and variance 1", source="no paper states it"
    )

    columns: ClassVar[tuple[str, ...]] = ("clips", "stages", "difficulty", "execution", "action")
    starts_from: ClassVar[str | None] = "kfs"
    takes_views: ClassVar[bool] = True
    end_to_end: ClassVar[type[TwoBranchesAdapter]] = TwoBranchesAdapter
    fitted: ClassVar[tuple[str, ...]] = ("branches_", "kfs_", "rule_", "names_")

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> Self:
        """See `Head.fit_examples`. start: a fitted `kfs`, which tells the stages."""
        sequences, scores = check_fit(train.features, train.scores, ids=train.ids)
        self.check_params()
        self.learn_rule(scores, train.columns, self._checked_start(start, train.columns))
        truth = self.truth(scores, train.columns, train.ids)
        chosen = self._fragments(sequences, train.columns, train.ids)
        augmented = self._augmented(train, sequences)
        held = self._held(validation)
        self.branches_: dict[str, LSTMHead] = {}
        self.history_: list[dict[str, Any]] = []
        for score_part in PARTS:
            branch = self.branch(truth[score_part].std())
            shown = Examples(
                train.ids,
                chosen[score_part],
                truth[score_part],
                views=augmented[score_part],
                groups=train.groups,
            )
            branch.fit_examples(shown, held.get(score_part))
            self.branches_[score_part] = branch
            self.history_ += [{"part": score_part, **row} for row in branch.history_]
        return self

    def predict_examples(self, examples: Examples) -> NDArray[np.float64]:
        """See `Head.predict_examples`."""
        parts = self.parts(examples)
        return fused(self.rule_, parts)

    @property
    def gives(self) -> tuple[Answer, ...]:
        """See `Head.gives`."""
        return ("parts",)

    def parts(self, examples: Examples) -> dict[str, NDArray[np.float64]]:
        """See `GivesParts.parts`; li2018scoringnet eq. 2 and 3."""
        self.check_fitted()
        shape = self.branches_[PARTS[0]].clip_shape
        sequences = check_sequences(examples.features, shape, ids=examples.ids)
        return self.branch_scores(
            examples, self._fragments(sequences, examples.columns, examples.ids)
        )

    def true_parts(self, examples: Examples) -> dict[str, NDArray[np.float64]]:
        """See `GivesParts.true_parts`; an execution that is not given is what the rule implies."""
        known = (examples.columns.get(score_part) for score_part in PARTS)
        return true_parts(self.rule_, examples.scores, *known)

    def needed_columns(self, start: Head | None = None) -> tuple[str, ...]:
        """See `Head.needed_columns`: hand-labelled stages, unless a `kfs` tells them."""
        labelled = self.key_fragments and start is None
        return ("stages", "difficulty") if labelled else ("difficulty",)

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """See `Head.answer_columns`: where the key fragments come from."""
        if not self.key_fragments:
            return ()
        return ("clips",) if getattr(self, "kfs_", None) is not None else ("clips", "stages")

    @property
    def chosen(self) -> dict[str, Any]:
        """See `Head.chosen`."""
        epochs = {score_part: branch.best_epoch_ for score_part, branch in self.branches_.items()}
        return {"best_epoch": epochs, "rule": self.rule_}

    def state(self) -> State:
        """See `Head.state`; the arrays of each inner head are under its name."""
        self.check_fitted()
        state: State = {"texts": pack_texts([self.rule_, *self.names_])}
        state |= {"y_mean": np.asarray(self.y_mean_), "y_std": np.asarray(self.y_std_)}
        inner: dict[str, Head] = {**self.branches_}
        if self.kfs_ is not None:
            inner["kfs"] = self.kfs_
        for owner, head in inner.items():
            state |= under(owner, head.state())
        return state

    def restore(self, state: Mapping[str, NDArray[Any]]) -> Self:
        """See `Head.restore`."""
        self.rule_, *names = unpack_texts(state["texts"])
        self.names_: tuple[str, ...] = tuple(names)
        self.y_mean_, self.y_std_ = float(state["y_mean"]), float(state["y_std"])
        self.branches_ = {}
        for score_part in PARTS:
            arrays = part_of(score_part, state)
            self.branches_[score_part] = self.branch(float(arrays["y_std"])).restore(arrays)
        kfs = part_of("kfs", state)
        self.kfs_ = KFSHead(device=self.lstm().device).restore(kfs) if kfs else None
        return self

    # What fitting here and training end to end share, see `TwoBranchesAdapter` -------------------

    def check_params(self) -> None:
        """Raise `HeadError` for hyper-parameters that cannot be."""
        check_params(self)
        self.lstm().check_params()

    def learn_rule(
        self, scores: NDArray[np.float64], columns: Columns, kfs: KFSHead | None = None
    ) -> None:
        """Learn the rule, how far scores spread, and what the stages are called.

        kfs: tells the stages; without it they are labelled by hand.
        """
        lstm = self.lstm()
        lstm.learn_scores(scores)
        self.y_mean_, self.y_std_ = lstm.y_mean_, lstm.y_std_
        self.rule_ = rule_of(columns.get("action")) if self.rule == "action" else self.rule
        self.kfs_ = kfs
        self.names_ = ()
        if self.key_fragments:
            labelled = columns.get("stages") or ()
            self.names_ = stage_names(labelled) if kfs is None else kfs.stages

    def lstm(self) -> LSTMHead:
        """An `lstm` head of the same hyper-parameters, not fitted."""
        return LSTMHead(**shared_params(self, LSTMHead))

    def branch(self, std: float) -> LSTMHead:
        """A head for a part of the score with this standard deviation.

        The margin of a ranking loss is as large beside that deviation as beside the scores'.
        """
        branch = self.lstm()
        branch.margin = float(branch.margin * std / self.y_std_)
        return branch

    def branch_scores(
        self, examples: Examples, chosen: Mapping[str, Sequences]
    ) -> dict[str, NDArray[np.float64]]:
        """Each branch's answers on the clips chosen for it, in points."""
        plain = replace(examples, columns={}, views=(), blank=None)
        return {
            score_part: branch.predict_examples(replace(plain, features=chosen[score_part]))
            for score_part, branch in self.branches_.items()
        }

    def truth(
        self,
        scores: NDArray[np.float64],
        columns: Columns,
        ids: Sequence[str] | None = None,
    ) -> dict[str, NDArray[np.float64]]:
        """The true parts of scores to learn from; `HeadError` where one is not known."""
        truth = true_parts(self.rule_, scores, *(columns.get(score_part) for score_part in PARTS))
        check_known(truth, ids)
        return truth

    @property
    def key(self) -> KeyFragments:
        """Which clips each branch reads."""
        wanted = {score_part: getattr(self, f"{score_part}_stages") for score_part in PARTS}
        return KeyFragments(wanted, self.names_, whole=not self.key_fragments)

    def _fragments(
        self, sequences: Sequences, columns: Columns, ids: Sequence[str]
    ) -> dict[str, list[NDArray[np.floating]]]:
        """For each branch the clips that it reads of each video."""
        clips = columns.get("clips")
        if self.kfs_ is None or clips is None:
            return self.key.labelled(sequences, columns, ids)
        return self.key.picked(sequences, clips, self._starts(sequences, columns, ids))

    def _augmented(
        self, train: Examples, sequences: list[NDArray[np.float32]]
    ) -> dict[str, list[Sequences]]:
        """For each branch the clips that it reads of each augmentation of the training videos.

        Stages are at the same frames as in the video itself.
        """
        views = check_views(train.views, sequences, train.ids)
        if not views or not self.key_fragments:
            return {score_part: [*views] for score_part in PARTS}
        clips = train.columns.get("view_clips")
        if clips is None:
            raise HeadError(
                "augmentations may be cut into other clips: give the frames of these as "
                "view_clips, for each video those of each augmentation, or leave views out"
            )
        starts = self._starts(sequences, train.columns, train.ids)
        picked = [
            self.key.picked(view, [of_video[number] for of_video in clips], starts)
            for number, view in enumerate(views)
        ]
        return {score_part: [one[score_part] for one in picked] for score_part in PARTS}

    def _starts(
        self, sequences: Sequences, columns: Columns, ids: Sequence[str]
    ) -> Sequence[NDArray[np.integer]]:
        """The first frame of each stage, by the `kfs` or as labelled by hand."""
        if self.kfs_ is None:
            return hand_starts(columns.get("stages") or [{}] * len(sequences), self.names_, ids)
        ends = [int(ranges[:, 1].max()) for ranges in columns["clips"]]
        return self.kfs_.starts(sequences, clips=columns["clips"], n_frames=ends)

    def _checked_start(self, start: Head | None, columns: Columns) -> KFSHead | None:
        if start is None:
            return None
        assert isinstance(start, KFSHead)
        if not self.key_fragments:
            raise HeadUsageError("key_fragments=false reads whole videos; leave out --from")
        if columns.get("clips") is not None:
            check_stride(start, columns["clips"])
        return start

    def _held(self, validation: Examples | None) -> dict[str, Examples]:
        """The validation videos as each branch is stopped by them."""
        if validation is None or not len(validation):
            return {}
        sequences, scores = check_fit(
            validation.features, validation.scores, least=1, ids=validation.ids
        )
        truth = self.truth(scores, validation.columns, validation.ids)
        chosen = self._fragments(sequences, validation.columns, validation.ids)
        return {
            score_part: Examples(validation.ids, chosen[score_part], truth[score_part])
            for score_part in PARTS
        }


HEAD = ScoringNetHead
