"""How published checkpoints name their tensors, and what keeps a file from being one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from aqa.errors import listed

State = dict[str, Tensor]

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
    """

    name: str
    source: str
    last_layer: str
    profiles: tuple[str, ...]
    key: Callable[[str], str] = same_key
    classifier: tuple[str, ...] = ()

    def without_classifier(self, state: State) -> State:
        """The tensors of a checkpoint that the network has."""
        return {k: v for k, v in state.items() if not k.startswith(self.classifier)}

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
