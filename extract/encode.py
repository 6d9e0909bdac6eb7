"""Clips of pictures through a backbone, in batches, on one device."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from aqa.device import pick_device
from aqa.extract.backbones.base import Backbone

# Larger batches were slower on CPUs: their activations leave the caches.
_BATCH_SIZES = {"cpu": 2, "cuda": 16}


class Encoder:
    """Turns clips into features: uint8 (n, T, H, W, 3) -> float32 (n, *shape).

    batch_size: clips a forward pass; None chooses by the device. On a GPU that runs out of
    memory it is halved, and stays so.
    """

    def __init__(self, backbone: Backbone, device: str = "auto", batch_size: int | None = None):
        self.device = pick_device(device)
        self.batch_size = batch_size or _BATCH_SIZES.get(self.device.type, 1)
        self._preprocess = backbone.preprocess
        self._backbone = backbone.to(self.device)
        for parameter in self._backbone.parameters():
            if parameter.ndim == 5:
                parameter.data = parameter.data.to(memory_format=torch.channels_last_3d)

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See the class."""
        features = []
        start = 0
        while start < len(pictures):
            batch = pictures[start : start + self.batch_size]
            try:
                features.append(self._forward(batch))
            except torch.cuda.OutOfMemoryError:
                if len(batch) == 1:
                    raise
                self.batch_size = len(batch) // 2
                torch.cuda.empty_cache()
            else:
                start += len(batch)
        return np.concatenate(features)

    @torch.inference_mode()
    def _forward(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        x = self._preprocess.tensor(torch.from_numpy(pictures).to(self.device))
        features: NDArray[np.float32] = self._backbone(x).float().cpu().numpy()
        return features

    def blank(self, clip_length: int) -> NDArray[np.float32]:
        """The response to an all-black clip: float32 (*shape,)."""
        return self(self._preprocess.blank(clip_length)[None])[0]
