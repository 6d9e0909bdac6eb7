"""One drawn dive: all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass

from aqa.workflows.demo import panel
from aqa.workflows.demo.camera import Handling
from aqa.workflows.demo.figure import Outfit
from aqa.workflows.demo.look import Look
from aqa.workflows.demo.motion import Stages, Timing
from aqa.workflows.demo.panel import Fault
from aqa.workflows.demo.program import DiveType


@dataclass(frozen=True)
class Dive:
    """All that is known of one drawn dive.

    marks: the seven judges', in halves. execution: the sum of the middle three. score: difficulty
    times execution. true_mark: what a judge without error would give. stages: first frames,
    counted from 0. timing, handling, look and outfit are what the frames are drawn from.
    """

    seed: int
    index: int
    type: DiveType
    faults: tuple[Fault, ...]
    stages: Stages
    true_mark: float
    marks: tuple[float, ...]
    timing: Timing
    handling: Handling
    look: Look
    outfit: Outfit

    @property
    def video_id(self) -> str:
        """The name of the video, counted from `dive_0001`."""
        return f"dive_{self.index + 1:04d}"

    @property
    def n_frames(self) -> int:
        """Length of the video in frames."""
        return self.stages.n_frames

    @property
    def difficulty(self) -> float:
        """Difficulty of the type of dive."""
        return self.type.difficulty

    @property
    def execution(self) -> float:
        """Sum of the middle three marks, 0 to 30."""
        return panel.execution(self.marks)

    @property
    def score(self) -> float:
        """Difficulty times execution, to two decimals."""
        return panel.score(self.difficulty, self.marks)
