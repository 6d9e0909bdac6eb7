"""Results as text: means over splits first, then single splits where they are wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from aqa.evaluation.baselines import PREFIX
from aqa.evaluation.metric import KINDS, Metric, metrics_of
from aqa.evaluation.neighbours import NEIGHBOURS
from aqa.evaluation.result import AnyResult, Evaluation, MeanResult, Result
from aqa.evaluation.score_metrics import FEWEST, FEWEST_RANKED
from aqa.number_text import fixed
from aqa.report.class_notes import class_notes
from aqa.report.result_table import OF_VIDEOS, TOO_FEW, ResultTable, head_title, too_few
from aqa.report.seed_tables import seed_tables, without_single_seeds
from aqa.report.tables import wrapped
from aqa.report.values import with_interval, with_std
from aqa.split_names import NUMBERED, split_family
from aqa.target_names import SCORE

# What results of a kind count besides videos, and what tables call it.
_COUNTS = {
    "pairs": {"similar": "similar", "dissimilar": "dissimilar"},
    "ranking": {"videos": "videos", "learned": "learned", "exact_interval": "exact"},
    "feedback": {"clips": "clips", "faulty": "faulty", "said_faulty": "said"},
    "stages": {"frames": "frames"},
}
# Kinds whose `n` counts pairs of videos.
_OF_PAIRS = ("pairs", "ranking")
_INTERVAL = "[95 % interval]"
_EXACT = "exact: the interval if pairs were independent; the other one draws videos"
_FEW = f"no interval where there are fewer than {FEWEST} videos"
_UNRANKED = (
    f"{TOO_FEW}: correlations of fewer than {FEWEST_RANKED} test videos say nothing; those of all "
    "test videos together do, where splits test different ones"
)
_TOGETHER = (
    "all together: where a split tests high scores, its head has learned from low ones, so one "
    "that knows nothing comes out below 0"
)
_NO_VALUE = "Spearman undefined there, or without a Fisher z"
Digits = Mapping[str, int]  # metric -> how many stand behind the point
_TITLES = {
    "classes": "good or bad",
    "pairs": "pairs of videos",
    "ranking": "who of two is better",
    "feedback": "clips called faulty",
    "stages": "stages, frame by frame",
    "parts": "parts of scores",
    "coverage": "how often the score lies in the interval that was predicted of it",
    "attributes": "share of attributes named rightly",
    "commentary": "written commentary against what was said",
}


def results_table(evaluation: Evaluation, by_split: bool = False) -> str:
    """Tables of each kind of results, and what must be said of the heads, as text."""
    tables, notes = result_tables(evaluation, by_split)
    text = "\n".join(map(wrapped, notes))
    return "\n\n".join([*(one.text() for one in tables), *([text] if text else [])])


def result_tables(
    evaluation: Evaluation, by_split: bool = False
) -> tuple[list[ResultTable], list[str]]:
    """Tables of each kind of results, and the lines that must be said of the heads.

    First the means over the splits of a family, and the metrics of all their test videos
    together; then the splits that no mean covers or, with `by_split`, every one.
    """
    evaluation = evaluation if by_split else without_single_seeds(evaluation)
    averaged = {(one.kind, one.head, one.target, one.family) for one in evaluation.means}
    single = [
        one
        for one in evaluation.results
        if by_split or (one.kind, one.head, one.target, split_family(one.split)) not in averaged
    ]
    tables: list[ResultTable] = []
    for kind in KINDS:
        tables += seed_tables(kind, evaluation.over_seeds)
        tables += _over_families(kind, evaluation)
        tables += _singles(kind, [one for one in single if one.kind == kind])
    shown: list[AnyResult] = [*evaluation.over_seeds, *evaluation.means]
    shown += [*evaluation.pooled, *single]
    notes = [
        *class_notes(evaluation.pooled, single),
        *_baseline_notes(shown),
        *told_lines(shown),
        *_undefined_notes(evaluation.results, single),
        *([_FEW] if any(one.kind in OF_VIDEOS and one.n < FEWEST for one in single) else []),
        *([_UNRANKED] if any(too_few(one) for one in shown) else []),
        *([_TOGETHER] if any(one.kind in OF_VIDEOS for one in evaluation.pooled) else []),
        *([_EXACT] if any(one.kind == "ranking" for one in single) else []),
        *_leak_notes(shown),
    ]
    return tables, list(dict.fromkeys(notes))


def _over_families(kind: str, evaluation: Evaluation) -> Iterator[ResultTable]:
    """Means and pooled metrics, family by family."""
    means = _grouped(
        (one for one in evaluation.means if one.kind == kind), lambda one: (one.family, one.splits)
    )
    for (family, splits), rows in means:
        title = f"mean of {splits} splits{_named(family)}, +- standard deviation"
        yield _section(f"{_lead(kind)}{title}", rows, _mean_cells, _headings(kind))
        pooled = [one for one in evaluation.pooled if (one.kind, one.split) == (kind, family)]
        alike = [one for one in pooled if one.pooled == splits]
        for n, results in _grouped(alike, lambda one: one.n):
            title = f"all {n} test videos of the {splits} splits{_named(family)} together"
            yield _section(f"{title} {_INTERVAL}", results, _values, _headings(kind))


def _singles(kind: str, results: Sequence[Result]) -> Iterator[ResultTable]:
    for split, rows in _grouped(results, lambda one: one.split):
        numbers = {one.n for one in rows}
        counts = {**({"n": "n"} if len(numbers) > 1 else {}), **_COUNTS.get(kind, {})}
        if kind == "classes" and "n" in counts:  # elsewhere it is said below the tables
            counts["good"] = "good"
        named = [f"split {split}"] if split else []
        if len(numbers) == 1:
            named.append(f"{rows[0].n} test {'pairs' if kind in _OF_PAIRS else 'videos'}")
        yield _section(
            f"{_lead(kind)}{', '.join(named)} {_INTERVAL}",
            rows,
            partial(_single_cells, counts=tuple(counts)),
            [*counts.values(), *_headings(kind)],
        )


def _section(
    title: str, rows: Sequence[Any], cells: Callable[..., list[str]], headings: list[str]
) -> ResultTable:
    """A title over a table of the heads, and of the baselines.

    cells: (row, whether spreads stand below their values, metric -> digits) -> cells under the
    headings.
    """
    digits = _digits(rows)
    keys = [name for name in ("target", "part", "group") if any(getattr(o, name) for o in rows)]
    header = ["head", *(rows[0].by if name == "group" else name for name in keys), *headings]

    def lines(baselines: bool, below: bool) -> list[list[str]]:
        return [
            [_head(one), *(_key(one, key) for key in keys), *cells(one, below, digits[one.target])]
            for one in rows
            if bool(one.marks.baseline) == baselines
        ]

    return ResultTable(title, rows[0].kind, header, 1 + len(keys), lines)


def _digits(rows: Sequence[Any]) -> dict[str | None, Digits]:
    """Target -> metric -> digits: targets differ in their range."""
    return {
        target: {
            m.name: m.digits_for(one.values.get(m.name) for one in alike)
            for m in _shown(rows[0].kind)
        }
        for target, alike in _grouped(rows, lambda one: one.target)
    }


def _key(one: Result | MeanResult, name: str) -> str:
    return getattr(one, name) or (SCORE if name == "target" else "")


def _grouped(items: Iterable[Any], key: Callable[[Any], Any]) -> Iterable[tuple[Any, list[Any]]]:
    groups: dict[Any, list[Any]] = {}
    for one in items:
        groups.setdefault(key(one), []).append(one)
    return groups.items()


def _shown(kind: str) -> list[Metric]:
    return [metric for metric in metrics_of(kind) if metric.shown]


def _headings(kind: str) -> list[str]:
    return [metric.title or metric.name for metric in _shown(kind)]


def _cells(one: Result | MeanResult, shown: Callable[[str], str]) -> list[str]:
    """A cell for each metric of the kind. shown: name of a metric -> its value as text."""
    few = too_few(one)
    return [
        "" if m.name not in one.values else TOO_FEW if few and m.correlation else shown(m.name)
        for m in _shown(one.kind)
    ]


def _values(one: Result, below: bool, digits: Digits) -> list[str]:
    def shown(name: str) -> str:
        return with_interval(one.values[name], one.intervals[name], digits[name], below=below)

    return _cells(one, shown)


def _single_cells(one: Result, below: bool, digits: Digits, counts: Sequence[str]) -> list[str]:
    counted = [_counted(one.n if name == "n" else one.counts.get(name, "")) for name in counts]
    return [*counted, *_values(one, below, digits)]


def _counted(value: Any) -> str:
    """A count, or an interval beside the bootstrap's."""
    return (
        f"[{fixed(value[0], 3)}, {fixed(value[1], 3)}]" if isinstance(value, list) else str(value)
    )


