"""What a fitted head says of the clips, joints or aspects of one video."""

from aqa.models.feedback.aspects import AspectFeedback, AspectMark, give_aspect_feedback
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
    "AspectFeedback",
    "AspectMark",
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
    "give_aspect_feedback",
    "give_feedback",
    "give_pose_feedback",
    "shown_clips",
]
