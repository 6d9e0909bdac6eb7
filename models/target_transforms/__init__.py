"""What is done to a head's target, and back: difficulty, and the scale of an action."""

from aqa.models.target_transforms.action_scale import ActionScaleTransform
from aqa.models.target_transforms.base import TargetTransform
from aqa.models.target_transforms.difficulty import DifficultyTransform
from aqa.models.target_transforms.head import (
    TargetParams,
    TransformedHead,
    parse_head_params,
    target_params,
    transformed,
)
from aqa.models.target_transforms.refusals import check_target

__all__ = [
    "ActionScaleTransform",
    "DifficultyTransform",
    "TargetParams",
    "TargetTransform",
    "TransformedHead",
    "check_target",
    "parse_head_params",
    "target_params",
    "transformed",
]
