"""What a fitted head says of the clips, or of the joints, of one video."""

from aqa.models.feedback.clips import (
    ClipFeedback,
    Feedback,
    Mark,
    Total,
    give_feedback,
    shown_clips,
)
from aqa.models.feedback.joints import JointAngle, JointMove, PoseFeedback, give_pose_feedback
from aqa.models.feedback.reference import Claims, ClipReference, Told, TypePoints

__all__ = [
    "Claims",
    "ClipFeedback",
    "ClipReference",
    "Feedback",
    "JointAngle",
    "JointMove",
    "Mark",
    "PoseFeedback",
    "Told",
    "Total",
    "TypePoints",
    "give_feedback",
    "give_pose_feedback",
    "shown_clips",
]
