"""Pictures of results: what is drawn is what was given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aqa.errors import AqaError, RunError, UnknownNameError
from aqa.evaluation.forest import forests_of
from aqa.evaluation.head_results import HeadResults
from aqa.evaluation.predictions import Predictions
from aqa.evaluation.result import Marks
from aqa.report import plots
from aqa.report.figures import save_figure, svg_of
from aqa.report.plot_kinds import KINDS, plot_figure

N = 20


@pytest.fixture
def head() -> HeadResults:
    """Twenty test videos of two splits; the ranges of the second one hold no true score."""
    rng = np.random.default_rng(0)
    answers, measured = {}, {}
    for number, split in enumerate("12"):
        true = rng.uniform(10, 90, N)
        predicted = true + rng.normal(scale=4, size=N)
        bounds = np.stack([true - 1, true + 1], axis=1) + 10 * number
        ids = tuple(f"v{number}{k:02d}" for k in range(N))
        answers[split] = Predictions(
            Path("runs/svr"), ids, true, predicted, 50, Marks(), bounds=bounds
        )
        measured[split] = {
            "n": N,
            "coverage": {
                "coverage_50": 0.4,
                "coverage_80": 0.7,
                "coverage_95": 0.9,
                "width_80": 2.0,
            },
        }
    types = {i: ("A", "$B_1$")[k % 2] for one in answers.values() for k, i in enumerate(one.ids)}
    history = [
        {"epoch": float(n), "train_loss": 1 / n, "lr": 0.1, "val_loss": 2 / n} for n in (1, 2)
    ]
    folders = {split: Path(f"runs/svr/split-{split}") for split in answers}
    histories = dict.fromkeys(answers, history)
    return HeadResults("svr", folders, answers, measured, {"1": {}, "2": {}}, histories, types)


def drawn(axes: Axes) -> set[tuple[float, float]]:
    """The places of all marks."""
    lines = [line for line in axes.lines if line.get_linestyle() == "None"]
    return {(float(x), float(y)) for line in lines for x, y in line.get_xydata()}


def test_predicted_against_true_draws_every_video_and_range(head: HeadResults) -> None:
    axes, points = plots.predicted_against_true(head), head.points()
    assert drawn(axes) == set(zip(points.true.tolist(), points.predicted.tolist(), strict=True))
    (ranges,) = axes.collections
    ends = {(s[0][0], s[0][1], s[1][1]) for s in ranges.get_segments()}
    assert ends == set(zip(points.true, points.low, points.high, strict=True))
    labels = axes.get_legend_handles_labels()[1]
    assert labels[:2] == ["true score in range: 20", "not in range: 20"]
    assert axes.get_xlim() == axes.get_ylim()
    assert axes.get_title("left") == "svr: 40 test videos, 2 splits"
    assert (axes.get_xlabel(), axes.get_ylabel()) == (
        "true score (points)",
        "predicted score (points)",
    )


def test_residuals_by_score_have_the_means_of_fifths(head: HeadResults) -> None:
    axes, points = plots.residuals_by_score(head), head.points()
    residual = points.predicted - points.true
    assert drawn(axes) == set(zip(points.true.tolist(), residual.tolist(), strict=True))
    line = next(one for one in axes.lines if one.get_label() == "mean of a fifth of them")
    lowest = np.argsort(points.true)[:8]
    assert line.get_xydata()[0] == pytest.approx(
        (points.true[lowest].mean(), residual[lowest].mean())
    )


def test_residuals_by_type_have_a_line_each(head: HeadResults) -> None:
    axes, points = plots.residuals_by_type(head), head.points()
    residual = points.predicted - points.true
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert sorted(labels) == ["$B_1$ (20)", "A (20)"]
    own = [head.types[i] == "A" for i in points.ids]
    mean = next(one for one in axes.lines if one.get_label() == "mean of the type")
    assert mean.get_xdata()[labels.index("A (20)")] == pytest.approx(residual[own].mean())
    assert len(drawn(axes)) == 40 + 2


def test_learning_curves_are_the_history(head: HeadResults) -> None:
    axes = plots.learning_curves(head)
    found = {(one.get_label(), tuple(one.get_ydata())) for one in axes.lines}
    assert ("training loss", (1.0, 0.5)) in found
    assert ("validation loss", (2.0, 1.0)) in found
    assert len(axes.lines) == 4  # of two splits; the learning rate is none


def test_a_search_shows_the_best_of_each_first_setting(head: HeadResults) -> None:
    rows = [{"C": c, "gamma": g, "cv_mse": c * g} for c in (0.1, 1.0) for g in (2.0, 3.0)]
    found = HeadResults("svr", head.folders, {}, {}, {"1": {}}, {"1": rows})
    (line,) = plots.learning_curves(found).lines
    assert line.get_xydata().tolist() == [[0.1, 0.2], [1.0, 2.0]]


def test_forest_plots_draw_values_and_intervals(head: HeadResults) -> None:
    worse = {
        s: Predictions(p.folder, p.ids, p.score, p.predicted[::-1].copy(), 50, Marks())
        for s, p in head.predictions.items()
    }
    blind = HeadResults("baseline-all", head.folders, worse, head.measured, {}, {})
    (forest,) = forests_of([head, blind])
    axes = plots.head_intervals(forest)
    assert [text.get_text() for text in axes.get_yticklabels()] == ["svr", "without pixels:\nall"]
    assert list(axes.lines[1].get_xdata()) == [forest.rows[0].value]
    assert list(axes.lines[0].get_xdata()) == forest.rows[0].interval
    differences = plots.paired_differences(forest)
    (pair,) = forest.comparison.pairs
    assert differences.lines[2].get_xdata()[0] == -pair.difference
    with pytest.raises(RunError, match="one head alone"):
        plots.paired_differences(forests_of([head])[0])


def test_coverage_draws_the_mean_over_splits(head: HeadResults) -> None:
    axes = plots.coverage([head])
    marks = next(one for one in axes.lines if one.get_marker() == "o")
    assert marks.get_xydata().tolist() == pytest.approx(np.array([[50, 40], [80, 70], [95, 90]]))
    assert axes.get_legend_handles_labels()[1] == ["svr: range of 80 % is 2.0 wide"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_in_axes_of_mine_and_saved(
    kind: str, head: HeadResults, tmp_path: Path
) -> None:
    figure = plot_figure(kind, [head])
    for ending in ("svg", "pdf", "png"):
        save_figure(figure, tmp_path / f"{kind}.{ending}")
    assert b"<svg" in svg_of(figure)
    assert "mathdefault" not in (tmp_path / f"{kind}.svg").read_text()
    mine = Figure().subplots()
    if kind == "predicted":
        assert plots.predicted_against_true(head, mine) is mine


def test_what_cannot_be_drawn_says_why(head: HeadResults) -> None:
    empty = HeadResults("x", head.folders, {}, {}, {}, {})
    for kind in ("predicted", "residuals", "types"):
        with pytest.raises(RunError, match="run `aqa eval --head x --split 1 --split 2` first"):
            plot_figure(kind, [empty])
    with pytest.raises(RunError, match="keeps no history"):
        plot_figure("learning", [empty])
    with pytest.raises(AqaError, match="run `aqa eval` first"):
        plot_figure("forest", [empty])
    with pytest.raises(RunError, match="no ranges of x"):
        plot_figure("coverage", [empty])
    with pytest.raises(UnknownNameError, match="predicted, residuals, types"):
        plot_figure("nice", [head])
    classes = {
        s: Predictions(p.folder, p.ids, p.score > 50, p.predicted - 50, 50, Marks(), "classes")
        for s, p in head.predictions.items()
    }
    other = HeadResults("gb", head.folders, classes, head.measured, {}, {})
    with pytest.raises(RunError, match="answers with classes, and no scores"):
        plot_figure("predicted", [other])
    untyped = HeadResults("svr", head.folders, head.predictions, head.measured, {}, {})
    with pytest.raises(RunError, match="no manifest tells the types"):
        plot_figure("types", [untyped])
