"""Tables of tables: what there is, what each lacks, printed beside measured."""

from __future__ import annotations

from itertools import groupby

from aqa.report.tables import table as aligned
from aqa.workflows.reproduce.run import Cell, Reproduction, needs, printed
from aqa.workflows.reproduce.tables import TABLES, UNDECLARED, Table
from aqa.workspace import Workspace

# As many digits as the papers print, or one more.
_DIGITS = {"mse": 2, "med": 2}


def overview(workspace: Workspace) -> str:
    """Every table: its name, what it is about, its printed figures, what is lacking here."""
    rows = []
    for one in TABLES.values():
        lacking = needs(one, workspace)
        rows.append([one.name, one.title, one.dataset, str(len(printed(one))), str(len(lacking))])
    lines = [aligned(rows, ["table", "about", "dataset", "figures", "lacks here"], left=3), ""]
    lines += [f"not declared: {name}, {data}: {why}" for (name, data), why in UNDECLARED.items()]
    return "\n".join([*lines, "aqa reproduce TABLE --list says what a table lacks"])


def needs_of(table: Table, workspace: Workspace) -> str:
    """One table: its systems with their recipes, and what is lacking."""
    rows = [
        [system, recipe.head, recipe.store, " ".join(recipe.params)]
        for system, recipes in table.recipes.items()
        for recipe in recipes
    ]
    lacking = [f"  {line}" for line in needs(table, workspace)]
    return "\n".join(
        [
            f"{table.name}: {table.title}; {table.dataset}, {table.protocol}",
            aligned(rows, ["system", "head", "store", "parameters"], left=4),
            *(["lacking:", *lacking] if lacking else ["nothing is lacking"]),
        ]
    )


def reproduction_table(found: Reproduction) -> str:
    """Every printed cell beside what was measured, their difference, and its spread."""
    header = ["system", "case", "metric", "printed", "measured", "difference", "spread"]
    rows = []
    for _, cells in groupby(found.cells, key=lambda cell: cell.figure.system):
        rows += [_row(cell) for cell in cells]
    lines = [f"{found.table.name}: {found.table.title}; {found.table.dataset}"]
    if found.stand_in:
        lines.append(
            f"STAND-IN: measured on {found.stand_in}, other videos than the paper's: "
            "the differences say nothing of it"
        )
    lines.append(aligned(rows, header, left=3))
    if found.table.selected:
        lines.append(f"selection: {found.table.selected}")
    return "\n".join([*lines, *found.notes])


def _row(cell: Cell) -> list[str]:
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
