"""Why a video has its score, as text and as plain values, beside the score."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from aqa.report.page.sentences import headline, place_of, sentence_of, worst_first
from aqa.report.tables import wrapped

if TYPE_CHECKING:
    from aqa.workflows.moments import Moment, Why
    from aqa.workflows.score import ScoredVideo


def why_text(video: ScoredVideo) -> str:
    """What stands out, the worst moment first; else that nothing does, and what is weakest."""
    assert video.why is not None
    lines = sentences_of(video.why) or ["nothing is said of single moments"]
    return "\n".join([f"why {video.path}:", *(wrapped(line, indent="  ") for line in lines)])


def sentences_of(why: Why) -> list[str]:
    """A sentence for each moment that stands out; one where none does."""
    worst = worst_first(why)
    if worst:
        return [f"{sentence_of(moment, why)}." for moment in worst]
    return [said] if (said := headline(why)) else []


def why_json(why: Why) -> dict[str, Any]:
    """The same as plain values, and every moment beside it."""
    return {
        "run": why.run,
        "headline": headline(why),
        "sentences": sentences_of(why),
        "moments": [_moment(moment) for moment in why.moments],
    }


def _moment(moment: Moment) -> dict[str, Any]:
    return {
        "clip": moment.number,
        "place": place_of(moment),
        "start_seconds": None if math.isnan(moment.start) else moment.start,
        "stop_seconds": None if math.isnan(moment.stop) else moment.stop,
        "value": moment.value,
        "below_average": moment.below,
        "below_good": moment.below_good,
        "below_range_80": None if moment.below_range is None else list(moment.below_range),
        "said": moment.mark,
    }
