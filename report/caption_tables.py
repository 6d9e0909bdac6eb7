"""How near heads write to what was said, side by side, as text."""

from __future__ import annotations

from collections.abc import Iterable

from aqa.evaluation.compare_commentary import CaptionComparison, CaptionValues
from aqa.evaluation.metric import metrics_of
from aqa.report.tables import table, wrapped
from aqa.report.values import with_interval

_METRICS = tuple(metric for metric in metrics_of("commentary") if metric.shown)


def caption_tables(comparison: CaptionComparison) -> str:
    """Every metric of the heads, and below the differences between every two of them."""
    splits = comparison.splits
    mean = f"mean of {len(splits)} splits" if len(splits) > 1 else f"split {splits[0]}"
    title = (
        f"written commentary against what was said: {mean}, {comparison.videos} test videos that "
        "have one [95 % interval]"
    )
    lines = [wrapped(title), _table([((head,), one) for head, one in comparison.heads.items()])]
    if comparison.pairs:
        lines += ["", "a less b [95 %]", _table(comparison.pairs.items(), sign="+")]
    return "\n".join(lines)


def _table(rows: Iterable[tuple[tuple[str, ...], CaptionValues]], sign: str = "") -> str:
    names = ["a", "b"] if sign else ["head"]
    return table(
        [
            [
                *keys,
                *(
                    with_interval(
                        one.values[m.name], one.intervals[m.name], m.digits, sign=sign, below=True
                    )
                    for m in _METRICS
                ),
            ]
            for keys, one in rows
        ],
        [*names, *(metric.title for metric in _METRICS)],
        len(names),
    )
