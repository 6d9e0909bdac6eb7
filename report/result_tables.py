"""Results to tables; computes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aqa.report.tables import table

_COUNTS = {
    "scores": ["n"],
    "pairs": ["part", "similar", "dissimilar"],
    "feedback": ["n", "clips", "faulty", "said_faulty"],
    "stages": ["part", "n", "frames"],
    "parts": ["part", "n"],
    "coverage": ["n"],
    "attributes": ["n"],
}


_METRICS = {
    "scores": ["spearman", "mse", "med", "relative_l2"],
    "pairs": ["accuracy", "balanced_accuracy", "roc_auc"],
    "feedback": ["precision", "recall", "f1"],
    "stages": ["accuracy", "start_error"],
    "parts": ["spearman", "mse", "med", "relative_l2"],
    "coverage": ["coverage_50", "coverage_80", "coverage_95", "width_80"],
    "attributes": ["position", "armstand", "rotation", "somersaults", "twists"],
}


_DIGITS = {"mse": 1, "med": 2, "relative_l2": 2, "start_error": 1, "width_80": 1}


_DIGITS_OF_PARTS = {"mse": 3, "med": 4}


_TITLES = {
    "spearman": "Spearman",
    "mse": "MSE",
    "med": "MED",
    "relative_l2": "R-l2 x100",
    "said_faulty": "said",
    "balanced_accuracy": "balanced",
    "roc_auc": "ROC-AUC",
    "f1": "F1",
    "start_error": "frames off",
    "coverage_50": "in 50 %",
    "coverage_80": "in 80 %",
    "coverage_95": "in 95 %",
    "width_80": "width of 80 %",
}


def results_table(
    results: Sequence[Mapping[str, Any]], means: Sequence[Mapping[str, Any]] = ()
) -> str:
    """Results, one row each, values with their 95 % intervals; then means over splits.

    Each kind of results is a table of its own.
    """
    kinds = dict.fromkeys(result["kind"] for result in results)
    tables = [
        _kind_table(
            kind, *([row for row in rows if row["kind"] == kind] for rows in (results, means))
        )
        for kind in kinds
    ]
    lines = ["\n\n".join(tables)]
    lines += [
        f"{r['head']}: ridge regression on {', '.join(r['baseline'])}, without pixels"
        for r in results
        if len(r.get("baseline", ())) > 1
    ]
    lines += _told_lines(results)
    leaks = [r for r in (*results, *means) if "leak" in r]
    lines += [
        f"LEAK {r['head']} {'split ' + r['split'] if 'split' in r else 'mean'}: "
        f"{'; '.join(r['leak'])}"
        for r in leaks
    ]
    return "\n".join(dict.fromkeys(lines))


def _kind_table(
    kind: str, results: Sequence[Mapping[str, Any]], means: Sequence[Mapping[str, Any]]
) -> str:
    counts, metrics = _COUNTS[kind], _METRICS[kind]
    titles = {name: _TITLES.get(name, name) for name in (*counts, *metrics)}
    groups = list(dict.fromkeys(r["by"] for r in results if "by" in r))
    header = [
        *("head", "split", *groups, *(titles[c] for c in counts)),
        *(f"{titles[m]} [95 %]" for m in metrics),
    ]
    rows = [
        [
            *(_head(r), r["split"], *(r["group"] for _ in groups), *(str(r[c]) for c in counts)),
            *(_with_interval(r, m) for m in metrics),
        ]
        for r in results
    ]
    rows += [
        [
            *(_head(m), f"mean of {m['splits']}", *(m["group"] for _ in groups)),
            *(str(m.get(c, "")) for c in counts),
            *(_with_std(m, metric) for metric in metrics),
        ]
        for m in means
    ]
    return table(rows, header, left=(3 if "part" in counts else 2) + len(groups))


def _head(result: Mapping[str, Any]) -> str:
    """A head's name, and whether it was told the difficulty."""
    sign = {"multiply": " x difficulty", "input": " + difficulty"}
    return f"{result['head']}{sign.get(result.get('difficulty', ''), '')}"


def _told_lines(results: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"{r['head']}: told each video's {r['told']} beside its features"
        for r in results
        if "told" in r
    ]


def _with_interval(result: Mapping[str, Any], metric: str) -> str:
    if metric not in result:
        return ""
    value, interval = result[metric], result[f"{metric}_interval"]
    if value is None:
        return "undefined"
    digits = _digits(result, metric)
    if interval is None:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} [{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]"


def _with_std(mean: Mapping[str, Any], metric: str) -> str:
    if metric not in mean:
        return ""
    if mean[metric] is None:
        return "undefined"
    digits = _digits(mean, metric)
    std = mean.get(f"{metric}_std")
    return f"{mean[metric]:.{digits}f}" + ("" if std is None else f" +- {std:.{digits}f}")


def _digits(row: Mapping[str, Any], metric: str) -> int:
    digits = {**_DIGITS, **_DIGITS_OF_PARTS} if row.get("kind") == "parts" else _DIGITS
    return digits.get(metric, 3)


def fragment_line(row: Mapping[str, Any]) -> str:
    """What one fragment, or all together, tells of the score."""
    cells = [f"{_TITLES.get(m, m)} {_with_std(row, m)}" for m in _METRICS["scores"]]
    stage = f" ({row['stage']})" if row["stage"] else ""
    return f"fragment {row['fragment']}{stage}: {', '.join(cells)}"
