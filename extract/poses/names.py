"""Names of joints: those of known skeletons, groups of them, and which are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aqa.errors import listed
from aqa.extract.poses.poses import PoseError
from aqa.features.body import plain

_FACE = ("nose", "left eye", "right eye", "left ear", "right ear")
_LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
COCO = (*_FACE, *(f"{side} {limb}" for limb in _LIMBS for side in ("left", "right")))
_ARMS = tuple(f"{side} {limb}" for side in ("right", "left") for limb in _LIMBS[:3])
_LEGS = tuple(f"{side} {limb}" for side in ("right", "left") for limb in _LIMBS[3:])
_OF_FOOT = ("big toe", "small toe", "heel")
_FEET = tuple(f"{side} {joint}" for side in ("left", "right") for joint in _OF_FOOT)
_TOES = tuple(f"{side} {joint}" for joint in _OF_FOOT for side in ("left", "right"))
_EARS = ("right eye", "left eye", "right ear", "left ear")
MEDIAPIPE = (
    "nose",
    *(f"{side} eye{part}" for side in ("left", "right") for part in (" inner", "", " outer")),
    "left ear",
    "right ear",
    "mouth left",
    "mouth right",
    *(
        f"{side} {joint}"
        for joint in (*_LIMBS[:3], "pinky", "index", "thumb", *_LIMBS[3:], "heel", "foot index")
        for side in ("left", "right")
    ),
)
KINECT = (
    *("spine base", "spine mid", "neck", "head"),
    *(f"{s} {j}" for s in ("left", "right") for j in ("shoulder", "elbow", "wrist", "hand")),
    *(f"{s} {j}" for s in ("left", "right") for j in ("hip", "knee", "ankle", "foot")),
    "spine shoulder",
    *(f"{s} {j}" for s in ("left", "right") for j in ("hand tip", "thumb")),
)
# How many joints -> their names, the head or nose first.
RECORDS = {17: COCO, 26: (*COCO, "head", "neck", "hip", *_TOES)}
OPENPOSE = {
    15: ("head", "neck", *_ARMS, *_LEGS, "chest"),
    18: ("nose", "neck", *_ARMS, *_LEGS, *_EARS),
    25: ("nose", "neck", *_ARMS, "hip", *_LEGS, *_EARS, *_FEET),
}
# Arrays do not say whose they are: by how many joints of x, y and of x, y, z they have.
# 17 joints of x, y, z are COCO's or Human3.6M's, so they stay without names.
ARRAYS = {17: COCO, 18: OPENPOSE[18], 25: OPENPOSE[25], 26: RECORDS[26], 33: MEDIAPIPE}
ARRAYS_3D = {25: KINECT, 33: MEDIAPIPE}
_SIDES = ("left", "right")
GROUPS: dict[str, tuple[str, ...]] = {
    "coco17": COCO,
    "body": COCO[5:],
    "arms": COCO[5:11],
    "legs": COCO[11:],
}


def known_names(
    known: Mapping[int, tuple[str, ...]], n_joints: int, told: Sequence[str] | None = None
) -> tuple[str, ...]:
    """Those told, where there is one per joint; else those of a known skeleton, or numbers."""
    if told and len(told) == n_joints:
        return tuple(told)
    return known.get(n_joints) or tuple(f"joint {j}" for j in range(n_joints))


def chosen_joints(asked: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names, among a file's, that a text of groups and joints with commas asks for.

    A group is `coco17`, `body` (shoulders to ankles), `arms` or `legs`; a joint is a name or its
    number, from 0. `PoseError` where one is not there, or one is asked for twice.
    """
    by_plain = {plain(name): name for name in names}
    wanted: list[str] = []
    for part in (part.strip() for part in asked.split(",")):
        for name in GROUPS.get(part.lower(), (part,)):
            if name.isdecimal() and plain(name) not in by_plain and int(name) < len(names):
                name = names[int(name)]
            if plain(name) not in by_plain:
                raise PoseError(
                    f"--joints {asked}: no joint {name!r}; there are {listed(list(names), 40)}; "
                    f"groups are {', '.join(GROUPS)}"
                )
            wanted.append(by_plain[plain(name)])
    twice = sorted({name for name in wanted if wanted.count(name) > 1})
    if twice:
        raise PoseError(f"--joints {asked}: asked for twice: {', '.join(twice)}")
    return tuple(wanted)


def other_side(name: str) -> str | None:
    """The name of the same joint on the body's other side; None for one in the middle."""
    words = name.split()
    for side, other in (_SIDES, _SIDES[::-1]):
        if side in words:
            return " ".join(other if word == side else word for word in words)
    return None
