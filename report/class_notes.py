"""What must be said below tables of two classes: which is good, and what guessing gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aqa.evaluation.classes.baselines import MAJORITY
from aqa.evaluation.metric import metric_of
from aqa.evaluation.result import Result
from aqa.split_names import split_family
from aqa.workspace import BASELINE


def class_notes(pooled: Sequence[Result], single: Sequence[Result]) -> Iterator[str]:
    """The lines of results that are of classes; of splits that were pooled, those of all together.

    A head whose ROC-AUC may be that of guessing has not been shown to tell good from bad.
    """
    together = {(one.head, one.target, one.split) for one in pooled}
    for one in (*pooled, *single):
        family = one.head, one.target, split_family(one.split)
        whole = one.pooled or (family not in together and one.group in (None, "all"))
        if one.kind == "classes" and whole:
            yield _chance(one)
            if one.marks.baseline == (MAJORITY,):
                yield f"{BASELINE}{MAJORITY}: calls every video what most training videos are"
            elif not one.marks.baseline and one.counts["contains_chance"]:
                yield _contained(one)


def _place(one: Result) -> str:
    """The test videos that a result is of."""
    return f"all {one.n} videos" if one.pooled else f"split {one.split}"


def _chance(one: Result) -> str:
    counts, named = one.counts, one.counts.get("called_good", "good")
    label = "" if named == "good" else f" ({named})"
    return (
        f"{_place(one)}: {counts['good']} of {one.n} are good{label}; "
        f"guessing gives an accuracy of {counts['chance']:.3f}, and 0.5 of balanced and ROC-AUC"
    )


def _contained(one: Result) -> str:
    names = one.counts["contains_chance"]
    titles = ", ".join(metric_of(name, "classes").title or name for name in names)
    so = ": not shown to tell good from bad" if "roc_auc" in names else ""
    called = f"{one.head} ({one.target})" if one.target else one.head
    return f"{called}, {_place(one)}: chance is in the interval of {titles}{so}"
