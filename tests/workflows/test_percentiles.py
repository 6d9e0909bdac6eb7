"""How far a value lies from those of training videos: worked out by hand, and what it is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import Video
from aqa.features.aspects.definition import Aspect
from aqa.features.aspects.measure import LEAST_SURE, Measured
from aqa.features.aspects.read import load_aspects
from aqa.workflows.measure.percentiles import Compared, compare, worse_by

ASPECTS = load_aspects("diving").by_name
KNEES = ASPECTS["knees bent"]


def _compared(value: float, others: Sequence[Measured], aspect: Aspect = KNEES) -> Compared | None:
    videos = [Video(str(k), Path("v.mp4"), 1.0, type="101A") for k in range(len(others))]
    known: Mapping[str, Mapping[str, Measured]] = {
        video.id: {aspect.name: one} for video, one in zip(videos, others, strict=True)
    }
    return compare(aspect, Video("own", Path("v.mp4"), 1.0, type="101A"), value, videos, known)


def test_spreads_by_hand() -> None:
    known = [("a", x) for x in (1.0, 2.0, 3.0)] + [("b", x) for x in (11.0, 12.0, 14.0)]
    away = np.array([-1, 0, 1, -1, 0, 2])
    spread = max(1.4826 * np.median(np.abs(away)), away.std() / 2)
    assert worse_by(KNEES, "a", 7.0, known) == pytest.approx((7 - 2) / spread)
    assert worse_by(KNEES, "b", 7.0, known) == pytest.approx((7 - 12) / spread)
    # A type with few training videos is held against all of them.
    assert worse_by(KNEES, "c", 7.0, known) == pytest.approx((7 - 7) / spread)
    assert worse_by(ASPECTS["height over the board"], "a", 7.0, known) == pytest.approx(-5 / spread)
    assert worse_by(ASPECTS["distance from the board"], "a", 7.0, known) is None
    assert worse_by(KNEES, "a", 7.0, [("a", 2.0)] * 4) is None  # all alike: no spread


def test_a_fault_that_few_have_is_far_from_the_others() -> None:
    """Where most have none of it, half of the standard deviation stands in for the spread."""
    mostly = [("a", 0.0)] * 17 + [("a", 40.0)] * 3
    far = worse_by(KNEES, "a", 40.0, mostly)
    assert far == pytest.approx(40 / (np.std([x for _, x in mostly]) / 2))
    # Rarest of all, and yet hardly different: the percentile takes the one for the other.
    alike = [("a", x / 100) for x in range(20)]
    near = worse_by(KNEES, "a", 0.2, alike)
    assert far is not None
    assert near is not None
    assert far > 2 * near


def test_doubtful_values_are_compared_with_nothing() -> None:
    sure = [Measured(float(x), None, 1.0) for x in range(6)]
    unsure = [Measured(100.0, None, LEAST_SURE / 2)] * 6
    assert unsure[0].doubtful
    assert not sure[0].doubtful
    assert not Measured(None).doubtful
    assert _compared(3.0, sure + unsure) == _compared(3.0, sure)
    assert _compared(3.0, unsure) is None


def test_standing_counts_those_that_are_better() -> None:
    """Of as much as others nobody is worse, though a percentile counts these half."""
    knees = [Measured(float(x), None, 1.0) for x in (0, 0, 0, 5, 9)]
    alike, more = _compared(0.0, knees), _compared(6.0, knees)
    assert alike is not None
    assert more is not None
    assert (alike.standing(KNEES), alike.worse_than) == ("worse than 0 of 5", 30.0)
    assert (more.standing(KNEES), more.median) == ("worse than 4 of 5", 0.0)
    less_is_worse, neither = (
        ASPECTS[name] for name in ("height over the board", "distance from the board")
    )
    for aspect, standing in (
        (less_is_worse, "worse than 1 of 5"),
        (neither, "more than 4 of 5"),
    ):
        found = _compared(6.0, knees, aspect)
        assert found is not None
        assert found.standing(aspect) == standing


@pytest.mark.parametrize(("n", "videos", "kind"), [(5, 5, "101A"), (4, 7, ""), (1, 4, "")])
def test_a_type_of_few_videos_is_held_against_all(n: int, videos: int, kind: str) -> None:
    """Three of another type beside n of the same."""
    types = ["101A"] * n + ["107B"] * 3
    training = [Video(str(k), Path("v.mp4"), 1.0, type=one) for k, one in enumerate(types)]
    known = {one.id: {KNEES.name: Measured(1.0, None, 1.0)} for one in training}
    found = compare(KNEES, Video("v", Path("v.mp4"), 1.0, type="101A"), 2.0, training, known)
    assert found is not None
    assert (found.videos, found.type) == (videos, kind)
