"""Records of people in JSON: results of COCO and AlphaPose, frames of MMPose."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aqa.extract.poses.names import RECORDS
from aqa.extract.poses.people import Person, frame_number, of_frames, of_people
from aqa.extract.poses.poses import PoseError, Poses, ReadingRules


def read_records(path: Path, content: Any, n_frames: int | None, rules: ReadingRules) -> Poses:
    """The joints of a JSON value: a list of people, or MMPose's frames."""
    names = None
    if isinstance(content, dict) and "instance_info" in content:
        names, content = _names_told(content.get("meta_info")), content["instance_info"]
    if not isinstance(content, list) or not all(isinstance(record, dict) for record in content):
        raise PoseError(
            f"{path}: not a list of persons (COCO, AlphaPose) or of frames (MMPose, MediaPipe)"
        )
    if content and all("instances" in record for record in content):
        numbers = [frame_number(record.get("frame_id"), path) for record in content]
        frames = [
            (number, people_of(path, record["instances"], number))
            for number, record in zip(numbers, content, strict=True)
        ]
        return of_frames(frames, path, RECORDS, names)
    return of_people(people_of(path, content), path, n_frames, rules.first_frame, RECORDS)


def people_frames(path: Path, content: Any) -> set[int]:
    """The frames on which somebody is, in a list of people; empty for any other value."""
    if not isinstance(content, list) or not all(isinstance(record, dict) for record in content):
        return set()
    if not content or not all("image_id" in record for record in content):
        return set()
    return {frame_number(record["image_id"], path) for record in content}


def people_of(path: Path, records: Any, frame: int | None = None) -> list[Person]:
    """The people of a list of any of the formats, those without joints left out.

    frame: its number; None where each record tells it.
    """
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise PoseError(f"{path}: frame {frame}: not a list of people")
    people = []
    for record in records:
        number = frame_number(record.get("image_id"), path) if frame is None else frame
        person = _person(path, record, number)
        people += [] if person is None else [person]
    return people


def _person(path: Path, record: Mapping[str, Any], frame: int) -> Person | None:
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
    return Person(frame, joints, score, track)


def _track(record: Mapping[str, Any]) -> float | None:
    """The number of the track of a person; OpenPose writes -1 where it tracks nobody."""
    for key in ("track_id", "idx", "person_id"):
        if key in record:
            numbers = np.asarray(record[key], np.float64).ravel()
            return float(numbers[0]) if len(numbers) and numbers[0] >= 0 else None
    return None


def _names_told(meta: Any) -> tuple[str, ...] | None:
    """The names that MMPose writes beside its frames."""
    named = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    if not isinstance(named, dict):
        return None
    order = sorted(named, key=lambda number: int(number) if str(number).isdecimal() else -1)
    return tuple(str(named[number]).replace("_", " ") for number in order)
