"""Results to tables; computes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_DIGITS = {"spearman": 3, "mse": 1, "med": 2, "relative_l2": 2}
_TITLES = {"spearman": "Spearman", "mse": "MSE", "med": "MED", "relative_l2": "R-l2 x100"}


def table(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Align columns: the first `left` to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def results_table(
    results: Sequence[Mapping[str, Any]], means: Sequence[Mapping[str, Any]] = ()
) -> str:
    """Test results, one row a run, each value with its 95 % interval; then means over splits."""
    rows = [["head", "split", "n", *(f"{title} [95 %]" for title in _TITLES.values())]]
    rows += [
        [r["head"], r["split"], str(r["n"]), *(_with_interval(r, metric) for metric in _DIGITS)]
        for r in results
    ]
    rows += [
        [m["head"], f"mean of {m['splits']}", "", *(_with_std(m, metric) for metric in _DIGITS)]
        for m in means
    ]
    lines = [table(rows, left=2)]
    leaks = [r for r in results if "leak" in r]
    lines += [f"LEAK {r['head']} split {r['split']}: {'; '.join(r['leak'])}" for r in leaks]
    return "\n".join(lines)


def _with_interval(result: Mapping[str, Any], metric: str) -> str:
    value, interval = result[metric], result[f"{metric}_interval"]
    if value is None:
        return "undefined"
    digits = _DIGITS[metric]
    if interval is None:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} [{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]"


def _with_std(mean: Mapping[str, Any], metric: str) -> str:
    if mean[metric] is None:
        return "undefined"
    return f"{mean[metric]:.{_DIGITS[metric]}f} +- {mean[f'{metric}_std']:.{_DIGITS[metric]}f}"


def scores_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Scored videos; where several runs were averaged, the lowest and highest of them."""
    cells = [["video", "score", "runs"]]
    for row in rows:
        values = list(row["by_split"].values())
        spread = f"{min(values):.2f} to {max(values):.2f}" if len(values) > 1 else ""
        cells.append([row["video"], f"{row['score']:.2f}", spread])
    warnings = [f"warning: {row['warning']}" for row in rows if row["warning"]]
    return "\n".join([table(cells), *warnings])
