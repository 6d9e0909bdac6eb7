"""Joints that a pose estimator or a camera has written to files, as one body's positions per frame.

The format is told by what is there:

    folder       OpenPose `--write_json`, or labels of Ultralytics: a file per frame
    .json        results of COCO or AlphaPose; frames of MMPose or of MediaPipe
    .npy, .npz   (frames, joints, 2 to 4), and in a .npz, if there, `names`, `fps`
    .csv, .txt   DeepLabCut, named columns (MediaPipe), Kinect's 100 columns, or plain numbers
    .h5          DeepLabCut
    .skeleton    NTU RGB+D
    v1_*.txt     labels of Ultralytics, * being the frame, where one folder has those of all videos
    v1_*_keypoints.json  the same of OpenPose

Frames are those of the video file, positions are as the file has them. Of several people the one is
taken whose track has the largest sum of scores; where nobody is tracked, on each frame the one of
the best score. A joint is missing where it is NaN, its confidence is 0 or it is not tracked.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aqa.extract.poses.formats.arrays import read_array_file
from aqa.extract.poses.formats.columns import column_frames, read_columns
from aqa.extract.poses.formats.deeplabcut import (
    is_deeplabcut,
    read_deeplabcut,
    read_deeplabcut_hdf5,
)
from aqa.extract.poses.formats.mediapipe import frames_of, read_mediapipe
from aqa.extract.poses.formats.ntu import read_ntu
from aqa.extract.poses.formats.openpose import read_openpose
from aqa.extract.poses.formats.records import people_frames, read_records
from aqa.extract.poses.formats.tables import read_table
from aqa.extract.poses.formats.yolo import read_yolo, yolo_frames
from aqa.extract.poses.poses import TOLD_BY_FILE, PoseError, Poses, ReadingRules
from aqa.extract.poses.shared_folders import find_shared, is_of_frame
from aqa.extract.poses.text import is_number, load_json, read_rows
from aqa.extract.video.numbered import is_numbered


def find_poses(folder: Path, video_id: str) -> Path:
    """Where a folder has the joints of a video: `<video_id>`, alone or with one of `SUFFIXES`.

    Or else under the name that a program gives it which writes all videos into one folder.
    """
    paths = [folder / f"{video_id}{suffix}" for suffix in ("", *SUFFIXES)]
    existing = [path for path in paths if path.exists()]
    if not existing or is_of_frame(existing[0]):  # dive_1.txt may be frame 1 of dive
        existing = find_shared(folder, video_id) or existing
    if len(existing) > 1:
        names = " and ".join(path.name for path in existing)
        raise PoseError(f"{folder}: {names} for {video_id}; leave one of them there")
    return existing[0] if existing else paths[0]


def read_poses(
    path: Path, n_frames: int | None = None, rules: ReadingRules = TOLD_BY_FILE
) -> Poses:
    """Read the joints of one body; `PoseError` where that fails.

    n_frames: of the video, where known; a list of people ends earlier where nobody was seen.
    """
    if is_numbered(path):
        return read_yolo(path, n_frames, rules) if path.suffix == ".txt" else read_openpose(path)
    if not path.exists():
        raise PoseError(f"{path}: no such file or folder of joints")
    if path.is_dir():
        labels = any(path.glob("*.txt")) or (path / "labels").is_dir()
        return read_yolo(path, n_frames, rules) if labels else read_openpose(path)
    reader = _READERS.get(path.suffix)
    if reader is not None:
        return reader(path, n_frames, rules)
    raise PoseError(
        f"{path}: joints are read from {', '.join(SUFFIXES)}, or a folder of a file per frame; "
        f"those of a video are estimated by `aqa poses {path}`"
    )


def frame_numbers(path: Path) -> tuple[set[int], bool]:
    """The frames on which somebody is, where a file numbers them; whether they count from 1.

    No frames for files that have all frames, in order. Frames count from 1, unless one is 0, where
    the program that wrote them is known to do so.
    """
    if path.is_dir() or (is_numbered(path) and path.suffix == ".txt"):
        found = yolo_frames(path)
        return found, bool(found)
    if is_numbered(path):
        return set(), False
    if path.suffix == ".json":
        found = people_frames(path, load_json(path))
    elif path.suffix in (".csv", ".txt"):
        rows = read_rows(path)
        found = set() if is_deeplabcut(rows) else column_frames(path, rows)
    else:
        found = set()
    return found, 1 in found


def _read_json(path: Path, n_frames: int | None, rules: ReadingRules) -> Poses:
    content = load_json(path)
    frames = frames_of(content)
    if frames is not None:
        return read_mediapipe(path, frames, rules)
    return read_records(path, content, n_frames, rules)


def _read_text_table(path: Path, rules: ReadingRules) -> Poses:
    rows = read_rows(path)
    if is_deeplabcut(rows):
        return read_deeplabcut(path, rows)
    if all(map(is_number, rows[0])):
        return read_table(path, rows, rules)
    return read_columns(path, rows, rules)


_READERS: dict[str, Callable[[Path, int | None, ReadingRules], Poses]] = {
    ".json": _read_json,
    ".npy": lambda path, _, rules: read_array_file(path, rules),
    ".npz": lambda path, _, rules: read_array_file(path, rules),
    ".csv": lambda path, _, rules: _read_text_table(path, rules),
    ".txt": lambda path, _, rules: _read_text_table(path, rules),
    ".skeleton": lambda path, _, rules: read_ntu(path, rules),
    ".h5": lambda path, _, rules: read_deeplabcut_hdf5(path),
}
SUFFIXES = tuple(_READERS)
