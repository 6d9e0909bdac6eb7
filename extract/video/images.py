"""Reads RGB frames from a folder of numbered images."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from aqa.extract.video.damage import FrameReport
from aqa.extract.video.source import Frame, Shown, VideoError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm"})

# A frame has 33 million pixels at most, in 8K.
MOST_PIXELS = 1 << 26


class ImageFolder:
    """A folder of images, in the order of the last number in their names."""

    fps = math.nan

    def __init__(self, path: Path):
        self.path = path
        self._images = numbered_images(path)
        self.promised: int | None = len(self._images)
        self._report = FrameReport(path)

    @property
    def counted(self) -> int:
        """See `FrameSource.counted`."""
        return len(self._images)

    def frames(
        self, start: int = 0, stop: int | None = None, shown: Shown | None = None
    ) -> Iterator[Frame]:
        """See `FrameSource.frames`; every image is decoded, so that a damaged one is found."""
        report = self._report = FrameReport(self.path, start, stop, self.promised)
        for image in self._images[start:stop]:
            data = image.read_bytes()
            if _ends_early(data):
                raise VideoError(f"{image}: the file ends early; extract the frames again")
            if (pixels := _declared_pixels(data)) > MOST_PIXELS:
                raise VideoError(
                    f"{image}: its header says {pixels} pixels, more than {MOST_PIXELS}; extract "
                    "the frames again"
                )
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
        raise VideoError(
            f"{path}: a folder without numbered images such as 000001.jpg; name a video file, or "
            "the folder of one video's images"
        )
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
    return data.startswith(b"\x89PNG") and not _png_ends(data)


def _png_ends(data: bytes) -> bool:
    """Whether the parts of a PNG follow each other up to the last one, all within the file."""
    at = 8
    while data[at + 4 : at + 8] != b"IEND":  # a decoder takes memory for what a part says it holds
        at += 12 + int.from_bytes(data[at : at + 4], "big")
        if at + 12 > len(data):
            return False
    return True


def _declared_pixels(data: bytes) -> int:
    """How many pixels the header of a PNG or JPEG says it has; 0 of other formats."""
    if data.startswith(b"\x89PNG"):
        return int.from_bytes(data[16:20], "big") * int.from_bytes(data[20:24], "big")
    at, most = 2, 0
    while data.startswith(b"\xff\xd8") and data[at : at + 1] == b"\xff" and at + 9 <= len(data):
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == 0xDA:
            break
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = data[at + 5 : at + 7], data[at + 7 : at + 9]
            most = max(most, int.from_bytes(height, "big") * int.from_bytes(width, "big"))
        at += 2 + max(int.from_bytes(data[at + 2 : at + 4], "big"), 2)
    return most
