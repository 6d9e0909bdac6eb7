"""The commands: a file in this folder is one, and its `COMMAND` the click command itself."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

GROUPS = {
    "Get the data": ("import", "split", "stages"),
    "Extract features": ("extract", "poses", "measure", "store", "weights", "isa"),
    "Fit and evaluate": (
        *("heads", "fit", "sweep", "finetune", "eval", "compare", "table", "plot", "baseline"),
        *("transfer", "fragments"),
    ),
    "Score and explain": ("score", "feedback", "report", "serve", "pack", "export", "embed"),
    "Demo and published tables": ("demo", "reproduce", "papers"),
}
"""The sections of `aqa --help`, in the order in which one uses the commands."""


def command_names() -> list[str]:
    """The names of the commands, without importing them; `import_.py` holds `import`."""
    stems = [path.stem for path in Path(__file__).parent.glob("*.py")]
    return sorted(
        stem.rstrip("_") for stem in stems if stem != "__init__" and not stem.endswith("options")
    )


def command_groups() -> dict[str, list[str]]:
    """Title -> names of commands; those that no group lists come last."""
    names = set(command_names())
    groups = {title: [one for one in group if one in names] for title, group in GROUPS.items()}
    listed = {name for group in groups.values() for name in group}
    return groups | {"Other": sorted(names - listed)}


def get_command(name: str) -> click.Command | None:
    """The command of that name; None where there is none."""
    if name not in command_names():
        return None
    file = name if (Path(__file__).parent / f"{name}.py").exists() else f"{name}_"
    command: click.Command = importlib.import_module(f"aqa.commands.{file}").COMMAND
    return command
