"""What a backbone file declares, and the module that it becomes once weights are in it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from aqa.errors import UnknownNameError
from aqa.extract.checkpoints.files import (
    COUNTER,
    Checkpoint,
    State,
    Weights,
    WeightsError,
    mismatches,
    read_fitted_on,
    read_state,
    sha256_of,
    sha256_of_state,
)
from aqa.extract.checkpoints.tuned import Tuned, read_tuned
from aqa.extract.preprocess import Preprocess

Shape = tuple[int, ...]


def same_key(key: str) -> str:
    """For checkpoints whose keys are the network's own."""
    return key


@dataclass(frozen=True)
class Layout:
    """How a published checkpoint names its tensors, and how its network was shown pictures.

    name: short and unique within the backbone. source: who publishes such files. last_layer: the
    deepest layer it holds weights for. preprocess: of the published weights. key: the network's
    name of a tensor -> the checkpoint's, so that errors speak of what is in the file. classifier:
    prefixes of keys that belong to its classifier, which is ignored whatever its class count.
    """

    name: str
    source: str
    last_layer: str
    preprocess: Preprocess
    key: Callable[[str], str] = same_key
    classifier: tuple[str, ...] = ()

    def features(self, state: State) -> State:
        """The checkpoint without its classifier."""
        return {k: v for k, v in state.items() if not k.startswith(self.classifier)}

    def classes(self, state: State) -> int | None:
        """Outputs of the checkpoint's classifier; None where it has none."""
        for key, value in state.items():
            if key.startswith(self.classifier) and key.endswith("weight") and value.ndim > 1:
                return len(value)
        return None


@dataclass(frozen=True, eq=False)
class Architecture:
    """A network that can be a backbone.

    name: as `--backbone` takes it. build: layer -> network that ends there, (N, 3, T, H, W)
    float32 -> (N, *shape). layers: layer -> shape of its feature. clip_length: frames a clip.
    layouts: of the checkpoints it can load; the first one's preprocessing is that of random
    weights. shipped: weights that come with this package, if any. checkpoints: public ones.
    """

    name: str
    build: Callable[[str], nn.Module]
    layers: Mapping[str, Shape]
    default_layer: str
    layouts: tuple[Layout, ...]
    clip_length: int = 16
    shipped: Path | None = None
    checkpoints: tuple[Checkpoint, ...] = ()

    def layout(self, name: str) -> Layout:
        """The layout of that name; `UnknownNameError` where there is none."""
        for layout in self.layouts:
            if layout.name == name:
                return layout
        known = [layout.name for layout in self.layouts]
        raise UnknownNameError(f"checkpoint layout of {self.name}", name, known)

    def expected(self, layer: str) -> Mapping[str, torch.Size]:
        """The names and shapes of the tensors that the network up to `layer` has."""
        return _expected(self, layer)

    def shape(self, layer: str, clip_length: int) -> Shape:
        """The feature of a clip of another length than the network's own."""
        if clip_length == self.clip_length:
            return self.layers[layer]
        with torch.device("meta"):
            clip = torch.empty(1, 3, clip_length, *self.layouts[0].preprocess.crop)
            return tuple(self.build(layer).eval()(clip).shape[1:])

    def clip_lengths(self, sha256: str, classes: int | None) -> tuple[int, ...]:
        """Frames a clip that a checkpoint is for; several where the file does not tell.

        A known checkpoint is known by its hash, and failing that by its class count.
        """
        like = [known for known in self.checkpoints if known.classes == classes]
        same = [known for known in like if known.sha256 and sha256.startswith(known.sha256)]
        return tuple(sorted({known.clip_length for known in same or like})) or (self.clip_length,)


@functools.cache
def _expected(architecture: Architecture, layer: str) -> Mapping[str, torch.Size]:
    with torch.device("meta"):
        net = architecture.build(layer)
    return {key: value.shape for key, value in net.state_dict().items()}


class Backbone(nn.Module):
    """A network with its weights: float32 (N, 3, T, H, W), normalised, -> (N, *shape); eval mode.

    name, layer, shape: what it is and what it gives. preprocess: how frames must be prepared.
    clip_length: frames a clip that its weights are for. weights: which ones it carries.
    """

    def __init__(
        self,
        net: nn.Module,
        architecture: Architecture,
        layer: str,
        preprocess: Preprocess,
        weights: Weights,
        clip_length: int | None = None,
    ):
        super().__init__()
        self.net = net
        self.name = architecture.name
        self.layer = layer
        self.clip_length = clip_length or architecture.clip_length
        self.shape = architecture.shape(layer, self.clip_length)
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
    if layer is not None and layer not in architecture.layers:
        raise UnknownNameError(f"layer of {architecture.name}", layer, list(architecture.layers))
    if weights is None and architecture.shipped is None:
        raise WeightsError(
            f"{architecture.name} ships no weights: give a checkpoint file with --weights "
            f"({'; '.join(layout.source for layout in architecture.layouts)}), "
            "or --weights random for untrained ones"
        )
    if weights == "random":
        layer = layer or architecture.default_layer
        net, record = _random(architecture, layer, seed)
        profile = architecture.layout(preprocess) if preprocess else architecture.layouts[0]
        return Backbone(net, architecture, layer, profile.preprocess, record)
    path = architecture.shipped if weights is None else Path(weights)
    assert path is not None
    state, tuned = read_state(path), read_tuned(path)
    if tuned is None:
        layout = recognise(architecture, state, path)
    else:
        layout = tuned_layout(architecture, tuned, state, path)
    layer = layer or (tuned.layer if tuned else architecture.default_layer)
    net = _filled(architecture, layer, layout, state, path)
    record = Weights(
        "shipped" if weights is None else path.name,
        sha256_of(path),
        path=None if weights is None else str(path.resolve()),
        layout=layout.name,
        fitted_on=read_fitted_on(path),
    )
    lengths = architecture.clip_lengths(record.sha256, layout.classes(state))
    profile = architecture.layout(preprocess) if preprocess else layout
    clip_length = lengths[0] if len(lengths) == 1 else None
    if tuned is not None:
        clip_length = tuned.clip_length
    return Backbone(net, architecture, layer, profile.preprocess, record, clip_length)


