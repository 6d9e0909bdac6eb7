"""Loads a backbone of this package: builds its network and puts weights in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from aqa.errors import UnknownNameError, WrongUsageError
from aqa.extract.backbones.architecture import Architecture
from aqa.extract.backbones.backbone import Backbone, shape_of
from aqa.extract.checkpoints.download import fetch, fetch_record
from aqa.extract.checkpoints.fine_tuned import FineTuned, read_fine_tuned, save_fine_tuned
from aqa.extract.checkpoints.hub import (
    configured,
    file_in,
    hub_record,
    is_hub_name,
    preprocess_beside,
)
from aqa.extract.checkpoints.layouts import COUNTER, Layout, State
from aqa.extract.checkpoints.progress import DownloadBar
from aqa.extract.checkpoints.recognition import (
    chosen_clip_length,
    chosen_profile,
    fine_tuned_layout,
    recognise,
    training_of,
)
from aqa.extract.checkpoints.records import Checkpoint, Weights, WeightsError
from aqa.extract.checkpoints.state_files import (
    read_fitted_on,
    read_state,
    sha256_of_state,
)
from aqa.extract.preprocess import Preprocess
from aqa.files import sha256_of


def load(
    architecture: Architecture,
    weights: str | Path | None,
    layer: str | None = None,
    preprocess: str | Preprocess | None = None,
    clip_length: int | None = None,
    seed: int = 0,
) -> Backbone:
    """Build a network and put weights in it; see `aqa.extract.backbones.load_backbone`."""
    if layer is not None and layer not in architecture.layers:
        raise UnknownNameError(f"layer of {architecture.name}", layer, list(architecture.layers))
    if isinstance(preprocess, str):
        preprocess = architecture.profile(preprocess)
    if weights == "random":
        return _random(architecture, layer or architecture.default_layer, preprocess, seed)
    shipped = weights is None and architecture.shipped is not None
    public = None if weights is not None or shipped else _default_weights(architecture)
    if public is not None:
        path = fetch(public.name, progress=DownloadBar())
        if not public.of_hub:
            preprocess = preprocess or architecture.profile(public.profile)
        clip_length = clip_length or public.clip_length
    else:
        path = _path_of(architecture, weights or str(architecture.shipped))
    state, tuned = read_state(path), read_fine_tuned(path)
    if tuned is None:
        layout = configured(recognise(architecture, state, path), path)
        training = training_of(architecture, layout, sha256_of(path), layout.classes(state))
        length = chosen_clip_length(path, architecture, training, clip_length)
        preprocess = preprocess or preprocess_beside(layout, path)
        if preprocess is None:
            preprocess = architecture.profile(chosen_profile(path, training))
    else:
        layout = fine_tuned_layout(architecture, tuned, state, path)
        if tuned.config is not None and layout.hub is not None:
            layout = layout.configured(tuned.config)
        length, preprocess = tuned.clip_length, preprocess or tuned.preprocess
    layer = layer or (tuned.layer if tuned else architecture.default_layer)
    return _backbone(
        architecture,
        _filled(architecture, layer, layout, state, path),
        layer,
        preprocess,
        record_of_file(path, layout.name, shipped=shipped),
        layout,
        length,
        tuned.spread if tuned else architecture.spread,
        tuned.window if tuned else _window(architecture, length),
    )


def _path_of(architecture: Architecture, weights: str | Path) -> Path:
    """The file that weights are in: itself, in a folder of the hub, or fetched from there."""
    has_hub = any(layout.hub is not None for layout in architecture.layouts)
    if has_hub and is_hub_name(str(weights)):
        asked = hub_record(str(weights), architecture.name)
        known = (one for one in architecture.checkpoints if one.file == asked.file)
        return fetch_record(next(known, asked), progress=DownloadBar())
    return file_in(Path(weights))


def _default_weights(architecture: Architecture) -> Checkpoint:
    """The published weights that are taken where the user names none."""
    if architecture.checkpoints:
        return architecture.checkpoints[0]
    raise WrongUsageError(
        f"there are no public weights of {architecture.name}: give a checkpoint file with "
        f"--weights ({'; '.join(layout.source for layout in architecture.layouts)}), "
        "or --weights random for untrained ones"
    )


def record_of_file(path: Path, layout: str | None, *, shipped: bool = False) -> Weights:
    """Which weights a network carries that were read from a file."""
    # The hub's own cache is of links to files named by hashes; JSON lies beside the links alone.
    of_hub = layout is not None and layout.startswith("hub")
    place = path.parent.resolve() / path.name if of_hub else path.resolve()
    return Weights(
        "shipped" if shipped else path.name,
        sha256_of(path),
        path=None if shipped else str(place),
        layout=layout,
        fitted_on=read_fitted_on(path),
    )


def save_tuned(
    path: Path,
    backbone: Backbone,
    state: Mapping[str, Tensor],
    seen: Sequence[str],
    clip_length: int | None = None,
    *,
    spread: bool = False,
    window: int | None = None,
) -> None:
    """Write fine-tuned weights of a backbone in one step.

    state: of its network as it is now. seen: the videos that it has learned from now; those from
    before are added. clip_length: frames per clip in training; None for the backbone's. spread:
    whether they were spread over the whole video; window: over how many frames of it.
    """
    record = FineTuned(
        backbone=backbone.name,
        layout=backbone.layout.name,
        layer=backbone.layer,
        clip_length=clip_length or backbone.clip_length,
        preprocess=backbone.preprocess,
        spread=spread,
        window=window,
        config=backbone.layout.config,
    )
    fitted_on = sorted({*(backbone.weights.fitted_on or ()), *seen})
    save_fine_tuned(path, record, backbone.layout, state, fitted_on)


def _random(
    architecture: Architecture, layer: str, preprocess: Preprocess | None, seed: int
) -> Backbone:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = architecture.build(layer)
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Conv3d | nn.Linear):
                # PyTorch's default shrinks the signal at every layer of a deep network.
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
    return _backbone(
        architecture,
        net,
        layer,
        preprocess or architecture.profile(architecture.default_profile),
        Weights("random", sha256_of_state(net.state_dict()), seed=seed),
        architecture.layouts[0],
        architecture.clip_length,
        architecture.spread,
        architecture.window,
    )


def _backbone(
    architecture: Architecture,
    net: nn.Module,
    layer: str,
    preprocess: Preprocess,
    weights: Weights,
    layout: Layout,
    clip_length: int,
    spread: bool,
    window: int | None,
) -> Backbone:
    net.eval()
    shape = architecture.layers[layer]
    if clip_length != architecture.clip_length:
        shape = shape_of(net, preprocess, clip_length)
    return Backbone(
        net,
        name=architecture.name,
        layer=layer,
        shape=shape,
        preprocess=preprocess,
        clip_length=clip_length,
        weights=weights,
        layout=layout,
        spread=spread,
        window=window,
    )


def _window(architecture: Architecture, clip_length: int) -> int | None:
    """How many frames a clip of another length covers, at the same step."""
    if architecture.window is None:
        return None
    return architecture.window * clip_length // architecture.clip_length


def _filled(
    architecture: Architecture, layer: str, layout: Layout, state: State, path: Path
) -> nn.Module:
    """The network up to `layer` with the checkpoint's tensors in it."""
    with torch.device("meta"):
        net = architecture.builder(layout)(layer)
    empty = net.state_dict()
    tensors = {key: layout.assembled(state, key) for key in empty}
    absent = [k for k, held in tensors.items() if held is None and not k.endswith(COUNTER)]
    if absent:
        raise WeightsError(
            f"{path}: a checkpoint in the layout {layout.name!r}, which ends at "
            f"{layout.last_layer}; ask for it with --layer {layout.last_layer}, "
            f"or use weights that hold {layer}"
        )
    # What is absent now counts training steps, which are not used; any value will do.
    zero = torch.zeros((), dtype=torch.long)
    net.load_state_dict(
        {k: (zero if held is None else held).to(empty[k].dtype) for k, held in tensors.items()},
        assign=True,
    )
    return net