def _mean_cells(one: MeanResult, below: bool, digits: Digits) -> list[str]:
    def shown(name: str) -> str:
        return with_std(one.values[name], one.stds[name], digits[name], below=below)

    return _cells(one, shown)


def _lead(kind: str) -> str:
    return f"{_TITLES[kind]}: " if kind in _TITLES else ""


def _named(family: str) -> str:
    return "" if family == NUMBERED else f" of {family}"


def _head(one: Result | MeanResult) -> str:
    if one.marks.baseline:
        return one.head.removeprefix(PREFIX)
    return head_title(one.head, one.marks.difficulty)


def _called(one: AnyResult) -> str:
    """The head, and what it predicts where that is not the score."""
    return f"{one.head} ({one.target})" if one.target else one.head


def _baseline_notes(shown: Sequence[AnyResult]) -> Iterator[str]:
    """What baselines saw beside one column; of which targets, where they differ in that."""
    several = [one for one in shown if len(one.marks.baseline) > 1]
    for head, of_head in _grouped(several, lambda one: one.head):
        seen = list(_grouped(of_head, lambda one: one.marks.baseline))
        for columns, alike in seen:
            targets = ", ".join(dict.fromkeys(one.target or SCORE for one in alike))
            name = f"{head} ({targets})" if len(seen) > 1 else head
            yield baseline_line(name, columns, alike[0].kind)
    for one in shown:
        if one.marks.baseline == (NEIGHBOURS,):
            yield (
                f"{one.head}: the mean score of the training videos that are listed next to a "
                "video, of the same action; how many is chosen on training videos"
            )


