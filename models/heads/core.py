"""CoRe: the difference to exemplars' scores, by a tree (yu2021).

From the paper's abstract and the authors' published code; the paper's text was not at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import relu

from aqa.device import deterministic_kernels, pick_device
from aqa.models.examples import Examples, Sequences
from aqa.models.heads.base import (
    Head,
    HeadError,
    check_fit,
    check_sequences,
    pack_texts,
    param,
    unpack_texts,
)
from aqa.models.heads.base.comparing import PAIRS_AT_ONCE, check_types, hold_out, meet_exemplars
from aqa.models.heads.base.network import NetworkHead
from aqa.models.heads.base.regression_tree import LevelTree, NodeTree, RegressionTree
from aqa.models.scaling import spread
from aqa.models.training import losses
from aqa.models.training.loop import BatchSource, Trainer, VideoBatch, weighted_mean
from aqa.models.training.pair_batches import PairBatch, PairedVideos

Numbers = NDArray[np.intp]


class ContrastiveNet(nn.Module):
    """Exemplar, video and the exemplar's score go through a layer, or two, into the tree.

    The first layer, on the three side by side, is the sum of a layer on each; these are computed
    once per video and not once per pair. It is the root of a `NodeTree`; a `LevelTree` has another
    layer before it.
    """

    joined: nn.Linear | None

    def __init__(self, dim: int, hidden: int, edges: Tensor, *, levels: bool):
        super().__init__()
        self.exemplar = nn.Linear(dim, hidden)
        self.video = nn.Linear(dim, hidden, bias=False)
        self.score = nn.Linear(1, hidden, bias=False)
        self.joined = nn.Linear(hidden, hidden) if levels else None
        self.tree = LevelTree(hidden, edges) if levels else NodeTree(hidden, edges)

    def forward(
        self, x: Tensor, scores: Tensor, first: Tensor, second: Tensor
    ) -> tuple[Tensor, Tensor]:
        """x (n, dim), scores (n,), exemplars `first`, videos `second` (pairs,) -> as the tree."""
        known = self.exemplar(x) + self.score(scores[:, None])  # (n, hidden)
        pairs = relu(known.index_select(0, first) + self.video(x).index_select(0, second))
        if self.joined is not None:
            pairs = relu(self.joined(pairs))
        answer: tuple[Tensor, Tensor] = self.tree(pairs)
        return answer

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> ContrastiveNet:
        """The network of these tensors."""
        hidden, dim = tensors["exemplar.weight"].shape
        net = cls(dim, hidden, tensors["tree.edges"], levels="joined.weight" in tensors)
        net.load_state_dict(tensors)
        return net


class TreeTrainer(Trainer):
    """Trains a `ContrastiveNet`; stopped by the squared error of what the tree answers."""

    criterion: ClassVar[str] = "val_mse"

    def objective(self, batch: VideoBatch) -> Tensor:
        """See `Trainer.objective`."""
        return self.tree.loss(*self._answers(batch), batch.targets)

    @torch.no_grad()
    def evaluate(self, examples: BatchSource) -> float:
        """The mean squared error of the pairs' score differences, scaled."""
        self.net.eval()
        batches = examples.batches(self.settings.batch_size)
        return weighted_mean((self._error(batch), self.count(batch)) for batch in batches)

    @property
    def tree(self) -> RegressionTree:
        """The network's tree."""
        assert isinstance(self.net, ContrastiveNet)
        tree: RegressionTree = self.net.tree
        return tree

    def _error(self, batch: VideoBatch) -> float:
        return float(self.loss(self.tree.answer(*self._answers(batch)), batch.targets))

    def _answers(self, batch: VideoBatch) -> tuple[Tensor, Tensor]:
        assert isinstance(batch, PairBatch)
        x = batch.x.index_select(0, batch.rows[:, 0])  # (n, dim)
        answers: tuple[Tensor, Tensor] = self.net(x, batch.video_targets, batch.first, batch.second)
        return answers


