"""`aqa export`: a fitted head, with its backbone, for other runtimes."""

from __future__ import annotations

from pathlib import Path

import click

from aqa.commands.options import FILE, workspace_option


@click.command(short_help="Write a fitted head and its backbone as ONNX or .pt2.")
@workspace_option
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("-o", "--out", type=FILE, required=True, help="File to write: .onnx or .pt2.")
@click.option("--weights", type=FILE, help="Checkpoint of the backbone, if it has moved.")
@click.option(
    "--backbone",
    metavar="PATH:NAME",
    help="Where the features were extracted by your own Python file: the same file.",
)
@click.option("--head", help="Where the head is your own Python file: the same file.")
@click.option(
    "--clips",
    type=click.IntRange(1, 1000),
    help="Clips of the video that it is traced with; a .pt2 of an LSTM then takes videos of so "
    "many only [default: as many as training videos mostly have].",
)
def export(
    run: Path,
    out: Path,
    weights: Path | None,
    backbone: str | None,
    head: str | None,
    clips: int | None,
) -> None:
    """Write a fitted head and its backbone into one file for other programs.

    RUN is the folder of a fitted run, such as runs/svr/split-1. The file takes the clips of one
    video, uint8 (clips, frames, height, width, 3), and gives its score. How a video becomes clips
    stands in it as JSON. It is run, also on videos of other numbers of clips, and held against
    PyTorch before it is kept. docs/export.md and examples/score_onnx.py show how to use it.
    """
    from aqa.models.runs import load_run
    from aqa.workflows.export.run import check_ending, export_run

    check_ending(out)
    made = export_run(
        load_run(run, (head,) if head else ()),
        out,
        weights=weights,
        backbone=backbone,
        clips=clips,
    )
    tried = ", ".join(map(str, made.tried))
    click.echo(
        f"tried on made videos of {tried} clips: largest drift from {made.engine} {made.drift:.2g} "
        f"{'points' if made.unit == 'points' else 'of a ' + made.unit}"
    )
    if made.precision != "float32":
        click.echo(f"the features were made in {made.precision}; the file computes in float32")
    if made.clips is not None:
        click.echo(
            f"it takes videos of {made.clips} clips only, as torch.export fixes the clips of this "
            "head; -o model.onnx takes any number"
        )
    click.echo(f"written to {made.path} ({made.path.stat().st_size / 1e6:.1f} MB)")


COMMAND = export
