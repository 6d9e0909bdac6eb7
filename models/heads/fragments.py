"""An extractor for each fragment, joined in one regressor (li2018end §3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import Self

from aqa.device import pick_device
from aqa.errors import HeadUsageError
from aqa.models.examples import Examples
from aqa.models.heads.base import Head, HeadError, Sequences, called, param
from aqa.models.heads.base.end_to_end import EndToEndAdapter, OneNetworkAdapter
from aqa.models.heads.base.score_network import ScoreNetworkHead
from aqa.models.scaling import divisors
from aqa.models.training.loop import BatchSource, VideoBatch

# (fragments, C, T, H, W)
Maps = TypeVar("Maps", NDArray[np.floating], Tensor)

KERNEL = 3  # of convolutions and poolings, along each axis (li2018end §3)


def pooling(size: Sequence[int]) -> tuple[nn.MaxPool3d, tuple[int, ...]]:
    """Max pooling in windows of 3x3x3 over maps of this (time, height, width), and the size after.

    An axis shorter than 3 is pooled to 1; a last window that is shorter than 3 is kept. li2018end
    says neither: its maps are longer in time, as they are of all fragments together.

    >>> pooling((2, 7, 7))[1]
    (1, 3, 3)
    """
    kernel = tuple(min(KERNEL, length) for length in size)
    left = tuple(-(-length // step) for length, step in zip(size, kernel, strict=True))
    return nn.MaxPool3d(kernel, ceil_mode=True), left


class Extractor(nn.Sequential):
    """Convolution of 3x3x3, ReLU and pooling, twice: (n, C, T, H, W) -> (n, `size`)."""

    def __init__(self, shape: Sequence[int], channels: int):
        inputs, size = shape[0], tuple(shape[1:])
        layers: list[nn.Module] = []
        for _ in range(2):
            pool, size = pooling(size)
            layers += [nn.Conv3d(inputs, channels, KERNEL, padding=1), nn.ReLU(), pool]
            inputs = channels
        super().__init__(*layers, nn.Flatten())
        self.size = channels * int(np.prod(size))


class FragmentNet(nn.Module):
    """One extractor per fragment, and two dense layers on all of their outputs.

    centre, scale: mean and divisor of each channel of the maps. Each batch is standardised when it
    is used: standardised maps would need as much memory again.
    """

    centre: Tensor
    scale: Tensor

    def __init__(
        self,
        n_fragments: int,
        shape: Sequence[int],
        widths: tuple[int, int, int],
        dropout: float,
        centre: NDArray[np.floating],
        scale: NDArray[np.floating],
    ):
        super().__init__()
        channels, first, second = widths
        self.extractors = nn.ModuleList(Extractor(shape, channels) for _ in range(n_fragments))
        size = sum(extractor.size for extractor in self.extractors)  # type: ignore[misc]
        self.dense = nn.Sequential(
            *(nn.Linear(size, first), nn.ReLU(), nn.Dropout(dropout)),
            *(nn.Linear(first, second), nn.ReLU(), nn.Dropout(dropout)),
        )
        self.last = nn.Linear(second, 1)
        for name, values in (("centre", centre), ("scale", scale)):
            column = torch.as_tensor(values, dtype=torch.float32)[:, None, None, None]
            self.register_buffer(name, column, persistent=False)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(n, fragments, C, T, H, W) -> (n,); every video has all fragments."""
        x = (x - self.centre) / self.scale
        fragments = [extract(x[:, i]) for i, extract in enumerate(self.extractors)]
        scores: Tensor = self.last(self.dense(torch.cat(fragments, dim=1))).squeeze(1)
        return scores


@dataclass(frozen=True)
class MapVideos:
    """Videos with the same number of fragments, whose maps are not copied: they are large.

    maps: (fragments, C, T, H, W) per video; on a CPU the arrays of the store. targets: (n,).
    """

    maps: Sequence[Tensor]
    targets: Tensor

    def __len__(self) -> int:
        return len(self.maps)

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[VideoBatch]:
        """See `BatchSource`."""
        for chosen in (torch.arange(len(self)) if order is None else order).split(size):
            x = torch.stack([self.maps[i] for i in chosen.tolist()])
            lengths = torch.full((len(x),), x.shape[1], device=x.device)
            yield VideoBatch(x, lengths, self.targets[chosen.to(self.targets.device)])


