"""`aqa score`: new videos, with a fitted head."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from aqa.commands.options import (
    FILE,
    action_option,
    device_option,
    difficulty_option,
    json_option,
    runs_option,
    type_option,
    workspace_option,
)
from aqa.workspace import Workspace, run_folders


@click.command()
@workspace_option
@click.argument("videos", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--head", help="Fitted head [default: the only one].")
@click.option("--split", "splits", multiple=True, help="Run to use [default: all, averaged].")
@type_option
@difficulty_option
@action_option
@click.option("--weights", type=FILE, help="Checkpoint [default: the one the features came from].")
@runs_option
@device_option
@json_option
@click.pass_obj
def score(
    workspace: Workspace,
    videos: tuple[Path, ...],
    head: str | None,
    splits: tuple[str, ...],
    type_: str | None,
    difficulty: float | None,
    action: str | None,
    weights: Path | None,
    runs: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Score videos that were not in the manifest, with a fitted head.

    Features are extracted as the head's store was made; for a head on joints, VIDEOS are files of
    joints. With several fitted splits the score is the mean over them, and the table shows how far
    apart they are.
    """
    folders = run_folders(runs or workspace.runs, (head,) if head else (), splits)
    fitted = sorted({folder.parent.name for folder in folders})
    if len(fitted) > 1:
        raise click.BadParameter(f"choose one of {', '.join(fitted)}", param_hint="--head")
    from aqa.models.runs import load_run
    from aqa.report.score_table import scores_table
    from aqa.workflows.pipeline import score_videos

    scoring = score_videos(
        videos,
        [load_run(folder) for folder in folders],
        weights=weights,
        device=device,
        type=type_,
        difficulty=difficulty,
        action=action,
    )
    rows = [
        {
            "video": str(s.path),
            "head": fitted[0],
            "score": s.score,
            "by_split": s.by_split,
            "warning": s.warning,
        }
        for s in scoring.scored
    ]
    if as_json:
        failed = [{"video": str(path), "reason": reason} for path, reason in scoring.failed]
        click.echo(json.dumps({"scores": rows, "failed": failed}, indent=1))
    elif rows:
        click.echo(scores_table(rows))
    for row in rows:
        if row["warning"]:
            click.echo(f"warning: {row['warning']}", err=True)
    for path, reason in scoring.failed:
        click.echo(f"failed: {path}: {reason}", err=True)
    if scoring.failed:
        sys.exit(1)


COMMAND = score
