"""What a network with random weights needs before it can be trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from aqa.extract.backbones.backbone import Backbone
from aqa.models.examples import Examples
from aqa.models.heads.base.end_to_end import EndToEndAdapter
from aqa.workflows.finetune.data import ScoredClips, shown_videos

# Videos whose statistics are enough to begin with, and how many go through together.
_VIDEOS, _TOGETHER = 64, 4


def is_untrained(backbone: Backbone) -> bool:
    """Whether its weights are random ones."""
    return backbone.weights.name == "random"


@torch.no_grad()
def settle_batch_norms(
    net: nn.Module, adapter: EndToEndAdapter, videos: ScoredClips, device: torch.device
) -> None:
    """Set the batch norms of an untrained network to the statistics of training videos, in place.

    A head learns the scale of features before training; with the mean of 0 and variance of 1 that
    untrained batch norms state, that scale would be another one than in the first epoch.
    """
    norms = [module for module in net.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    net.to(device).eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
        norm.train()
    clips: list[torch.Tensor] = []
    order = range(min(len(videos), _VIDEOS))
    for number, video in enumerate(shown_videos(videos, adapter, order)):
        clips.append(video.clips)
        if len(clips) == _TOGETHER or number == len(order) - 1:
            net(torch.cat(clips).to(device))
            clips = []
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    net.eval()


def widened(examples: Examples) -> Examples:
    """Features of an untrained network, spread as widely as they are large, channel by channel.

    Videos hardly differ in them: a head that divides by their spread would blow up every change
    that training makes. The mean is added to every other video, and taken from the rest.
    """
    stacked = np.concatenate([np.asarray(clips) for clips in examples.features])
    axes = tuple(axis for axis in range(stacked.ndim) if axis != 1)
    mean = stacked.mean(axis=axes, keepdims=True)
    features = [clips + (-1) ** i * mean for i, clips in enumerate(examples.features)]
    return replace(examples, features=features)
