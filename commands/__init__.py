"""The commands: a file in this folder is one, and its `COMMAND` the click command itself."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

NOT_COMMANDS = {"__init__", "options"}


def command_names() -> list[str]:
    """The names of the commands, without importing them; `import_.py` holds `import`."""
    files = Path(__file__).parent.glob("*.py")
    return sorted(path.stem.rstrip("_") for path in files if path.stem not in NOT_COMMANDS)


def get_command(name: str) -> click.Command | None:
    """The command of that name; None where there is none."""
    if name not in command_names():
        return None
    file = name if (Path(__file__).parent / f"{name}.py").exists() else f"{name}_"
    command: click.Command = importlib.import_module(f"aqa.commands.{file}").COMMAND
    return command
