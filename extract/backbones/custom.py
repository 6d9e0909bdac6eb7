"""Backbones of someone else: from a file that the user named, or from an installed package."""

from __future__ import annotations

import copy
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from aqa.errors import AqaError, UnknownNameError, WrongUsageError
from aqa.extract.backbones.architecture import Shape
from aqa.extract.backbones.backbone import Backbone, shape_of
from aqa.extract.backbones.load import record_of_file
from aqa.extract.backbones.registry import backbone_names
from aqa.extract.checkpoints.fine_tuned import FineTuned, read_fine_tuned
from aqa.extract.checkpoints.layouts import Layout, State, mismatches
from aqa.extract.checkpoints.records import Weights, WeightsError
from aqa.extract.checkpoints.state_files import read_state, sha256_of_state
from aqa.extract.preprocess import Preprocess
from aqa.plugins import Origin, PluginError, installed, is_file, load_file, load_installed

GROUP = "aqa.backbones"
# The function that is taken where the user names a file alone.
MAKE = "make"
# Names that --backbone takes for something else.
_RESERVED = ("pose",)


@dataclass(frozen=True, eq=False)
class BackboneSpec:
    """What a backbone of someone else is; a function that returns one is a `--backbone`.

    net: float32 (N, 3, T, H, W), normalised by `preprocess`, -> (N, *shape). preprocess: how
    frames are prepared for it. clip_length: frames per clip. shape: of a clip's feature: `(512,)`
    or 512 for vectors, (512, 2, 7, 7) for maps. layer: a name for what it gives, for the records
    of stores. has_weights: whether the function gives the network weights itself where none are
    asked for; otherwise the user must give `--weights`.

    A function without parameters makes the network; a file given as `--weights` is then read as
    data and loaded strictly into it. A function with a parameter `weights` is given the path of
    that file, or None, and loads it itself; `torch.load(path, weights_only=True)` runs no code.
    """

    net: nn.Module
    preprocess: Preprocess
    clip_length: int
    shape: Shape | int
    layer: str = "output"
    has_weights: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.net, nn.Module):
            raise AqaError(f"BackboneSpec: net is a {type(self.net).__name__}, not a torch module")
        if not isinstance(self.preprocess, Preprocess):
            raise AqaError("BackboneSpec: preprocess is not an aqa.extract.preprocess.Preprocess")
        if not _is_size(self.clip_length):
            raise AqaError(f"BackboneSpec: clip_length={self.clip_length!r} is not a frame count")
        if not self.feature_shape or not all(map(_is_size, self.feature_shape)):
            raise AqaError(f"BackboneSpec: shape={self.shape!r} is not the shape of a feature")

    @property
    def feature_shape(self) -> Shape:
        """`shape` as a tuple."""
        return (self.shape,) if isinstance(self.shape, int) else tuple(self.shape)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


@dataclass(frozen=True)
class Outsider:
    """A backbone of someone else, before its network is made.

    name: that stores know it by. source: as the user typed it. maker: a `BackboneSpec`, or the
    function that makes one. origin: where the code came from.
    """

    name: str
    source: str
    maker: Any
    origin: Origin

    @property
    def loads_files(self) -> bool:
        """Whether the function reads a file of weights itself."""
        return callable(self.maker) and "weights" in inspect.signature(self.maker).parameters

    def make(self, weights: Path | None, seed: int) -> BackboneSpec:
        """Call the function, with its random numbers drawn by `seed` alone."""
        if isinstance(self.maker, BackboneSpec):
            return copy.deepcopy(self.maker)
        if not callable(self.maker):
            raise PluginError(f"{self.maker!r} is neither a function nor a BackboneSpec")
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                spec = self.maker(weights=weights) if self.loads_files else self.maker()
        except AqaError:
            raise
        except Exception as error:
            raise PluginError(f"{self.source} fails: {type(error).__name__}: {error}") from error
        if not isinstance(spec, BackboneSpec):
            raise PluginError(
                f"{self.source} gives a {type(spec).__name__}, not an "
                "aqa.extract.backbones.BackboneSpec"
            )
        return spec


def find(name: str) -> Outsider | None:
    """The backbone of someone else that a name means; None for a backbone of this package.

    `path/to/net.py:make` runs that file. Raises `UnknownNameError` for a name that is none.
    """
    if is_file(name):
        return _from_file(name)
    if name in backbone_names():
        return None
    points = installed(GROUP)
    if name not in points:
        raise UnknownNameError("backbone", name, [*backbone_names(), *points])
    maker, origin = load_installed(points[name])
    return Outsider(_checked(name, origin.name), name, maker, origin)


