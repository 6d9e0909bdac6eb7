"""Published tables as text: what there is, what each lacks, printed beside measured."""

from __future__ import annotations

from itertools import groupby

from aqa.report.references import foot
from aqa.report.tables import table as aligned
from aqa.workflows.reproduce.cells import ReproducedCell, Reproduction, printed_figures
from aqa.workflows.reproduce.declared import PublishedTable
from aqa.workflows.reproduce.needs import needs
from aqa.workflows.reproduce.tables import TABLES, UNDECLARED
from aqa.workspace import Workspace

# As many digits as the papers print, or one more.
_DIGITS = {"mse": 2, "med": 2}


def overview(workspace: Workspace) -> str:
    """Every table: its name, what it is about, how many figures it prints, and what it lacks."""
    rows = [["table", "about", "dataset", "figures", "lacks here"]]
    for one in TABLES.values():
        lacking = needs(one, workspace)
        count = str(len(printed_figures(one)))
        rows.append([one.name, one.title, one.dataset, count, str(len(lacking))])
    lines = [aligned(rows, left=3), ""]
    lines += [f"not to be run: {name}, {data}: {why}" for (name, data), why in UNDECLARED.items()]
    lines.append("`aqa reproduce TABLE --list` says what a table lacks.")
    return "\n".join(lines) + foot(*TABLES)


def needs_of(table: PublishedTable, workspace: Workspace) -> str:
    """One table: its systems with their recipes, and what is lacking."""
    rows = [["system", "head", "store", "parameters"]]
    rows += [
        [system, recipe.head, recipe.store, " ".join(recipe.params)]
        for system, recipes in table.recipes.items()
        for recipe in recipes
    ]
    lacking = [f"  {line}" for line in needs(table, workspace)]
    lines = [
        f"{table.name}: {table.title}; {table.dataset}, splits by {table.protocol}",
        aligned(rows, left=4),
        *(["lacking:", *lacking] if lacking else ["nothing is lacking"]),
    ]
    return "\n".join(lines) + foot(table.name)


def reproduction_table(found: Reproduction) -> str:
    """Every printed cell beside what was measured, their difference, and its spread."""
    rows = [["system", "case", "metric", "printed", "measured", "difference", "spread"]]
    for _, cells in groupby(found.cells, key=lambda cell: cell.figure.system):
        rows += [_row(cell) for cell in cells]
    lines = [f"{found.table.name}: {found.table.title}; {found.table.dataset}"]
    if found.stand_in:
        lines.append(
            f"STAND-IN: measured on {found.stand_in}, on other videos than the paper's: "
            "the differences mean nothing"
        )
    lines.append(aligned(rows, left=3))
    if found.table.selected:
        lines.append(f"selection: {found.table.selected}")
    lines += found.notes
    return "\n".join(lines) + foot(found.table.name, *lines)


def _row(cell: ReproducedCell) -> list[str]:
    figure, measured = cell.figure, cell.measured
    digits = _DIGITS.get(figure.metric, 3)
    left = [figure.system, figure.case, figure.metric, f"{figure.value:g}"]
    if measured is None or measured.value is None:
        return [*left, "-", "", ""]
    spread = ""
    if measured.interval:
        spread = "[" + ", ".join(f"{end:.{digits}f}" for end in measured.interval) + "]"
    elif measured.std is not None:
        spread = f"+- {measured.std:.{digits}f} over {measured.splits} {measured.over}"
    difference = f"{measured.value - figure.value:+.{digits}f}"
    return [*left, f"{measured.value:.{digits}f}", difference, spread]
