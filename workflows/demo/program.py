"""The dives of the drawn world: what each one is and how hard it is held to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["forward", "back", "reverse", "inward"]
Position = Literal["straight", "pike", "tuck", "free"]


@dataclass(frozen=True)
class DiveType:
    """One dive of the programme, named in the manner of the diving rules.

    `difficulty` is a value of this drawn world, not of any official table.
    """

    name: str
    direction: Direction
    half_somersaults: int
    half_twists: int
    position: Position
    difficulty: float

    @property
    def faces_water(self) -> bool:
        """Whether the diver looks out over the water before the take-off."""
        return self.direction in ("forward", "reverse")

    @property
    def spin(self) -> int:
        """Sense of the somersault on screen: 1 head first away from the platform, -1 towards it."""
        return 1 if self.direction in ("forward", "back") else -1


def _programme(*types: DiveType) -> dict[str, DiveType]:
    return {dive_type.name: dive_type for dive_type in types}


DIVE_TYPES: dict[str, DiveType] = _programme(
    DiveType("101A", "forward", 1, 0, "straight", 1.6),
    DiveType("103B", "forward", 3, 0, "pike", 1.9),
    DiveType("105C", "forward", 5, 0, "tuck", 2.3),
    DiveType("107B", "forward", 7, 0, "pike", 3.1),
    DiveType("205B", "back", 5, 0, "pike", 2.8),
    DiveType("407C", "inward", 7, 0, "tuck", 3.3),
    DiveType("5233D", "back", 3, 3, "free", 2.5),
    DiveType("5154B", "forward", 5, 4, "pike", 3.6),
)
