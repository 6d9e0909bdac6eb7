"""Finding the videos of a dataset, which its annotations only number or name."""

from __future__ import annotations

import os
from pathlib import Path

from aqa.errors import AqaError

VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm")


class VideoFolder:
    """The folder that a dataset's videos lie in; `folder` None: nobody said where they are."""

    def __init__(self, folder: Path | None):
        if folder is not None and not folder.is_dir():
            raise AqaError(f"{folder}: no such folder of videos")
        self.folder = folder

    def find(self, *names: str) -> Path | None:
        """The first of `names` that exists: a folder of images, or a file with a video's suffix.

        Where none exists, the place at which the last name would be looked for as an .mp4. None
        where nobody said where the videos are.
        """
        if self.folder is None:
            return None
        for name in names:
            for path in (self.folder / f"{name}{suffix}" for suffix in ("", *VIDEO_SUFFIXES)):
                if path.exists():
                    return Path(os.path.abspath(path))
        return Path(os.path.abspath(self.folder / f"{names[-1]}.mp4"))