def of_object(maker: Any) -> Outsider:
    """A backbone that Python code holds: a `BackboneSpec`, or a function that makes one."""
    name = getattr(maker, "__name__", "custom")
    return Outsider(name, name, maker, Origin("object", name, None))


def _from_file(text: str) -> Outsider:
    maker, origin = load_file(text, MAKE)
    path, _, attribute = origin.name.rpartition(":")
    stem = Path(path).stem
    name = stem if attribute == MAKE else f"{stem}-{attribute}"
    return Outsider(_checked(name, text), text, maker, origin)


def _checked(name: str, where: str) -> str:
    """A name that can be a file's; `PluginError` for one that is taken."""
    if name in (*backbone_names(), *_RESERVED):
        raise PluginError(f"{where}: {name} is the name of a backbone of aqa; rename the file")
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise PluginError(f"{where}: {name!r} cannot be a backbone's name: letters, digits, . - _")
    return name


def load(
    outsider: Outsider,
    weights: str | Path | None,
    layer: str | None = None,
    preprocess: str | Preprocess | None = None,
    seed: int = 0,
) -> Backbone:
    """Make someone else's network and put weights in it; see `load_backbone`."""
    path = None if weights in (None, "random") else Path(str(weights))
    if path is not None and not path.is_file():
        raise WeightsError(f"{path}: no such weights file")
    tuned = _fine_tuned(outsider, path)
    loads_it = outsider.loads_files and tuned is None
    spec = outsider.make(path if loads_it else None, seed)
    _check_asked(outsider, spec, weights, layer, preprocess)
    if path is not None and not loads_it:
        _fill(spec.net, read_state(path), path, outsider)
    assert not isinstance(preprocess, str)
    preprocess = preprocess or (tuned.preprocess if tuned else spec.preprocess)
    clip_length, shape = spec.clip_length, spec.feature_shape
    if tuned is not None and tuned.clip_length != clip_length:
        clip_length = tuned.clip_length
        shape = shape_of(spec.net.eval(), preprocess, clip_length)
    return Backbone(
        spec.net.float(),
        name=outsider.name,
        layer=spec.layer,
        shape=shape,
        preprocess=preprocess,
        clip_length=clip_length,
        weights=_record(spec.net, path, weights, seed),
        layout=Layout(outsider.name, outsider.source, spec.layer, profiles=()),
        source=outsider.source,
        origin=outsider.origin,
    )


def _fine_tuned(outsider: Outsider, path: Path | None) -> FineTuned | None:
    tuned = read_fine_tuned(path) if path else None
    if tuned is not None and tuned.backbone != outsider.name:
        raise WeightsError(
            f"{path}: fine-tuned weights of {tuned.backbone}, not of {outsider.name}"
        )
    return tuned


def _check_asked(
    outsider: Outsider,
    spec: BackboneSpec,
    weights: str | Path | None,
    layer: str | None,
    preprocess: str | Preprocess | None,
) -> None:
    """Refuse what was asked for and the network does not have."""
    if weights is None and not spec.has_weights:
        raise WrongUsageError(
            f"{outsider.source} brings no weights: give a checkpoint file with --weights, "
            "or --weights random for untrained ones"
        )
    if weights == "random" and not callable(outsider.maker):
        raise WrongUsageError(f"{outsider.source} is one network; random weights take a function")
    if layer not in (None, spec.layer):
        raise UnknownNameError(f"layer of {outsider.name}", str(layer), [spec.layer])
    if isinstance(preprocess, str):
        raise WrongUsageError(
            f"--preprocess {preprocess}: {outsider.source} states its one preprocessing itself; "
            "leave the option out"
        )


def _fill(net: nn.Module, state: State, path: Path, outsider: Outsider) -> None:
    """Put the tensors of a file into a network; refused where one is missing or unknown."""
    expected = {key: value.shape for key, value in net.state_dict().items()}
    problems = mismatches(state, expected)
    if problems:
        raise WeightsError(f"{path}: not weights of {outsider.source}: {'; '.join(problems)}")
    net.load_state_dict({k: v for k, v in state.items() if k in expected}, strict=False)


def _record(net: nn.Module, path: Path | None, weights: str | Path | None, seed: int) -> Weights:
    if path is not None:
        return record_of_file(path, layout=None)
    name, drawn_by = ("random", seed) if weights == "random" else ("shipped", None)
    return Weights(name, sha256_of_state(net.state_dict()), seed=drawn_by)
