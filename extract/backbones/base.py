"""What a backbone file declares, and the module that it becomes once weights are in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from aqa.errors import UnknownNameError
from aqa.extract.preprocess import Preprocess
from aqa.extract.weights import (
    State,
    Weights,
    WeightsError,
    mismatches,
    read_state,
    sha256_of,
    sha256_of_state,
)


def same_key(key: str) -> str:
    """For checkpoints whose keys are the network's own."""
    return key


@dataclass(frozen=True)
class Layout:
    """How a published checkpoint names its tensors, and how its network was shown pictures.

    name: short and unique within the backbone. source: who publishes such files. last_layer: the
    deepest layer it holds weights for. preprocess: of the published weights. key: a checkpoint's
    key -> the network's. classifier: prefixes of keys that belong to its classifier, which is
    ignored whatever its class count.
    """

    name: str
    source: str
    last_layer: str
    preprocess: Preprocess
    key: Callable[[str], str] = same_key
    classifier: tuple[str, ...] = ()

    def translated(self, state: State) -> State:
        """The checkpoint under the network's names, without its classifier."""
        return {self.key(k): v for k, v in state.items() if not k.startswith(self.classifier)}


@dataclass(frozen=True)
class Architecture:
    """A network that can be a backbone.

    name: as `--backbone` takes it. build: layer -> network that ends there, (N, 3, T, H, W)
    float32 -> (N, *shape). layers: layer -> shape of its feature. clip_length: frames a clip.
    layouts: of the checkpoints it can load; the first one's preprocessing is that of random
    weights. shipped: weights that come with this package, if any.
    """

    name: str
    build: Callable[[str], nn.Module]
    layers: Mapping[str, tuple[int, ...]]
    default_layer: str
    layouts: tuple[Layout, ...]
    clip_length: int = 16
    shipped: Path | None = None

    def layout(self, name: str) -> Layout:
        """The layout of that name; `UnknownNameError` where there is none."""
        for layout in self.layouts:
            if layout.name == name:
                return layout
        known = [layout.name for layout in self.layouts]
        raise UnknownNameError(f"checkpoint layout of {self.name}", name, known)

    def expected(self, layer: str) -> dict[str, torch.Size]:
        """The names and shapes of the tensors that the network up to `layer` has."""
        with torch.device("meta"):
            return {key: value.shape for key, value in self.build(layer).state_dict().items()}


class Backbone(nn.Module):
    """A network with its weights: float32 (N, 3, T, H, W), normalised, -> (N, *shape); eval mode.

    name, layer, shape: what it is and what it gives. preprocess: how frames must be prepared.
    clip_length: frames a clip it was made for. weights: which ones it carries.
    """

    def __init__(
        self,
        net: nn.Module,
        architecture: Architecture,
        layer: str,
        preprocess: Preprocess,
        weights: Weights,
    ):
        super().__init__()
        self.net = net
        self.name = architecture.name
        self.layer = layer
        self.shape = architecture.layers[layer]
        self.clip_length = architecture.clip_length
        self.preprocess = preprocess
        self.weights = weights
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        features: Tensor = self.net(x)
        return features


def load(
    architecture: Architecture,
    weights: str | Path | None,
    layer: str | None = None,
    preprocess: str | None = None,
    seed: int = 0,
) -> Backbone:
    """Build a network and put weights in it; see `aqa.extract.backbones.load_backbone`."""
    layer = layer or architecture.default_layer
    if layer not in architecture.layers:
        raise UnknownNameError(f"layer of {architecture.name}", layer, list(architecture.layers))
    if weights is None and architecture.shipped is None:
        raise WeightsError(
            f"{architecture.name} ships no weights: give a checkpoint file with --weights "
            f"({'; '.join(layout.source for layout in architecture.layouts)}), "
            "or --weights random for untrained ones"
        )
    if weights == "random":
        net, layout, record = _random(architecture, layer, seed)
    else:
        path = architecture.shipped if weights is None else Path(weights)
        assert path is not None
        net, layout, record = _pretrained(architecture, layer, path, shipped=weights is None)
    profile = architecture.layout(preprocess) if preprocess else layout
    return Backbone(net, architecture, layer, profile.preprocess, record)


def _random(architecture: Architecture, layer: str, seed: int) -> tuple[nn.Module, Layout, Weights]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = architecture.build(layer)
        for module in net.modules():
            if isinstance(module, nn.Conv3d | nn.Linear):
                # PyTorch's own default shrinks the signal at every layer of a deep network.
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
    layout = architecture.layouts[0]
    record = Weights("random", sha256_of_state(net.state_dict()), seed=seed)
    return net, layout, record


def _pretrained(
    architecture: Architecture, layer: str, path: Path, shipped: bool
) -> tuple[nn.Module, Layout, Weights]:
    state = read_state(path)
    layout = recognise(architecture, state, path)
    state = layout.translated(state)
    with torch.device("meta"):
        net = architecture.build(layer)
    absent = [key for key in net.state_dict() if key not in state]
    if absent:
        raise WeightsError(
            f"{path}: a checkpoint in the layout {layout.name!r}, which ends at "
            f"{layout.last_layer}; ask for it with --layer {layout.last_layer}, "
            f"or use weights that hold {layer}"
        )
    needed = {key: state[key].to(old.dtype) for key, old in net.state_dict().items()}
    net.load_state_dict(needed, assign=True)
    name = "shipped" if shipped else path.name
    where = None if shipped else str(path.resolve())
    return net, layout, Weights(name, sha256_of(path), path=where, layout=layout.name)


def recognise(architecture: Architecture, state: State, path: Path) -> Layout:
    """Find the layout that a checkpoint is in; strict, so a near miss is a `WeightsError`."""
    complaints = []
    for layout in architecture.layouts:
        expected = architecture.expected(layout.last_layer)
        problems = mismatches(layout.translated(state), expected)
        if not problems:
            return layout
        shared = len(expected.keys() & layout.translated(state).keys())
        complaints.append((shared, layout.name, problems))
    _, nearest, problems = max(complaints, key=lambda complaint: complaint[0])
    raise WeightsError(
        f"{path}: not a checkpoint of {architecture.name}; "
        f"held against the nearest layout, {nearest!r}: {'; '.join(problems)}"
    )
