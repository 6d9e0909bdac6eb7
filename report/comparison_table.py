"""A comparison of heads to tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aqa.report.result_tables import _DIGITS, _TITLES, _head, _told_lines
from aqa.report.tables import table

if TYPE_CHECKING:
    from aqa.evaluation.compare import Comparison


def comparison_table(found: Comparison) -> str:
    """Heads by their mean over splits, and the differences between them, each with its p."""
    title = _TITLES.get(found.metric, found.metric)
    digits = _DIGITS.get(found.metric, 3)
    several = len(found.splits) > 1

    def shown(value: float, interval: Sequence[float] | None, sign: str = "") -> str:
        low_high = [f"{end:{sign}.{digits}f}" for end in interval or ()]
        return f"{value:{sign}.{digits}f}" + (f" [{', '.join(low_high)}]" if low_high else "")

    rows = [{"head": name, **own} for name, own in found.heads.items()]
    heads = [[_head(row), shown(row["value"], row["interval"])] for row in rows]
    tests = ["p videos", "p Holm", *(["p splits"] if several else [])]
    pairs = []
    for pair in found.pairs:
        p = [pair.p_videos, pair.p_holm, *([pair.p_splits] if several else [])]
        difference = shown(pair.difference, pair.interval, "+")
        verdict = f"{pair.better} is better" if pair.better else "no difference shown"
        if pair.better and not (pair.p_splits is not None and pair.p_splits < 0.05):
            verdict += " as fitted"
        pairs.append([pair.a, pair.b, difference, *(f"{value:.4f}" for value in p), verdict])
    mean = f"mean of {len(found.splits)} splits" if several else f"split {found.splits[0]}"
    lines = [
        f"{title}, {mean}, {found.videos} test videos",
        table(heads, ["head", f"{title} [95 %]"]),
        "",
        table(pairs, ["a", "b", "a less b [95 %]", *tests, ""], left=[0, 1, -1]),
    ]
    lines += [
        f"split {split} is left out: no results of {', '.join(names)}"
        for split, names in found.left_out.items()
    ]
    lines += _told_lines(rows)
    lines += [f"LEAK {row['head']}: {'; '.join(row['leak'])}" for row in rows if "leak" in row]
    return "\n".join(lines)
