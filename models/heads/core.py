"""CoRe: the difference to exemplars' scores, by a tree (yu2021).

From the paper's abstract and the authors' published code; the paper's text was not at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import relu

from aqa.device import deterministic_kernels, pick_device
from aqa.models.examples import Examples, Sequences
from aqa.models.heads.base import check_sequences, param
from aqa.models.heads.base.comparing import PAIRS_AT_ONCE
from aqa.models.heads.base.regression_tree import LevelTree, NodeTree, RegressionTree
from aqa.models.heads.base.voting import Numbers, VotingHead
from aqa.models.training import losses
from aqa.models.training.loop import BatchSource, Trainer, VideoBatch, weighted_mean
from aqa.models.training.pair_batches import PairBatch, PairedVideos


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
class CoReHead(VotingHead):
    """Predicts how far a video's score is from an exemplar's; the mean over ten exemplars.

    A video is the average of its clips. The intervals of the tree hold equally many of the
    training pairs' score differences. Exemplars and their votes: see `VotingHead`.

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

    @torch.no_grad()
    @deterministic_kernels()
    def predict_examples(self, examples: Examples) -> NDArray[np.float64]:
        """See `Head.predict_examples`."""
        self.check_fitted()
        features = check_sequences(examples.features, self.clip_shape, ids=examples.ids)
        videos = [self.scaled(average) for average in self.shown(features)]
        first, second = self.exemplar_pairs(examples)
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
        return self.vote(first, second, differences)

    def restore_net(self, tensors: Mapping[str, Tensor]) -> ContrastiveNet:
        """See `NetworkHead.restore_net`."""
        return ContrastiveNet.of(tensors)

    def shown(self, sequences: Sequences) -> list[NDArray[np.float32]]:
        """See `VotingHead.shown`: each video as one clip, its average, (1, dim)."""
        return [sequence.mean(axis=0, keepdims=True) for sequence in sequences]

    def train_pairs(
        self,
        shown: list[NDArray[np.float32]],
        scores: NDArray[np.float64],
        groups: Numbers,
        held: Numbers,
    ) -> None:
        """See `VotingHead.train_pairs`: all pairs of a group."""
        first, second = np.nonzero(groups[:, None] == groups)
        out = np.isin(np.arange(len(groups)), held)
        learned = ~out[first] & ~out[second] & (first != second)
        differences = scores[second] - scores[first]
        videos, dim = self.tensors(shown, scores), shown[0].shape[1]

        def pairs(rows: NDArray[np.bool_]) -> PairedVideos:
            return PairedVideos(videos, first[rows], second[rows], differences[rows], groups)

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


HEAD = CoReHead
