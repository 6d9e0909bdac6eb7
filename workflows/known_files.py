"""Finds the video of a manifest that a file is, where it is named by its path and not by its id."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aqa.annotations.manifest import Manifest, Video
from aqa.annotations.urls import is_url
from aqa.annotations.video import called, place_of
from aqa.errors import AqaError, AqaWarning


class KnownFiles:
    """The files of videos, and of joints, that a manifest names; or their addresses.

    A file that several videos are cut from tells none of them.
    """

    def __init__(self, manifest: Manifest | None):
        self._by_path: dict[str, Video | None] = {}
        for video in manifest or ():
            for path in (video.file, video.poses):
                if path is not None:
                    place = _place(path)
                    self._by_path[place] = None if place in self._by_path else video

    @classmethod
    def beside(cls, path: Path) -> KnownFiles:
        """Those of a manifest that may be absent; one that cannot be read is a warning."""
        if not path.exists():
            return cls(None)
        try:
            return cls(Manifest.read(path))
        except AqaError as error:
            reason = str(error).partition("\n")[0]
            warnings.warn(
                f"what the manifest says of the videos is not used: {reason}",
                AqaWarning,
                stacklevel=2,
            )
            return cls(None)

    def video(self, name: str | Path) -> Video | None:
        """The video of this file; None where the manifest has none, or several."""
        return self._by_path.get(_place(name))

    def as_new(self, path: Path | str, told: Mapping[str, Any]) -> Video:
        """A video file to score, without its id and its score; what else is known of it is kept.

        path: or, as a text, an address. told: what the user says of it; goes before the manifest
        where it is not None.
        """
        known = self.video(path)
        new: dict[str, Any] = {"id": called(path), "score": np.nan, **place_of(path)}
        if known is None:
            return Video(**new, **told)
        said = {name: value for name, value in told.items() if value is not None}
        return replace(known, **new, **said)


def _place(file: Path | str) -> str:
    return str(file) if is_url(file) else os.path.realpath(file)
