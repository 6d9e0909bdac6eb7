"""`aqa transfer`: what heads learned from other actions, on a new one."""

from __future__ import annotations

import json
from pathlib import Path

import click

from aqa.commands.options import (
    HEAD,
    check_one_seed,
    json_option,
    manifest_option,
    open_store,
    param_option,
    picture_option,
    runs_option,
    seed_option,
    store_option,
    workspace_option,
)
from aqa.workspace import Workspace


@click.command(short_help="Try heads on an action that they have not learned.")
@workspace_option
@click.option(
    "--action", required=True, help="The new action: a value of the manifest's column action."
)
@click.option(
    "--samples",
    type=click.IntRange(2),
    multiple=True,
    help="Number of videos to fine-tune on, once or several times  [default: 25, 75 and 125; 15, "
    "25 and 35 where there are few].",
)
@click.option(
    "--test",
    "tested",
    type=click.IntRange(2),
    default=50,
    show_default=True,
    help="Number of other videos to test on.",
)
@click.option(
    "--draws",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="How many times both are drawn at random.",
)
@click.option(
    "--head",
    type=HEAD,
    default="lstm",
    show_default=True,
    help="Head with one network from clips' vectors to scores: lstm, average, wd, gdlt, cofinal, "
    "uil.",
)
@seed_option
@param_option
@picture_option("the curves of fine-tuning")
@manifest_option
@store_option
@runs_option
@json_option
@click.pass_obj
def transfer(
    workspace: Workspace,
    action: str,
    samples: tuple[int, ...],
    tested: int,
    draws: int,
    head: str,
    seed: int,
    params: tuple[str, ...],
    picture: Path | None,
    manifest: Path | None,
    store: Path | None,
    runs: Path | None,
    as_json: bool,
) -> None:
    """Learn all other actions of the manifest, and see how well a new one is scored.

    The head is tested as it is (zero-shot), and after fine-tuning on a few videos of the new
    action, once from the weights learned before and once from random ones. Prints Spearman's
    correlation on the test videos after the last iteration, and at the best iteration, as
    parmar2019action Table 4 has it. Writes the whole curves to runs/transfer/ACTION.csv, and what
    is printed to ACTION.json.
    """
    from aqa.annotations.columns import as_name
    from aqa.annotations.manifest import Manifest
    from aqa.files import write_json, write_rows
    from aqa.report.transfer_table import transfer_table
    from aqa.workflows.transfer.run import transfer as run

    check_one_seed(params)
    with open_store(store or workspace.only_store()) as features:
        result = run(
            *(head, params, Manifest.read(manifest or workspace.manifest), features, action),
            samples=samples,
            draws=draws,
            tested=tested,
            seed=seed,
            tell=lambda line: click.echo(line, err=True),
        )
    path = (runs or workspace.runs) / "transfer" / f"{as_name(action)}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {"head": head, "params": list(params), "seed": seed, "draws": draws}
    write_rows(path, result.curves)
    write_json(path.with_suffix(".json"), settings | result.to_dict())
    click.echo(
        json.dumps(settings | result.to_dict(), indent=1) if as_json else transfer_table(result)
    )
    click.echo(f"written to {path} and .json", err=True)
    if picture:
        from aqa.report.figures import save_figure
        from aqa.report.transfer_curves import transfer_figure

        save_figure(transfer_figure(result), picture)
        click.echo(f"written to {picture}", err=True)


COMMAND = transfer