@dataclass(repr=False, eq=False)
class CoReHead(NetworkHead):
    """Predicts how far a video's score is from an exemplar's; the mean over ten exemplars.

    A video is the average of its clips. The intervals of the tree hold equally many of the
    training pairs' score differences. An exemplar is a training video of the same group; the
    answer is the mean over the exemplars of its score plus the difference.

    A video of a group without a training video, or of no known group, is compared with the
    exemplars of every group, with a warning; where no training video has a group, all are of
    one, and where some have and some have not, fitting is refused. Fitted besides: the
    exemplars, `ex_features_` (their averages), `ex_scores_`, `ex_ids_`, `ex_groups_`.

    As in the authors' runs on MTL-AQA: `-p group=difficulty -p difficulty=multiply`, with which the
    score without its difficulty is learned, and exemplars are of the same difficulty.
    """

    epochs: int = param(
        200, "passes over all pairs of the training videos of a group, at most", source="ours"
    )
    batch_size: int = param(58, "videos per step; all pairs of them are learned", source="ours")
    lr: float = param(0.001, "Adam learning rate", source="yu2021, for the tree", above=0)
    lr_halve_every: int | None = param(
        None, "steps after which the learning rate is halved; none: never", source="ours"
    )
    weight_decay: float = param(0.0, "L2 penalty", source="yu2021: none")
    hidden: int = param(256, "width of every layer", source="yu2021, the authors' code")
    depth: int = param(
        5,
        "depth of the tree, which has 2^(depth-1) intervals",
        source="yu2021",
        low=2,
        below=12,
    )
    tree: Literal["nodes", "levels"] = param(
        "levels",
        "nodes: a layer for each node of the tree; levels: one for each level, in a sixth of the "
        "time",
        source="nodes: yu2021, the authors' code; levels: ours",
    )
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
    ) -> CoReHead:
        """See `Head.fit_examples`; the ids are for the record of the exemplars."""
        sequences, scores = check_fit(train.features, train.scores, ids=train.ids)
        self.check_params()
        groups = self._groups(train, strict=True)
        averages = _averages(sequences)
        self.fit_scaling(averages)
        self.y_mean_, self.y_std_ = scores.mean(), spread(scores)
        self._keep_exemplars(averages, scores, train.ids, groups)
        self.held_out_ = np.arange(0)
        if validation is not None and len(validation):
            more, more_scores = check_fit(
                validation.features, validation.scores, least=1, ids=validation.ids
            )
            held = np.arange(len(scores), len(scores) + len(more))
            averages, scores = averages + _averages(more), np.concatenate([scores, more_scores])
            groups = groups + self._groups(validation, strict=False)
        else:
            held = self.held_out_ = hold_out(groups, self.validation, self.seed)
        self._train(averages, (scores - self.y_mean_) / self.y_std_, groups, held)
        return self

    @torch.no_grad()
    @deterministic_kernels()
    def predict_examples(self, examples: Examples) -> NDArray[np.float64]:
        """See `Head.predict_examples`."""
        self.check_fitted()
        features = check_sequences(examples.features, self.clip_shape, ids=examples.ids)
        videos = [self.scaled(average) for average in _averages(features)]
        groups = self._groups(examples, strict=False)
        first, second = meet_exemplars(
            unpack_texts(self.ex_groups_), groups, kind=self._group_column
        )
        device = pick_device(self.device)
        net = self.net_.to(device).eval()
        assert isinstance(net, ContrastiveNet)
        known = self.scaled(self.ex_features_)
        both = torch.as_tensor(np.concatenate([known, *videos]), dtype=torch.float32, device=device)
        scaled = torch.zeros(len(both), device=device)
        scaled[: len(known)] = torch.as_tensor((self.ex_scores_ - self.y_mean_) / self.y_std_)
        differences = np.concatenate(
            [
                net.tree.answer(*net(both, scaled, a, b)).double().cpu().numpy()
                for a, b in zip(
                    torch.as_tensor(first, device=device).split(PAIRS_AT_ONCE),
                    torch.as_tensor(second + len(known), device=device).split(PAIRS_AT_ONCE),
                    strict=True,
                )
            ]
        )
        votes = self.ex_scores_[first] + differences * self.y_std_
        mean: NDArray[np.float64] = np.bincount(second, votes) / np.bincount(second)
        return mean

    def restore_net(self, tensors: Mapping[str, Tensor]) -> ContrastiveNet:
        """See `NetworkHead.restore_net`."""
        return ContrastiveNet.of(tensors)

    @property
    def chosen(self) -> dict[str, Any]:
        """See `Head.chosen`."""
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
    def _group_column(self) -> str:
        return "type" if self.group == "none" else self.group

    def _groups(self, examples: Examples, *, strict: bool) -> list[str]:
        """The group that each video is compared within; "" where not known, or all are one."""
        given = examples.columns.get(self.group)
        return check_types(
            given, len(examples), strict=strict, column=self._group_column, ids=examples.ids
        )

    def _keep_exemplars(
        self,
        averages: Sequences,
        scores: NDArray[np.float64],
        names: Sequence[str],
        groups: Sequence[str],
    ) -> None:
        order = np.random.default_rng(self.seed).permutation(len(groups))
        drawn = np.asarray(groups, str)[order]
        chosen = np.concatenate(
            [np.sort(order[drawn == label][: self.exemplars]) for label in np.unique(drawn)]
        )
        self.ex_features_ = np.concatenate([averages[i] for i in chosen])
        self.ex_scores_ = scores[chosen]
        self.ex_ids_ = pack_texts([names[i] for i in chosen])
        self.ex_groups_ = pack_texts([groups[i] for i in chosen])

    def _train(
        self,
        averages: list[NDArray[np.float32]],
        scores: NDArray[np.float64],
        groups: Sequence[str],
        held: Numbers,
    ) -> None:
        """Train on the pairs among videos that are not held out; stop by (known, held) pairs."""
        labels = np.unique(np.asarray(groups, str), return_inverse=True)[1]
        first, second = np.nonzero(labels[:, None] == labels)
        out = np.isin(np.arange(len(groups)), held)
        learned = ~out[first] & ~out[second] & (first != second)
        if not learned.any():
            raise HeadError(
                f"no two training videos of one {self._group_column}, so there are no pairs to "
                "learn from; compare all videos with -p group=none"
            )
        differences = scores[second] - scores[first]
        videos, dim = self.tensors(averages, scores), averages[0].shape[1]

        def pairs(rows: NDArray[np.bool_]) -> PairedVideos:
            return PairedVideos(videos, first[rows], second[rows], differences[rows], labels)

        def maker(rows: NDArray[np.bool_]) -> Callable[[], nn.Module]:
            # Each interval holds equally many of the pairs.
            edges = np.quantile(differences[rows], np.linspace(0, 1, 2 ** (self.depth - 1) + 1))
            ends = torch.as_tensor(edges, dtype=torch.float32)
            levels = self.tree == "levels"
            return lambda: ContrastiveNet(dim, self.hidden, ends.clone(), levels=levels)

        def trainer(net: nn.Module) -> Trainer:
            return TreeTrainer(net, losses.mse, self.training_settings(), self.seed)

        stopping = ~out[first] & out[second]
        stop = pairs(stopping) if stopping.any() else None
        self.train_net(maker(learned), pairs(learned), stop, trainer)
        if stop is not None and len(self.held_out_):
            every = first != second
            self.refit_net(maker(every), lambda: pairs(every), trainer)


def _averages(sequences: Sequences) -> list[NDArray[np.float32]]:
    """Each video as one clip, its average: (1, dim)."""
    return [sequence.mean(axis=0, keepdims=True) for sequence in sequences]


HEAD = CoReHead
