"""`aqa heads`: the heads that there are to fit, and the parameters of one."""

from __future__ import annotations

import click

from aqa.commands.options import HEAD


@click.command(short_help="List the heads, or the parameters of one.")
@click.argument("name", required=False, type=HEAD, metavar="[HEAD]")
def heads(name: str | None) -> None:
    """List the heads; or the parameters of HEAD, with default, meaning and source.

    HEAD may also be a Python file of yours, path/to/file.py or path/to/file.py:CLASS; that file
    is run. A parameter is set with `-p name=value`, as in `aqa fit --head lstm -p epochs=50`.
    """
    from aqa.models.heads import find_head, own_names
    from aqa.plugins import installed
    from aqa.report.heads import head_page, heads_list

    if name is None:
        points = installed("aqa.heads")
        packages = {
            key: f"from the installed package {point.dist.name if point.dist else point.value}"
            for key, point in points.items()
            if key not in own_names()
        }
        click.echo(heads_list([*own_names(), *packages], packages))
        click.echo("\n`aqa heads NAME` prints the parameters of a head.")
        return
    found = find_head(name)
    click.echo(head_page(found.name, found.head_class))


COMMAND = heads
