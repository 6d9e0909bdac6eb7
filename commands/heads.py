"""`aqa heads`: the heads that there are to fit, and the parameters of one."""

from __future__ import annotations

import click

from aqa.commands.options import HEAD
from aqa.models.heads import head_names, offered_heads


@click.command(short_help="List the heads, or the parameters of one.")
@click.argument("name", required=False, type=HEAD, metavar="[HEAD]")
def heads(name: str | None) -> None:
    """List the heads; or the parameters of HEAD: defaults, meaning, and where they come from.

    A parameter is set with `-p name=value`, as in `aqa fit --head lstm -p epochs=50`.
    """
    from aqa.report.heads import head_page, heads_list

    if name is None:
        click.echo(heads_list(head_names(), offered_heads()))
        click.echo("\n`aqa heads NAME` prints what a head's parameters are.")
        return
    from aqa.models.heads import find_head
    from aqa.models.target_transforms import target_params

    source = find_head(name)
    also = target_params(source.head_class)
    click.echo(head_page(source.name, source.head_class, also))


COMMAND = heads
