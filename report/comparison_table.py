"""A comparison of heads as text: their means over splits, and the differences between them."""

from __future__ import annotations

from types import SimpleNamespace

from aqa.evaluation.compare import ALPHA
from aqa.evaluation.compare_commentary import CaptionComparison
from aqa.evaluation.comparison import ComparedPair, Comparison
from aqa.evaluation.metric import metric_of
from aqa.report.caption_tables import caption_tables
from aqa.report.result_table import head_title
from aqa.report.result_tables import told_lines
from aqa.report.tables import table, wrapped
from aqa.report.values import with_interval
from aqa.split_names import NUMBERED


def comparison_text(comparison: Comparison, captions: CaptionComparison | None) -> str:
    """A comparison of scores and, where heads write commentary, of that below."""
    shown = [comparison_table(comparison), *([caption_tables(captions)] if captions else [])]
    return "\n\n".join(shown)


def comparison_table(comparison: Comparison) -> str:
    """Heads by their mean over splits, and every difference with the p that decide."""
    metric, several = metric_of(comparison.metric, comparison.kind), len(comparison.splits) > 1
    digits = metric.digits_for(head.value for head in comparison.heads.values())
    heads = [
        [
            head_title(name, head.marks.difficulty),
            with_interval(head.value, head.interval, digits),
        ]
        for name, head in comparison.heads.items()
    ]
    header, pairs = pair_rows(comparison)
    family = "" if comparison.family == NUMBERED else f" of {comparison.family}"
    mean = (
        f"mean of {len(comparison.splits)} splits{family}"
        if several
        else f"split {comparison.splits[0]}"
    )
    if comparison.seeds:
        mean += f" and {len(comparison.seeds)} seeds"
    of = f" of {comparison.target}" if comparison.target else ""
    return "\n".join(
        [
            f"{metric.title or metric.name}{of}, {mean}, {comparison.videos} test videos",
            table(heads, ["head", f"{metric.title or metric.name} [95 %]"]),
            "",
            table(pairs, header, left=[0, 1, -1]),
            *map(wrapped, dict.fromkeys(_notes(comparison))),
        ]
    )


def pair_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """A header, and a line for every two heads: their difference, its p, and which is better."""
    metric, several = metric_of(comparison.metric, comparison.kind), len(comparison.splits) > 1
    digits = metric.digits_for(head.value for head in comparison.heads.values())
    seeds = len(comparison.seeds) > 1
    tests = ["p Holm", *(["p splits"] if several else []), *(["p seeds"] if seeds else [])]
    header = ["a", "b", "a less b [95 %]", *tests, ""]
    return header, [_pair(pair, digits, several, seeds) for pair in comparison.pairs]


def _pair(pair: ComparedPair, digits: int, several: bool, seeds: bool) -> list[str]:
    p = [pair.p_holm, *([pair.p_splits] if several else []), *([pair.p_seeds] if seeds else [])]
    return [
        *(pair.a, pair.b, with_interval(pair.difference, pair.interval, digits, sign="+")),
        *("" if value is None else f"{value:.4f}" for value in p),
        _verdict(pair),
    ]


def _verdict(pair: ComparedPair) -> str:
    if not pair.better:
        return "no difference shown"
    shaky = pair.p_seeds is not None and pair.p_seeds >= ALPHA
    as_fitted = pair.p_splits is None or pair.p_splits >= ALPHA or shaky
    return f"{pair.better} is better" + (" as fitted" if as_fitted else "")


def _notes(comparison: Comparison) -> list[str]:
    heads = [
        SimpleNamespace(head=name, marks=head.marks) for name, head in comparison.heads.items()
    ]
    return [
        *(
            f"split {s} is left out: no results of {', '.join(h)}"
            for s, h in comparison.left_out.items()
        ),
        *(f"{head} is left out: no results on these splits" for head in comparison.absent),
        *told_lines(heads),
        *(f"LEAK {one.head}: {'; '.join(one.marks.leak)}" for one in heads if one.marks.leak),
    ]
