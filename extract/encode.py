"""Clips of pictures through a backbone, in batches, on one device."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aqa.device import deterministic_kernels, pick_device
from aqa.extract.backbones.base import Backbone
from aqa.extract.inference import PRECISIONS, Precision, prepare
from aqa.extract.video.clip_reader import Batch
from aqa.extract.video.decode import VideoError
from aqa.features.clips import Clip

# Larger batches were slower on CPUs: their activations leave the caches.
_BATCH_SIZES = {"cpu": 2, "cuda": 16}


class Encoder:
    """Turns clips into features: uint8 (n, T, H, W, 3) -> float32 (n, *shape) on `device`.

    batch_size: clips a forward pass; None chooses by the device. On a GPU that runs out of
    memory it is halved, and stays so. precision: of the network's arithmetic; float32 is strict,
    also where a GPU would round its inputs to TF32.

    Work on a GPU is only queued: whoever reads the features waits for them.
    """

    def __init__(
        self,
        backbone: Backbone,
        device: str = "auto",
        batch_size: int | None = None,
        precision: Precision = "float32",
    ):
        self.device = pick_device(device)
        self.batch_size = batch_size or _BATCH_SIZES.get(self.device.type, 1)
        self.precision = precision
        self._preprocess = backbone.preprocess
        self._net = prepare(backbone.net, self.device, precision)

    def __call__(self, pictures: NDArray[np.uint8]) -> Tensor:
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
        return torch.cat(features)

    @torch.inference_mode()
    def _forward(self, pictures: NDArray[np.uint8]) -> Tensor:
        host = torch.from_numpy(pictures)
        if self.device.type == "cuda":
            host = host.pin_memory()
        x = self._preprocess.tensor(host.to(self.device, non_blocking=True))
        # The same algorithm in every run: a resumed store must get the same bytes.
        with deterministic_kernels():
            features: Tensor = self._net(x.to(PRECISIONS[self.precision])).float()
        return features

    def blank(self, clip_length: int) -> NDArray[np.float32]:
        """The response to an all-black clip: float32 (*shape,)."""
        response = self(self._preprocess.blank(clip_length)[None])[0]
        return np.asarray(response.cpu(), np.float32)


def encode_video(
    batches: Iterable[Batch],
    encoder: Encoder,
    blank: NDArray[np.float32],
    n_views: int = 1,
    dtype: str = "float32",
) -> list[tuple[NDArray[np.floating], list[Clip]]]:
    """For each view of a video its features, (n_clips, *shape), and the clip behind each row.

    Clips that are all padding get the `blank` response, (*shape,).
    """
    encoded: list[Tensor] = []
    rows: list[list[int | None]] = [[] for _ in range(n_views)]
    clips: list[list[Clip]] = [[] for _ in range(n_views)]
    n_encoded = 0
    for batch in batches:
        shown = [item.pictures for item in batch if item.pictures is not None]
        if shown:
            encoded.append(encoder(np.stack(shown)))
        for view, clip, pictures in batch:
            clips[view].append(clip)
            rows[view].append(None if pictures is None else n_encoded)
            n_encoded += pictures is not None
    matrix = torch.cat(encoded).cpu().numpy() if encoded else blank[None]
    views = [
        np.stack([blank if row is None else matrix[row] for row in of_view]).astype(dtype)
        for of_view in rows
    ]
    if not all(np.isfinite(features).all() for features in views):
        raise VideoError(
            f"its features overflow, or the weights do: {encoder.precision} arithmetic, "
            f"stored as {dtype}"
        )
    return list(zip(views, clips, strict=True))