@dataclass(repr=False, eq=False)
class FragmentsHead(ScoreNetworkHead):
    """Each fragment (clip) has its own extractor, on stored maps; two dense layers join them.

    li2018end trains nine whole C3D networks. Here one frozen backbone stands for their
    convolutions, and each fragment has its own layers after it. Maps are standardised by channel.
    Fitted besides: `shape_` (fragments, channels, time, height, width).
    """

    lr_halve_every: int | None = param(
        600,
        "steps after which the learning rate is halved; none: never",
        source="li2018end §5.2: times 0.45",
    )
    beta: float = param(
        0.0005,
        "weight of the squared weights beside half the squared error in points; of dives, whose "
        "scores spread by 17 points, it is a weight_decay of 7e-6",
        source="li2018scoringnet §4.2",
        low=0,
    )
    fragment: str = param(
        "all",
        "fragments that are read: all, last, or a number from 0",
        source="last: li2018end §5.4; one: li2018end §5.3",
    )
    channels: int = param(64, "channels of the extractors' convolutions", source="ours")
    hidden: int = param(
        512, "width of the first dense layer; the second has a quarter", source="ours"
    )
    dropout: float = param(
        0.2,
        "share of values dropped after dense layers",
        source="li2018end §3: 0.8, read as the share kept",
        below=1,
    )

    end_to_end: ClassVar[type[EndToEndAdapter] | None] = OneNetworkAdapter
    takes: ClassVar[Literal["vectors", "maps"]] = "maps"
    fitted: ClassVar[tuple[str, ...]] = (*ScoreNetworkHead.fitted, "shape_")

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> Self:
        """See `Head.fit_examples`."""
        self.check_params()
        for examples in (train, validation):
            if examples is not None and len(train):
                self._check_fragments(examples, len(train.features[0]))
        return super().fit_examples(train, validation, others=others, start=start)

    @property
    def clip_shape(self) -> tuple[int, ...]:
        """See `NetworkHead.clip_shape`."""
        return tuple(int(size) for size in self.shape_[1:])

    def build(self, dim: int) -> nn.Module:
        """See `NetworkHead.build`."""
        widths = (self.channels, self.hidden, max(self.hidden // 4, 1))
        return FragmentNet(
            *(int(self.shape_[0]), self.clip_shape, widths, self.dropout),
            *(self.centre_, self.scale_),
        )

    def start_at(self, net: nn.Module, mean: float) -> None:
        """See `NetworkHead.start_at`: the last bias is the mean score."""
        assert isinstance(net, FragmentNet)
        nn.init.constant_(net.last.bias, mean)

    def check_params(self) -> None:
        """See `NetworkHead.check_params`."""
        super().check_params()
        if self.fragment not in ("all", "last") and not self.fragment.isdecimal():
            raise HeadUsageError(
                f"fragment={self.fragment} is not all, last or a fragment's number"
            )

    def fit_scaling(self, sequences: Sequences) -> None:
        """See `NetworkHead.fit_scaling`: by channel, one video at a time to save memory."""
        count = len(sequences[0]) if self.fragment == "all" else 1
        self.shape_ = np.array([count, *sequences[0].shape[1:]])
        chosen = self._chosen(sequences)
        axes = (0, 2, 3, 4)
        self.centre_ = np.zeros(int(self.shape_[1]))
        self.scale_ = np.ones(int(self.shape_[1]))
        if self.standardise:
            self.centre_ = np.mean([maps.mean(axes, dtype=np.float64) for maps in chosen], axis=0)
            off = [self._squares(maps).mean(axes) for maps in chosen]
            largest = np.max([np.abs(maps).max(axes) for maps in chosen], axis=0)
            self.scale_ = divisors(np.sqrt(np.mean(off, axis=0)), largest)

    def _squares(self, maps: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.square(maps - self.centre_[:, None, None, None])

    def videos(self, sequences: Sequences, targets: NDArray[np.float64]) -> BatchSource:
        """See `NetworkHead.videos`; the network standardises each batch."""
        device = pick_device(self.device)
        return MapVideos(
            [torch.as_tensor(maps, device=device) for maps in self._chosen(sequences)],
            torch.as_tensor(targets, dtype=torch.float32, device=device),
        )

    def answerable(self, examples: Examples) -> list[NDArray[np.float32]]:
        """See `NetworkHead.answerable`: videos with the fragments that it takes."""
        sequences = super().answerable(examples)
        self._check_fragments(examples, int(self.shape_[0]))
        return sequences

    def prepared(self, videos: Sequence[Tensor]) -> list[Tensor]:
        """See `NetworkHead.prepared`; the network standardises each batch."""
        return self._chosen(videos)

    def _check_fragments(self, examples: Examples, n_fragments: int) -> None:
        """Raise `HeadError` where a video lacks fragments that are used.

        n_fragments: of the first training video; for fragment=all every video has as many.
        """
        if self.fragment == "last":
            return
        every = self.fragment == "all"
        needed = n_fragments if every else int(self.fragment) + 1
        for name, maps in zip(examples.ids, examples.features, strict=True):
            if len(maps) < needed or (every and len(maps) != needed):
                raise HeadError(
                    f"{called(name)} has {len(maps)} fragments, fragment={self.fragment} takes "
                    f"{needed}{'' if every else ' or more'}; extract as many of every video, with "
                    "--frames"
                )

    def _chosen(self, sequences: Sequence[Maps]) -> list[Maps]:
        """The fragments of each video that are used."""
        if self.fragment == "last":
            return [maps[-1:] for maps in sequences]
        if self.fragment == "all":
            first, stop = 0, int(self.shape_[0])
        else:
            first, stop = int(self.fragment), int(self.fragment) + 1
        return [maps[first:stop] for maps in sequences]


HEAD = FragmentsHead
