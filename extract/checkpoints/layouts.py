"""How published checkpoints name their tensors, and what keeps a file from being one of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from aqa.errors import listed

State = dict[str, Tensor]
# From the layer at which a network ends to that network.
Build = Callable[[str], nn.Module]

# A batch norm's count of training steps: PyTorch did not save it before 0.4.1, eval mode never
# reads it, so a checkpoint without it is whole.
COUNTER = "num_batches_tracked"


def same_key(key: str) -> str:
    """For checkpoints that name their tensors as the network does."""
    return key


@dataclass(frozen=True)
class Layout:
    """How a published checkpoint names its tensors.

    name: short and unique within the backbone. source: who publishes such files. last_layer: the
    deepest layer that it holds weights for. profiles: the preprocessing profiles of the backbone
    that such files were published for; the first is taken where a file does not tell. key: the
    network's name of a tensor -> the checkpoint's, so that errors speak of what is in the file.
    classifier: how the keys of its classifier begin, which is ignored whatever its class count.
    parts: a tensor's name -> the tensors of the checkpoint that it consists of, one after another
    and each as long, where it is not one alone; None stands for zeros. ignored: a regular
    expression for the start of names that hold nothing for the network, such as a decoder.
    build: a network for such files alone, where they need another one. hub: what makes that
    network of the `config.json` that must lie beside such a file. config: that file's content.
    """

    name: str
    source: str
    last_layer: str
    profiles: tuple[str, ...]
    key: Callable[[str], str] = same_key
    classifier: tuple[str, ...] = ()
    parts: Callable[[str], tuple[str | None, ...] | None] | None = None
    ignored: str | None = None
    build: Build | None = None
    hub: Callable[[Mapping[str, Any]], Build] | None = None
    config: Mapping[str, Any] | None = None

    def configured(self, config: Mapping[str, Any]) -> Layout:
        """The layout with the network that a `config.json` describes."""
        assert self.hub is not None, "only a hub's layouts have such a file"
        return replace(self, build=self.hub(config), config=config)

    def names(self, key: str) -> tuple[str | None, ...]:
        """The tensors of a checkpoint that a tensor of the network consists of; None for zeros."""
        parts = self.parts(key) if self.parts else None
        return (self.key(key),) if parts is None else parts

    def shapes(self, expected: Mapping[str, torch.Size]) -> dict[str, torch.Size]:
        """The checkpoint's tensors and their shapes, from those of the network."""
        shapes: dict[str, torch.Size] = {}
        for key, shape in expected.items():
            names = self.names(key)
            part = shape if len(names) == 1 else torch.Size((shape[0] // len(names), *shape[1:]))
            shapes |= {name: part for name in names if name is not None}
        return shapes

    def assembled(self, state: Mapping[str, Tensor], key: str) -> Tensor | None:
        """A tensor of the network from a checkpoint's; None where one of its parts is absent."""
        names = self.names(key)
        held = [state[name] for name in names if name is not None and name in state]
        if len(held) < sum(name is not None for name in names):
            return None
        if len(names) == 1:
            return held[0]
        remaining = iter(held)
        zeros = torch.zeros_like(held[0])
        return torch.cat([zeros if name is None else next(remaining) for name in names])

    def taken_apart(self, state: Mapping[str, Tensor]) -> State:
        """A network's tensors as a checkpoint holds them.

        A part that such files leave at zero is dropped: no training of the network moves it.
        """
        tensors: State = {}
        for key, tensor in state.items():
            names = self.names(key)
            parts = (tensor,) if len(names) == 1 else tensor.chunk(len(names))
            tensors |= {n: part for n, part in zip(names, parts, strict=True) if n is not None}
        return tensors

    def without_classifier(self, state: State) -> State:
        """The tensors of a checkpoint that the network has."""
        return {
            key: value
            for key, value in state.items()
            if not key.startswith(self.classifier)
            and not (self.ignored and re.match(self.ignored, key))
        }

    def classes(self, state: State) -> int | None:
        """Outputs of the checkpoint's classifier; None where it has none."""
        for key, value in state.items():
            if key.startswith(self.classifier) and key.endswith("weight") and value.ndim > 1:
                return len(value)
        return None


def mismatches(state: Mapping[str, Tensor], expected: Mapping[str, torch.Size]) -> list[str]:
    """What keeps a checkpoint from being loaded: missing, extra and misshapen tensors."""
    missing = [key for key in expected if key not in state and not key.endswith(COUNTER)]
    extra = [key for key in state if key not in expected]
    misshapen = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(expected[key])}"
        for key in expected
        if key in state and state[key].shape != expected[key]
    ]
    problems = (("missing", missing), ("unexpected", extra), ("misshapen", misshapen))
    return [f"{what}: {listed(keys, 8)}" for what, keys in problems if keys]