def told_lines(shown: Iterable[Any]) -> Iterator[str]:
    """What heads were told beside pixels, or in place of them.

    shown: things that have a `head` and `marks`.
    """
    for one in shown:
        if one.marks.told:
            yield f"{one.head}: told each video's {one.marks.told} beside its features"
        if one.marks.made_up:
            yield f"MADE UP {one.head}: its features are {one.marks.made_up}, of no video"


def baseline_line(name: str, columns: Sequence[str], kind: str) -> str:
    """What a baseline is, and which columns it saw."""
    ridge = "classifier" if kind == "classes" else "regression"
    return f"{name}: ridge {ridge} on {', '.join(columns)}, without pixels"


def _undefined_notes(results: Sequence[Result], single: Sequence[Result]) -> Iterator[str]:
    """Which groups an average leaves out, since they have no value to average."""
    for (head, average), averages in _grouped(results, lambda one: (_called(one), one.group)):
        lacking = [one for one in averages if one.counts.get("spearman_undefined")]
        for one in lacking:
            if one in single:
                names = ", ".join(one.counts["spearman_undefined"])
                yield f"{head}, split {one.split}: the {average} leaves out {names} ({_NO_VALUE})"
        hidden = [one for one in lacking if one not in single]
        if hidden:
            splits = f"{len(hidden)} of {len(averages)} splits"
            yield (
                f"{head}: the {average} leaves out some {hidden[0].by}s in {splits} ({_NO_VALUE}); "
                "--by split says which"
            )


def _leak_notes(shown: Iterable[AnyResult]) -> Iterator[str]:
    for one in shown:
        if one.marks.leak:
            split = f"split {one.split}" if isinstance(one, Result) else "mean"
            yield f"LEAK {_called(one)} {split}: {'; '.join(one.marks.leak)}"


def fragment_line(row: Mapping[str, Any]) -> str:
    """What one fragment, or all together, tells of the score."""
    cells = [
        f"{m.title} {with_std(row[m.name], row[f'{m.name}_std'], m.digits_for([row[m.name]]))}"
        for m in _shown("scores")
    ]
    stage = f" ({row['stage']})" if row["stage"] else ""
    return f"fragment {row['fragment']}{stage}: {', '.join(cells)}"
