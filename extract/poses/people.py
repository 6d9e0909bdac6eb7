"""From several people on a frame to one body on all frames."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aqa.extract.poses.names import known_names
from aqa.extract.poses.poses import Array, PoseError, Poses, nobody, seen_only


class Person(NamedTuple):
    """A body on a frame: (joints, x y [z] confidence); the number of its track, if known."""

    frame: int
    joints: Array
    score: float
    track: float | None


def frame_number(value: Any, path: Path) -> int:
    """The number of a frame: a whole number, or the last one in the name of an image."""
    digits = re.findall(r"[0-9]+", Path(str(value)).stem)
    # Python makes no number of thousands of digits.
    if isinstance(value, float) or not digits or len(digits[-1]) > 18:
        raise PoseError(f"{path}: {value!r} has no frame number")
    return int(digits[-1])


def of_frames(
    frames: Sequence[tuple[int, list[Person]]],
    path: Path,
    known: Mapping[int, tuple[str, ...]],
    names: tuple[str, ...] | None = None,
) -> Poses:
    """One body from a list of all frames, whose numbers follow each other."""
    present = {number for number, _ in frames}
    first, last = min(present), max(present)
    if not len(present) == len(frames) == last + 1 - first:
        raise PoseError(
            f"{path}: frames {first} to {last} are {len(frames)}: some are missing or stand twice"
        )
    people = [person for _, on_frame in frames for person in on_frame]
    joints = one_body(people, path, first, len(present))
    return Poses(joints, known_names(known, joints.shape[1], names))


def of_people(
    people: Sequence[Person],
    path: Path,
    n_frames: int | None,
    first_frame: int | None,
    known: Mapping[int, tuple[str, ...]],
    names: tuple[str, ...] | None = None,
) -> Poses:
    """One body from a list of people; a frame on which nobody was seen is not in it."""
    present = {person.frame for person in people}
    first = first_frame
    if first is None:
        first = 1 if 0 not in present and {1, n_frames} & present else 0
    if present and min(present) < first:
        raise PoseError(f"{path}: a frame 0, and frames are to count from 1 (--first-frame)")
    length = max(max(present, default=0) + 1 - first, n_frames or 0)
    if length > 1000 * max(len(present), 1):
        raise PoseError(f"{path}: {length} frames, and somebody on {len(present)} of them")
    joints = one_body(people, path, first, length)
    return Poses(joints, known_names(known, joints.shape[1], names))


def one_body(people: Sequence[Person], path: Path, first: int, length: int) -> Array:
    """The joints of the chosen person on each of `length` frames from `first` on."""
    shapes = sorted({person.joints.shape for person in people})
    if not people:
        raise PoseError(f"{path}: nobody on any frame")
    if len(shapes) > 1:
        counts = ", ".join(str(shape[0]) for shape in shapes)
        raise PoseError(f"{path}: people of {counts} joints")
    joints = nobody(path, length, *shapes[0])
    best = np.full(length, -np.inf)
    for person in _tracked(people):
        frame = person.frame - first
        if person.score > best[frame]:
            best[frame], joints[frame] = person.score, person.joints
    return seen_only(joints[..., :-1], joints[..., -1])


def _tracked(people: Sequence[Person]) -> Iterable[Person]:
    """People of the track with the largest sum of scores; everybody where nobody is tracked."""
    sums: dict[float, float] = {}
    for person in people:
        if person.track is not None:
            sums[person.track] = sums.get(person.track, 0.0) + person.score
    if not sums:
        return people
    best = max(sums, key=lambda track: sums[track])
    return [person for person in people if person.track == best]
