"""The researcher's page: what heads are worth on test videos, and how they were fitted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aqa import __version__
from aqa.annotations.manifest import Manifest
from aqa.errors import RunError
from aqa.evaluation.baselines import ALL, PREFIX
from aqa.evaluation.forest import Forest, forests_of
from aqa.evaluation.head_results import HeadResults
from aqa.evaluation.metric import metric_of, point_digits
from aqa.evaluation.result import Evaluation
from aqa.evaluation.score_metrics import FEWEST_RANKED
from aqa.evaluation.stored import TypeRow, stored_evaluation, type_rows
from aqa.number_text import fixed, signed
from aqa.report import plots
from aqa.report.comparison_table import pair_rows
from aqa.report.figures import svg_of
from aqa.report.page.run_facts import FittingFacts, run_facts
from aqa.report.page.run_texts import (
    caption,
    coverage_alt,
    differences_alt,
    intervals_alt,
    learning_alt,
    predicted_alt,
    residuals_alt,
    types_alt,
)
from aqa.report.page.run_warnings import result_warnings
from aqa.report.page.template_files import data_address, page_templates
from aqa.report.result_tables import result_tables
from aqa.target_names import SCORE, label_and_target

# More heads are counted in the title of the page, not named.
_MOST_NAMED = 4


@dataclass(frozen=True)
class Picture:
    """A drawn figure: its data as an address, its words for who does not see it, what it shows."""

    address: str
    alt: str
    shows: str


@dataclass(frozen=True)
class PageTable:
    """A table with its title.

    keys: how many columns are no numbers; with `verdict` the last one is none either. blind: rows
    of what sees no pixels.
    """

    title: str
    header: tuple[str, ...]
    keys: int
    rows: tuple[tuple[str, ...], ...]
    blind: tuple[tuple[str, ...], ...] = ()
    verdict: bool = False


@dataclass(frozen=True)
class _HeadSection:
    """What is shown of one head; missing: what cannot be shown, and why."""

    name: str
    pictures: tuple[Picture, ...]
    types: PageTable | None
    facts: FittingFacts
    missing: tuple[str, ...]


def runs_page(
    heads: Sequence[HeadResults], manifest: Manifest, command: str, failed: Sequence[str] = ()
) -> str:
    """The page as HTML.

    heads: baselines among them. command: what was typed to make it. failed: why other runs could
    not be evaluated, one line each.
    """
    fitted = [head for head in heads if not head.is_baseline]
    forests = forests_of(_compared(heads))
    evaluation = stored_evaluation(heads, manifest)
    tables, notes = _tables(evaluation)
    return (
        page_templates()
        .get_template("runs.html.j2")
        .render(
            title=_named(fitted),
            caption=caption(heads, manifest),
            warnings=[
                *(f"Not evaluated: {line}" for line in failed),
                *result_warnings(heads, forests),
            ],
            tables=tables,
            notes=[*notes, *(note for forest in forests for note in forest.notes)],
            forests=[_forest(forest) for forest in forests],
            coverage=_coverage(fitted),
            sections=[_section(head) for head in fitted],
            without_baselines=len(fitted) == len(heads),
            command=command,
            version=__version__,
        )
    )


def _named(heads: Sequence[HeadResults]) -> str:
    if len(heads) > _MOST_NAMED:
        return f"{len(heads)} heads"
    return ", ".join(head.name for head in heads)


def _compared(heads: Sequence[HeadResults]) -> list[HeadResults]:
    """The heads and, of the baselines, the one that sees all columns, where there is one."""
    targets = {head.target for head in heads if label_and_target(head.name)[0] == PREFIX + ALL}
    return [
        head
        for head in heads
        if not head.is_baseline
        or head.target not in targets
        or label_and_target(head.name)[0] == PREFIX + ALL
    ]


def _tables(evaluation: Evaluation) -> tuple[list[PageTable], list[str]]:
    """The same tables and lines that `aqa eval` prints."""
    found, notes = result_tables(evaluation) if evaluation.results else ([], [])
    tables = [
        PageTable(
            *(_signed(one.title), tuple(one.header), one.keys),
            tuple(tuple(map(_signed, line)) for line in one.lines(False, False)),
            tuple(tuple(map(_signed, line)) for line in one.lines(True, False)),
        )
        for one in found
    ]
    return tables, [line for line in notes if not line.startswith(("LEAK", "MADE UP"))]


def _signed(text: str) -> str:
    """A terminal's `+-` as the sign that it stands for."""
    return text.replace("+- ", "\N{PLUS-MINUS SIGN}\N{NO-BREAK SPACE}")


