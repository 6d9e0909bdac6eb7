"""`aqa feedback`: which clips of a video are at fault."""

from __future__ import annotations

import json
from pathlib import Path

import click

from aqa.commands.options import (
    FILE,
    action_option,
    align_option,
    device_option,
    difficulty_option,
    json_option,
    manifest_option,
    picture_option,
    runs_option,
    store_option,
    type_option,
    workspace_option,
)
from aqa.workspace import Workspace, run_folders


@click.command()
@workspace_option
@click.argument("video")
@click.option(
    "--head", default="score-estimation", show_default=True, help="Fitted head that says why."
)
@click.option("--split", help="Run to use [default: the first that has not seen the video].")
@type_option
@difficulty_option
@action_option
@align_option
@picture_option("PNG to draw: frames, and what is said.")
@manifest_option
@store_option
@click.option("--weights", type=FILE, help="Checkpoint [default: the one the features came from].")
@runs_option
@device_option
@json_option
@click.pass_obj
def feedback(
    workspace: Workspace,
    video: str,
    head: str,
    split: str | None,
    type_: str | None,
    difficulty: float | None,
    action: str | None,
    align: str,
    picture: Path | None,
    manifest: Path | None,
    store: Path | None,
    weights: Path | None,
    runs: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Say of each clip of VIDEO whether it is at fault.

    VIDEO is an id of the manifest, or a new file. Head `score` gives the probability that a clip
    is similar to the expert's, faulty below 0.5; fit it with -p learn_clips=true for that, since as the
    paper has it, by default, it is no better than chance. Head `lstm` fitted with
    -p label=incremental gives the points that a clip adds, faulty where it adds none; heads `wd`
    and `average` the points that it adds to a base, faulty where it takes some off. Heads
    `pose-dct` and `pose-dft` say of each joint on which frame and which way it had better be
    elsewhere, in points a pixel; their new files are files of joints.
    """
    folders = run_folders(runs or workspace.runs, (head,), (split,) if split else ())
    from aqa.annotations.manifest import Manifest
    from aqa.models.feedback import PoseFeedback
    from aqa.report.feedback_table import feedback_json, feedback_table, moves_json, moves_table
    from aqa.workflows.pipeline import explain, picture_explained

    explained = explain(
        video,
        folders,
        Manifest.read(manifest or workspace.manifest),
        store,
        type=type_,
        difficulty=difficulty,
        action=action,
        align=align,
        weights=weights,
        device=device,
    )
    found, run = explained.feedback, str(explained.run.folder)
    if isinstance(found, PoseFeedback):
        click.echo(
            json.dumps(moves_json(found, run), indent=1) if as_json else moves_table(found, run)
        )
    elif as_json:
        click.echo(json.dumps(feedback_json(found, run), indent=1))
    else:
        click.echo(feedback_table(found, run))
    if picture:
        picture_explained(explained, picture)
        click.echo(f"written to {picture}", err=True)


COMMAND = feedback
