"""`aqa plot`: a picture of what heads are worth."""

from __future__ import annotations

from pathlib import Path

import click

from aqa.commands.options import FILE, check_picture_option, manifest_option, workspace_option
from aqa.report.plot_kinds import KINDS, check_kind


def _check_kind(_: click.Context, __: click.Parameter, kind: str) -> str:
    check_kind(kind)
    return kind


def _listed() -> str:
    """The kinds with what they show, as lines of the help that are not wrapped."""
    width = max(map(len, KINDS))
    lines = (f"  {name:{width}}  {shows}" for name, shows in KINDS.items())
    return "\n".join(["\b", "KIND is one of", *lines])


@click.command(
    short_help="Draw what heads are worth, as SVG, PDF or PNG.",
    help=(
        "Draw what heads are worth on their test videos, from what `aqa eval` has kept.\n\n"
        f"{_listed()}\n\n"
        "RUNs are folders of fitted runs, such as runs/svr/split-1, or of all runs of a head, such "
        "as runs/svr; kept baselines, such as runs/baseline-all, are drawn too. The runs of a "
        "head are one picture, with the test videos of all its splits. Nothing is fitted or "
        "scored. The same pictures are functions of aqa.report.plots, for notebooks."
    ),
)
@workspace_option
@click.argument("kind", callback=_check_kind)
@click.argument(
    "runs",
    metavar="RUN...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
)
@click.option(
    "-o",
    "--out",
    type=FILE,
    required=True,
    callback=check_picture_option,
    help="File to draw in (.png, .svg or .pdf).",
)
@manifest_option
def plot(kind: str, runs: tuple[Path, ...], out: Path, manifest: Path | None) -> None:
    """Read the runs, draw, and say where the picture lies; the help is above."""
    from aqa.annotations.manifest import Manifest
    from aqa.evaluation.kept_results import read_results, runs_in
    from aqa.report.figures import save_figure
    from aqa.report.plot_kinds import plot_figure

    table = None if manifest is None else Manifest.read(manifest)
    heads = read_results(runs_in(runs), table)
    save_figure(plot_figure(kind, heads), out)
    click.echo(f"written to {out}", err=True)


COMMAND = plot
