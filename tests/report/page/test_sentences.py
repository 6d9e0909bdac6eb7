"""What is said of a video: its worst moment, and nothing more than is known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from aqa.report.page.sentences import (
    comparison_of,
    headline,
    place_of,
    sentence_of,
    worst_first,
)
from aqa.workflows.moments import Moment, weakest


def moment(
    number: int,
    below: float | None,
    good: float | None,
    mark: str = "",
    others: tuple[float, float] | None = None,
) -> Moment:
    return Moment(number, "entry", 2.1, 2.66, -3.0, below, good, mark, (), others)


def video(*moments: Moment, outright_unknown: str = "") -> Any:
    feedback = SimpleNamespace(meaning="similarity", outright_unknown=outright_unknown)
    return SimpleNamespace(
        moments=moments, feedback=feedback, beside="other 107B videos", commentary=""
    )


def test_the_worst_is_the_one_farthest_below_good_ones() -> None:
    seen = video(moment(0, 4.0, 4.5, "faulty"), moment(1, 3.0, 9.0, "faulty"), moment(2, 0, 1))
    assert [one.number for one in worst_first(seen)] == [1, 0]
    assert headline(seen) == (
        "Entry, 2.1 to 2.7 s: about 3.0 points below other 107B videos on average, 9.0 points "
        "below the better of these; faulty."
    )


def test_where_nothing_stands_out_the_weakest_moment_is_named_and_no_fault() -> None:
    seen = video(moment(0, 0.5, 1.0), moment(1, 1.0, 2.5))
    assert worst_first(seen) == []
    assert weakest(seen.moments).number == 1  # type: ignore[union-attr]
    assert headline(seen) == (
        "Nothing stands out. The weakest moment: entry, 2.1 to 2.7 s: about 1.0 points below other "
        "107B videos on average, 2.5 points below the better of these."
    )
    assert "faulty" not in headline(seen)


def test_where_nobody_knows_what_stands_out_the_page_says_so() -> None:
    seen = video(
        moment(0, 0.5, 1.0), outright_unknown="the training videos are too few to learn it from"
    )
    assert headline(seen).startswith(
        "What stands out is not known, as the training videos are too few to learn it from. The "
        "weakest moment: entry,"
    )


def test_the_range_of_the_others_stands_beside_their_mean() -> None:
    assert sentence_of(moment(0, 3.0, 3.5, "faulty", (1.0, 5.0)), video()) == (
        "Entry, 2.1 to 2.7 s: about 3.0 points below other 107B videos on average (eight in ten "
        "of them are 1.0 to 5.0 points better); faulty"
    )
    assert sentence_of(moment(0, 0.0, 1.0, "", (-2.0, 2.5)), video()).endswith(
        "as in other 107B videos (eight in ten of them are between 2.0 points worse and 2.5 better)"
    )
    assert sentence_of(moment(0, -3.0, 1.0, "", (-4.0, -1.5)), video()).endswith(
        "on average (eight in ten of them are 1.5 to 4.0 points worse)"
    )


def test_a_clip_without_a_stage_is_counted_from_one() -> None:
    bare = Moment(0, "", 0.0, 0.5, -3.0, None, None, "", ())
    assert place_of(bare) == "Clip 1, 0.0 to 0.5 s"


def test_above_and_as_others() -> None:
    seen = video(moment(0, -2.0, -1.0), moment(1, 0.01, 0.6))
    assert comparison_of(seen.moments[0], seen) == (
        "about 2.0 points above other 107B videos on average"
    )
    assert comparison_of(seen.moments[1], seen) == (
        "as in other 107B videos, 0.6 points below the better of these"
    )


def test_values_that_are_no_points_are_told_as_they_are() -> None:
    seen = video(moment(0, None, None, "faulty"))
    assert headline(seen) == "Entry, 2.1 to 2.7 s: -3.00 (similarity), faulty."


def test_without_moments_the_commentary_stands_alone() -> None:
    assert headline(video()) == ""
