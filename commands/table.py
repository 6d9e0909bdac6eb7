"""`aqa table`: results as a table for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aqa.commands.options import FILE, runs_option, typed_command, workspace_option
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.evaluation.study_table import Spread


@click.command(short_help="Write results as a table: LaTeX, Markdown, CSV or HTML.")
@workspace_option
@click.argument("names", metavar="[RUN]...", nargs=-1)
@click.option(
    "-o",
    "--out",
    type=FILE,
    required=True,
    help="File to write (.tex, .md, .csv or .html).",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    help="Column, such as spearman or relative_l2, in this order [default: as `aqa eval`].",
)
@click.option(
    "--split", "splits", multiple=True, help="Split, or family of splits [default: every one]."
)
@click.option(
    "--spread",
    type=click.Choice(["splits", "seeds", "all", "interval", "none"]),
    help="What stands behind a value: a standard deviation, a 95 % interval, or nothing [default: "
    "over splits; of one split over seeds; of one run the interval].",
)
@click.option(
    "--baselines", is_flag=True, help="Show what can be predicted without any pixels too."
)
@click.option("--caption", help="Caption, instead of one that tells protocol, n and tests.")
@runs_option
@click.pass_obj
def table(
    workspace: Workspace,
    names: tuple[str, ...],
    out: Path,
    metrics: tuple[str, ...],
    splits: tuple[str, ...],
    spread: Spread | None,
    baselines: bool,
    caption: str | None,
    runs: Path | None,
) -> None:
    """Write what heads are worth on their test videos, as `aqa eval` has kept it.

    RUNs are heads, such as svr or lstm (all its seeds), or folders of runs, such as runs/svr; by
    default all heads. A row is a head: its mean over splits and seeds. The best of a column is
    bold only where the paired test of `aqa compare` tells it from every other row. The caption
    says the protocol and how many videos are tested. LaTeX needs the package booktabs.
    """
    from aqa.report.study_tables import check_table

    check_table(out)
    from aqa.evaluation.kept_results import found_runs, read_results, runs_in, with_baselines
    from aqa.evaluation.predictions import compared_folders
    from aqa.evaluation.study_table import study_tables
    from aqa.files import write_text
    from aqa.models.run_source import chosen_runs
    from aqa.report.study_tables import table_text

    where = runs or workspace.runs
    places = [Path(name) for name in names if Path(name).is_dir() or found_runs(Path(name))]
    heads = [name for name in names if Path(name) not in places]
    folders = runs_in(places) if places else []
    if heads or not names:
        folders += chosen_runs(where, heads, splits, holding="predictions.csv")
    if baselines:
        folders = compared_folders(with_baselines(folders))
    elif not names:
        folders = [f for f in compared_folders(folders) if not _is_blind(f)]
    found = study_tables(
        read_results(_of_splits(folders, splits)), metrics, spread, strict=bool(names)
    )
    write_text(out, table_text(out, found, caption, typed_command()))
    click.echo(f"written to {out}", err=True)


def _is_blind(folder: Path) -> bool:
    from aqa.workspace import BASELINE

    return folder.absolute().parent.name.startswith(BASELINE)


def _of_splits(folders: list[Path], splits: tuple[str, ...]) -> list[Path]:
    """Those of these splits or families, each once."""
    from aqa.split_names import chosen_names

    known = list(dict.fromkeys(folder.name.removeprefix("split-") for folder in folders))
    kept = chosen_names(splits, known)
    return [f for f in dict.fromkeys(folders) if f.name.removeprefix("split-") in kept]


COMMAND = table
