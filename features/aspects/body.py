"""One body on the frames of a video: named points, its length, where up is."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# A joint -> its names in files, the first that is there is taken.
_FOOT = ("toe", "foot index", "big toe", "foot")
_NAMES = {
    **{name: (name,) for name in ("shoulder", "elbow", "hip", "knee", "ankle", "heel", "nose")},
    "wrist": ("wrist", "hand"),
    "hand": ("hand", "wrist", "index", "hand tip"),
    "toe": _FOOT,
    "head": ("head", "nose"),
    "neck": ("neck", "spine shoulder"),
}
_SIDED = ("shoulder", "elbow", "wrist", "hand", "hip", "knee", "ankle", "toe", "heel")
_MIDDLE = {f"{name}s": name for name in _SIDED}
_OWN_MIDDLE = {"hips": ("pelvis", "hip", "spine base"), "shoulders": ("neck", "spine shoulder")}
SIDES = ("left", "right")
# Shares of the body's weight, the head and the arms with the trunk's, and the points between which
# each is taken to lie halfway.
_WEIGHTS = (
    (0.678, "shoulders", "hips"),
    (0.2, "hips", "knees"),
    (0.122, "knees", "ankles"),
)
POINTS = (
    *("head", "nose", "neck", "body"),
    *(f"{side} {name}" for name in _SIDED for side in SIDES),
    *_SIDED,
    *_MIDDLE,
)
"""What a point of an aspect may be called: one that the body has twice, such as knee, is measured
on both sides; knees is the middle between them, and body the centre of mass."""


@dataclass(frozen=True)
class BodyJoints:
    """Joints of one body on the frames of a video.

    joints: (frames, joints, 2 or 3), x to the right and y down in pixels, or x, y, z; NaN where
    missing. names: one per joint, as files have them. confidence: (frames, joints), 0 to 1.
    """

    joints: Array
    names: tuple[str, ...]
    confidence: Array

    @classmethod
    def of(cls, joints: Array, names: Sequence[str], confidence: Array | None = None) -> BodyJoints:
        """With confidences, where no file told them, of 1 for what is seen."""
        seen = np.isfinite(joints).all(axis=2)
        known = seen.astype(np.float64) if confidence is None else np.where(seen, confidence, 0.0)
        plain = tuple(" ".join(name.replace("_", " ").lower().split()) for name in names)
        sure = np.asarray(np.clip(np.nan_to_num(known), 0.0, 1.0))
        return cls(np.asarray(joints, np.float64), plain, sure)

    def __len__(self) -> int:
        return len(self.joints)

    def point(self, name: str) -> tuple[Array, Array] | None:
        """Places (frames, 2 or 3) and confidences (frames,) of a point; None without such joints.

        name: one of `POINTS` that is on one side, or in the middle.
        """
        if name in _MIDDLE:
            left, right = (self.point(f"{side} {_MIDDLE[name]}") for side in SIDES)
            if left is not None and right is not None:
                return (left[0] + right[0]) / 2, np.minimum(left[1], right[1])
            return self._first(_OWN_MIDDLE.get(name, ()))
        if name == "body":
            return self._centre()
        side, _, joint = name.rpartition(" ")
        found = self._first([f"{side} {one}".strip() for one in _NAMES[joint]])
        if found is None and name == "neck":
            return self.point("shoulders")
        return found

    def _centre(self) -> tuple[Array, Array] | None:
        """The centre of mass, so far as trunk and legs tell it; hips move about it in a dive."""
        place, sure = np.zeros(()), np.ones(len(self))
        for weight, *ends in _WEIGHTS:
            for end in ends:
                found = self.point(end)
                if found is None:
                    return None
                place, sure = place + weight / 2 * found[0], np.minimum(sure, found[1])
        return place, sure

    def _first(self, names: Sequence[str]) -> tuple[Array, Array] | None:
        for name in names:
            if name in self.names:
                j = self.names.index(name)
                return self.joints[:, j], self.confidence[:, j]
        return None

    @cached_property
    def length(self) -> float:
        """Shoulders to hips to knees to ankles, in the units of the joints; NaN where not seen.

        Of each part the length that it has, or exceeds, on one frame in ten: in a picture, parts
        that point at the camera look shorter than they are.
        """
        chain = ("shoulders", "hips", "knees", "ankles")
        places = [self.point(name) for name in chain]
        total = 0.0
        for a, b in itertools.pairwise(places):
            if a is None or b is None:
                return float("nan")
            lengths = np.linalg.norm(a[0] - b[0], axis=1)
            lengths = lengths[np.isfinite(lengths)]
            if not len(lengths):
                return float("nan")
            total += float(np.quantile(lengths, 0.9))
        return total if total > 0 else float("nan")

    @cached_property
    def up(self) -> Array:
        """The direction of up, a unit vector (2 or 3,).

        y points down in pictures. Of x, y, z, y is vertical, and up is where the shoulders are on
        most frames, seen from the ankles.
        """
        axes = self.joints.shape[2]
        up = np.zeros(axes)
        up[1] = -1.0
        if axes == 3:
            high, low = self.point("shoulders"), self.point("ankles")
            if high is not None and low is not None:
                rise = (high[0] - low[0])[:, 1]
                rise = rise[np.isfinite(rise)]
                up[1] = 1.0 if len(rise) and np.median(rise) > 0 else -1.0
        return up


def known_point(name: str) -> bool:
    """Whether an aspect may name this point."""
    return name in POINTS


def is_sided(name: str) -> bool:
    """Whether the body has this point twice, and the name says neither which nor both."""
    return name in _SIDED