@dataclass(frozen=True)
class _ForestSection:
    title: str
    pictures: tuple[Picture, ...]
    pairs: PageTable | None


def _forest(forest: Forest) -> _ForestSection:
    pictures, pairs = [], None
    if forest.rows:
        shows = f"{forest.title} of each head with its 95 % interval over test videos"
        drawn = plots.head_intervals(forest)
        pictures.append(_picture(drawn, intervals_alt(forest), shows))
    if forest.comparison is not None:
        shows = "Difference from the best head, on the same videos, with its 95 % interval"
        drawn = plots.paired_differences(forest)
        pictures.append(_picture(drawn, differences_alt(forest), shows))
        header, rows = pair_rows(forest.comparison)
        title = (
            f"every two heads: {forest.title}, {forest.over}; the p of a paired permutation test "
            "over videos, adjusted (Holm), decides"
        )
        named = (*header[:-1], "verdict")
        pairs = PageTable(title, named, 2, tuple(map(tuple, rows)), verdict=True)
    of = "" if forest.target == SCORE else f" of {forest.target}"
    name = f"Heads compared: {forest.title}{of}, {forest.over}"
    return _ForestSection(name, tuple(pictures), pairs)


def _coverage(heads: Sequence[HeadResults]) -> Picture | None:
    try:
        drawn = plots.coverage(heads)
    except RunError:  # no head has ranges; the page says so
        return None
    shows = (
        "How often the range of 50, 80 and 95 % holds the true score. Above the line ranges are "
        "too wide, below it too narrow; lines are the 95 % interval of one split, or the standard "
        "deviation over several"
    )
    return _picture(drawn, coverage_alt(heads), shows)


# What is drawn of a head, its words for who does not see it, and what it shows.
_OF_SCORES: tuple[tuple[Callable[..., Axes], Callable[[HeadResults], str], str], ...] = (
    (
        plots.predicted_against_true,
        predicted_alt,
        "Predicted against true scores of test videos; a line is the range of 80 %",
    ),
    (
        plots.residuals_by_score,
        residuals_alt,
        "Residuals by score. A line that falls: high scores are predicted too low",
    ),
    (plots.residuals_by_type, types_alt, "Residuals by type, the most overrated type on top"),
)


def _section(head: HeadResults) -> _HeadSection:
    pictures, missing = [], []
    drawings = [*_OF_SCORES] if head.kind == "scores" else []
    if head.kind is not None and head.kind != "scores":
        missing.append(f"It answers with {head.kind}: residuals are of heads that score.")
    drawings.append((plots.learning_curves, learning_alt, "What training wrote down"))
    for draw, alt, shows in drawings:
        try:
            pictures.append(_picture(draw(head), alt(head), shows))
        except RunError as error:
            missing.append(f"{shows.partition('.')[0]}: not shown, {error}.")
    types = None
    if head.kind == "scores" and head.types:
        types = _type_table(type_rows(head))
    return _HeadSection(head.name, tuple(pictures), types, run_facts(head), tuple(missing))


def _type_table(rows: Sequence[TypeRow]) -> PageTable:
    """Without Spearman where no split tests enough videos of any type."""
    digits = point_digits([row.med for row in rows], metric_of("med").digits)
    ranked = any(row.spearman is not None for row in rows)
    title = "by type of action"
    if ranked:
        title += f"; Spearman: mean over the splits that test {FEWEST_RANKED} of its videos or more"
    cells = [
        (
            *(row.type, str(row.videos), str(row.predictions)),
            *(fixed(row.med, digits), signed(row.bias, digits)),
            "too few" if row.spearman is None else fixed(row.spearman, 3),
        )
        for row in rows
    ]
    header = ("type", "videos", "predictions", "MED", "predicted less true", "Spearman")
    columns = len(header) if ranked else len(header) - 1
    shown = (tuple(row[:columns]) for row in cells)
    return PageTable(title, tuple(header[:columns]), 1, tuple(shown))


def _picture(axes: Axes, alt: str, shows: str) -> Picture:
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    address = data_address("image/svg+xml", svg_of(figure))
    return Picture(address, alt, shows)
