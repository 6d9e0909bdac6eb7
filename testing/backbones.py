"""The contract of a backbone: what extraction, fine-tuning and scoring rely on."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aqa.errors import AqaError
from aqa.extract.backbones import backbone_names, custom, get_architecture, load_backbone
from aqa.extract.backbones.architecture import Architecture
from aqa.extract.backbones.backbone import Backbone, shape_of
from aqa.extract.backbones.custom import BackboneSpec, Outsider
from aqa.extract.checkpoints.hub import CONFIG
from aqa.extract.inference import agree, optimise
from aqa.extract.preprocess import Preprocess
from aqa.extract.run import make_spec
from aqa.features.clips import ClipRule

Maker = Callable[..., BackboneSpec]


def check_backbone(
    backbone: str | BackboneSpec | Maker,
    *,
    weights: str | Path | None = "random",
    frame_size: tuple[int, int] | None = None,
) -> None:
    """Raise `AssertionError`, saying what is wrong, for a backbone that breaks the contract.

    backbone: as `--backbone` takes it (a name, or path/to/net.py:make), a `BackboneSpec`, or a
    function that makes one. weights: as `--weights` takes them. frame_size: (height, width) of
    frames to check with; smaller ones than the network's are faster, where it takes them.

    Checked are: float32 and eval mode; preprocessing; the shape of each layer's feature; the same
    features of the same clip, alone and in a batch, as it is and made fast; the same network of
    the same seed; that weights which are written are read again; and the record of a store.
    """
    outsider = _outsider(backbone)
    made = _load(outsider, weights)
    preprocess = made.preprocess
    if frame_size is not None:
        preprocess = replace(preprocess, resize=frame_size, crop=frame_size)
    _check_modes(made)
    _check_preprocessing(made)
    clips = _noise(preprocess, made.clip_length)
    _check_features(made, clips, frame_size is None)
    _check_speedups(made, clips[:1])
    again = _load(outsider, weights)
    _require(
        again.weights.sha256 == made.weights.sha256,
        f"{made.source}: two loads with the same seed give different weights; draw all random "
        "numbers from torch, in the function",
    )
    if isinstance(outsider, str):
        _check_layers(get_architecture(outsider))
        _check_layouts(get_architecture(outsider))
    elif not outsider.loads_files:
        _check_files(outsider, made.net)
    spec = make_spec(made, ClipRule(made.clip_length, made.clip_length), made.shape)
    _require(
        json.loads(json.dumps(spec)) == spec, f"{made.source}: its record does not survive JSON"
    )


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise AssertionError(otherwise)


def _outsider(backbone: str | BackboneSpec | Maker) -> str | Outsider:
    """A backbone of someone else; the name of one of this package."""
    if isinstance(backbone, str):
        return backbone if backbone in backbone_names() else custom.find(backbone) or backbone
    if isinstance(backbone, BackboneSpec):
        backbone = replace(backbone, has_weights=True)
    return custom.of_object(backbone)


def _load(outsider: str | Outsider, weights: str | Path | None) -> Backbone:
    try:
        if isinstance(outsider, str):
            return load_backbone(outsider, weights)
        if weights == "random" and isinstance(outsider.maker, BackboneSpec):
            weights = None  # it is there, with the weights that it has
        return custom.load(outsider, weights)
    except AqaError as error:
        raise AssertionError(str(error)) from error


def _noise(preprocess: Preprocess, length: int) -> Tensor:
    """Two different clips as the network takes them: float32 (2, 3, T, H, W)."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, size=(2, length, *preprocess.crop, 3), dtype=np.uint8)
    return preprocess.normalise(torch.from_numpy(frames))


def _check_modes(backbone: Backbone) -> None:
    tensors = {**dict(backbone.net.named_parameters()), **dict(backbone.net.named_buffers())}
    others = [
        name for name, x in tensors.items() if x.is_floating_point() and x.dtype != torch.float32
    ]
    _require(not others, f"{backbone.source}: {others[:3]} are not float32")
    training = [name for name, module in backbone.named_modules() if module.training]
    _require(not training, f"{backbone.source}: not in eval mode: {training[:3]}")


