"""The timeline of a page: which blocks have names, and how much room these take."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from aqa.report.page.charts import Curve, curve_of
from aqa.workflows.moments import Moment


def _curve(*parts: tuple[str, float, float]) -> Curve:
    """Of a copy that lasts 10 s; parts: stage, start, stop."""
    moments = tuple(
        Moment(number, stage, start, stop, 1.0, None, None, "", ())
        for number, (stage, start, stop) in enumerate(parts)
    )
    video: Any = SimpleNamespace(copy=SimpleNamespace(n_frames=100, fps=10.0), moments=moments)
    return curve_of(video)


def test_a_narrow_block_repeats_no_name() -> None:
    curve = _curve(("entry", 0, 4), ("entry", 4, 5), ("surface", 5, 6), ("surface", 6, 10))
    assert [block.label for block in curve.blocks] == ["entry", "", "surface", "surface"]
    assert [block.label for block in _curve(("", 0, 4), ("", 4, 5), ("", 5, 10)).blocks] == [
        *("1", "", "3")
    ]


def test_moments_that_the_copy_does_not_reach_have_no_names() -> None:
    """A file that became shorter: its moments all begin and end where the copy ends."""
    curve = _curve(("entry", 10, 10), ("surface", 10, 10))
    assert [block.label for block in curve.blocks] == ["", ""]
    assert curve.names_width == 0
