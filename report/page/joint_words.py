"""What is said of a video's joints, in words that a coach reads."""

from __future__ import annotations

from collections.abc import Sequence

from aqa.models.feedback import JointMove, PoseFeedback
from aqa.report.feedback_table import angle_text
from aqa.report.page.sentences import points

# So many joints have a sentence; all of them are in the table.
_TOLD = 5
# Fewer points than this are not worth a word.
_LEAST = 0.05


def told_moves(said: PoseFeedback) -> Sequence[JointMove]:
    """The moves that have a sentence, the largest gain first."""
    return [move for move in said.moves[:_TOLD] if (move.step_gain or move.gain) >= _LEAST]


def move_sentence(move: JointMove, unit: str = "pixel") -> str:
    """Where a joint should be, and what that gains. unit: see `PoseFeedback`.

    >>> move_sentence(JointMove("head", 63, 2.1, 9.0, 9.0, -0.4, 0.0, 0.4, 1.04))
    "Head, at 2.1 s: about 1.0 points more if it is moved left by a tenth of the torso's length"
    """
    name = move.joint[0].upper() + move.joint[1:]
    when = f"frame {move.frame}" if move.seconds is None else f"{move.seconds:.1f} s"
    if move.step_gain is None:
        return f"{name}, at {when}: moved {move.direction}, {move.gain:.2g} points more per {unit}"
    angle = f"; {angle_text(move)}" if move.angle else ""
    return (
        f"{name}, at {when}: about {points(move.step_gain)} more if it is moved {move.direction} "
        f"by a tenth of the torso's length{angle}"
    )


def pose_headline(said: PoseFeedback) -> str:
    """The joint that gains most; "" where none gains anything worth a word."""
    told = told_moves(said)
    return f"{move_sentence(told[0], said.unit)}." if told else ""
