"""Layers, and a network on the average of a video's clips, which several heads share."""

from __future__ import annotations

import itertools

from torch import Tensor, nn


def layers(*widths: int) -> list[nn.Module]:
    """Fully connected layers of these widths, ReLU between them."""
    made: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        made += [nn.Linear(before, after), nn.ReLU()]
    return made[:-1]


class AverageMLP(nn.Module):
    """The average of a video's clips through linear layers with ReLU between them."""

    def __init__(self, dim: int, widths: tuple[int, ...], out: int):
        super().__init__()
        self.layers = nn.Sequential(*layers(dim, *widths), nn.ReLU())
        self.last = nn.Linear(widths[-1], out)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(n, clips, dim) zero behind each video's end, lengths (n,) -> (n, out)."""
        out: Tensor = self.last(self.layers(x.sum(dim=1) / lengths[:, None]))
        return out
