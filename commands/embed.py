"""`aqa embed`: how far a metric keeps types of action apart."""

from __future__ import annotations

import json
from pathlib import Path

import click

from aqa.commands.options import (
    json_option,
    manifest_option,
    one_target_option,
    open_store,
    picture_option,
    runs_option,
    store_option,
    workspace_option,
)
from aqa.workspace import Workspace


@click.command(short_help="Show how far apart a head keeps types of action.")
@workspace_option
@click.option("--split", help="Run to use [default: the first].")
@click.option(
    "--head",
    default="score-estimation",
    show_default=True,
    help="Fitted head, of the kind score-estimation.",
)
@one_target_option
@picture_option("each embedding in the plane")
@click.option(
    "--colour",
    type=click.Choice(["type", "score"]),
    default="type",
    show_default=True,
    help="What colours mean in the picture; score: what the run was fitted to.",
)
@click.option(
    "--perplexity",
    type=click.FloatRange(1),
    default=30,
    show_default=True,
    help="How many neighbours t-SNE keeps near.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of t-SNE.")
@manifest_option
@store_option
@runs_option
@json_option
@click.pass_obj
def embed(
    workspace: Workspace,
    split: str | None,
    head: str,
    target: str | None,
    picture: Path | None,
    colour: str,
    perplexity: float,
    seed: int,
    manifest: Path | None,
    store: Path | None,
    runs: Path | None,
    as_json: bool,
) -> None:
    """Show how far apart the head score-estimation keeps types of action.

    There are four embeddings of the training and test videos: the LSTM's, and those of layer D2
    beside a constant, the worst and the best exemplar. Prints the silhouette of each, which is
    higher where types are further apart. --picture draws them in the plane by t-SNE, --json gives
    the points too.
    """
    from aqa.models.run_source import runs_of_one_target

    where, chosen = runs or workspace.runs, (split,) if split else ()
    folder = runs_of_one_target(where, head, chosen, target)[0]
    from aqa.annotations.manifest import Manifest
    from aqa.models.runs import load_run
    from aqa.report.embeddings_table import embeddings_json, embeddings_table
    from aqa.workflows.embed import embed_run

    run = load_run(folder, (head,))
    with open_store(store or run.store) as opened:
        embeddings = embed_run(
            run,
            Manifest.read(manifest or workspace.manifest),
            opened,
            perplexity=perplexity,
            seed=seed,
        )
    if as_json:
        click.echo(json.dumps(embeddings_json(embeddings, str(folder)), indent=1))
    else:
        click.echo(embeddings_table(embeddings, str(folder)))
    if picture:
        from aqa.report.embedding_plots import embeddings_figure
        from aqa.report.figures import save_figure

        save_figure(embeddings_figure(embeddings, str(folder), colour), picture)
        click.echo(f"written to {picture}", err=True)


COMMAND = embed
