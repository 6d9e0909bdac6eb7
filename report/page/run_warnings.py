"""What stands in plain sight above results: why numbers may mean less than they seem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aqa.evaluation.forest import Forest
from aqa.evaluation.head_results import HeadResults, eval_remedy
from aqa.evaluation.predictions import marks_of
from aqa.evaluation.score_metrics import FEWEST_RANKED
from aqa.workspace import BASELINE

# With fewer test videos the interval of a correlation of 0.7 is wider than 0.4.
_FEW = 30


def result_warnings(heads: Sequence[HeadResults], forests: Sequence[Forest]) -> list[str]:
    """One line each, the worst first; none twice. heads: baselines among them."""
    fitted = [head for head in heads if not head.is_baseline]
    lines = [
        *(line for head in heads for line in _leaks(head)),
        *(line for head in fitted for line in _selected(head)),
        *(line for head in fitted for line in _not_evaluated(head)),
        *(line for head in fitted for line in _few(head)),
        *(line for forest in forests for line in _no_better(forest)),
        *(f"{head.name}: {line}" for head in fitted for line in _of_fitting(head)),
    ]
    return list(dict.fromkeys(lines))


def _leaks(head: HeadResults) -> Iterator[str]:
    """Who has learned from test videos, and features of no video."""
    for split, measured in head.measured.items():
        marks = marks_of({"test": measured})
        if marks.made_up:
            yield f"MADE UP: the features of {head.name} are {marks.made_up}, of no video"
        if marks.leak:
            yield f"LEAK: {head.name}, split {split}: {'; '.join(marks.leak)}"


def _selected(head: HeadResults) -> Iterator[str]:
    for split, record in head.records.items():
        epoch = record.get("epoch")
        if isinstance(epoch, dict) and epoch.get("is") == "best-on-test":
            yield (
                f"SELECTED ON TEST: {head.name}, split {split}: its epoch is the one that is best "
                "on the test videos, so these results are too good"
            )


def _not_evaluated(head: HeadResults) -> Iterator[str]:
    if head.not_evaluated:
        splits = ", ".join(head.not_evaluated)
        yield f"{head.name} was not evaluated on split {splits}; {eval_remedy(head)}"


def _few(head: HeadResults) -> Iterator[str]:
    """Too few test videos, of a split or of all."""
    sizes = {split: len(one.ids) for split, one in head.predictions.items()}
    fewest = [split for split, n in sizes.items() if n < FEWEST_RANKED]
    if fewest:
        yield (
            f"{head.name}: {len(fewest)} of {len(sizes)} splits test fewer than {FEWEST_RANKED} "
            "videos, whose correlation says nothing"
        )
    videos = len({i for one in head.predictions.values() for i in one.ids})
    if 0 < videos < _FEW:
        yield f"{head.name}: only {videos} test videos, so every number is uncertain"


def _no_better(forest: Forest) -> Iterator[str]:
    """Heads that are not shown to be better than what needs no pixels."""
    for pair in [] if forest.comparison is None else forest.comparison.pairs:
        blind = [name for name in (pair.a, pair.b) if name.startswith(BASELINE)]
        if len(blind) == 1:
            head = pair.b if pair.a == blind[0] else pair.a
            if pair.better != head:
                yield (
                    f"{head} is not shown to be better than {blind[0]}, which sees no pixels "
                    f"({forest.title}, {forest.over})"
                )


def _of_fitting(head: HeadResults) -> Iterator[str]:
    for record in head.records.values():
        warnings = record.get("warnings")
        yield from (str(line) for line in (warnings if isinstance(warnings, list) else []))
