from __future__ import annotations

import numpy as np

from aqa.report.fragments_curve import fragments_figure


def test_every_fragment_has_a_place_and_all_together_are_a_line(fragment_rows) -> None:
    (axes,) = fragments_figure(fragment_rows).axes
    (container,) = axes.containers
    dots, _, bars = container
    np.testing.assert_allclose(dots.get_xydata(), [[0, 0.2], [2, 0.6]])  # 1 is undefined
    heights = [np.ptp(segment[:, 1]) for segment in bars[0].get_segments()]
    np.testing.assert_allclose(heights, [0.2, 0.1])  # a deviation up and one down
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        *("0\ntakeoff", "1\nflight", "2\nentry"),
    ]
    level = [line for line in axes.lines if "all fragments" in str(line.get_label())]
    assert [line.get_ydata()[0] for line in level] == [0.7]


def test_without_all_there_is_no_line(fragment_rows) -> None:
    figure = fragments_figure(fragment_rows[:3])
    assert not [line for line in figure.axes[0].lines if "all" in str(line.get_label())]
