"""The networks that features come from: a file here is a family of `--backbone`.

A family's module has two names: `NAMES`, a literal tuple of the backbones that it holds, which is
read without importing it, and `architecture(name)`, which describes one of them. Backbones of
someone else come from a file that the user names, or from an installed package; see
`BackboneSpec`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from aqa.extract.backbones.registry import backbone_names, get_architecture

if TYPE_CHECKING:
    from aqa.extract.backbones.backbone import Backbone
    from aqa.extract.backbones.custom import BackboneSpec
    from aqa.extract.preprocess import Preprocess

__all__ = ["BackboneSpec", "backbone_names", "get_architecture", "load_backbone"]


def load_backbone(
    name: str,
    weights: str | Path | None = None,
    layer: str | None = None,
    *,
    preprocess: str | Preprocess | None = None,
    clip_length: int | None = None,
    seed: int = 0,
) -> Backbone:
    """Load a backbone in eval mode, on the CPU.

    name: of a backbone of this package or of an installed one; or `path/to/net.py:make`, a file
    that is then run (`BackboneSpec`). weights: a checkpoint file in one of the backbone's layouts,
    detected from its keys and loaded strictly; `random` for seeded, untrained ones; None for those
    that come with the backbone, or its first public ones, which are downloaded with a bar on
    standard error where they are not in the cache. layer: where the network ends; None for the
    backbone's default. preprocess: to use instead of the checkpoint's, or the name of a profile of
    the backbone. clip_length: frames per clip that are going to be asked for; decides where a file
    does not tell. seed: of random weights.

    The module takes float32 (N, 3, T, H, W), already normalised, and gives (N, *shape).
    Raises `WeightsError` with every missing, extra or misshapen tensor. Warns of what a file
    leaves open: preprocessing, clip length.
    """
    from aqa.extract.backbones import custom, load

    outsider = custom.find(name)
    if outsider is not None:
        return custom.load(outsider, weights, layer, preprocess, seed)
    return load.load(get_architecture(name), weights, layer, preprocess, clip_length, seed)


def __getattr__(name: str) -> Any:
    if name == "BackboneSpec":  # lazily: it needs torch
        from aqa.extract.backbones.custom import BackboneSpec

        return BackboneSpec
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
