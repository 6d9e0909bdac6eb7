"""Networks that are trained whole, every layer, to the score of a video beside an exemplar."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aqa.models.examples import Sequences
from aqa.models.heads.base.arrays import State, part_of, under
from aqa.models.heads.base.comparing import ComparingHead, SiameseNet
from aqa.models.heads.base.pair_material import score_rows
from aqa.models.heads.base.pair_trainers import RowTrainer, last_layer
from aqa.models.scaling import spread
from aqa.models.training import losses
from aqa.models.training.loop import VideoTensors
from aqa.models.training.pair_batches import PairedVideos

Numbers = NDArray[np.intp]
_OWNER = "score_nets"  # what the arrays of the networks are saved under
OwnHead = TypeVar("OwnHead", bound=ComparingHead)
Last = tuple[NDArray[np.float64], NDArray[np.float64]]  # weights (64,) and intercept, in points


@dataclass(frozen=True)
class ScoreRows:
    """Rows of an exemplar and a training video, to learn the training video's score from.

    videos: the training videos, then exemplars that are none. first, second: (rows,) numbers of
    both. scores: (n,) of the training videos. types: theirs; None where one exemplar is for all.
    held: (rows,) whether training is stopped by the row.
    """

    videos: VideoTensors
    first: Numbers
    second: Numbers
    scores: NDArray[np.float64]
    types: Sequence[str] | None
    held: NDArray[np.bool_]

    @property
    def scale(self) -> tuple[float, float]:
        """Mean and deviation of the scores, which networks learn standardised."""
        return float(self.scores.mean()), spread(self.scores)

    @property
    def learned(self) -> PairedVideos:
        """The rows that are not held out."""
        return self._where(~self.held)

    @property
    def stopping(self) -> PairedVideos | None:
        """The rows that are held out, if any."""
        return self._where(self.held) if self.held.any() else None

    @property
    def every(self) -> PairedVideos:
        """The rows to learn from and those held out."""
        return self._where(np.ones_like(self.held))

    def _where(self, some: NDArray[np.bool_]) -> PairedVideos:
        mean, deviation = self.scale
        first, second = self.first[some], self.second[some]
        targets = (self.scores[second] - mean) / deviation
        return score_rows(self.videos, first, second, targets, self.types)

    def train(
        self, head: ComparingHead, make: Callable[[], nn.Module], again: Callable[[], nn.Module]
    ) -> None:
        """Train a head's network that `make` makes; `again`: the one for the refit."""

        def trainer(net: nn.Module) -> RowTrainer:
            return RowTrainer(net, losses.mse, head.training_settings(), head.seed)

        head.train_net(make, self.learned, self.stopping, trainer)
        if self.held.any():
            head.refit_net(again, lambda: self.every, trainer)

    def members(
        self,
        head: OwnHead,
        count: int,
        make: Callable[[], nn.Module],
        again: Callable[[], nn.Module],
    ) -> Iterator[OwnHead]:
        """Copies of a head whose networks are trained so, by further seeds, to say points."""
        for number in range(count):
            member = copy.copy(head)
            member.seed = head.seed + number
            self.train(member, make, again)
            phase = {"phase": "all layers", "network": number}
            member.history_ = [phase | row for row in member.history_]
            member.net_before_ = in_points(member.net_before_, *self.scale)
            member.net_ = in_points(member.net_, *self.scale)
            yield member

    def begin(self, net: nn.Module, last: Last) -> SiameseNet:
        """A copy of a network whose own last number is the standardised score that `last` gives."""
        mean, deviation = self.scale
        warm = copy.deepcopy(net)
        assert isinstance(warm, SiameseNet)
        weight, bias = warm.last.weight, warm.last.bias
        weight.data = torch.as_tensor(last[0] / deviation)[None].to(weight)
        bias.data = torch.as_tensor((last[1] - mean) / deviation).reshape(1).to(bias)
        return warm


def in_points(net: nn.Module, mean: float, deviation: float) -> SiameseNet:
    """A copy of a network that learned standardised scores, whose last number is in points."""
    points = copy.deepcopy(net)
    assert isinstance(points, SiameseNet)
    points.last.weight.data *= deviation
    points.last.bias.data = points.last.bias.data * deviation + mean
    return points


def rows_of(
    train: tuple[Sequences, NDArray[np.float64], Sequence[str] | None],
    pool: Sequences,
    exemplars: Numbers,
    first: Numbers,
    second: Numbers,
    held: Numbers,
    tensors: Callable[[Sequences, NDArray[np.floating]], VideoTensors],
) -> ScoreRows:
    """The rows where exemplar `first[i]` meets training video `second[i]`.

    train: features, scores, and types, see `ScoreRows`. pool: features of all videos that exemplars
    are of, the training videos first. exemplars: their numbers in the pool. held: numbers of the
    training videos to stop by. tensors: what makes a network's input.
    """
    sequences, scores, types = train
    nodes = sorted({*range(len(sequences)), *exemplars.tolist()})
    videos = tensors([pool[i] for i in nodes], np.zeros(len(nodes)))
    begin = np.searchsorted(nodes, exemplars)[first]
    return ScoreRows(videos, begin, second, scores, types, np.isin(second, held))


def members_of(head: OwnHead, nets: Sequence[nn.Module]) -> list[OwnHead]:
    """Copies of a head, each with one of these networks, whose last number is in points."""
    members = []
    for net in nets:
        member = copy.copy(head)
        member.net_ = net
        # These are arrays of `ScoreEstimationHead`.
        weights, intercept = last_layer(net, 0.0, 1.0)
        member.__dict__.update(weights_=weights, intercept_=intercept)
        members.append(member)
    return members


def nets_state(nets: Sequence[nn.Module]) -> State:
    """The tensors of networks as arrays to save; `nets_of` undoes it."""
    state: State = {}
    for number, net in enumerate(nets):
        arrays = {key: tensor.cpu().numpy() for key, tensor in net.state_dict().items()}
        state |= under(f"{_OWNER}.{number}", arrays)
    return state


def nets_of(state: Mapping[str, NDArray[Any]]) -> Iterator[dict[str, Tensor]]:
    """The tensors of each network in a saved state."""
    arrays = part_of(_OWNER, state)
    for number in sorted({int(key.partition(".")[0]) for key in arrays}):
        own = part_of(str(number), arrays)
        yield {key: torch.from_numpy(np.array(array)) for key, array in own.items()}
