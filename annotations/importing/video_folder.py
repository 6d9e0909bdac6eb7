"""Finding the videos of a dataset, which its annotations only number or name."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from aqa.errors import AqaError

# As `aqa extract` reads a folder: its numbered images.
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm"})
VIDEO_SUFFIXES = (
    *(".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg"),
    *(".wmv", ".flv", ".mts", ".ts", ".3gp"),
)


class VideoFolder:
    """The folder that a dataset's videos lie in; `folder` None: nobody said where they are."""

    def __init__(self, folder: Path | None):
        if folder is not None and not folder.is_dir():
            raise AqaError(f"{folder}: no such folder of videos")
        self.folder = folder
        self._listed: dict[Path, dict[str, Path]] = {}

    def find(self, *names: str) -> Path | None:
        """The first of `names` that exists: a folder of images, or a file with a video's suffix.

        A name is also found where its letters with accents are composed in another way, as macOS
        does, or its suffix is in capitals, as cameras write it. Where none exists, the first folder
        without images, or else the place at which the last name would be looked for, as an .mp4 if
        it has no suffix of a video. None where nobody said where the videos are.
        """
        if self.folder is None:
            return None
        empty = []
        for name in names:
            for path in (self.folder / f"{name}{suffix}" for suffix in ("", *VIDEO_SUFFIXES)):
                if is_video(path):
                    return Path(os.path.abspath(path))
                if path.is_dir():
                    empty.append(path)
                if (alike := self._alike(path)) is not None:
                    return Path(os.path.abspath(alike))
        has_suffix = Path(names[-1]).suffix.lower() in VIDEO_SUFFIXES
        last = self.folder / (names[-1] if has_suffix else f"{names[-1]}.mp4")
        return Path(os.path.abspath(empty[0] if empty else last))

    def _alike(self, path: Path) -> Path | None:
        """The file whose name differs in how letters are composed, or in a suffix in capitals."""
        if path.parent not in self._listed:
            files = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
            self._listed[path.parent] = {_plain(one.name): one for one in reversed(files)}
        found = self._listed[path.parent].get(_plain(path.name))
        return found if found is not None and is_video(found) else None


def _plain(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    suffix = suffix.lower() if suffix.lower() in VIDEO_SUFFIXES else suffix
    return unicodedata.normalize("NFC", stem + suffix)


def is_video(path: Path) -> bool:
    """Whether there is a video to read: a file, or a folder with an image in it."""
    return next(_images(path), None) is not None if path.is_dir() else path.exists()


def count_images(folder: Path) -> int:
    """How many images lie in a folder."""
    return sum(1 for _ in _images(folder))


def _images(folder: Path) -> Iterator[str]:
    """The names of the numbered images in a folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            stem, suffix = os.path.splitext(entry.name)
            is_image = suffix.lower() in IMAGE_SUFFIXES and not stem.startswith(".")
            if is_image and any(map(str.isdecimal, stem)):
                yield entry.name
