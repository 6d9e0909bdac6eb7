"""`aqa score`: the scores of new videos."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from aqa.commands.model_options import model_option, places_of
from aqa.commands.network_options import backbone_again_option
from aqa.commands.options import (
    FILE,
    action_option,
    device_option,
    difficulty_option,
    fitted_targets_option,
    json_option,
    runs_option,
    type_option,
    workspace_option,
)
from aqa.target_names import label_and_target
from aqa.workspace import Workspace


@click.command()
@workspace_option
@click.argument("videos", nargs=-1, required=True)
@click.option(
    "--head",
    help="Fitted head: the name of its runs, or its Python file [default: the only one].",
)
@click.option("--split", "splits", multiple=True, help="Run to use [default: all, averaged].")
@fitted_targets_option
@type_option
@difficulty_option
@action_option
@model_option
@click.option("--weights", type=FILE, help="Checkpoint [default: the one the features came from].")
@backbone_again_option
@runs_option
@device_option
@click.option(
    "--strict", is_flag=True, help="Exit with 1 where a video is unlike the training videos."
)
@click.option(
    "--why", is_flag=True, help="Say which moments cost points too, by a head that explains."
)
@json_option
@click.pass_obj
def score(
    workspace: Workspace,
    videos: tuple[str, ...],
    head: str | None,
    splits: tuple[str, ...],
    targets: tuple[str, ...],
    type_: str | None,
    difficulty: float | None,
    action: str | None,
    model: Path | None,
    weights: Path | None,
    backbone: str | None,
    runs: Path | None,
    device: str,
    strict: bool,
    why: bool,
    as_json: bool,
) -> None:
    """Score new videos with a fitted head.

    VIDEOS are files or addresses, such as https://host/dive.mp4. Features are extracted as those
    that the head was fitted on; for a head on joints, VIDEOS are files of joints. Where the head
    was fitted on several splits, the score is the mean over them, and the lowest and the highest
    are shown beside it. The true score lies between two bounds with a probability of 80 %, if the
    video is like the training videos; where it is not, a warning says so, as its score means
    nothing. A head that was fitted to several targets has a row for each. Of
    two classes the class is shown, and its probability, or how far the answer lies above the
    threshold from which on a video is good. What the head `mtl` writes of a video, if it was fitted
    on commentary, stands below: that of the first split; --json has all.

    Of a file that is a video of the workspace's manifest, type, difficulty, action and first and
    last frame are the manifest's where no option says otherwise.

    --why says below, too, which moments stand out beside other videos, by the first run: without
    --head, of the head that is least off on held-out training videos, of those that explain their
    scores.
    """
    from aqa.models.run_source import chosen_runs
    from aqa.workflows.best_head import explaining_runs

    places = places_of(workspace, model, runs=runs, weights=weights)
    if why and head is None and len(targets) < 2:
        one = targets[0] if targets else None
        folders = explaining_runs(places.runs, None, splits, target=one)
    else:
        folders = chosen_runs(places.runs, (head,) if head else (), splits, targets)
    fitted = sorted({label_and_target(folder.parent.name)[0] for folder in folders})
    if len(fitted) > 1:
        raise click.BadParameter(f"choose one of {', '.join(fitted)}", param_hint="--head")
    from aqa.models.runs import load_run
    from aqa.models.trust.model_facts import model_facts
    from aqa.report.score_table import model_text, score_json, scores_table
    from aqa.workflows.known_files import KnownFiles
    from aqa.workflows.score import score_videos

    used = [load_run(folder, (head,) if head else ()) for folder in folders]
    outcome = score_videos(
        videos,
        used,
        weights=places.weights,
        backbone=backbone,
        device=device,
        type=type_,
        difficulty=difficulty,
        action=action,
        why=why,
        known=None if model else KnownFiles.beside(workspace.manifest),
    )
    if as_json:
        rows = [score_json(video, fitted[0]) for video in outcome.done]
        failed = [{"video": str(video.path), "reason": video.reason} for video in outcome.failed]
        shown = {"scores": rows, "failed": failed, "model": model_facts(used).as_dict()}
        click.echo(json.dumps(shown, indent=1))
    elif outcome.done:
        click.echo(scores_table(outcome.done))
        click.echo(f"\n{model_text(model_facts(used))}")
    for line in outcome.warnings:
        click.echo(f"warning: {line}", err=True)
    for video in outcome.failed:
        click.echo(f"failed: {video.path}: {video.reason}", err=True)
    if outcome.failed or (strict and any(video.trust.unlike for video in outcome.done)):
        sys.exit(1)


COMMAND = score
