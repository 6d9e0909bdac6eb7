"""Clips of frames through a backbone, in batches, on one device."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aqa.device import deterministic_kernels, pick_device
from aqa.errors import AqaError, WrongUsageError
from aqa.extract.backbones.backbone import Backbone
from aqa.extract.engines.int8_net import Int8Net
from aqa.extract.engines.names import Engine
from aqa.extract.engines.openvino_net import OpenVinoNet
from aqa.extract.inference import PRECISIONS, Precision, optimise
from aqa.extract.video.clip_reader import ClipBatch
from aqa.extract.video.decode import VideoError
from aqa.features.clips import Clip
from aqa.features.store.network_file import NetworkFile

# Larger batches were slower on CPUs: their activations leave the caches. OpenVINO gains nothing by
# two clips at once, and would fill up the last batch of each video.
_BATCH_SIZES = {"cpu": 2, "cuda": 16}
_OPENVINO_BATCH_SIZE = 1
NOT_TORCH = (
    "--precision int8: only OpenVINO computes in it, on a CPU; give --engine openvino, or another "
    "precision"
)


class Encoder:
    """Turns clips into features: uint8 (n, T, H, W, 3) -> float32 (n, *shape) on `device`.

    batch_size: clips per forward pass; None chooses by the device. On a GPU that runs out of
    memory it is halved, and stays so. precision: of the network's arithmetic; float32 is strict,
    also where a GPU would round its inputs to TF32. engine: what runs the network; OpenVINO does on
    a CPU alone. int8: the file of the network where that is the precision.

    Work on a GPU is only queued: whoever reads the features waits for them.
    """

    def __init__(
        self,
        backbone: Backbone,
        device: str = "auto",
        batch_size: int | None = None,
        precision: Precision = "float32",
        engine: Engine = "torch",
        int8: NetworkFile | None = None,
    ):
        self.precision, self.engine = precision, engine
        self._preprocess = backbone.preprocess
        self._net: nn.Module | OpenVinoNet | Int8Net
        if engine == "openvino":
            self.device = _cpu_for_openvino(device)
            self.batch_size = batch_size or _OPENVINO_BATCH_SIZE
            if precision == "int8" and int8 is not None:
                self._net = Int8Net(int8, backbone.name, backbone.weights.sha256)
            else:
                self._net = OpenVinoNet(backbone.net, backbone.name, self.batch_size, precision)
            return
        if precision == "int8":
            raise WrongUsageError(NOT_TORCH)
        self.device = pick_device(device)
        self.batch_size = batch_size or _BATCH_SIZES.get(self.device.type, 1)
        self._net = optimise(backbone.net, self.device, precision, probe_of(backbone))

    @property
    def drift(self) -> float | None:
        """How far its engine's features are from PyTorch's; None for PyTorch. See `OpenVinoNet`."""
        return self._net.drift if isinstance(self._net, OpenVinoNet | Int8Net) else None

    def __call__(self, frames: NDArray[np.uint8]) -> Tensor:
        """The features of clips: uint8 (n, T, H, W, 3) -> (n, *shape)."""
        features = []
        start = 0
        while start < len(frames):
            batch = frames[start : start + self.batch_size]
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
    def _forward(self, frames: NDArray[np.uint8]) -> Tensor:
        host = torch.from_numpy(frames)
        if self.device.type == "cuda":
            host = host.pin_memory()
        x = self._preprocess.normalise(host.to(self.device, non_blocking=True))
        if isinstance(self._net, OpenVinoNet | Int8Net):
            return self._net(x)
        # The same algorithm in every run: a resumed store must get the same bytes.
        with deterministic_kernels():
            features: Tensor = self._net(x.to(PRECISIONS[self.precision])).float()
        return features

    def blank(self, clip_length: int) -> NDArray[np.float32]:
        """The response to an all-black clip: float32 (*shape,)."""
        response = self(self._preprocess.blank_clip(clip_length)[None])[0]
        return np.asarray(response.cpu(), np.float32)


def _cpu_for_openvino(device: str) -> torch.device:
    if device not in ("auto", "cpu"):
        raise AqaError(
            f"--device {device}: OpenVINO runs on the CPU; give --device cpu, or --engine torch"
        )
    return torch.device("cpu")


def blank_response(encoder: Encoder, backbone: Backbone, clip_length: int) -> NDArray[np.float32]:
    """The response to a black clip; `AqaError` for clips that the network cannot take."""
    try:
        blank = encoder.blank(clip_length)
    except torch.cuda.OutOfMemoryError:
        raise
    except RuntimeError as error:
        first_line = str(error).partition("\n")[0]
        if clip_length == backbone.clip_length:
            height, width = backbone.preprocess.crop
            raise AqaError(
                f"{backbone.name} cannot take {clip_length} frames of {height} x {width}, as its "
                f"preprocessing gives them ({first_line}); name another one with --preprocess"
            ) from None
        raise AqaError(
            f"{backbone.name} cannot take clips of {clip_length} frames, it is made for "
            f"{backbone.clip_length} ({first_line})"
        ) from None
    if clip_length == backbone.clip_length and blank.shape != backbone.shape:
        raise AqaError(
            f"{backbone.source} gives a feature of shape {blank.shape} of a clip of "
            f"{clip_length} frames; it states {backbone.shape}"
        )
    return blank


def probe_of(backbone: Backbone) -> Tensor | None:
    """A clip of noise as the network takes it, the same in every run; see `optimise`.

    None for the networks of this package.
    """
    if backbone.origin is None:
        return None
    rng = np.random.default_rng(0)
    size = (1, backbone.clip_length, *backbone.preprocess.crop, 3)
    frames = rng.integers(0, 256, size=size, dtype=np.uint8)
    return backbone.preprocess.normalise(torch.from_numpy(frames))


def encode_video(
    batches: Iterable[ClipBatch],
    encoder: Encoder,
    blank: NDArray[np.float32],
    n_augmentations: int = 1,
    dtype: str = "float32",
) -> list[tuple[NDArray[np.floating], list[Clip]]]:
    """For each augmentation of a video its features, (n_clips, *shape), and the clip of each row.

    Clips that are all padding get the `blank` response, (*shape,).
    """
    encoded: list[Tensor] = []
    rows: list[list[int | None]] = [[] for _ in range(n_augmentations)]
    clips: list[list[Clip]] = [[] for _ in range(n_augmentations)]
    n_encoded = 0
    for batch in batches:
        with_frames = [item.frames for item in batch if item.frames is not None]
        if with_frames:
            encoded.append(encoder(np.stack(with_frames)))
        for number, clip, frames in batch:
            clips[number].append(clip)
            rows[number].append(None if frames is None else n_encoded)
            n_encoded += frames is not None
    matrix = torch.cat(encoded).cpu().numpy() if encoded else blank[None]
    augmented = [
        np.stack([blank if row is None else matrix[row] for row in numbers]).astype(dtype)
        for numbers in rows
    ]
    if not all(np.isfinite(features).all() for features in augmented):
        raise VideoError(
            f"its features overflow, or the weights do: {encoder.precision} arithmetic, "
            f"stored as {dtype}"
        )
    return list(zip(augmented, clips, strict=True))
