"""Reads RGB frames from a folder of numbered images."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from aqa.extract.video.damage import FrameReport
from aqa.extract.video.source import Frame, VideoError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm"})


class ImageFolder:
    """A folder of images, in the order of the last number in their names."""

    fps = math.nan

    def __init__(self, path: Path):
        self.path = path
        self._images = numbered_images(path)
        self.promised: int | None = len(self._images)
        self._report = FrameReport(path)

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """See `FrameSource.frames`."""
        report = self._report = FrameReport(self.path, start, stop, self.promised)
        for image in self._images[start:stop]:
            data = image.read_bytes()
            if _ends_early(data):
                raise VideoError(f"{image}: the file ends early; extract the frames again")
            frame = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
            if frame is None:
                raise VideoError(f"{image}: not an image that can be decoded")
            report.n_read += 1
            yield np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)
        report.ended = True

    def warnings(self) -> list[str]:
        """See `FrameSource.warnings`."""
        return self._report.warnings()


def numbered_images(path: Path) -> list[Path]:
    """The images of a folder, in order of their numbers; hidden files are no images.

    `VideoError` where there are none, where two have the same number, or where one is missing.
    """
    numbered: dict[int, Path] = {}
    for image in sorted(path.iterdir()):
        numbers = re.findall(r"[0-9]+", image.stem)
        hidden = image.name.startswith(".")
        if image.suffix.lower() not in IMAGE_SUFFIXES or not numbers or hidden:
            continue
        other = numbered.setdefault(int(numbers[-1]), image)
        if other != image:
            raise VideoError(f"{path}: {other.name} and {image.name} have the same number")
    if not numbered:
        raise VideoError(f"{path}: a folder without numbered images such as 000001.jpg")
    order = sorted(numbered)
    missing = order[-1] - order[0] + 1 - len(order)
    if missing:
        raise VideoError(
            f"{path}: {missing} of the images {order[0]} to {order[-1]} are missing; "
            "extract the frames again, or renumber them if the gap is meant"
        )
    return [numbered[number] for number in order]


def _ends_early(data: bytes) -> bool:
    """Whether a JPEG or PNG lacks its end, which decoders may make up and report nothing."""
    if data.startswith(b"\xff\xd8"):
        at = 2
        while data[at : at + 2] != b"\xff\xda":  # over what is before the scan, thumbnails too
            if data[at : at + 2] == b"\xff\xff":  # a fill byte
                at += 1
                continue
            length = int.from_bytes(data[at + 2 : at + 4], "big")
            if data[at : at + 1] != b"\xff" or length < 2:
                return at >= len(data)  # or no JPEG after all, as the decoder will say
            at += 2 + length
        return data.find(b"\xff\xd9", at) < 0  # which cannot stand within a scan
    return data.startswith(b"\x89PNG") and b"IEND" not in data
