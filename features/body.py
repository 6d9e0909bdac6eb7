"""The body that joints are of: how long its torso is, which joints bones join, the angles there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

_SIDES = ("left", "right")
# A joint may be put somewhat beside the picture; no body is as small as two pixels.
_LARGEST_FRACTION = 2.0
_ENDS = ("toe", "foot index", "big toe", "foot")
_HANDS = ("wrist", "hand")
# Middle of the shoulders, and of the hips, where an estimator names these.
_UPPER, _LOWER = ("neck", "spine shoulder"), ("pelvis", "hip", "spine base")
_TORSO = (("shoulder", _UPPER), ("hip", _LOWER))
# Joint -> the joints that it stands between, of each the first that is there.
_BETWEEN: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "elbow": (("shoulder",), _HANDS),
    "shoulder": (("elbow",), ("hip",)),
    "hip": (("shoulder",), ("knee",)),
    "knee": (("hip",), ("ankle",)),
    "ankle": (("knee",), _ENDS),
    "neck": (("head", "nose"), _LOWER),
}
# A joint at the end of a limb -> the joint whose angle it changes.
_AT = {"head": "neck", "nose": "neck"} | dict.fromkeys(_HANDS, "elbow")
_AT |= dict.fromkeys(_ENDS, "ankle")
# A bone from each joint to the first of the others that is there.
_BONES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("elbow", ("shoulder",)),
    ("wrist", ("elbow",)),
    ("hand", ("wrist", "elbow")),
    ("hip", ("shoulder",)),
    ("knee", ("hip",)),
    ("ankle", ("knee",)),
    *((end, ("ankle",)) for end in _ENDS),
)
_MIDDLE_BONES = (
    ("head", ("neck",)),
    ("nose", ("neck",)),
    ("neck", _LOWER),
    ("left shoulder", ("right shoulder",)),
    ("left hip", ("right hip",)),
)


def plain(name: str) -> str:
    """A joint's name in small letters and single blanks: `LEFT_WRIST` is `left wrist`."""
    return " ".join(name.replace("_", " ").replace("-", " ").lower().split())


def torso_length(joints: NDArray[np.floating], names: Sequence[str]) -> float | None:
    """From the middle of the hips to that of the shoulders, the median of the frames.

    joints: (frames, joints, 2), NaN where missing. None where no such joints are known, or they
    are all in one place.
    """
    upper, lower = (_middle(joints, names, *pair) for pair in _TORSO)
    if upper is None or lower is None:
        return None
    lengths = np.linalg.norm(upper - lower, axis=1)
    seen = lengths[np.isfinite(lengths)]
    length = float(np.median(seen)) if len(seen) else 0.0
    return length if length > 0 else None


def _middle(
    joints: NDArray[np.floating], names: Sequence[str], pair: str, otherwise: Sequence[str]
) -> NDArray[np.floating] | None:
    places = places_of(names)
    both = [places[name] for side in _SIDES if (name := f"{side} {pair}") in places]
    if len(both) == len(_SIDES):
        return np.asarray(joints[:, both].mean(axis=1))
    alone = _first(otherwise, places)
    return None if alone is None else np.asarray(joints[:, places[alone]])


def places_of(names: Sequence[str]) -> dict[str, int]:
    """Plain name of each joint -> its number."""
    return {plain(name): j for j, name in enumerate(names)}


def are_fractions(joints: NDArray[np.floating]) -> bool:
    """Whether places are told as parts of the picture's width and height, as YOLO's are."""
    seen = joints[np.isfinite(joints)]
    return bool(len(seen)) and float(np.abs(seen).max()) < _LARGEST_FRACTION


def bones(names: Sequence[str]) -> list[tuple[int, int]]:
    """Which joints to join by lines, by their numbers; none where the names are not known."""
    places = places_of(names)
    pairs = [(f"{side} {joint}", _sided(side, ends)) for joint, ends in _BONES for side in _SIDES]
    found = []
    for joint, ends in (*pairs, *_MIDDLE_BONES):
        other = _first(ends, places)
        if joint in places and other is not None:
            found.append((places[joint], places[other]))
    return found


def angle_of(joint: str, names: Sequence[str]) -> tuple[int, int, int] | None:
    """Which angle a joint's place changes: the numbers of one end, the corner and the other end.

    An elbow changes the angle at the elbow, and so does a wrist. None where it is not known.
    """
    places, known = places_of(names), plain(joint)
    side = next((side for side in _SIDES if known.startswith(f"{side} ")), "")
    part = known.removeprefix(f"{side} ")
    corner = _AT.get(part, part)
    if corner not in _BETWEEN:
        return None
    first, last = _BETWEEN[corner]
    named = [_first(_sided(side, some), places) for some in (first, (corner,), last)]
    numbers = [places[name] for name in named if name is not None]
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == len(named) else None


def degrees(ends: tuple[int, int, int], body: NDArray[np.floating]) -> float:
    """The angle at the corner, 0 to 180, as seen in the picture; body: (joints, 2).

    NaN where the corner lies on one of the ends.
    """
    first, corner, last = (body[number].astype(np.float64) for number in ends)
    one, other = first - corner, last - corner
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    if not lengths > 0:
        return float("nan")
    return float(np.degrees(np.arccos(np.clip(one @ other / lengths, -1.0, 1.0))))


def _sided(side: str, parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{side} {part}" for part in parts) if side else tuple(parts)


def _first(wanted: Sequence[str], places: Mapping[str, int]) -> str | None:
    return next((name for name in wanted if name in places), None)
