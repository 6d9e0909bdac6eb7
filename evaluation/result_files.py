"""The files that evaluations and comparisons are written to, beside the runs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aqa.evaluation.compare import compared_metric
from aqa.evaluation.compare_commentary import CaptionComparison
from aqa.evaluation.comparison import Comparison
from aqa.evaluation.metric import KINDS
from aqa.evaluation.result import Evaluation, flat
from aqa.files import write_json, write_rows

# Bytes; file systems take names of 255, which have a prefix, an ending and a temporary mark too.
_LONGEST = 150


def write_results(
    runs: Path,
    heads: Sequence[str],
    splits: Sequence[str],
    evaluation: Evaluation,
    targets: Sequence[str] = (),
) -> Path:
    """Write results as JSON, and each kind of them as CSV, beside the runs; gives the JSON's path.

    The results of pairs and of feedback have tables of their own: eval-pairs, eval-feedback; so
    have those by type or action, eval-by-type, and means over seeds, eval-seeds. heads, splits,
    targets: those that were asked for, which the files are named after.
    """
    groupings = dict.fromkeys(one.by for one in evaluation.results if one.by)
    suffix = "".join(f"-by-{by}" for by in groupings)
    suffix += _suffix(heads, splits, targets)
    of_feedback = any(one.kind == "feedback" for one in evaluation.results)
    path = runs / f"eval{'-feedback' if of_feedback else ''}{suffix}.json"
    write_json(path, evaluation.to_dict())
    for kind in KINDS:
        rows = [one.to_row() for one in evaluation.results if one.kind == kind]
        if rows:
            name = "eval" if kind == "scores" else f"eval-{kind}"
            write_rows(runs / f"{name}{suffix}.csv", rows)
    if evaluation.over_seeds:
        write_rows(runs / f"eval-seeds{suffix}.csv", list(map(flat, evaluation.seed_rows())))
    return path


def write_comparison(
    runs: Path,
    heads: Sequence[str],
    splits: Sequence[str],
    comparison: Comparison,
    captions: CaptionComparison | None = None,
    targets: Sequence[str] = (),
) -> Path:
    """Write a comparison as JSON, and its pairs as CSV, beside the runs; gives the JSON's path.

    captions: of the heads that write commentary; their pairs are in compare-commentary.csv.
    """
    suffix = _suffix(heads, splits, targets)
    usual = comparison.metric == compared_metric(None, comparison.kind)
    metric = "" if usual else f"-{comparison.metric}"
    against = f"-against-{comparison.against}" if comparison.against else ""
    path = runs / f"compare{metric}{against}{suffix}.json"
    write_json(path, comparison_record(comparison, captions))
    write_rows(path.with_suffix(".csv"), [pair.to_row() for pair in comparison.pairs])
    if captions is not None and captions.pairs:
        write_rows(runs / f"compare-commentary{suffix}.csv", captions.rows())
    return path


def comparison_record(
    comparison: Comparison, captions: CaptionComparison | None = None
) -> dict[str, Any]:
    """A comparison as JSON has it."""
    written = {} if captions is None else {"commentary": captions.to_dict()}
    return {**comparison.to_dict(), **written}


def _suffix(heads: Sequence[str], splits: Sequence[str], targets: Sequence[str]) -> str:
    """What was asked for, as a part of a file's name; of too many names their number and a hash."""
    suffix = _named(heads, splits, targets)
    if len(os.fsencode(suffix)) <= _LONGEST:
        return suffix
    digest = hashlib.sha256(os.fsencode(suffix)).hexdigest()[:8]
    return f"-of-{len(heads) + len(targets) + len(splits)}-names-{digest}"


def _named(heads: Sequence[str], splits: Sequence[str], targets: Sequence[str]) -> str:
    of_targets = (f"-target-{target}" for target in targets)
    of_splits = (f"-split-{split}" for split in splits)
    return "".join([*(f"-{head}" for head in heads), *of_targets, *of_splits])
