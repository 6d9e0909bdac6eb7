"""What is measured: aspects, and the events between which they are measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from aqa.errors import AqaError
from aqa.number_text import fixed

# What is measured on each frame, see `aqa.features.aspects.series`.
Kind = Literal[
    "joint-angle",
    "joint-bend",
    "limb-vertical",
    "limb-limb",
    "distance",
    "ratio",
    "ahead",
    "travel",
    "duration",
    "jerk",
    "splash",
]
Reduce = Literal["mean", "median", "max", "min", "range", "at"]
Worse = Literal["more", "less", "neither"]
Sides = Literal["mean", "worse", "difference"]
Signed = Literal["no", "past", "short"]
Axis = Literal["any", "x", "y", "up"]
Reference = Literal["up", "down"]
Rule = Literal["legs-extend", "last-seen", "lowest", "standing-before", "standing-after"]


class AspectError(AqaError):
    """Aspects that cannot be read or measured; names the file and what is wrong with it."""


@dataclass(frozen=True)
class KindFacts:
    """unit: of the values. points: how many points it takes. says: what is measured."""

    unit: str
    points: int
    says: str


KINDS: dict[Kind, KindFacts] = {
    "joint-angle": KindFacts("degrees", 3, "the angle at the second of three points"),
    "joint-bend": KindFacts("degrees", 3, "how far that angle is from straight"),
    "limb-vertical": KindFacts("degrees", 2, "from the first to the second point, off up or down"),
    "limb-limb": KindFacts("degrees", 4, "between first to second and third to fourth point"),
    "distance": KindFacts("body lengths", 2, "between two points"),
    "ratio": KindFacts("times", 4, "distance of the first two points by that of the others"),
    "ahead": KindFacts("body lengths", 2, "the first point ahead of the second, as feet point"),
    "travel": KindFacts("body lengths", 1, "of a point since the first event, by a still camera"),
    "duration": KindFacts("seconds", 0, "between two events"),
    "jerk": KindFacts("log units", 1, "log dimensionless jerk of a point's path: less is smoother"),
    "splash": KindFacts("body areas", 0, "white water, in squares of a body length, from pixels"),
}


@dataclass(frozen=True)
class Event:
    """An instant of the action.

    stage: the stage of the manifest that begins with it, taken where it is known. rule: how it is
    found in the joints where it is not, see `aqa.features.aspects.events`; "" where it cannot be.
    """

    name: str
    stage: str
    rule: Rule | Literal[""]


@dataclass(frozen=True)
class Aspect:
    """One aspect.

    points: names of joints, see `aqa.features.aspects.body`. over: the two events between which it
    is measured; the same event twice is the instant. before, after: seconds that are added there.
    trim: shares of the frames that are left out at the start and the end. reduce: from all frames
    to one value. worse: which way is worse; the frame told is the one that is worst. neutral: what
    stands in the store for a video in which it does not apply or cannot be measured. only: column
    of the manifest -> the values with which it applies. sides: what is told of a point that the
    body has twice. signed: only past, or only short of, the reference as the body turns. to: the
    reference of limb-vertical. axis: of a distance; "up" is the way up, less than 0 for down. says:
    a sentence with {value} and {unit}.
    """

    name: str
    kind: Kind
    says: str
    over: tuple[str, str]
    worse: Worse
    neutral: float
    points: tuple[str, ...] = ()
    reduce: Reduce = "max"
    before: float = 0.0
    after: float = 0.0
    trim: tuple[float, float] = (0.0, 0.0)
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sides: Sides = "mean"
    signed: Signed = "no"
    to: Reference = "up"
    axis: Axis = "any"

    @property
    def unit(self) -> str:
        """The unit of the aspect's values, such as degrees."""
        return KINDS[self.kind].unit

    def sentence(self, value: float) -> str:
        """What is said of a video with this value; of 1 degree, not of 1 degrees."""
        says = self.says.replace("{unit}", self.unit)
        one = says.replace("{value} degrees", "{value} degree")
        return (one if self.text(value) == "1" else says).replace("{value}", self.text(value))

    def with_unit(self, value: float) -> str:
        """A value as it is printed, with its unit."""
        return f"{self.text(value)} {'degree' if self.text(value) == '1' else self.unit}"

    def text(self, value: float) -> str:
        """A value as it is printed: whole degrees, others to two decimals."""
        return fixed(value, 0) if self.unit == "degrees" else fixed(value, 2)


@dataclass(frozen=True)
class AspectSet:
    """Aspects of one kind of action. text: the TOML that they were read from."""

    name: str
    about: str
    events: Mapping[str, Event]
    aspects: tuple[Aspect, ...]
    text: str

    @property
    def by_name(self) -> dict[str, Aspect]:
        """The aspects by their names."""
        return {aspect.name: aspect for aspect in self.aspects}

    @property
    def needs_pixels(self) -> bool:
        """Whether any of it is measured in the video's frames."""
        return any(aspect.kind == "splash" for aspect in self.aspects)
