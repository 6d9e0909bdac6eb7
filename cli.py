"""The command line itself: the group of commands, and how faults and interrupts end."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import click

from aqa import __version__
from aqa.commands import command_groups, command_names, get_command
from aqa.commands.options import set_workspace
from aqa.errors import FORBIDDEN, AqaError, AqaWarning, WrongUsageError


class _Group(click.Group):
    """Ends an error in one line: exit code 1 for bad data, 2 for wrong usage.

    Wrong usage is what cannot be, whatever the data: an option, a name, a value of either, or two
    that exclude each other. Signals that end a program (Ctrl-C, `kill`, a terminal that is closed)
    end it as an error does, so that what was begun is cleaned up: exit code 128 and the signal's
    number, 130, 143 and 129.
    """

    def invoke(self, ctx: click.Context) -> Any:
        received: list[int] = []
        try:
            with _plain_warnings(), _signals_as_interrupts(received):
                return super().invoke(ctx)
        except WrongUsageError as error:
            name = str(ctx.invoked_subcommand)
            command = self.get_command(ctx, name) or self
            raise click.UsageError(str(error), click.Context(command, ctx, name)) from None
        except AqaError as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            if error.errno in (None, errno.EPIPE):  # a mistake of ours; a pipe that click closes
                raise
            where = f"{error.filename}: " if error.filename else ""
            remedy = "; change its rights, or name another" if error.errno in FORBIDDEN else ""
            raise click.ClickException(f"{where}{error.strerror}{remedy}") from None
        except KeyboardInterrupt:
            with suppress(OSError):  # a closed terminal takes no text
                text = "interrupted; what was finished is kept; give the command again"
                click.echo(text, err=True)
            sys.exit(128 + (received[0] if received else signal.SIGINT))

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
def _signals_as_interrupts(received: list[int]) -> Iterator[None]:
    """Make SIGTERM and SIGHUP end the program as Ctrl-C does; their numbers go to `received`.

    The exception does not tell the number, since libraries such as Ray raise another in its place.

    A signal that is ignored stays so, as SIGHUP is under `nohup`. Processes that are forked off
    end at these signals as any other does.
    """
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        owner = os.getpid()
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, partial(_end, owner, received))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(owner: int, received: list[int], number: int, frame: object) -> None:
    if os.getpid() == owner:
        received.append(number)
        raise KeyboardInterrupt
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


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
    # Threads of PyTorch that wait for each other sleep: on a busy machine, spinning took five times
    # the processor time of the work. It is read when PyTorch is imported, which commands do later.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
