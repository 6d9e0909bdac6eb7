"""Published tables as text: what there is, what each lacks, printed beside measured."""

from __future__ import annotations

from collections.abc import Sequence

from aqa.number_text import fixed, signed
from aqa.report.references import foot
from aqa.report.tables import table as aligned
from aqa.report.tables import wrapped
from aqa.target_names import target_label
from aqa.workflows.reproduce.cells import (
    ReproducedCell,
    Reproduction,
    read_figures,
    sources,
)
from aqa.workflows.reproduce.declared import PublishedTable
from aqa.workflows.reproduce.end_to_end.lacking import end_to_end_needs
from aqa.workflows.reproduce.end_to_end.recipes import recipes_of
from aqa.workflows.reproduce.needs import needs
from aqa.workflows.reproduce.run import notes_of
from aqa.workflows.reproduce.tables import TABLES, UNDECLARED
from aqa.workspace import Workspace

# As many digits as the papers print, or one more.
_DIGITS = {"mse": 2, "med": 2}


def overview(workspace: Workspace) -> str:
    """Every table: its name, what it is about, how many figures it prints, and what it lacks."""
    rows = []
    for one in TABLES.values():
        count, lacking = len(read_figures(one)), len(needs(one, workspace))
        rows.append([one.name, one.title, one.dataset, str(count), str(lacking)])
    lines = [
        aligned(rows, ["table", "about", "dataset", "figures", "lacking"], left=3),
        "",
        *(
            wrapped(f"cannot be run: {name}, {dataset}: {reason}", indent="    ")
            for (name, dataset), reason in UNDECLARED.items()
        ),
        "`aqa reproduce TABLE --list` says what a table lacks.",
    ]
    return "\n".join(lines) + foot(*TABLES)


def needs_of(table: PublishedTable, workspace: Workspace) -> str:
    """One table: its systems with their recipes, and what is lacking."""
    rows = [
        [system, target_label(recipe.head, recipe.target), recipe.store, " ".join(recipe.params)]
        for system, recipes in table.recipes.items()
        for recipe in recipes
    ]
    lacking = needs(table, workspace)
    lines = [
        _title(table, f", splits by {table.splits_by}"),
        aligned(rows, ["system", "head", "store", "parameters"], left=4),
        "lacking:" if lacking else "nothing is lacking",
        *(wrapped(f"  {line}", indent="    ") for line in lacking),
        *_different(table, notes_of(table)),
    ]
    return "\n".join(lines) + foot(table.name, *lines)


def end_to_end_needs_of(table: PublishedTable, workspace: Workspace) -> str:
    """The systems of a table that are trained end to end, with their recipes; what is lacking."""
    rows = [
        [system, recipe.backbone, recipe.weights, recipe.head, " ".join(recipe.params)]
        for system, recipes in recipes_of(table.name).items()
        for recipe in recipes
    ]
    lacking = end_to_end_needs(table, workspace)
    lines = [
        _title(table, f", splits by {table.protocol}, trained end to end"),
        aligned(rows, ["system", "backbone", "weights", "head", "parameters"], left=5),
        "lacking:" if lacking else "nothing is lacking",
        *(wrapped(f"  {line}", indent="    ") for line in lacking),
    ]
    return "\n".join(lines) + foot(table.name, table.title)


def reproduction_table(reproduction: Reproduction) -> str:
    """Every printed cell beside what was measured, their difference, and its spread."""
    header = ["system", "case", "metric", "printed", "measured", "differs", "spread"]
    lines = [_title(reproduction.table)]
    if reproduction.stand_in:
        lines.append(
            wrapped(
                f"STAND-IN: run on {reproduction.stand_in}, not on the paper's videos: these are "
                "no measurements, and the differences mean nothing"
            )
        )
    rows = [table_row(cell) for cell in reproduction.cells]
    lines.append(aligned(rows, header, left=(0, 1, 2, 6)))
    lines += _different(reproduction.table, reproduction.notes)
    return "\n".join(lines) + foot(reproduction.table.name, *lines)


def _different(table: PublishedTable, notes: Sequence[str]) -> list[str]:
    """How the paper chose what it prints, and what differs from the paper, as lines."""
    lines = [f"selection: {table.selected}"] if table.selected else []
    lines += sources(table)
    lines += [f"differs: {note}" for note in notes]
    return [wrapped(line, indent="    ") for line in lines]


def _title(table: PublishedTable, more: str = "") -> str:
    return wrapped(f"{table.name}: {table.title}; {table.dataset}{more}", indent="    ")


def table_row(cell: ReproducedCell) -> list[str]:
    """A cell as text: its names, printed, measured, difference, spread; "-" where not known."""
    figure, measured = cell.figure, cell.measured
    digits = _DIGITS.get(figure.metric, 3)
    printed = "-" if figure.value is None else f"{figure.value:g}"
    left = [figure.system, figure.case, figure.metric, printed]
    if measured is None or measured.value is None:
        return [*left, "-", "", ""]
    spread = ""
    if measured.interval:
        spread = "[" + ", ".join(fixed(end, digits) for end in measured.interval) + "]"
    elif measured.std is not None:
        spread = f"± {measured.std:.{digits}f} ({measured.splits} {measured.over})"
    difference = ""
    if figure.value is not None:
        difference = signed(measured.value - figure.value, digits)
    return [*left, fixed(measured.value, digits), difference, spread]
