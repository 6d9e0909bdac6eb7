"""A backbone and a head's network as one module, from clips to the head's loss (farabi2021 §3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from aqa.device import deterministic_kernels
from aqa.models.examples import Examples
from aqa.models.heads.base.end_to_end import EndToEndAdapter
from aqa.models.training.distributed import ProcessGroup
from aqa.workflows.finetune.data import ScoredClips, joined_columns, shown_videos
from aqa.workflows.finetune.settings import FinetuneSettings

# Clips that go through the backbone together where no gradient is needed.
_CLIPS_PER_PASS = 16
_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class EndToEnd(nn.Module):
    """From clips to the head's loss: the backbone, and the head's network on its features.

    The head's scaling was fitted to the backbone's features before training.
    """

    def __init__(self, backbone: nn.Module, adapter: EndToEndAdapter, settings: FinetuneSettings):
        super().__init__()
        self.backbone, self.net = backbone, adapter.module
        self._loss = adapter.make_loss()
        self._settings = settings
        self._norms = [m for m in backbone.modules() if isinstance(m, _BatchNorm)]

    def train(self, mode: bool = True) -> EndToEnd:
        """See `nn.Module.train`; frozen batch norms stay in evaluation mode."""
        super().train(mode)
        if self._settings.batch_norm == "frozen":
            for norm in self._norms:
                norm.eval()
        return self

    def forward(
        self,
        clips: Tensor,
        lengths: Sequence[int],
        targets: Tensor,
        columns: Mapping[str, Sequence[Any]],
    ) -> Tensor:
        """The mean loss of some videos, ().

        clips: of all videos, one after the other. lengths: the number of clips per video.
        targets, columns: one row, or value, per video.
        """
        features = self.features(clips).split(list(lengths))
        return self._loss(features, targets, columns)

    def features(self, clips: Tensor) -> Tensor:
        """(clips, ...) -> float32 (clips, dim), or maps."""
        size = self._settings.clips_at_once
        if size is None or size >= len(clips):
            return self._forward(clips)
        return torch.cat([self._forward_checkpointed(chunk) for chunk in clips.split(size)])

    def _forward(self, clips: Tensor) -> Tensor:
        return _features(self.backbone, clips, self._settings.precision)

    def _forward_checkpointed(self, clips: Tensor) -> Tensor:
        """As `_forward`, but activations are computed again in the backward pass."""
        if not torch.is_grad_enabled():
            return self._forward(clips)
        features: Tensor = checkpoint(
            self._forward, clips, use_reentrant=False, context_fn=self._contexts
        )
        return features

    def _contexts(self) -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
        return nullcontext(), self._still_norms()

    @contextmanager
    def _still_norms(self) -> Iterator[None]:
        """Clips that are computed again must not count twice in live batch norms' averages."""
        momenta = [norm.momentum for norm in self._norms]
        for norm in self._norms:
            norm.momentum = 0.0
        try:
            yield
        finally:
            for norm, momentum in zip(self._norms, momenta, strict=True):
                norm.momentum = momentum


def _features(backbone: nn.Module, clips: Tensor, precision: str) -> Tensor:
    """From clips to float32 features; precision: of the backbone's arithmetic."""
    dtype = _DTYPES.get(precision)
    with torch.autocast(clips.device.type, dtype, enabled=dtype is not None):
        features: Tensor = backbone(clips)
    return features.float()


@torch.no_grad()
def clip_features(
    backbone: nn.Module,
    adapter: EndToEndAdapter,
    videos: ScoredClips,
    precision: str,
    group: ProcessGroup,
) -> Examples:
    """Features of the clips that the head reads, of all videos, with their columns and scores.

    The processes share the work, and each gets the whole result.
    """
    backbone.to(group.device).eval()
    computed = []
    with deterministic_kernels():
        for video in shown_videos(videos, adapter, group.share(range(len(videos)))):
            parts = [
                _features(backbone, chunk.to(group.device), precision)
                for chunk in video.clips.split(_CLIPS_PER_PASS)
            ]
            computed.append((torch.cat(parts).cpu().numpy(), video.columns))
    computed = group.gather(computed)
    return Examples(
        ids=tuple(str(number) for number in range(len(computed))),
        features=[features for features, _ in computed],
        scores=videos.scores,
        columns=joined_columns([columns for _, columns in computed]),
    )
