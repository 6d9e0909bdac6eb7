"""Binary trees over intervals of a score difference (yu2021), of two makes.

A tree of depth d has 2^(d-1) leaves, each an interval; a leaf's probability is the product of the
probabilities on the way to it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, logsigmoid, relu

from aqa.models.training import losses


class RegressionTree(nn.Module, ABC):
    """A tree of either make.

    edges: (leaves + 1,) ends of the intervals, a power of two of them, ascending.
    """

    edges: Tensor

    def __init__(self, edges: Tensor):
        super().__init__()
        self.splits = (len(edges) - 1).bit_length() - 1  # on the way to a leaf
        assert len(edges) == 2**self.splits + 1
        self.register_buffer("edges", edges)

    @abstractmethod
    def forward(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """(pairs, width) -> (pairs, leaves) log-probabilities, and places in the intervals."""

    @abstractmethod
    def loss(self, log_chance: Tensor, place: Tensor, differences: Tensor) -> Tensor:
        """The mean loss of answers where the differences are (pairs,)."""

    def locate(self, differences: Tensor) -> tuple[Tensor, Tensor]:
        """The leaf that a difference belongs to, and its place there in 0..1; (pairs,) each.

        A difference outside of all intervals belongs to the first or the last one, at its end.
        """
        leaf = torch.bucketize(differences, self.edges[1:-1], right=True)
        low, high = self.edges[leaf], self.edges[leaf + 1]
        width = (high - low).clamp(min=torch.finfo(low.dtype).tiny)
        return leaf, ((differences - low) / width).clamp(0, 1)

    def answer(self, log_chance: Tensor, place: Tensor) -> Tensor:
        """The difference that the most probable leaf gives, (pairs,)."""
        leaf = log_chance.argmax(dim=1)
        low, high = self.edges[leaf], self.edges[leaf + 1]
        difference: Tensor = low + place.gather(1, leaf[:, None]).squeeze(1) * (high - low)
        return difference


class NodeTree(RegressionTree):
    """A layer for each node, as the authors' code has it.

    A node's layer is fed by its parent's; an inner node has two logits of its own, a leaf a linear
    function for the place in its interval, which may lie outside of 0..1.
    """

    def __init__(self, width: int, edges: Tensor):
        super().__init__(edges)
        nodes = [2**level for level in range(self.splits + 1)]
        self.turns = nn.ModuleList(NodeLinear(n, width, 2) for n in nodes[:-1])
        self.nodes = nn.ModuleList(NodeLinear(n, width, width) for n in nodes[1:])
        self.leaves = NodeLinear(nodes[-1], width, 1)

    def forward(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """See `RegressionTree.forward`; `pairs` is the root's output."""
        state = pairs[None]  # (nodes, pairs, width)
        log_chance = pairs.new_zeros(1, len(pairs))  # (nodes, pairs)
        for turn, children in zip(self.turns, self.nodes, strict=True):
            sides = log_softmax(turn(state), dim=2)  # (nodes, pairs, 2)
            log_chance = (log_chance[:, :, None] + sides).transpose(1, 2).flatten(0, 1)
            state = relu(children(state.repeat_interleave(2, dim=0)))
        return log_chance.T, self.leaves(state).squeeze(2).T

    def loss(self, log_chance: Tensor, place: Tensor, differences: Tensor) -> Tensor:
        """See `RegressionTree.loss` and `losses.leaf_loss`."""
        return losses.leaf_loss(log_chance, place, *self.locate(differences))


class LevelTree(RegressionTree):
    """A layer for each level, which its nodes share, each with its own logit for turning right.

    Ours: a twentieth of the weights. Places in an interval go through a sigmoid.
    """

    def __init__(self, width: int, edges: Tensor):
        super().__init__(edges)
        depth = self.splits
        self.levels = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.turns = nn.ModuleList(nn.Linear(width, 2**level) for level in range(depth))
        self.leaves = nn.Linear(width, 2**depth)

    def forward(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """See `RegressionTree.forward`."""
        log_chance = pairs.new_zeros(len(pairs), 1)
        for level, turn in zip(self.levels, self.turns, strict=True):
            pairs = relu(level(pairs))
            logits = turn(pairs)  # (pairs, nodes of this level)
            left, right = log_chance + logsigmoid(-logits), log_chance + logsigmoid(logits)
            log_chance = torch.stack([left, right], dim=2).flatten(1)
        return log_chance, self.leaves(pairs).sigmoid()

    def loss(self, log_chance: Tensor, place: Tensor, differences: Tensor) -> Tensor:
        """See `RegressionTree.loss` and `losses.tree_loss`."""
        return losses.tree_loss(log_chance, place, *self.locate(differences))


class NodeLinear(nn.Module):
    """A linear layer for each of several nodes, started as `nn.Linear` is."""

    def __init__(self, nodes: int, width: int, out: int):
        super().__init__()
        reach = 1 / math.sqrt(width)
        self.weight = nn.Parameter(torch.empty(nodes, width, out).uniform_(-reach, reach))
        self.bias = nn.Parameter(torch.empty(nodes, 1, out).uniform_(-reach, reach))

    def forward(self, x: Tensor) -> Tensor:
        """(nodes, pairs, width) -> (nodes, pairs, out)."""
        return torch.baddbmm(self.bias, x, self.weight)
