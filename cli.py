"""The command line itself: the group of commands, and how faults and interrupts end."""

from __future__ import annotations

import errno
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from aqa import __version__
from aqa.commands import command_groups, command_names, get_command
from aqa.commands.options import set_workspace
from aqa.errors import AqaError, AqaWarning, UnknownNameError


class _Group(click.Group):
    """Ends an error in one line: exit code 1 for bad data, 2 for wrong usage, 130 if interrupted.

    A name that does not exist is wrong usage, as a wrong option is.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _plain_warnings():
                return super().invoke(ctx)
        except UnknownNameError as error:
            name = str(ctx.invoked_subcommand)
            command = self.get_command(ctx, name) or self
            raise click.UsageError(str(error), click.Context(command, ctx, name)) from None
        except AqaError as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            if error.errno in (None, errno.EPIPE):  # a mistake of ours; a pipe that click closes
                raise
            where = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{where}{error.strerror}") from None
        except KeyboardInterrupt:
            click.echo("interrupted; what was finished is kept; give the command again", err=True)
            sys.exit(130)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands in groups, see `aqa.commands.GROUPS`."""
        longest = max(map(len, self.list_commands(ctx)))
        for title, names in command_groups().items():
            rows = []
            for name in names:
                command = self.get_command(ctx, name)
                if command is not None and not command.hidden:
                    limit = formatter.width - longest - 4
                    rows.append((name.ljust(longest), command.get_short_help_str(limit)))
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return command_names()

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return get_command(name)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print this project's warnings as lines; others stay as Python prints them."""
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, *where: Any, **more: Any) -> None:
            if isinstance(message, AqaWarning):
                click.echo(f"warning: {message}", err=True)
            else:
                usual(message, *where, **more)

        warnings.showwarning = show
        warnings.simplefilter("always", AqaWarning)
        yield


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="aqa")
@click.option(
    "-C",
    "--workspace",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    envvar="AQA_WORKSPACE",
    callback=set_workspace,
    expose_value=False,
    help="Work in this folder: paths are relative to it [default: the current folder].",
)
def main() -> None:
    """Score human actions from video, and say why.

    `aqa extract` turns the videos of manifest.csv into clip features, once. On these `aqa fit` fits
    heads (light models), and `aqa eval` evaluates them. Then `aqa score` scores new videos. `aqa
    demo` shows all of this on drawn dives. `aqa COMMAND --help` explains a command.
    """
