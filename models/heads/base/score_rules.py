"""How a score is made of difficulty and execution (li2018scoringnet §4.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from aqa.errors import HeadError
from aqa.models.heads.base.checks import listed_videos

# What a label of the column `action` contains -> how difficulty and execution make the score.
# li2018scoringnet §3.2 has the two the wrong way round.
RULES = {"diving": "product", "vault": "sum"}
PARTS = ("difficulty", "execution")

Parts = Mapping[str, NDArray[np.float64]]


def rule_of(actions: Sequence[str | None] | None) -> str:
    """The rule of the videos' action: `product` or `sum`; `HeadError` where it is not one."""
    labels = sorted({label or "" for label in actions or [None]})
    rules = {next((r for key, r in RULES.items() if key in label), "") for label in labels}
    if len(rules) != 1 or "" in rules:
        shown = ", ".join(label or "(none)" for label in labels)
        raise HeadError(
            f"no one rule for the column action, which holds {shown}: say how scores are made of "
            "difficulty and execution, with -p rule=product or -p rule=sum"
        )
    (rule,) = rules
    return rule


def fused(rule: str, parts: Parts) -> NDArray[np.float64]:
    """The scores that the rule makes of both parts, (n,)."""
    difficulty, execution = (parts[score_part] for score_part in PARTS)
    return difficulty * execution if rule == "product" else difficulty + execution


def true_parts(
    rule: str,
    scores: NDArray[np.float64],
    difficulty: Sequence[float | None] | None,
    execution: Sequence[float | None] | None,
) -> dict[str, NDArray[np.float64]]:
    """Difficulty and execution in points, (n,) each, NaN where not known.

    An execution that is not given is what the rule makes of score and difficulty.
    """
    unknown = [None] * len(scores)
    hard = np.array(unknown if difficulty is None else difficulty, np.float64)
    done = np.array(unknown if execution is None else execution, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        implied = scores / hard if rule == "product" else scores - hard
    return {"difficulty": hard, "execution": np.where(np.isnan(done), implied, done)}


def check_known(truth: Parts, ids: Sequence[str] | None) -> None:
    """Raise `HeadError` where a part is not known of a video to learn from."""
    for score_part, values in truth.items():
        unknown = np.flatnonzero(~np.isfinite(values)).tolist()
        if len(unknown):
            who = listed_videos(unknown, ids)
            raise HeadError(
                f"{len(unknown)} of {len(values)} videos have no {score_part} ({who}): fill in the "
                f"manifest's column {score_part}, or leave them out with --skip-incomplete"
            )
