"""Results as rows: what is shown of a evaluated, means over splits, and the files of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from aqa.annotations.manifest import Manifest
from aqa.evaluation.compare import Comparison
from aqa.evaluation.evaluate import Evaluated, evaluate_groups
from aqa.evaluation.metrics import KINDS, mean_and_std, stage_results
from aqa.models.runs import write_json, write_rows

# Kinds of results that stand beside scores, where a head gives more than those.
BESIDE = ("coverage", "attributes")


def results_of(
    named: Mapping[str, Any],
    marks: Mapping[str, Any],
    evaluated: Evaluated,
    manifest: Manifest,
    by: str | None,
) -> list[dict[str, Any]]:
    """What is shown of a evaluated: pairs by their part, stages each, scores whole or by group.

    Beside whole scores, as kinds of their own, how often the head's intervals hold the truth and
    how often it names attributes rightly, if it gives either, and the parts it makes them of.
    """
    rows, metrics = evaluated
    if named["kind"] == "pairs":
        shown = [{"part": part, **found} for part, found in metrics.items() if part != "train"]
    elif named["kind"] == "stages":
        shown = stage_results(metrics["test"])
    elif by is None:
        whole = dict(metrics["test"])
        parts = whole.pop("parts", {})
        beside = [(kind, whole.pop(kind)) for kind in BESIDE if kind in whole]
        shown = [
            whole,
            *({**found, "kind": kind} for kind, found in beside),
            *({"part": name, **found, "kind": "parts"} for name, found in parts.items()),
        ]
    else:
        shown = evaluate_groups([row for row in rows if row["part"] == "test"], manifest, by)
    return [{**named, **found, **marks} for found in shown]


def over_splits(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The plain mean and the standard deviation over splits, for each head with several."""
    rows = []
    for source in dict.fromkeys(map(_source, results)):
        own = [result for result in results if _source(result) == source]
        if len(own) < 2:
            continue
        row: dict[str, Any] = {"kind": own[0]["kind"], "head": own[0]["head"], "splits": len(own)}
        row |= {key: own[0][key] for key in _ALIKE if key in own[0]}
        for metric in KINDS[row["kind"]]:
            if metric not in own[0]:
                continue
            row |= mean_and_std(metric, [result[metric] for result in own])
        leaky = sum("leak" in result for result in own)
        row |= {"leak": [f"{leaky} of {len(own)} splits"]} if leaky else {}
        rows.append(row)
    return rows


# Beside kind and head, what results that are averaged over splits have in common.
_ALIKE = ("part", "by", "group", "difficulty", "told")


def _source(result: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(result.get(key) for key in ("kind", "head", *_ALIKE))


def write_results(
    runs: Path,
    heads: Sequence[str],
    splits: Sequence[str],
    results: Sequence[Mapping[str, Any]],
    means: Sequence[Mapping[str, Any]],
    failed: Sequence[str] = (),
) -> Path:
    """Write results as JSON, and each kind of them as CSV, beside the runs; gives the JSON's path.

    The results of pairs and of feedback have tables of their own: eval-pairs, eval-feedback; so
    have those by type or action: eval-by-type. heads, splits: those that were asked for, which
    the files are named after.
    """
    groupings = {str(result["by"]) for result in results if "by" in result}
    suffix = "".join(f"-by-{by}" for by in groupings) + _suffix(heads, splits)
    of_feedback = any(result["kind"] == "feedback" for result in results)
    path = runs / f"eval{'-feedback' if of_feedback else ''}{suffix}.json"
    write_json(path, {"results": list(results), "means": list(means), "failed": list(failed)})
    kinds = sorted(results, key=lambda result: str(result["kind"]))
    for kind, own in groupby(kinds, key=lambda result: str(result["kind"])):
        name = "eval" if kind == "scores" else f"eval-{kind}"
        write_rows(runs / f"{name}{suffix}.csv", [flat(result) for result in own])
    return path


def write_comparison(
    runs: Path, heads: Sequence[str], splits: Sequence[str], found: Comparison
) -> Path:
    """Write a comparison as JSON, and its pairs as CSV, beside the runs; gives the JSON's path."""
    metric = "" if found.metric == "spearman" else f"-{found.metric}"
    path = runs / f"compare{metric}{_suffix(heads, splits)}.json"
    write_json(path, found.to_dict())
    write_rows(path.with_suffix(".csv"), [flat(pair._asdict()) for pair in found.pairs])
    return path


def _suffix(heads: Sequence[str], splits: Sequence[str]) -> str:
    return "".join([*(f"-{head}" for head in heads), *(f"-split-{split}" for split in splits)])


def flat(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result as a row: an interval in two columns, a list in one."""
    row: dict[str, Any] = {}
    for column, cell in result.items():
        if column.endswith("interval"):
            row[f"{column}_low"], row[f"{column}_high"] = cell or (None, None)
        else:
            row[column] = "; ".join(cell) if isinstance(cell, list) else cell
    return row
