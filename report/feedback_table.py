"""What a head says of one video, as text and as plain values."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from aqa.report.tables import table, wrapped

if TYPE_CHECKING:
    from aqa.models.feedback import ClipFeedback, Feedback, JointMove, PoseFeedback
    from aqa.workflows.feedback import WrittenFeedback


def feedback_table(feedback: Feedback, run: str) -> str:
    """One row per clip; frames are counted from 0, and the last one is not in the clip."""
    title = f"{feedback.video}, by {run}"
    meaning = f"value: {feedback.meaning}; faulty below {feedback.limit:g}"
    compared = any(clip.exemplar_clips for clip in feedback.clips)
    header = ["clip", "frames", "seconds", "value", "", *(["compared with"] if compared else [])]
    rows = [_clip_row(clip)[: len(header)] for clip in feedback.clips]
    shown = table(rows, header, left={4, 5} & {*range(len(header))})
    return "\n".join([wrapped(title), wrapped(meaning, indent="  "), shown])


def _clip_row(clip: ClipFeedback) -> list[str]:
    seconds = "unknown"
    if clip.start_seconds is not None and clip.stop_seconds is not None:
        seconds = f"{clip.start_seconds:.2f} to {clip.stop_seconds:.2f}"
    exemplars = [f"{name} clip {number}" for name, number in clip.exemplar_clips.items()]
    return [
        str(clip.clip),
        f"{clip.start} to {clip.stop}",
        seconds,
        f"{clip.value:.3f}",
        "faulty" if clip.faulty else "",
        ", ".join(exemplars),
    ]


def feedback_json(feedback: Feedback, run: str) -> dict[str, Any]:
    """The same as plain values."""
    return {"run": run, **dataclasses.asdict(feedback)}


def written_text(feedback: WrittenFeedback, run: str) -> str:
    """What is written of a whole video."""
    return wrapped(f"{feedback.video}, by {run}\n  {feedback.commentary or 'nothing'}")


def moves_table(feedback: PoseFeedback, run: str) -> str:
    """One row per joint: the frame on which moving it gains most, and in which direction."""
    title = f"{feedback.video}, by {run}"
    meaning = f"gain: {feedback.meaning}, in the best direction"
    header = ["joint", "frame", "seconds", "gain", "right", "down"]
    meaning += "; right, down: per pixel to the right, and per pixel down"
    rows = [_move_row(move) for move in feedback.moves]
    return "\n".join([wrapped(title), wrapped(meaning, indent="  "), table(rows, header)])


def _move_row(move: JointMove) -> list[str]:
    seconds = "unknown" if move.seconds is None else f"{move.seconds:.2f}"
    numbers = (f"{value:.3f}" for value in (move.gain, move.right, move.down))
    return [move.joint, str(move.frame), seconds, *numbers]


def moves_json(feedback: PoseFeedback, run: str) -> dict[str, Any]:
    """The same as plain values."""
    moves = [dataclasses.asdict(move) for move in feedback.moves]
    return {"run": run, "video": feedback.video, "meaning": feedback.meaning, "moves": moves}
