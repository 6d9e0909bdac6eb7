"""What heads can answer beside scores: a small protocol each, and what an explanation is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aqa.models.examples import Examples, Sequences
from aqa.models.pairs import Pairs

# What a scoring head can give beside scores, see `Head.gives`.
Answer = Literal["quantiles", "attributes", "commentary", "parts", "clips", "joints", "aspects"]


class Explanation(NamedTuple):
    """A number for each clip of one video, and which of them are faulty.

    values: (n_clips,). faulty: (n_clips,) bool, where a value is below, or at, the limit.
    meaning: what the values are. matched: for each exemplar, its id and the number of its clip
    that each clip was compared with. base: where the values are points, what they add up with to
    what the head has learned, which `of` names; clips are then compared with those of training
    videos, see `aqa.models.feedback.reference`, and `faulty` is only for runs without these.
    """

    values: NDArray[np.float64]
    faulty: NDArray[np.bool_]
    limit: float
    meaning: str
    matched: dict[str, NDArray[np.intp]]
    base: float | None = None
    of: str = "score"


class AspectPoints(NamedTuple):
    """What one measured aspect costs one video.

    value: in the unit. good: the value that one in four training videos reaches. slope: points per
    unit, and its interval. points: what the way from `good` to the value costs, or adds.
    """

    name: str
    unit: str
    value: float
    good: float
    slope: float
    interval: tuple[float, float]
    points: float

    def times(self, factor: float) -> AspectPoints:
        """The same where a point of what the head learned is so many of the score."""
        low, high = (factor * end for end in self.interval)
        return self._replace(
            slope=factor * self.slope, interval=(low, high), points=factor * self.points
        )


class GivesQuantiles(Protocol):
    """`quantiles`: a scoring head that says how sure it is; each score has a distribution."""

    def quantiles(self, examples: Examples, at: ArrayLike) -> NDArray[np.float64]:
        """The score that each video stays below with probabilities `at` (k,): (n, k) points."""
        ...


class GivesAttributes(Protocol):
    """`attributes`: a scoring head that also names what was performed."""

    def attributes(self, examples: Examples) -> list[dict[str, str]]:
        """Each video's attributes, name -> label."""
        ...


class GivesCommentary(Protocol):
    """`commentary`: a scoring head that also says in words what was performed, and how well."""

    def commentary(self, examples: Examples) -> list[str]:
        """One line for each video."""
        ...


class GivesParts(Protocol):
    """`parts`: a scoring head that also predicts what scores are made of, such as difficulty."""

    def parts(self, examples: Examples) -> dict[str, NDArray[np.float64]]:
        """Each part of each video's score, in points: name -> (n,)."""
        ...

    def true_parts(self, examples: Examples) -> dict[str, NDArray[np.float64]]:
        """The true parts, by the columns difficulty and execution; NaN where not known."""
        ...


class ExplainsClips(Protocol):
    """`clips`: a scoring head that says how each clip bears on the score."""

    def explain(self, examples: Examples, *, align: str = "index") -> Explanation:
        """How each clip of one video bears on its score.

        examples: of one video. align: which clips of an exemplar are compared, see `ALIGNMENTS`.
        """
        ...


class ExplainsJoints(Protocol):
    """`joints`: a scoring head on joints that says which way each joint should be moved."""

    def gradient(self, examples: Examples) -> NDArray[np.float64]:
        """How the score of one video grows with the place of each joint.

        (frames, joints, 2), points per unit of the poses, which is a pixel.
        """
        ...


class GivesAspects(Protocol):
    """`aspects`: a scoring head on measured aspects that says what each costs."""

    def aspect_points(self, examples: Examples) -> list[AspectPoints]:
        """The aspects of one video, the most costly first."""
        ...


@runtime_checkable
class PairHead(Protocol):
    """A head of the kind `pairs`: compares two videos, and scores none."""

    def pairs(self, examples: Examples) -> Pairs:
        """The pairs among videos that this head is meant for, and which are similar."""
        ...

    def similarity(
        self, examples: Examples, first: NDArray[np.intp], second: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """The probability that videos `first[i]` and `second[i]` are similar, (pairs,)."""
        ...

    @property
    def unseen(self) -> NDArray[np.intp]:
        """Numbers of the training videos that were held out and not learned from; see `Head`."""
        ...


@runtime_checkable
class StageHead(Protocol):
    """A head of the kind `stages`: tells the stage of each clip, and scores none."""

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the stages, in order; the first is the time before those with a label."""
        ...

    def posteriors(self, x: Sequences) -> list[NDArray[np.float64]]:
        """For each video how probable each stage is in each clip, (n_clips, n_stages)."""
        ...

    def starts(
        self, x: Sequences, *, clips: Sequence[NDArray[np.integer]], n_frames: Sequence[int]
    ) -> list[NDArray[np.intp]]:
        """For each video the first frame of each stage, (n_stages,); see `aqa.models.stages`."""
        ...