def _random(architecture: Architecture, layer: str, seed: int) -> tuple[nn.Module, Weights]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = architecture.build(layer)
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Conv3d | nn.Linear):
                # PyTorch's own default shrinks the signal at every layer of a deep network.
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
    return net, Weights("random", sha256_of_state(net.state_dict()), seed=seed)


def _filled(
    architecture: Architecture, layer: str, layout: Layout, state: State, path: Path
) -> nn.Module:
    """The network up to `layer` with the checkpoint's tensors in it."""
    with torch.device("meta"):
        net = architecture.build(layer)
    empty = net.state_dict()
    absent = [key for key in empty if layout.key(key) not in state and not key.endswith(COUNTER)]
    if absent:
        raise WeightsError(
            f"{path}: a checkpoint in the layout {layout.name!r}, which ends at "
            f"{layout.last_layer}; ask for it with --layer {layout.last_layer}, "
            f"or use weights that hold {layer}"
        )
    # What is absent now is a counter; any value will do.
    zero = torch.zeros((), dtype=torch.long)
    tensors = {key: state.get(layout.key(key), zero).to(old.dtype) for key, old in empty.items()}
    net.load_state_dict(tensors, assign=True)
    return net


def recognise(architecture: Architecture, state: State, path: Path) -> Layout:
    """Find the layout that a checkpoint is in; strict, so a near miss is a `WeightsError`."""
    layout = _fitting(architecture, state)
    if layout is not None:
        return layout
    owner = identify(state)
    if owner is not None:
        name, layout = owner[0].name, owner[1]
        raise WeightsError(
            f"{path}: a checkpoint of {name} (layout {layout.name}), not of {architecture.name}: "
            f"use --backbone {name}"
        )
    nearest = max(architecture.layouts, key=lambda layout: _shared(architecture, layout, state))
    problems = _problems(architecture, nearest, state)
    raise WeightsError(
        f"{path}: not a checkpoint of {architecture.name}; "
        f"held against the nearest layout, {nearest.name!r}: {'; '.join(problems)}"
    )


def tuned_layout(architecture: Architecture, tuned: Tuned, state: State, path: Path) -> Layout:
    """The layout of a file of fine-tuned weights, which ends where they do; strict as well."""
    if tuned.backbone != architecture.name:
        raise WeightsError(
            f"{path}: fine-tuned weights of {tuned.backbone}, not of {architecture.name}: "
            f"use --backbone {tuned.backbone}"
        )
    known = [layout.name for layout in architecture.layouts]
    if tuned.layer not in architecture.layers or tuned.layout not in known:
        raise WeightsError(
            f"{path}: damaged fine-tuned weights: {architecture.name} has no layer {tuned.layer!r} "
            f"or no layout {tuned.layout!r}"
        )
    layout = replace(
        architecture.layout(tuned.layout), last_layer=tuned.layer, preprocess=tuned.preprocess
    )
    problems = _problems(architecture, layout, state)
    if problems:
        raise WeightsError(f"{path}: damaged fine-tuned weights: {'; '.join(problems)}")
    return layout


def identify(state: State) -> tuple[Architecture, Layout] | None:
    """The backbone and the layout that a checkpoint fits, among all there are."""
    # The package finds the families, and each family imports this module.
    from aqa.extract.backbones import backbone_names, get_architecture

    for name in backbone_names():
        architecture = get_architecture(name)
        layout = _fitting(architecture, state)
        if layout is not None:
            return architecture, layout
    return None


def _fitting(architecture: Architecture, state: State) -> Layout | None:
    fitting = (one for one in architecture.layouts if not _problems(architecture, one, state))
    return next(fitting, None)


def _wanted(architecture: Architecture, layout: Layout) -> dict[str, torch.Size]:
    expected = architecture.expected(layout.last_layer)
    return {layout.key(key): shape for key, shape in expected.items()}


def _problems(architecture: Architecture, layout: Layout, state: State) -> list[str]:
    return mismatches(layout.features(state), _wanted(architecture, layout))


def _shared(architecture: Architecture, layout: Layout, state: State) -> int:
    return len(_wanted(architecture, layout).keys() & state.keys())
