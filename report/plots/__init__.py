"""Pictures of what heads are worth, for pages and for notebooks.

    from pathlib import Path
    from aqa.evaluation.kept_results import read_results
    from aqa.report.plots import predicted_against_true

    (svr,) = read_results(sorted(Path("runs/svr").glob("split-*")))
    predicted_against_true(svr).figure

Each draws in the axes that it is given, or makes a figure, and gives the axes back. Nothing is
fitted or scored: they show what `aqa fit` and `aqa eval` have kept.
"""

from aqa.report.plots.coverage import coverage
from aqa.report.plots.forest import head_intervals, paired_differences
from aqa.report.plots.learning import learning_curves
from aqa.report.plots.predicted import predicted_against_true
from aqa.report.plots.residuals import residuals_by_score, residuals_by_type

__all__ = [
    "coverage",
    "head_intervals",
    "learning_curves",
    "paired_differences",
    "predicted_against_true",
    "residuals_by_score",
    "residuals_by_type",
]
