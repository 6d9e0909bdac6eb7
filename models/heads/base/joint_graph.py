"""The network of `st-gcn`: a body's joints as a graph, convolved over joints and over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components, dijkstra, minimum_spanning_tree
from torch import Tensor, nn
from torch.nn.functional import relu

from aqa.errors import HeadError

SUBSETS = 3  # of a joint's neighbours: itself, those nearer to the middle, those farther away
_FRAMES = 50  # of a video, from which distances are taken


def near_joints(videos: Sequence[NDArray[np.floating]], coordinates: int) -> NDArray[np.bool_]:
    """Which joints are connected, (joints, joints), where nobody tells the bones; ours.

    videos: (frames, joints x coordinates) each. The tree that connects all joints with the least
    sum of distances, where a distance is what two joints are not farther apart than on nine frames
    of ten: a bone keeps its length, and what it does not connect comes apart.
    """
    joints = _frames(videos, coordinates)
    apart = np.zeros((joints.shape[1], joints.shape[1]))
    for joint in range(joints.shape[1]):
        distances = np.linalg.norm(joints - joints[:, [joint]], axis=2)
        apart[joint] = np.quantile(distances, 0.9, axis=0)
    tree = minimum_spanning_tree(apart + 1e-9 * (1 + apart.max())).toarray() > 0
    return np.asarray(tree | tree.T)


def told_joints(bones: str, n_joints: int) -> NDArray[np.bool_]:
    """As `near_joints`, of pairs of numbers such as `0-1;1-2`, which connect all joints."""
    beside = np.zeros((n_joints, n_joints), bool)
    for pair in bones.split(";"):
        ends = [int(end) for end in pair.split("-") if end.strip().isdecimal()]
        if len(ends) != 2 or len(set(ends)) != 2 or max(ends) >= n_joints:
            raise HeadError(
                f"bones={bones}: {pair!r} is not two numbers of joints, 0 to {n_joints - 1}, such "
                "as 0-1"
            )
        beside[ends, ends[::-1]] = True
    alone = connected_components(beside)[1] != connected_components(beside)[1][0]
    if alone.any():
        raise HeadError(
            f"bones={bones} do not connect joint {int(np.flatnonzero(alone)[0])} with joint 0; add "
            "a bone for it"
        )
    return beside


def body_graph(
    beside: NDArray[np.bool_], videos: Sequence[NDArray[np.floating]], coordinates: int
) -> NDArray[np.float64]:
    """Joints' neighbours in three subsets, (subsets, joints, joints), as yan2018 §3.3 parts them.

    A joint itself; its neighbours nearer to the middle of the body, by the number of bones; and
    those farther away. In the middle is the joint that is nearest to the mean of all joints, in
    these videos. Each row of a subset adds up to 1, or is 0 without any.
    """
    joints = _frames(videos, coordinates)
    off_middle = np.linalg.norm(joints - joints.mean(axis=1, keepdims=True), axis=2).mean(axis=0)
    steps = dijkstra(beside.astype(float), indices=int(off_middle.argmin()), unweighted=True)
    inward = beside & (steps[None] < steps[:, None])
    graph = np.stack([np.eye(len(beside)), inward, beside & ~inward]).astype(float)
    degrees = graph.sum(axis=2, keepdims=True)
    return np.asarray(graph / np.where(degrees > 0, degrees, 1))


def _frames(videos: Sequence[NDArray[np.floating]], coordinates: int) -> NDArray[np.float64]:
    """Frames of all videos, evenly spread, as (frames, joints, coordinates)."""
    shown = []
    for video in videos:
        some = np.unique(np.linspace(0, len(video) - 1, _FRAMES).round().astype(int))
        shown.append(video[some].reshape(len(some), -1, coordinates))
    return np.concatenate(shown).astype(np.float64)


def resampling(n: int, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix (times, n) that interpolates n frames; times: 0, the first frame, to 1, the last.

    >>> resampling(3, np.array([0, 0.25, 1])).tolist()
    [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    """
    at = times * (n - 1)
    low = np.minimum(at.astype(int), max(n - 2, 0))
    weights, rows = np.zeros((len(times), n)), np.arange(len(times))
    weights[rows, low] = 1 - (at - low)
    weights[rows, np.minimum(low + 1, n - 1)] += at - low
    return weights


class JointBlock(nn.Module):
    """A convolution over joints, one over time, and what came in added (yan2018 §3.2 to §3.4)."""

    def __init__(
        self, inner: tuple[int, int], graph: Tensor, length: int, stride: int, dropout: float
    ):
        super().__init__()
        source, width = inner
        self.joints = nn.Conv2d(source, SUBSETS * width, 1)
        self.importance = nn.Parameter(torch.ones_like(graph))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(2))
        self.time = nn.Conv2d(width, width, (length, 1), (stride, 1), ((length - 1) // 2, 0))
        self.around = nn.Conv2d(source, width, 1, (stride, 1))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        """(n, source, frames, joints), (subsets, joints, joints) -> (n, width, frames, joints)."""
        n, _, frames, joints = x.shape
        parts = self.joints(x).view(n, SUBSETS, -1, frames, joints)
        gathered = torch.einsum("nsctj,skj->nctk", parts, graph * self.importance)
        moved = self.norms[1](self.time(relu(self.norms[0](gathered))))
        out: Tensor = relu(self.dropout(moved) + self.around(x))
        return out


class JointGraphNet(nn.Module):
    """Blocks over joints' places and their motion; the mean over joints and frames to a score.

    What comes in is where each joint is from the middle of the body on the same frame, and how far
    it moves until the next frame.
    """

    graph: Tensor

    def __init__(
        self,
        coordinates: int,
        graph: NDArray[np.float64],
        *,
        width: int,
        layers: int,
        length: int,
        dropout: float,
    ):
        super().__init__()
        self.coordinates = coordinates
        self.register_buffer("graph", torch.as_tensor(graph, dtype=torch.float32))
        self.first = nn.BatchNorm1d(2 * coordinates * graph.shape[1])
        self.blocks = nn.ModuleList(
            JointBlock(
                (width if k else 2 * coordinates, width), self.graph, length, 2 if k else 1, dropout
            )
            for k in range(layers)
        )
        self.linear = nn.Linear(width, 1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(n, frames, joints x coordinates), all of as many frames -> (n,)."""
        places = x.unflatten(2, (-1, self.coordinates))  # (n, frames, joints, coordinates)
        around = places - places.mean(dim=2, keepdim=True)
        motion = torch.diff(places, dim=1, append=places[:, -1:])
        seen = torch.cat([around, motion], dim=3)
        n, frames, joints, _ = seen.shape
        seen = self.first(seen.flatten(2).transpose(1, 2)).transpose(1, 2)
        seen = seen.reshape(n, frames, joints, -1).permute(0, 3, 1, 2)
        for block in self.blocks:
            seen = block(seen, self.graph)
        score: Tensor = self.linear(seen.mean(dim=(2, 3))).squeeze(1)
        return score
