"""What a file of this folder declares of a network that can be a backbone."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from aqa.errors import UnknownNameError
from aqa.extract.checkpoints.layouts import Build, Layout
from aqa.extract.checkpoints.records import Checkpoint
from aqa.extract.preprocess import Preprocess

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Architecture:
    """A network that can be a backbone.

    name: as `--backbone` takes it. build: layer -> network that ends there, (N, 3, T, H, W)
    float32 -> (N, *shape). layers: layer -> shape of its feature. layouts: of the checkpoints
    that it can load. profiles: the ways in which frames were preprocessed for published weights,
    by the names that `--preprocess` takes; the first one is that of random weights. clip_length:
    frames per clip. window: how many frames of the video a clip covers, over which its frames are
    spread; None: they follow one another. spread: whether a clip's frames are spread over the
    whole video. shipped: weights that come with this package, if any. checkpoints: those that are
    published; the first is taken where the user names none.
    """

    name: str
    build: Build
    layers: Mapping[str, Shape]
    default_layer: str
    layouts: tuple[Layout, ...]
    profiles: Mapping[str, Preprocess]
    clip_length: int = 16
    window: int | None = None
    spread: bool = False
    shipped: Path | None = None
    checkpoints: tuple[Checkpoint, ...] = ()

    def layout(self, name: str) -> Layout:
        """The layout of that name; `UnknownNameError` where there is none."""
        for layout in self.layouts:
            if layout.name == name:
                return layout
        known = [layout.name for layout in self.layouts]
        raise UnknownNameError(f"checkpoint layout of {self.name}", name, known)

    def profile(self, name: str) -> Preprocess:
        """The preprocessing of that name; `UnknownNameError` where there is none."""
        if name not in self.profiles:
            raise UnknownNameError(f"preprocessing of {self.name}", name, list(self.profiles))
        return self.profiles[name]

    @property
    def default_profile(self) -> str:
        """The preprocessing of random weights."""
        return next(iter(self.profiles))

    def expected(self, layer: str, layout: Layout | None = None) -> Mapping[str, torch.Size]:
        """The names and shapes of the tensors that the network up to `layer` has.

        layout: of the files that it is to hold, where they need a network of their own.
        """
        return _expected(self.builder(layout), layer)

    def builder(self, layout: Layout | None) -> Build:
        """What builds the network for files in a layout."""
        return (layout and layout.build) or self.build

    def expected_keys(self, layout: Layout) -> dict[str, torch.Size]:
        """The names and shapes of the tensors of a checkpoint in a layout, without classifier."""
        return layout.shapes(self.expected(layout.last_layer, layout))


@functools.cache
def _expected(build: Build, layer: str) -> Mapping[str, torch.Size]:
    with torch.device("meta"):
        net = build(layer)
    return {key: value.shape for key, value in net.state_dict().items()}
