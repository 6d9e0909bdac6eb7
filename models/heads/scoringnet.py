"""ScoringNet: difficulty and execution from their key fragments, fused by the rules (li2018scoringnet §3.2)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from aqa.errors import listed
from aqa.models.examples import Examples
from aqa.models.heads.base import (
    Answer,
    Head,
    HeadError,
    Sequences,
    State,
    check_fit,
    check_sequences,
    pack_texts,
    param,
    part_of,
    under,
    unpack_texts,
)
from aqa.models.heads.base.joint import History, Inputs, JointLoss
from aqa.models.heads.kfs import KFSHead, check_stride
from aqa.models.heads.lstm import LSTMHead
from aqa.models.stages import hand_starts, stage_names, stages_at

# What a label of the column `action` holds -> how a score is made of difficulty and execution
# (li2018scoringnet §4.1; its section 3.2 has the two the wrong way round).
RULES = {"diving": "product", "vault": "sum"}
PARTS = ("difficulty", "execution")
# A video's, (n_clips, dim).
Clips = TypeVar("Clips", NDArray[np.floating], Tensor)


@dataclass(repr=False, eq=False)
class ScoringNetHead(LSTMHead):
    """One `lstm` for difficulty and one for execution, each on its key fragments; fused by rule.

    Key fragments are the clips whose middle frame is in certain stages: by the fitted `kfs` that
    `--from` names, or else as the manifest's columns stage_<name> say. li2018scoringnet learns
    convolutions over a fragment's frames; here each branch reads cached vectors, best of dense
    clips (--stride 4). The branches share neither weights nor a term of the loss, so each is
    trained, and stopped, by itself. Without a column execution it is what the rule makes of score
    and difficulty. Fitted: `branches_`, `kfs_` (None without), `rule_`.

    End to end the backbone is theirs in common (li2018scoringnet: each has its own): the loss is
    the sum of both (li2018scoringnet eq. 10), each beside its own deviation, on the hand-labelled
    key fragments, and the epoch is chosen by the fused score. Then a `kfs` with its defaults learns
    the same labels from the features of the trained backbone, where li2018scoringnet adds its loss
    to theirs.
    """

    key_fragments: bool = param(
        True, "false: every branch reads the whole video (li2018scoringnet §4.4)"
    )
    difficulty_stages: str = param(
        "takeoff,flight",
        "that tell difficulty, by name (li2018scoringnet §4.3); for vault the post-flight",
    )
    execution_stages: str = param(
        "takeoff,flight,entry",
        "that tell execution (li2018scoringnet §4.3); for vault post-flight and landing",
    )
    rule: Literal["action", "product", "sum"] = param(
        "action",
        "score = difficulty x or + execution; action: diving x, vault + (li2018scoringnet §4.1)",
    )

    columns: ClassVar[tuple[str, ...]] = ("clips", "stages", "difficulty", "execution", "action")
    starts_from: ClassVar[str | None] = "kfs"
    fitted: ClassVar[tuple[str, ...]] = ("branches_",)
    takes_views: ClassVar[bool] = False

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> ScoringNetHead:
        """See `Head.fit_examples`; augmentations are refused, as they may be cut into other clips.

        The columns clips and stages are as `KFSHead` takes them, difficulty and execution in
        points. start: a fitted head that tells the stages.
        """
        sequences, scores = check_fit(train.features, train.scores, ids=train.ids)
        self.check_params()
        if train.views:
            raise HeadError("it learns from no views: they may be cut into other clips")
        clips, stages, difficulty, execution, action = map(train.columns.get, self.columns)
        assert start is None or isinstance(start, KFSHead)
        self._check_start(start, clips)
        self._fit_rule(scores, action)
        self.kfs_: KFSHead | None = start
        self.names_: tuple[str, ...] = (
            start.stages if start is not None else self._stage_names(stages)
        )
        truth = self._truth(scores, difficulty=difficulty, execution=execution)
        chosen = self._fragments(sequences, clips, stages)
        held = self._held(validation)
        self.branches_ = {}
        self.history_ = []
        for part in PARTS:
            branch = self._branch(truth[part].std())
            branch.fit(chosen[part], truth[part], held.get(part))
            self.branches_[part] = branch
            self.history_ += [{"part": part, **row} for row in branch.history_]
        return self

    def learn_scores(
        self,
        scores: NDArray[np.float64],
        *,
        clips: Sequence[NDArray[np.integer]] | None = None,
        stages: Sequence[Mapping[str, int]] | None = None,
        difficulty: Sequence[float | None] | None = None,
        execution: Sequence[float | None] | None = None,
        action: Sequence[str | None] | None = None,
    ) -> None:
        """See `JointHead.learn_scores`: the rule, and what the stages are called."""
        self._fit_rule(scores, action)
        self.kfs_ = None
        self.names_ = self._stage_names(stages)

    def predict_examples(self, examples: Examples) -> NDArray[np.float64]:
        """See `Head.predict_examples`."""
        return self._fused(self.parts(examples))

    def parts(self, examples: Examples) -> dict[str, NDArray[np.float64]]:
        """See `GivesParts.parts`; li2018scoringnet eq. 2 and 3."""
        shape = self.branches_[PARTS[0]].clip_shape
        sequences = check_sequences(examples.features, shape, ids=examples.ids)
        known = examples.columns
        chosen = self._fragments(sequences, known.get("clips"), known.get("stages"))
        return {part: branch.predict(chosen[part]) for part, branch in self.branches_.items()}

    def true_parts(self, examples: Examples) -> dict[str, NDArray[np.float64]]:
        """See `GivesParts.true_parts`; an execution that is not given is what the rule implies."""
        known = examples.columns
        return self._true_parts(examples.scores, known.get("difficulty"), known.get("execution"))

    def _true_parts(
        self,
        y: NDArray[np.float64],
        difficulty: Sequence[float | None] | None,
        execution: Sequence[float | None] | None,
    ) -> dict[str, NDArray[np.float64]]:
        unknown = [None] * len(y)
        hard = np.array(unknown if difficulty is None else difficulty, np.float64)
        done = np.array(unknown if execution is None else execution, np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            implied = y / hard if self.rule_ == "product" else y - hard
        return {"difficulty": hard, "execution": np.where(np.isnan(done), implied, done)}

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """See `BaseHead.answer_columns`: where the key fragments come from."""
        if not self.key_fragments:
            return ()
        return ("clips",) if self.kfs_ is not None else ("clips", "stages")

    @property
    def gives(self) -> tuple[Answer, ...]:
        """See `Head.gives`; it knows nothing of single clips."""
        return ("parts",)

    @property
    def chosen(self) -> dict[str, Any]:
        """See `BaseHead.chosen`."""
        epochs = {part: branch.best_epoch_ for part, branch in self.branches_.items()}
        return {"best_epoch": epochs, "rule": self.rule_}

    def state(self) -> State:
        """See `BaseHead.state`; the arrays of each inner head are under its name."""
        inner = {**self.branches_, **({} if self.kfs_ is None else {"kfs": self.kfs_})}
        state: State = {"texts": pack_texts([self.rule_, *self.names_])}
        state |= {"y_mean": np.asarray(self.y_mean_), "y_std": np.asarray(self.y_std_)}
        for owner, head in inner.items():
            state |= under(owner, head.state())
        return state

    def restore(self, state: Mapping[str, NDArray[Any]]) -> ScoringNetHead:
        """See `BaseHead.restore`."""
        self.rule_, *names = unpack_texts(state["texts"])
        self.names_ = tuple(names)
        self.y_mean_, self.y_std_ = float(state["y_mean"]), float(state["y_std"])
        self.branches_ = {}
        for part in PARTS:
            own = part_of(part, state)
            self.branches_[part] = self._branch(float(own["y_std"]))
            self.branches_[part].restore(own)
        kfs = part_of("kfs", state)
        self.kfs_ = None
        if kfs:
            self.kfs_ = KFSHead(device=self.device)
            self.kfs_.restore(kfs)
        return self

    # Together with a backbone, see `JointHead` --------------------------------------------------

    def targets(self, scores: NDArray[np.float64], **columns: Any) -> NDArray[np.float64]:
        """See `JointHead.targets`: scaled difficulty and execution, (n, 2)."""
        truth = self._truth(scores, **_named(columns, PARTS))
        return np.column_stack([self.branches_[part].targets(truth[part]) for part in PARTS])

    def check_columns(
        self, scores: NDArray[np.float64], ids: Sequence[str], **columns: Any
    ) -> None:
        """See `JointHead.check_columns`."""
        self._truth(scores, ids, **_named(columns, PARTS))
        if self.key_fragments:
            self._stage_numbers()
            hand_starts(columns["stages"], self.names_, ids)

    def reads(self, **columns: Any) -> NDArray[np.intp] | None:
        """See `JointHead.reads`: what either branch reads, by the hand-labelled stages."""
        if not self.key_fragments:
            return None
        (starts,) = hand_starts([columns["stages"]], self.names_)
        own = [key_clips(starts, columns["clips"], s) for s in self._stage_numbers().values()]
        return np.unique(np.concatenate(own))

    def begin(self, x: Sequences, y: ArrayLike, **columns: Any) -> ScoringNetHead:
        """See `JointHead.begin`."""
        sequences, scores = check_fit(x, y)
        self.check_params()
        self.learn_scores(scores, **columns)
        truth = self._truth(scores, **_named(columns, PARTS))
        chosen = self._labelled(sequences, **columns)
        self.branches_ = {
            part: self._branch(truth[part].std()).begin(chosen[part], truth[part]) for part in PARTS
        }
        return self

    @property
    def module(self) -> nn.Module:
        """See `JointHead.module`: both branches' networks."""
        return nn.ModuleDict({part: branch.module for part, branch in self.branches_.items()})

    def joint_loss(self) -> JointLoss:
        """See `JointHead.joint_loss`: the sum of the branches' (li2018scoringnet eq. 10)."""
        losses = {part: branch.joint_loss() for part, branch in self.branches_.items()}

        def loss(features: Sequence[Tensor], targets: Tensor, **columns: Any) -> Tensor:
            chosen = self._labelled(features, **columns)
            both = [losses[part](chosen[part], targets[:, i]) for i, part in enumerate(PARTS)]
            return torch.stack(both).sum()

        return loss

    def loss_on(self, x: Sequences, y: NDArray[np.float64], **columns: Any) -> float:
        """See `JointHead.loss_on`: that of the fused scores, on hand-labelled key fragments."""
        chosen = self._labelled(x, **columns)
        fused = self._fused({p: branch.predict(chosen[p]) for p, branch in self.branches_.items()})
        predicted, true = (torch.from_numpy(values / self.y_std_) for values in (fused, y))
        return float(self.objective(self.y_std_)(predicted, true))

    def finish(
        self,
        history: History,
        epoch: int,
        train: Inputs,
        validation: Inputs,
    ) -> None:
        """See `JointHead.finish`: the stages are learned from the trained backbone's features."""
        super().finish(history, epoch, train, validation)
        for branch in self.branches_.values():
            branch.best_epoch_ = epoch
        if self.key_fragments:
            x, y, columns = train
            kfs = KFSHead(seed=self.seed, device=self.device)
            self.kfs_ = kfs.fit(x, y, validation, **_named(columns, KFSHead.columns))
            self.names_ = kfs.stages

    # Its parts -----------------------------------------------------------------------------------

    def _fit_rule(self, scores: NDArray[np.float64], action: Sequence[str | None] | None) -> None:
        super().learn_scores(scores)
        self.rule_ = _rule_of(action) if self.rule == "action" else self.rule

    def _stage_names(self, stages: Sequence[Mapping[str, int]] | None) -> tuple[str, ...]:
        """By hand-labelled stages; none where whole videos are read."""
        return stage_names(stages or ()) if self.key_fragments else ()

    def _check_start(
        self, start: KFSHead | None, clips: Sequence[NDArray[np.integer]] | None
    ) -> None:
        if start is None:
            return
        if not self.key_fragments:
            raise HeadError("key_fragments=false reads whole videos; leave out --from")
        if clips is not None:
            check_stride(start, clips)

    def _held(
        self, validation: Examples | None
    ) -> dict[str, tuple[Sequences, NDArray[np.float64]]]:
        """The validation videos as each branch is stopped by them."""
        if validation is None or not len(validation):
            return {}
        sequences, scores = check_fit(
            validation.features, validation.scores, least=1, ids=validation.ids
        )
        columns = {name: validation.columns.get(name) for name in self.columns}
        truth = self._truth(scores, **_named(columns, PARTS))
        chosen = self._fragments(sequences, columns["clips"], columns["stages"])
        return {part: (chosen[part], truth[part]) for part in PARTS}

    def _branch(self, std: float) -> LSTMHead:
        """A head for a part of the score with this standard deviation.

        The margin is as large beside that spread as it is beside the scores'.
        """
        shared = {f.name: getattr(self, f.name) for f in dataclasses.fields(LSTMHead)}
        return LSTMHead(**(shared | {"margin": float(self.margin * std / self.y_std_)}))

    def _truth(
        self,
        scores: NDArray[np.float64],
        ids: Sequence[str] | None = None,
        **known: Sequence[float | None] | None,
    ) -> dict[str, NDArray[np.float64]]:
        """See `true_parts`; `HeadError` where one is not known."""
        truth = self._true_parts(scores, known["difficulty"], known["execution"])
        _check_known(truth, ids)
        return truth

    def _fused(self, parts: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """The score that the rule makes of the parts."""
        difficulty, execution = (parts[part] for part in PARTS)
        return difficulty * execution if self.rule_ == "product" else difficulty + execution

    def _fragments(
        self,
        sequences: Sequences,
        clips: Sequence[NDArray[np.integer]] | None,
        stages: Sequence[Mapping[str, int]] | None,
    ) -> dict[str, list[NDArray[np.floating]]]:
        """For each branch the clips that it reads of each video."""
        if self.kfs_ is None or clips is None:
            return self._labelled(sequences, clips=clips, stages=stages)
        ends = [int(ranges[:, 1].max()) for ranges in clips]
        starts = self.kfs_.starts(sequences, clips=clips, n_frames=ends)
        return self._picked(sequences, clips, starts)

    def _labelled(
        self,
        sequences: Sequence[Clips],
        *,
        clips: Sequence[NDArray[np.integer]] | None = None,
        stages: Sequence[Mapping[str, int]] | None = None,
        **columns: Any,
    ) -> dict[str, list[Clips]]:
        """The same by the hand-labelled stages."""
        if not self.key_fragments:
            return {part: list(sequences) for part in PARTS}
        if clips is None:
            raise HeadError("key fragments are told by each video's `clips`; give them")
        starts = hand_starts(stages or [{}] * len(sequences), self.names_)
        return self._picked(sequences, clips, starts)

    def _picked(
        self,
        sequences: Sequence[Clips],
        clips: Sequence[NDArray[np.integer]],
        starts: Sequence[NDArray[np.integer]],
    ) -> dict[str, list[Clips]]:
        return {
            part: [
                sequence[key_clips(own, ranges, numbers)]
                for sequence, own, ranges in zip(sequences, starts, clips, strict=True)
            ]
            for part, numbers in self._stage_numbers().items()
        }

    def _stage_numbers(self) -> dict[str, list[int]]:
        """The numbers of the stages that each branch reads."""
        wanted = {part: f"{part}_stages" for part in PARTS}
        return {
            part: _numbers(name, getattr(self, name), self.names_) for part, name in wanted.items()
        }


def _named(columns: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Those of the columns that have these names."""
    return {name: columns[name] for name in names}


def key_clips(
    starts: NDArray[np.integer], clips: NDArray[np.integer], stages: Sequence[int]
) -> NDArray[np.intp]:
    """The numbers of the clips whose middle frame is in one of these stages.

    Where none is, because the stages are shorter than the clips are apart, the one whose middle
    is nearest to where the first of them starts.
    """
    found = np.flatnonzero(np.isin(stages_at(starts, clips), stages))
    if len(found):
        return found
    return np.abs(clips.mean(axis=1) - starts[stages[0]]).argmin(keepdims=True)


def _numbers(param_name: str, texts: str, names: Sequence[str]) -> list[int]:
    """The numbers of stages that a parameter names, as `takeoff,flight`."""
    wanted = [text.strip() for text in texts.split(",")]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise HeadError(
            f"{param_name}={texts}: no stage {', '.join(unknown)}; the stages are "
            f"{', '.join(names)}; choose among them with -p {param_name}=..."
        )
    return sorted(names.index(name) for name in wanted)


def _rule_of(action: Sequence[str | None] | None) -> str:
    """The rule of the videos' action."""
    labels = sorted({label or "" for label in action or [None]})
    rules = {next((r for key, r in RULES.items() if key in label), None) for label in labels}
    if len(rules) != 1 or None in rules:
        shown = ", ".join(label or "(none)" for label in labels)
        raise HeadError(
            f"no one rule for the column action, which holds {shown}: say how scores are made of "
            "difficulty and execution, with -p rule=product or -p rule=sum"
        )
    (rule,) = rules
    assert rule is not None
    return rule


def _check_known(truth: Mapping[str, NDArray[np.float64]], ids: Sequence[str] | None) -> None:
    """Raise `HeadError` where a part is not known of a video to learn from."""
    for part, values in truth.items():
        unknown = np.flatnonzero(~np.isfinite(values)).tolist()
        if len(unknown):
            who = f"numbers {listed(unknown)}" if ids is None else listed(ids[i] for i in unknown)
            raise HeadError(
                f"{len(unknown)} of {len(values)} videos have no {part} ({who}): fill in the "
                f"manifest's column {part}, or take them out of the split"
            )


HEAD = ScoringNetHead
