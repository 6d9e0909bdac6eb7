"""What a head cannot predict: what it is told, or makes its answer of."""

from __future__ import annotations

from aqa.annotations.manifest import Manifest
from aqa.errors import HeadUsageError
from aqa.models.heads.base import Head
from aqa.models.heads.base.checks import RANKING_HEADS
from aqa.models.target_transforms.head import TransformedHead
from aqa.target_names import PAIRS, SCORE


def check_target(head: Head, manifest: Manifest, start: Head | None = None) -> None:
    """Raise `HeadUsageError` where a head cannot predict the target that a manifest is seen with.

    start: the fitted head that it starts from.
    """
    target, column = manifest.target, manifest.score_column
    if target == SCORE:
        return
    name = type(head.head if isinstance(head, TransformedHead) else head).__name__
    if target == PAIRS:
        _check_pairs(head, name)
        return
    if head.kind == "stages":
        raise HeadUsageError(f"{name} tells stages and predicts no {target}; leave out --target")
    if "parts" in head.gives:
        raise HeadUsageError(
            f"{name} makes the score of difficulty and execution, and cannot predict {target}; "
            "choose another head"
        )
    if column in _told(head, start):
        remedy = _remedy(head, column)
        raise HeadUsageError(f"{name} is told the {column} that it is to predict: {remedy}")
    if column == "execution" and getattr(head, "difficulty", "none") == "multiply":
        raise HeadUsageError(
            "execution is what is left of a score without its difficulty: "
            "leave out -p difficulty=multiply"
        )


def _check_pairs(head: Head, name: str) -> None:
    """Raise `HeadUsageError` where a head cannot learn who is better."""
    if isinstance(head, TransformedHead):
        raise HeadUsageError(
            f"pairs have no scores: leave out {' and '.join(_asked(head))}, which are of scores"
        )
    if not head.takes_pairs:
        raise HeadUsageError(
            f"{name} cannot learn who is better, from pairs; heads that can: {RANKING_HEADS}"
        )


def _asked(head: TransformedHead) -> list[str]:
    """What asks for the transforms of a head's target."""
    given = {"difficulty": head.difficulty, "scale": head.scale}
    return [f"-p {k}={v}" for k, v in given.items() if v not in ("none", "all")]


def _told(head: Head, start: Head | None) -> set[str]:
    """The columns that it is told of each video to answer."""
    return set(head.needed_columns(start)) & set(head.answer_columns)


def _remedy(head: Head, column: str) -> str:
    if isinstance(head, TransformedHead) and any(t.column == column for t in head.transforms()):
        return f"leave out -p {column}={getattr(head, column)}"
    return "choose another head, or settings that do without"
