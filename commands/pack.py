"""`aqa pack`: fitted heads as one file that can be handed on."""

from __future__ import annotations

from pathlib import Path

import click

from aqa.commands.options import FILE, workspace_option
from aqa.errors import AqaError, WrongUsageError
from aqa.workspace import Workspace, every_run_folder


@click.command()
@workspace_option
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=FILE, default=Path("model.aqa"), show_default=True, help="The pack."
)
@click.option(
    "--show", type=FILE, metavar="PACK", help="Check all that a pack holds, and print its card."
)
@click.option(
    "--with-backbone/--without-backbone",
    "backbone",
    default=None,
    help="Put the network's weights into the pack, or their hash and address alone [default: "
    "inside, unless they are public ones that `aqa weights fetch` knows].",
)
@click.option(
    "--exemplars",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Put copies of so many of the best training videos of each type into it, which `aqa "
    "report` then plays beside others. They may be other people's.",
)
@click.option("--card", type=FILE, help="What you say of the model, as Markdown, for its card.")
@click.option("--licence", type=FILE, help="The text under which you hand the model on.")
@click.option("--head", help="Where the head is your own Python file: the same file.")
@click.option("--manifest", type=FILE, help="Annotation table [default: that of the runs].")
@click.pass_obj
def pack(
    workspace: Workspace,
    runs: tuple[Path, ...],
    out: Path,
    show: Path | None,
    backbone: bool | None,
    exemplars: int,
    card: Path | None,
    licence: Path | None,
    head: str | None,
    manifest: Path | None,
) -> None:
    """Put fitted heads into one file that scores videos anywhere.

    RUNS are folders such as runs/wd/split-1, or runs/wd for all its splits. The file holds what
    `aqa score --model`, `feedback --model` and `report --model` need, and a model card made of what
    is recorded: what it learned from, how well it does, its limits. It holds no training videos
    unless --exemplars asks for them. The same runs give the same bytes.
    """
    from aqa.report.tables import wrapped
    from aqa.workflows.pack import open_pack, pack_runs

    if show is not None:
        if runs:
            raise click.UsageError("--show prints the card of a pack; leave out RUNS")
        with open_pack(show) as opened:
            click.echo(opened.card, nl=False)
        return
    if not runs:
        raise click.UsageError("name the runs to pack, such as runs/svr, or a pack with --show")
    made = pack_runs(
        [folder for one in runs for folder in _folders(one)],
        out,
        manifest=manifest,
        backbone=backbone,
        n_exemplars=exemplars,
        words=_text(card),
        licence=_text(licence),
        heads=(head,) if head else (),
    )
    for line in made.warnings:
        click.echo(f"warning: not among the exemplars: {line}", err=True)
    size = made.path.stat().st_size
    click.echo(f"written to {made.path} ({size / 1e6:.1f} MB)")
    click.echo(wrapped(f"Read its card with `aqa pack --show {made.path}` before you hand it on."))


def _folders(path: Path) -> list[Path]:
    """A run itself, or all runs of a head."""
    if (path / "run.json").exists():
        return [path]
    found = [
        one for one in every_run_folder(path.absolute().parent) if one.parent.name == path.name
    ]
    if not found:
        raise WrongUsageError(
            f"{path}: no run, and no folder of runs; name one such as runs/svr/split-1, or runs/svr"
        )
    return found


def _text(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise AqaError(f"{path}: {error.strerror}; name a text file") from None
    except UnicodeDecodeError:
        raise AqaError(f"{path}: it is no text in UTF-8; save it as that") from None


COMMAND = pack
