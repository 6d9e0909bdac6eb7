from __future__ import annotations

import numpy as np

from aqa.report.fragments_curve import fragments_figure


def test_every_fragment_has_a_place_and_all_together_are_a_line(fragment_rows) -> None:
    (axes,) = fragments_figure(fragment_rows).axes
    (container,) = axes.containers
    dots, _, bars = container
    # 1 is undefined, and breaks the line.
    np.testing.assert_allclose(dots.get_xydata(), [[0, 0.2], [1, np.nan], [2, 0.6]])
    heights = [np.ptp(segment[:, 1]) for segment in bars[0].get_segments() if len(segment)]
    np.testing.assert_allclose(
        [h for h in heights if not np.isnan(h)], [0.2, 0.1]
    )  # a deviation up and one down
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        *("0\ntakeoff", "1\nflight", "2\nentry"),
    ]
    level = [line for line in axes.lines if "all fragments" in str(line.get_label())]
    assert [line.get_ydata()[0] for line in level] == [0.7]


def test_without_all_there_is_no_line(fragment_rows) -> None:
    figure = fragments_figure(fragment_rows[:3])
    assert not [line for line in figure.axes[0].lines if "all" in str(line.get_label())]


def test_one_split_has_no_deviation(fragment_rows) -> None:
    (axes,) = fragments_figure([{**row, "spearman_std": None} for row in fragment_rows]).axes
    assert not axes.containers[0].has_yerr


def test_numbers_stand_where_the_line_leaves_room(fragment_rows) -> None:
    rows = [
        {**row, "spearman": value}
        for row, value in zip(fragment_rows[:3], (-0.2, 0.5, 0.1), strict=True)
    ]
    (axes,) = fragments_figure(rows).axes
    assert [(text.get_text(), text.get_va()) for text in axes.texts] == [
        *(("\N{MINUS SIGN}0.20", "top"), ("0.50", "bottom"), ("0.10", "bottom")),
    ]
