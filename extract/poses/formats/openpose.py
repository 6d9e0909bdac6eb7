"""OpenPose's `--write_json`: a folder of a JSON file per frame, ordered by the numbers in names."""

from __future__ import annotations

from pathlib import Path

from aqa.extract.poses.formats.records import people_of
from aqa.extract.poses.names import OPENPOSE
from aqa.extract.poses.people import frame_number, of_frames
from aqa.extract.poses.poses import PoseError, Poses
from aqa.extract.poses.text import load_json
from aqa.extract.video.numbered import is_numbered, numbered_files


def read_openpose(folder: Path) -> Poses:
    """Read the files of one video: all of a folder, or `folder/v1_*_keypoints.json`."""
    files: dict[int, Path] = {}
    for file in numbered_files(folder) if is_numbered(folder) else sorted(folder.glob("*.json")):
        number = frame_number(file.name, folder)
        if number in files:
            raise PoseError(f"{folder}: {files[number].name} and {file.name} have the same number")
        files[number] = file
    if not files:
        raise PoseError(f"{folder}: a folder without JSON files of joints, one per frame")
    frames = []
    for number, file in files.items():
        content = load_json(file)
        if not isinstance(content, dict) or not isinstance(content.get("people"), list):
            raise PoseError(f'{file}: not a frame of OpenPose: no list "people"')
        frames.append((number, people_of(file, content["people"], number)))
    return of_frames(frames, folder, OPENPOSE)
