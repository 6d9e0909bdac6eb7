"""`aqa papers`: what the keys of cited works mean."""

from __future__ import annotations

import click

from aqa.errors import UnknownNameError
from aqa.papers import PAPERS


@click.command(short_help="Print what the keys of cited papers mean.")
@click.argument("key", required=False)
def papers(key: str | None) -> None:
    """Print what the keys of cited papers mean, such as jain2020: all of them, or KEY alone."""
    from aqa.report.references import references
    from aqa.report.tables import wrapped

    if key is None:
        click.echo(references(PAPERS.values()))
        return
    if key not in PAPERS:
        raise UnknownNameError("paper", key, list(PAPERS))
    click.echo(references([PAPERS[key]]))
    click.echo(wrapped(f"Cited here for: {PAPERS[key].note}."))


COMMAND = papers
