"""`aqa heads`: what there is to fit."""

from __future__ import annotations

import click

from aqa.commands.options import HEAD
from aqa.models.heads import head_names


@click.command(short_help="List the heads and their hyper-parameters.")
@click.argument("name", required=False, type=HEAD, metavar="[HEAD]")
def heads(name: str | None) -> None:
    """List the heads and their hyper-parameters, with defaults and sources."""
    from aqa.models.heads import get_head
    from aqa.models.heads.base import describe_params

    for head in (name,) if name else head_names():
        kind = get_head(head)
        click.echo(f"{head}: {(kind.__doc__ or '').partition(chr(10))[0]}")
        click.echo(describe_params(kind))


COMMAND = heads
