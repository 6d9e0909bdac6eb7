"""A network with its weights: for clips that are prepared, and for clips of raw frames."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from aqa.extract.backbones.architecture import Shape
from aqa.extract.checkpoints.layouts import Layout
from aqa.extract.checkpoints.records import Weights
from aqa.extract.preprocess import Preprocess
from aqa.features.clips import ClipRule, Pad, Tail
from aqa.plugins import Origin


class Backbone(nn.Module):
    """A network with its weights: float32 (N, 3, T, H, W), normalised, -> (N, *shape); eval mode.

    name, layer: what it is. shape: of a clip's feature. preprocess: how frames must be prepared.
    clip_length: frames per clip that its weights are for; spread: whether they are spread over the
    whole video; window: how many frames of it they are spread over. weights: which ones it
    carries. layout: how files name its tensors. source: what `load_backbone` takes to make it
    again. origin: where the code of someone else's backbone came from; None for those of this
    package.
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        name: str,
        layer: str,
        shape: Shape,
        preprocess: Preprocess,
        clip_length: int,
        weights: Weights,
        layout: Layout,
        source: str | None = None,
        origin: Origin | None = None,
        spread: bool = False,
        window: int | None = None,
    ):
        super().__init__()
        self.net = net
        self.name = name
        self.layer = layer
        self.shape = shape
        self.preprocess = preprocess
        self.clip_length = clip_length
        self.weights = weights
        self.layout = layout
        self.source = source or name
        self.origin = origin
        self.spread = spread
        self.window = window
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """The features of prepared clips: (n, 3, T, H, W) -> (n, *shape)."""
        features: Tensor = self.net(x)
        return features

    def clip_rule(
        self,
        length: int | None = None,
        stride: int | None = None,
        *,
        window: int | None = None,
        spread: bool | None = None,
        frames: int | None = None,
        pad: Pad = "front",
        tail: Tail = "shift",
    ) -> ClipRule:
        """How videos are cut: as asked for, and otherwise as the weights were trained.

        length: frames per clip. stride: frames from the start of one clip to the next; None: as
        many as a clip covers. window: frames of the video that a clip covers; None: at the step
        of the weights. spread: one clip over the whole video. frames, pad, tail: see `ClipRule`.
        """
        spread = (self.spread and window is None) if spread is None else spread
        if window is None and self.window is not None and not spread:
            window = self.window * (length or self.clip_length) // self.clip_length
        length = length or self.clip_length
        if window == length or spread:
            window = None
        step = stride or window or length
        return ClipRule(length, step, frames, pad, tail, spread=spread, window=window)

    def shape_for(self, clip_length: int) -> Shape:
        """The shape of the feature of a clip of another length than the weights are for."""
        if clip_length == self.clip_length:
            return self.shape
        return shape_of(self.net, self.preprocess, clip_length)


def shape_of(net: nn.Module, preprocess: Preprocess, clip_length: int) -> Shape:
    """The shape of the feature of a clip of so many frames; computes no values.

    Raises what the network raises where it cannot take such clips.
    """
    tensors = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    empty = {name: tensor.to("meta") for name, tensor in tensors.items()}
    clip = torch.empty(1, 3, clip_length, *preprocess.crop, device="meta")
    with torch.no_grad():
        features: Tensor = torch.func.functional_call(net, empty, (clip,))
    return tuple(features.shape[1:])


class ClipNet(nn.Module):
    """A copy of a backbone's network that takes raw clips: uint8 (n, T, H, W, 3) -> (n, *shape).

    Its batch norms are not fused, so that it can be trained.
    """

    def __init__(self, backbone: Backbone):
        super().__init__()
        self.net = copy.deepcopy(backbone.net)
        self._preprocess = backbone.preprocess

    def forward(self, frames: Tensor) -> Tensor:
        """The features of raw clips: uint8 (n, T, H, W, 3) -> (n, *shape)."""
        features: Tensor = self.net(self._preprocess.normalise(frames))
        return features
