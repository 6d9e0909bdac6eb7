"""Joints that a pose estimator has written to files, as the positions of one body per frame.

The format is told by what is there:

    folder          OpenPose `--write_json`: one JSON file per frame, ordered by the numbers in
                    their names
    .json           results of COCO or AlphaPose: a list, one record per person and frame; or
                    frames of MMPose, a list or `{"meta_info": ..., "instance_info": [...]}`
    .npy            (frames, joints, 2 or 3): x, y and, if there, confidence
    .npz            one such array, and if there `names`, the names of the joints

Frames are those of the video file, positions are in its pixels. Frame numbers count from 0; from 1
where none is 0 and one is 1 or the number of frames. Of several people the one is taken whose track
has the largest sum of scores; where nobody is tracked, on each frame the one of the best score. A
joint is missing where it is NaN or its confidence is 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError
from aqa.features.arrays import load_arrays

Array = NDArray[np.float64]

_FACE = ("nose", "left eye", "right eye", "left ear", "right ear")
_LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_COCO = (*_FACE, *(f"{side} {limb}" for limb in _LIMBS for side in ("left", "right")))
_ARMS = tuple(f"{side} {limb}" for side in ("right", "left") for limb in _LIMBS[:3])
_LEGS = tuple(f"{side} {limb}" for side in ("right", "left") for limb in _LIMBS[3:])
_OF_FOOT = ("big toe", "small toe", "heel")
_FEET = tuple(f"{side} {joint}" for side in ("left", "right") for joint in _OF_FOOT)
_TOES = tuple(f"{side} {joint}" for joint in _OF_FOOT for side in ("left", "right"))
_EARS = ("right eye", "left eye", "right ear", "left ear")
# How many joints -> their names, the head or nose first.
_RECORDS = {17: _COCO, 26: (*_COCO, "head", "neck", "hip", *_TOES)}
_OPENPOSE = {
    15: ("head", "neck", *_ARMS, *_LEGS, "chest"),
    18: ("nose", "neck", *_ARMS, *_LEGS, *_EARS),
    25: ("nose", "neck", *_ARMS, "hip", *_LEGS, *_EARS, *_FEET),
}


class PoseError(AqaError):
    """Joints that cannot be read or used; names the file and what is wrong with it."""


class Poses(NamedTuple):
    """The joints of one body on the frames of a video.

    joints: (frames, joints, 2), x to the right and y down in pixels; NaN where missing. names:
    one per joint.
    """

    joints: Array
    names: tuple[str, ...]


class _Person(NamedTuple):
    """A body on a frame: (joints, 3) of x, y, confidence; the number of its track, if known."""

    frame: int
    joints: Array
    score: float
    track: float | None


def find_poses(folder: Path, video_id: str) -> Path:
    """Where a folder has the joints of a video: `<video_id>`, with .json, .npy or .npz."""
    paths = [folder / f"{video_id}{suffix}" for suffix in ("", ".json", ".npy", ".npz")]
    existing = [path for path in paths if path.exists()]
    if len(existing) > 1:
        names = " and ".join(path.name for path in existing)
        raise PoseError(f"{folder}: {names} for {video_id}; leave one of them there")
    return existing[0] if existing else paths[0]


def read_poses(path: Path, n_frames: int | None = None) -> Poses:
    """Read the joints of one body; `PoseError` where that fails.

    n_frames: of the video, where known; a list of people ends earlier where nobody was seen.
    """
    if not path.exists():
        raise PoseError(f"{path}: no such file or folder of joints")
    if path.is_dir():
        return _read_openpose(path)
    if path.suffix in (".npy", ".npz"):
        return _read_numpy(path)
    if path.suffix == ".json":
        return _read_json(path, n_frames)
    raise PoseError(f"{path}: joints are read from .json, .npy, .npz, or OpenPose's folder")


def filled(poses: Poses, max_missing: float, path: Path) -> NDArray[np.float32]:
    """The joints, (frames, joints, 2), with missing ones interpolated linearly in time.

    Before the first and after the last frame that shows a joint it stays where it is. Raises
    `PoseError` where more than the share `max_missing` of all joints is missing, or one joint is
    missing on all frames.
    """
    seen = np.asarray(np.isfinite(poses.joints).all(axis=2))
    share = 1 - seen.mean()
    if share > max_missing:
        raise PoseError(
            f"{path}: {share:.0%} of the joints are missing, more than {max_missing:.0%} "
            "(--max-missing)"
        )
    never = [poses.names[j] for j in np.flatnonzero(~seen.any(axis=0))]
    if never:
        raise PoseError(f"{path}: no frame has a position of {', '.join(never)}")
    frames = np.arange(len(seen))
    joints = poses.joints.copy()
    for j in np.flatnonzero(~seen.all(axis=0)):
        for axis in range(2):
            known = joints[seen[:, j], j, axis]
            joints[:, j, axis] = np.interp(frames, frames[seen[:, j]], known)
    return joints.astype(np.float32)


# Formats ----------------------------------------------------------------------------------------


def _read_numpy(path: Path) -> Poses:
    loaded = load_arrays(path)
    arrays = loaded if isinstance(loaded, dict) else {path.name: loaded}
    names = arrays.pop("names", None)
    shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
    candidates = [array for array in arrays.values() if array.ndim == 3]
    if len(candidates) != 1 or candidates[0].shape[2] not in (2, 3) or 0 in candidates[0].shape:
        raise PoseError(
            f"{path}: it holds {shapes or 'nothing'}; expected one array of (frames, joints, 2) "
            "or (frames, joints, 3)"
        )
    if candidates[0].dtype.kind not in "fiu":
        raise PoseError(f"{path}: its joints are of {candidates[0].dtype}, not of numbers")
    joints = candidates[0].astype(np.float64)
    if joints.shape[2] == 2:
        joints = np.concatenate([joints, np.ones_like(joints[..., :1])], axis=2)
    if names is not None and (names.dtype.kind != "U" or names.shape != joints.shape[1:2]):
        raise PoseError(f"{path}: names {names.shape}; expected a text for each joint")
    known = _names({}, joints.shape[1]) if names is None else tuple(names.tolist())
    return Poses(_positions(joints), known)


def _read_openpose(folder: Path) -> Poses:
    files: dict[int, Path] = {}
    for file in sorted(folder.glob("*.json")):
        number = _number(file.name, folder)
        if number in files:
            raise PoseError(f"{folder}: {files[number].name} and {file.name} have the same number")
        files[number] = file
    if not files:
        raise PoseError(f"{folder}: a folder without JSON files of joints, one per frame")
    frames = []
    for number, file in files.items():
        content = _load(file)
        if not isinstance(content, dict) or not isinstance(content.get("people"), list):
            raise PoseError(f'{file}: not a frame of OpenPose: no list "people"')
        frames.append((number, _people(file, content["people"], number)))
    return _of_frames(frames, folder, _OPENPOSE)


def _read_json(path: Path, n_frames: int | None) -> Poses:
    content = _load(path)
    names = None
    if isinstance(content, dict) and "instance_info" in content:
        names, content = _names_told(content.get("meta_info")), content["instance_info"]
    if not isinstance(content, list) or not all(isinstance(record, dict) for record in content):
        raise PoseError(f"{path}: not a list of persons (COCO, AlphaPose) or of frames (MMPose)")
    if content and all("instances" in record for record in content):
        numbers = [_number(record.get("frame_id"), path) for record in content]
        frames = [
            (number, _people(path, record["instances"], number))
            for number, record in zip(numbers, content, strict=True)
        ]
        return _of_frames(frames, path, _RECORDS, names)
    return _of_people(_people(path, content), path, n_frames)


def _people(path: Path, records: Any, frame: int | None = None) -> list[_Person]:
    """The people of a list of any of the formats, those without joints left out.

    frame: its number; None where each record tells it.
    """
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise PoseError(f"{path}: frame {frame}: not a list of people")
    people = []
    for record in records:
        number = _number(record.get("image_id"), path) if frame is None else frame
        person = _person(path, record, number)
        people += [] if person is None else [person]
    return people


def _person(path: Path, record: Mapping[str, Any], frame: int) -> _Person | None:
    flat = record.get("keypoints", record.get("pose_keypoints_2d"))
    try:
        joints = np.asarray(flat, np.float64)
        if joints.size == 0:
            return None
        if "keypoint_scores" in record:
            scores = np.asarray(record["keypoint_scores"], np.float64)
            joints = np.concatenate([joints[:, :2], scores[:, None]], axis=1)
        joints = joints.reshape(-1, 3)
        mean = float(np.nan_to_num(joints[:, 2]).mean())
        given = record.get("score", record.get("bbox_score", mean))
        score = float(np.nan_to_num(np.asarray(given, np.float64).ravel()[0]))
        track = _track(record)
    except (TypeError, ValueError, IndexError, OverflowError):
        raise PoseError(
            f"{path}: frame {frame}: a person whose joints are not x, y, confidence each"
        ) from None
    return _Person(frame, joints, score, track)


def _track(record: Mapping[str, Any]) -> float | None:
    """The number of the track of a person; OpenPose writes -1 where it tracks nobody."""
    for key in ("track_id", "idx", "person_id"):
        if key in record:
            numbers = np.asarray(record[key], np.float64).ravel()
            return float(numbers[0]) if len(numbers) and numbers[0] >= 0 else None
    return None


def _number(value: Any, path: Path) -> int:
    """The number of a frame: a whole number, or the last one in the name of an image."""
    digits = re.findall(r"[0-9]+", Path(str(value)).stem)
    # Python makes no number of thousands of digits.
    if isinstance(value, float) or not digits or len(digits[-1]) > 18:
        raise PoseError(f"{path}: {value!r} has no frame number")
    return int(digits[-1])


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise PoseError(f"{path}: not JSON: {error}") from None


# From people to one body ------------------------------------------------------------------------


def _of_frames(
    frames: Sequence[tuple[int, list[_Person]]],
    path: Path,
    known: Mapping[int, tuple[str, ...]],
    names: tuple[str, ...] | None = None,
) -> Poses:
    """One body from a list of all frames, whose numbers follow each other."""
    numbers = {number for number, _ in frames}
    first, last = min(numbers), max(numbers)
    if not len(numbers) == len(frames) == last + 1 - first:
        raise PoseError(
            f"{path}: frames {first} to {last} are {len(frames)}: some are missing or stand twice"
        )
    people = [person for _, on_frame in frames for person in on_frame]
    joints = _one_body(people, path, first, len(numbers))
    return Poses(joints, _names(known, joints.shape[1], names))


def _of_people(people: Sequence[_Person], path: Path, n_frames: int | None) -> Poses:
    """One body from a list of people; a frame on which nobody was seen is not in it."""
    numbers = {person.frame for person in people}
    first = 1 if 0 not in numbers and {1, n_frames} & numbers else 0
    length = max(max(numbers, default=0) + 1 - first, n_frames or 0)
    if length > 1000 * max(len(numbers), 1):
        raise PoseError(f"{path}: {length} frames, and somebody on {len(numbers)} of them")
    joints = _one_body(people, path, first, length)
    return Poses(joints, _names(_RECORDS, joints.shape[1]))


def _one_body(people: Sequence[_Person], path: Path, first: int, length: int) -> Array:
    """The joints of the chosen person on each of `length` frames from `first` on."""
    counts = sorted({len(person.joints) for person in people})
    if not people:
        raise PoseError(f"{path}: nobody on any frame")
    if len(counts) > 1:
        raise PoseError(f"{path}: people of {', '.join(map(str, counts))} joints")
    joints = np.full((length, counts[0], 3), np.nan)
    best = np.full(length, -np.inf)
    for person in _tracked(people):
        frame = person.frame - first
        if person.score > best[frame]:
            best[frame], joints[frame] = person.score, person.joints
    return _positions(joints)


def _tracked(people: Sequence[_Person]) -> Iterable[_Person]:
    """People of the track with the largest sum of scores; everybody where nobody is tracked."""
    sums: dict[float, float] = {}
    for person in people:
        if person.track is not None:
            sums[person.track] = sums.get(person.track, 0.0) + person.score
    if not sums:
        return people
    best = max(sums, key=lambda track: sums[track])
    return [person for person in people if person.track == best]


def _positions(joints: Array) -> Array:
    """x and y of (frames, joints, 3), NaN where the joint is missing."""
    seen = np.isfinite(joints).all(axis=2) & (joints[..., 2] > 0)
    return np.where(seen[..., None], joints[..., :2], np.nan)


def _names(
    known: Mapping[int, tuple[str, ...]], n_joints: int, told: tuple[str, ...] | None = None
) -> tuple[str, ...]:
    if told and len(told) == n_joints:
        return told
    return known.get(n_joints) or tuple(f"joint {j}" for j in range(n_joints))


def _names_told(meta: Any) -> tuple[str, ...] | None:
    """The names that MMPose writes beside its frames."""
    named = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    if not isinstance(named, dict):
        return None
    order = sorted(named, key=lambda number: int(number) if str(number).isdecimal() else -1)
    return tuple(str(named[number]).replace("_", " ") for number in order)
