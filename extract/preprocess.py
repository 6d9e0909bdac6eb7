"""Prepares frames for a network, as its weights were trained on them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from aqa.errors import AqaError

_INTERPOLATIONS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "area": cv2.INTER_AREA,
    "cubic": cv2.INTER_CUBIC,
}

# Antialiased, unlike OpenCV's.
_PILLOW = {"pillow-bilinear": Image.Resampling.BILINEAR, "pillow-bicubic": Image.Resampling.BICUBIC}

# Of a side of a frame, in pixels.
_LARGEST = 8192

# Fields that came later: what they do is not done where they are not recorded.
_WHERE_TRUE = ("truncate", "deinterlace")

Triple = tuple[float, float, float]
# The mean and std of ImageNet's colours, of values from 0 to 1.
IMAGENET: tuple[Triple, Triple] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Preprocess:
    """How frames were prepared when weights were trained; features need the same.

    resize: (height, width) in pixels that a frame is stretched to, or the length of its shorter
    side. interpolation: of the resize; the choice moves pixels by 1 to 4 grey levels on average.
    crop: (height, width) of the centre that is kept, in pixels; odd margins are rounded down.
    channels: order of the colours. scale, mean, std: a value v of 0..255 becomes
    (v * scale - mean) / std, with mean and std in the order of `channels`. truncate: the longer
    side is rounded down and not to the nearest pixel. deinterlace: make frames of interlaced video
    progressive first, where that was asked for.
    """

    resize: tuple[int, int] | int
    crop: tuple[int, int]
    interpolation: Literal[
        "nearest", "linear", "area", "cubic", "pillow-bilinear", "pillow-bicubic"
    ] = "linear"
    channels: Literal["RGB", "BGR"] = "RGB"
    scale: float = 1.0
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    truncate: bool = False
    deinterlace: bool = False

    def __post_init__(self) -> None:
        sizes = (*(self.resize if isinstance(self.resize, tuple) else (self.resize,)), *self.crop)
        if len(self.crop) != 2 or not all(isinstance(s, int) and 0 < s <= _LARGEST for s in sizes):
            raise AqaError(
                f"preprocessing: resize={self.resize}, crop={self.crop}; expected whole numbers "
                f"of pixels from 1 to {_LARGEST}"
            )
        if not all(
            isinstance(v, int | float) and math.isfinite(v)
            for v in (self.scale, *self.mean, *self.std)
        ):
            raise AqaError(
                f"preprocessing: scale={self.scale}, mean={self.mean}, std={self.std}; expected "
                "finite numbers"
            )
        for name in _WHERE_TRUE:
            if not isinstance(getattr(self, name), bool):
                raise AqaError(
                    f"preprocessing: {name}={getattr(self, name)!r} is not true or false"
                )
        smallest = (self.resize,) * 2 if isinstance(self.resize, int) else self.resize
        if not all(0 < c <= s for c, s in zip(self.crop, smallest, strict=True)):
            raise AqaError(f"preprocessing: crop={self.crop} is not within resize={self.resize}")
        known = (*_INTERPOLATIONS, *_PILLOW)
        if self.interpolation not in known or self.channels not in ("RGB", "BGR"):
            raise AqaError(
                f"preprocessing: interpolation={self.interpolation!r}, channels={self.channels!r}; "
                f"expected one of {', '.join(known)}, and RGB or BGR"
            )
        if len(self.mean) != 3 or len(self.std) != 3 or not all(self.std):
            raise AqaError(
                f"preprocessing: mean={self.mean}, std={self.std}; expected three numbers each, "
                "and no std of 0"
            )

    def resize_and_crop(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 RGB (height, width, 3) -> uint8 (*crop, 3) in `channels`."""
        height, width = self._size(*frame.shape[:2])
        if frame.shape[:2] != (height, width):
            frame = self._resized(frame, width, height)
        top, left = (height - self.crop[0]) // 2, (width - self.crop[1]) // 2
        frame = frame[top : top + self.crop[0], left : left + self.crop[1]]
        return np.ascontiguousarray(frame if self.channels == "RGB" else frame[..., ::-1])

    def _resized(self, frame: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
        if self.interpolation in _PILLOW:
            return np.array(
                Image.fromarray(frame).resize((width, height), _PILLOW[self.interpolation])
            )
        return cv2.resize(  # type: ignore[return-value]
            frame, (width, height), interpolation=_INTERPOLATIONS[self.interpolation]
        )

    def _size(self, height: int, width: int) -> tuple[int, int]:
        if not isinstance(self.resize, int):
            return self.resize
        if self.truncate:
            shorter = min(height, width)
            return self.resize * height // shorter, self.resize * width // shorter
        ratio = self.resize / min(height, width)
        return max(round(height * ratio), self.resize), max(round(width * ratio), self.resize)

    def blank_clip(self, length: int) -> NDArray[np.uint8]:
        """A clip of `length` black frames: uint8 (length, *crop, 3)."""
        return np.zeros((length, *self.crop, 3), np.uint8)

    def normalise(self, frames: torch.Tensor) -> torch.Tensor:
        """uint8 (n, T, H, W, 3) -> float32 (n, 3, T, H, W), scaled, on the same device.

        The memory stays channels-last, the order that 3D convolutions are fastest in.
        """
        mean = torch.tensor(self.mean, device=frames.device)
        std = torch.tensor(self.std, device=frames.device)
        return ((frames.float() * self.scale - mean) / std).permute(0, 4, 1, 2, 3)

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a store's spec; some fields stand there only where they are true."""
        return {
            field.name: list(value) if isinstance(value, tuple) else value
            for field in dataclasses.fields(self)
            for value in [getattr(self, field.name)]
            if field.name not in _WHERE_TRUE or value
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Preprocess:
        """The inverse of `to_dict`."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in record.items()
        }
        return cls(**values)