def _check_preprocessing(backbone: Backbone) -> None:
    preprocess = backbone.preprocess
    frame = np.random.default_rng(0).integers(0, 256, size=(240, 320, 3), dtype=np.uint8)
    prepared = preprocess.resize_and_crop(frame)
    _require(
        prepared.shape == (*preprocess.crop, 3) and prepared.dtype == np.uint8,
        f"{backbone.source}: a frame is prepared as {prepared.dtype} {prepared.shape}",
    )
    normalised = preprocess.normalise(torch.from_numpy(prepared[None, None]))
    _require(
        bool(torch.isfinite(normalised).all()), f"{backbone.source}: its frames are not finite"
    )
    _require(
        Preprocess.from_dict(json.loads(json.dumps(preprocess.to_dict()))) == preprocess,
        f"{backbone.source}: its preprocessing does not survive a record: use tuples of numbers",
    )


@torch.inference_mode()
def _check_features(backbone: Backbone, clips: Tensor, full_size: bool) -> None:
    name, before = backbone.source, clips.clone()
    both = backbone(clips)
    expected = (len(clips), *backbone.shape)
    seen = tuple(both.shape)
    right = seen == expected if full_size else seen[:2] == expected[:2]
    _require(right, f"{name}: gives {seen} of {len(clips)} clips; it states {expected}")
    _require(both.dtype == torch.float32, f"{name}: gives {both.dtype}, not float32")
    _require(bool(torch.isfinite(both).all()), f"{name}: gives features that are not finite")
    _require(torch.equal(clips, before), f"{name}: changes the clips that it is given")
    _require(
        torch.equal(backbone(clips), both),
        f"{name}: gives other features of the same clips a second time",
    )
    alone = torch.cat([backbone(clip[None]) for clip in clips])
    _require(
        _close(alone, both), f"{name}: a clip's feature depends on the other clips of the batch"
    )
    _require(
        not _close(both[:1], both[1:]), f"{name}: gives the same feature of two different clips"
    )


def _close(features: Tensor, expected: Tensor) -> bool:
    """Whether features are the same up to rounding."""
    return bool((features - expected).abs().max() <= 1e-3 * expected.abs().max())


def _check_speedups(backbone: Backbone, clip: Tensor) -> None:
    """That fused and prepacked it gives the same; of someone else's, what is done to it if so."""
    probe = None if backbone.origin is None else clip
    with torch.inference_mode():
        fast = optimise(backbone.net, torch.device("cpu"), "float32", probe)
        _require(
            agree(fast, backbone.net, clip),
            f"{backbone.source}: gives other features with its batch norms fused; register each "
            "right after its convolution",
        )


def _check_layers(architecture: Architecture) -> None:
    preprocess = architecture.profile(architecture.default_profile)
    _require(
        architecture.default_layer in architecture.layers,
        f"{architecture.name}: no layer {architecture.default_layer}",
    )
    for layer, shape in architecture.layers.items():
        with torch.device("meta"):
            net = architecture.build(layer).eval()
        given = shape_of(net, preprocess, architecture.clip_length)
        _require(given == shape, f"{architecture.name}: {layer} gives {given}; it states {shape}")


def _check_layouts(architecture: Architecture) -> None:
    """That a file in each of its layouts is recognised, and read into the right tensors."""
    for layout in architecture.layouts:
        numbered = _numbered(architecture.expected_keys(layout))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights.pth"
            torch.save(numbered, path)
            if layout.hub is not None:  # what it leaves out is as in the published file
                path.with_name(CONFIG).write_text("{}", encoding="utf-8")
            loaded = load_backbone(
                architecture.name,
                path,
                layout.last_layer,
                preprocess=architecture.default_profile,
                clip_length=architecture.clip_length,
            )
            _require(
                loaded.weights.layout == layout.name,
                f"{architecture.name}: a file in the layout {layout.name} is taken for one in "
                f"{loaded.weights.layout}",
            )
            held = layout.taken_apart(loaded.net.state_dict())
            _check_loaded(architecture.name, held, numbered)


def _check_files(outsider: Outsider, net: torch.nn.Module) -> None:
    """That a file with the network's tensors is read into them."""
    numbered = _numbered({key: tensor.shape for key, tensor in net.state_dict().items()})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.pth"
        torch.save(numbered, path)
        _check_loaded(outsider.source, _load(outsider, path).net.state_dict(), numbered)


def _numbered(shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """Tensors that hold one number each, so that one taken for another shows; small in a file."""
    return {
        key: torch.tensor(float(number % 100 + 1)).expand(shape)
        for number, (key, shape) in enumerate(shapes.items())
    }


def _check_loaded(name: str, state: Mapping[str, Tensor], numbered: Mapping[str, Tensor]) -> None:
    wrong = [key for key, tensor in numbered.items() if (state[key] != tensor).any()]
    _require(not wrong, f"{name}: {wrong[:3]} are not as a file of weights has them")
