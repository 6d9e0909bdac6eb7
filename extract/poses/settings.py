"""How the joints of a data set are read and completed, as asked for and as a store records it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aqa.extract.poses.fill import NeverSeen
from aqa.extract.poses.normalise import Normalise
from aqa.extract.poses.poses import Layout, ReadingRules
from aqa.features.store import Spec

BACKBONE = "pose"


@dataclass(frozen=True)
class JointOptions:
    """What the user asks for; None: as the store has it, or else told by the files.

    joints: groups and names, with commas, see `chosen_joints`. layout: what a joint's numbers are.
    first_frame: number of the first frame, 0 or 1. never_seen: what becomes of joints that no
    frame of a video shows. normalise: see `aqa.extract.poses.normalise`. max_missing: the largest
    share of a video's joints that may be missing.
    """

    joints: str | None = None
    layout: Layout | None = None
    first_frame: int | None = None
    never_seen: NeverSeen | None = None
    normalise: Normalise | None = None
    max_missing: float = 0.5

    @property
    def declared(self) -> Layout | None:
        """The layout that is not left to the files."""
        return None if self.layout == "auto" else self.layout


AS_FILES_SAY = JointOptions()


@dataclass(frozen=True)
class JointSettings:
    """What all videos of a store have in common.

    names: the joints, in their order. chosen: whether files may have others beside them. axes: 2
    or 3 coordinates of each.
    """

    names: tuple[str, ...]
    axes: int
    chosen: bool
    rules: ReadingRules
    never_seen: NeverSeen
    normalise: Normalise
    max_missing: float

    @property
    def spec(self) -> Spec:
        """Everything that a store of these joints depends on; only such a store has `joints`.

        A store of two coordinates has no `coordinates`; stores made before version 0.3 have only
        `missing` and `max_missing` under `preprocess`.
        """
        return {
            "backbone": BACKBONE,
            "weights": {"name": None, "sha256": None, "fitted_on": None},
            "layer": None,
            "shape": [self.axes * len(self.names)],
            "dtype": "float32",
            "clip_length": 1,
            "stride": 1,
            "frames": None,
            "padding": None,
            "tail": None,
            "preprocess": self._preprocess,
            "joints": list(self.names),
            **({"coordinates": self.axes} if self.axes != 2 else {}),
            "views": ["original"],
            "view_seed": None,
        }

    @property
    def _preprocess(self) -> dict[str, Any]:
        settings: dict[str, Any] = {"missing": "linear in time", "max_missing": self.max_missing}
        if self != self.as_before:
            settings |= {
                "joints": "chosen" if self.chosen else "all",
                "format": self.rules.layout,
                "first_frame": self.rules.first_frame,
                "never_seen": self.never_seen,
                "normalise": self.normalise,
            }
        return settings

    @property
    def as_before(self) -> JointSettings:
        """The same joints, read as they were before any of this could be chosen."""
        return settings_of(
            {
                "joints": list(self.names),
                "coordinates": 2,
                "preprocess": {"max_missing": self.max_missing},
            }
        )


def settings_of(spec: Mapping[str, Any]) -> JointSettings:
    """The settings that a store's spec records.

    Stores made before version 0.3 took a third number for confidence and refused joints that were
    never seen.
    """
    how = spec["preprocess"]
    return JointSettings(
        tuple(spec["joints"]),
        spec.get("coordinates", 2),
        how.get("joints") == "chosen",
        ReadingRules(how.get("format", "xyc"), how.get("first_frame")),
        how.get("never_seen", "refuse"),
        how.get("normalise", "none"),
        how["max_missing"],
    )


def same_names(names: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether a file's joints are those of a store, which may have only numbers for names."""
    numbered = [f"joint {j}" for j in range(len(wanted))]
    return list(names) == list(wanted) or (len(names) == len(wanted) and list(wanted) == numbered)
