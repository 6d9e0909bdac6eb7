"""The end-to-end recipes of all papers, by table and printed system."""

from __future__ import annotations

from collections.abc import Mapping

from aqa.errors import AqaError, UnknownNameError
from aqa.workflows.reproduce.end_to_end import farabi2021, li2018
from aqa.workflows.reproduce.end_to_end.recipe import EndToEndRecipe

RECIPES: Mapping[str, Mapping[str, tuple[EndToEndRecipe, ...]]] = {
    **li2018.RECIPES,
    **farabi2021.RECIPES,
}


def recipes_of(table: str, systems: tuple[str, ...] = ()) -> dict[str, tuple[EndToEndRecipe, ...]]:
    """The recipes of a table, or of some of its systems; `AqaError` where there is none."""
    if table not in RECIPES:
        raise AqaError(
            f"{table} prints no system that was trained end to end; tables that do: "
            f"{', '.join(RECIPES)}"
        )
    known = RECIPES[table]
    for name in systems:
        if name not in known:
            raise UnknownNameError(f"system of {table} trained end to end", name, list(known))
    return {name: known[name] for name in systems or known}
