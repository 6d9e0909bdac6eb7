"""`aqa feedback`: which clips of a video are faulty."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aqa.commands.model_options import model_option, places_of
from aqa.commands.network_options import backbone_again_option
from aqa.commands.options import (
    FILE,
    action_option,
    align_option,
    device_option,
    difficulty_option,
    explaining_head_option,
    json_option,
    manifest_option,
    one_target_option,
    picture_option,
    runs_option,
    store_option,
    type_option,
    workspace_option,
)
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.workflows.feedback import ExplainedVideo


@click.command()
@workspace_option
@click.argument("video")
@explaining_head_option
@click.option("--split", help="Run to use [default: the first that did not learn from VIDEO].")
@one_target_option
@type_option
@difficulty_option
@action_option
@align_option
@picture_option("frames of the video, and what is said of them")
@model_option
@manifest_option
@store_option
@click.option("--weights", type=FILE, help="Checkpoint [default: the one the features came from].")
@backbone_again_option
@runs_option
@device_option
@json_option
@click.pass_obj
def feedback(
    workspace: Workspace,
    video: str,
    head: str | None,
    split: str | None,
    target: str | None,
    type_: str | None,
    difficulty: float | None,
    action: str | None,
    align: str,
    picture: Path | None,
    model: Path | None,
    manifest: Path | None,
    store: Path | None,
    weights: Path | None,
    backbone: str | None,
    runs: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Say for each clip of VIDEO whether it is faulty.

    VIDEO is an id of the manifest, its file, or a new file. What is said depends on the head:

    \b
    score-estimation    how probably the clip is similar to the exemplar's, 0 to
                        1; faulty below 0.5. As jain2020 fits it, with -p
                        learn_clips=false, it is no better than chance.
    wd, average, uil    points that the clip adds to a base; faulty where they
                        are clearly below those of training videos of the same
                        type. Where that does not tell faulty clips better than
                        chance on held-out training videos, or these have no
                        column faulty_clips, "below average" instead. A clip
                        that is no lower than one of many good videos is only
                        "perhaps faulty".
    lstm, type-lstm,    the same, of points added to 0. Fit it with -p
    lstm-svr            label=incremental for this.
    pose-dct, pose-dft, for each joint, not clip, the frame on which moving it
    st-gcn              by a tenth of the torso's length gains most points, and
                        which way. A new file holds joints.
    aspects             for each measured aspect, points that it costs, the
                        interval of points per degree, and the frame. A new file
                        holds joints.
    mtl                 one line on the whole video, where it was fitted on the
                        manifest's column commentary.
    """
    from aqa.annotations.manifest import Manifest
    from aqa.models.feedback import AspectFeedback, PoseFeedback
    from aqa.models.trust.model_facts import model_facts, place_of
    from aqa.report.aspects_table import aspects_json, aspects_text
    from aqa.report.feedback_table import (
        feedback_json,
        feedback_table,
        moves_json,
        moves_table,
        written_text,
    )
    from aqa.report.score_table import model_text
    from aqa.workflows.best_head import explaining_runs
    from aqa.workflows.feedback import WrittenFeedback, explain

    places = places_of(workspace, model, runs=runs, manifest=manifest, store=store, weights=weights)
    (video,) = places.videos([video])
    answers = frozenset({"clips", "joints", "aspects", "commentary"})
    folders = explaining_runs(places.runs, head, (split,) if split else (), answers, target)
    explained = explain(
        video,
        folders,
        Manifest.read(places.manifest),
        places.store,
        type=type_,
        difficulty=difficulty,
        action=action,
        align=align,
        weights=places.weights,
        backbone=backbone,
        device=device,
        heads=(head,) if head else (),
    )
    explanation, run = explained.feedback, place_of(explained.run)
    shown: str | dict[str, Any]
    if isinstance(explanation, WrittenFeedback):
        shown = (
            {"run": run, **dataclasses.asdict(explanation)}
            if as_json
            else written_text(explanation, run)
        )
    elif isinstance(explanation, AspectFeedback):
        shown = aspects_json(explanation, run) if as_json else aspects_text(explanation, run)
    elif isinstance(explanation, PoseFeedback):
        shown = moves_json(explanation, run) if as_json else moves_table(explanation, run)
    else:
        shown = feedback_json(explanation, run) if as_json else feedback_table(explanation, run)
    facts = model_facts([explained.run])
    if isinstance(shown, dict):
        told = {"model": facts.as_dict(), "warnings": list(explained.warnings)}
        shown = json.dumps({**shown, **told}, indent=1)
    else:
        shown += f"\n\n{model_text(facts)}"
    click.echo(shown)
    for line in explained.warnings:
        click.echo(f"warning: {line}", err=True)
    if picture:
        _draw(explained, picture)
        click.echo(f"written to {picture}", err=True)


def _draw(explained: ExplainedVideo, picture: Path) -> None:
    from aqa.models.feedback import Feedback, PoseFeedback
    from aqa.report.feedback_strip import feedback_figure
    from aqa.report.figures import save_figure
    from aqa.report.pose_moves import pose_figure, shown_frames
    from aqa.workflows.feedback import clip_frames, numbered_frames

    feedback = explained.feedback
    if isinstance(feedback, PoseFeedback):
        frames = numbered_frames(explained, shown_frames(feedback))
        figure = pose_figure(feedback, frames)
    else:
        shown = clip_frames(explained)
        assert isinstance(feedback, Feedback)
        figure = feedback_figure(feedback, shown.video, shown.exemplar_frames, shown.exemplar)
    save_figure(figure, picture)


COMMAND = feedback
