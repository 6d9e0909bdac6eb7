"""Where programs that write the joints of several videos into one folder have those of one."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path

# A file per frame: of Ultralytics, in `labels`, and of OpenPose. The names of the frames' numbers.
_PER_FRAME = re.compile(r"(.+)_[0-9]+(\.txt|_keypoints\.json)")
# DeepLabCut puts the names of network, project and training behind that of the video.
_DEEPLABCUT = re.compile(r"(.+?)DLC_.+\.(?:csv|h5)")


def find_shared(folder: Path, video_id: str) -> list[Path]:
    """The files of a video, several of them as one path with a *; empty where there are none.

    Where DeepLabCut has written a table in both formats, the CSV.
    """
    found: list[Path] = []
    for place in (folder, folder / "labels"):
        if place.is_dir():
            names = _names(place, place.stat().st_mtime_ns)
            found += [place / name for name in names.get(video_id, ())]
    return [path for path in found if path.suffix != ".h5" or path.with_suffix(".csv") not in found]


def is_of_frame(path: Path) -> bool:
    """Whether a file is called as one of a frame of a video."""
    return _PER_FRAME.fullmatch(path.name) is not None


@functools.lru_cache(maxsize=8)
def _names(folder: Path, changed: int) -> dict[str, tuple[str, ...]]:
    """Video -> names of its files, with a * where there is one per frame. changed: its time."""
    names: dict[str, dict[str, None]] = {}
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if match := _PER_FRAME.fullmatch(entry.name):
                names.setdefault(match[1], {})[f"{match[1]}_*{match[2]}"] = None
            elif match := _DEEPLABCUT.fullmatch(entry.name):
                names.setdefault(match[1], {})[entry.name] = None
    return {video_id: tuple(found) for video_id, found in names.items()}
