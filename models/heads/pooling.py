"""A network on the average of a video's clips, which several heads share."""

from __future__ import annotations

from torch import Tensor, nn


class AverageMLP(nn.Module):
    """The average of a video's clips through linear layers with ReLU between them."""

    def __init__(self, dim: int, widths: tuple[int, ...], out: int):
        super().__init__()
        layers: list[nn.Module] = []
        for width in widths:
            layers += [nn.Linear(dim, width), nn.ReLU()]
            dim = width
        self.layers = nn.Sequential(*layers)
        self.last = nn.Linear(dim, out)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(n, clips, dim) zero behind each video's end, lengths (n,) -> (n, out)."""
        out: Tensor = self.last(self.layers(x.sum(dim=1) / lengths[:, None]))
        return out
