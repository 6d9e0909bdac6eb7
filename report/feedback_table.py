"""What a head says of one video, as text and as plain values."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from itertools import compress
from typing import TYPE_CHECKING, Any

from aqa.number_text import fixed
from aqa.report.tables import table, wrapped

if TYPE_CHECKING:
    from aqa.models.feedback import ClipFeedback, Feedback, JointMove, PoseFeedback, Total
    from aqa.workflows.feedback import WrittenFeedback


_COUNTED = "clips are counted from 1 here; --json and the column faulty_clips count them from 0"


def feedback_table(feedback: Feedback, run: str) -> str:
    """One row per clip; frames are counted from 0, and the last one is not in the clip.

    Clips are counted from 1, as people do; `feedback_json` counts them from 0, as files do.
    """
    lines = [wrapped(f"{feedback.video}, by {run}")]
    lines.append(wrapped(f"value: {feedback.meaning}", indent="  "))
    lines.append(wrapped(f"{feedback.weak}: {feedback.rule}", indent="  "))
    if feedback.outright_rule:
        lines.append(wrapped(f"{feedback.outright}: {feedback.outright_rule}", indent="  "))
    if feedback.evidence:
        lines.append(wrapped(feedback.evidence, indent="  "))
    with_mean = any(clip.average is not None for clip in feedback.clips)
    with_limit = any(clip.average not in (None, clip.limit) for clip in feedback.clips)
    compared = any(clip.exemplar_clips for clip in feedback.clips)
    columns = ["clip", "frames", "seconds", "value", "mean", "limit", "", "compared with"]
    shown = [True] * 4 + [with_mean, with_limit, True, compared]
    rows = [list(compress(_clip_row(clip), shown)) for clip in feedback.clips]
    header = list(compress(columns, shown))
    texts = {i for i, name in enumerate(header) if name in ("", "compared with")}
    lines.append(table(rows, header, left=texts))
    lines.append(wrapped(_COUNTED))
    if feedback.total is not None:
        lines.append(wrapped(total_line(feedback.total)))
    return "\n".join(lines)


def total_line(total: Total) -> str:
    """How the base and the clips make up the score."""
    padding = f" + padding {fixed(total.padding, 2)}" if abs(total.padding) >= 0.005 else ""
    made = f"base {fixed(total.base, 2)} + clips {fixed(total.clips, 2)}{padding}"
    made += f" = {total.of} {fixed(total.sum, 2)}"
    target, divided, _ = total.of.partition(" / ")
    return f"{made}; {target} {fixed(total.score, 2)}" if divided else made


def _clip_row(clip: ClipFeedback) -> list[str]:
    seconds = "unknown"
    if clip.start_seconds is not None and clip.stop_seconds is not None:
        seconds = f"{clip.start_seconds:.2f} to {clip.stop_seconds:.2f}"
    exemplars = [f"{name} clip {number + 1}" for name, number in clip.exemplar_clips.items()]
    return [
        str(clip.clip + 1),
        f"{clip.start} to {clip.stop}",
        seconds,
        fixed(clip.value, 3),
        "" if clip.average is None else fixed(clip.average, 3),
        fixed(clip.limit, 3),
        clip.said,
        ", ".join(exemplars),
    ]


def feedback_json(feedback: Feedback, run: str) -> dict[str, Any]:
    """The same as plain values."""
    return {"run": run, **dataclasses.asdict(feedback)}


def written_text(feedback: WrittenFeedback, run: str) -> str:
    """What is written of a whole video."""
    return wrapped(f"{feedback.video}, by {run}\n  {feedback.commentary or 'nothing'}")


def moves_table(feedback: PoseFeedback, run: str) -> str:
    """One row per joint: the frame on which moving it gains most, and in which direction.

    In parts of the torso's length, and degrees; in pixels where the torso is not known.
    """
    lines = [f"{feedback.video}, by {run}", f"gain: {feedback.meaning}, in the best direction"]
    if feedback.torso is None:
        lines[1] += "; right, down: to the right, and down"
        lines.append("not in parts of the torso, whose length these joints do not tell")
        header = ["joint", "frame", "seconds", "gain", "right", "down"]
        rows = [[*_when(move), *_pixels(move)] for move in feedback.moves]
        left: Collection[int] = {0}
    else:
        lines.append("angle: in the picture, as it is and after that move")
        header = ["joint", "frame", "seconds", "gain", "move it", "angle"]
        rows = [move_row(move) for move in feedback.moves]
        left = {0, 4, 5}
    title, *notes = lines
    notes = [wrapped(note, indent="  ") for note in notes]
    return "\n".join([wrapped(title), *notes, table(rows, header, left=left)])


def _when(move: JointMove) -> list[str]:
    seconds = "unknown" if move.seconds is None else f"{move.seconds:.2f}"
    return [move.joint, str(move.frame), seconds]


def _pixels(move: JointMove) -> list[str]:
    return [fixed(value, 3) for value in (move.gain, move.right, move.down)]


def move_row(move: JointMove) -> list[str]:
    """Joint, frame, seconds, gain, direction and angle; the gain per pixel without a torso."""
    gain = fixed(move.gain, 3) if move.step_gain is None else fixed(move.step_gain, 2)
    return [*_when(move), gain, move.direction, angle_text(move)]


def angle_text(move: JointMove) -> str:
    """What becomes of the angle that a joint changes; "" where it is not known.

    >>> from aqa.models.feedback import JointAngle, JointMove
    >>> angle = JointAngle("left knee", 95.2, 104.0)
    >>> angle_text(JointMove("left ankle", 3, 0.1, 0.0, 0.0, 1.0, 0.0, 1.0, 0.5, angle))
    'left knee 95\N{DEGREE SIGN} to 104\N{DEGREE SIGN}'
    """
    angle = move.angle
    if angle is None:
        return ""
    return f"{angle.at} {angle.before:.0f}\N{DEGREE SIGN} to {angle.after:.0f}\N{DEGREE SIGN}"


def moves_json(feedback: PoseFeedback, run: str) -> dict[str, Any]:
    """The same as plain values; `x`, `y`, `right`, `down` and `gain` are in pixels."""
    moves = [{**dataclasses.asdict(move), "direction": move.direction} for move in feedback.moves]
    return {
        "run": run,
        "video": feedback.video,
        "meaning": feedback.meaning,
        "torso_pixels": feedback.torso,
        "moves": moves,
    }
