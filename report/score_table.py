"""The scores of new videos, as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aqa.evaluation.metric import point_digits
from aqa.number_text import fixed, signed
from aqa.report.tables import table, wrapped
from aqa.report.why_text import why_json, why_text
from aqa.target_names import PAIRS, RANK_VALUE, SCORE

if TYPE_CHECKING:
    from aqa.models.trust.model_facts import ModelFacts
    from aqa.workflows.score import ScoredVideo

_RANKED = (
    f"{RANK_VALUE}: no points; higher is better. 0 is the mean of the training videos, and 1 their "
    "standard deviation"
)


def scores_table(videos: Sequence[ScoredVideo]) -> str:
    """One row per video and target, with the range that holds the true score in 80 % of cases.

    Of several averaged runs the lowest and highest too.

    Of two classes, in a table of their own, the class, how sure it is, and how many runs say so.
    Below stands what the first run writes of each video, where it writes commentary, and why each
    video has its score, where that was asked for.
    """
    scored = [video for video in videos if video.said is None]
    told = [video for video in videos if video.said is not None]
    tables = [make(some) for make, some in ((_scores, scored), (_classes, told)) if some]
    said = [line for video in videos for line in _written(video)]
    why = [why_text(video) for video in videos if video.why is not None]
    return "\n\n".join([*tables, *(["\n".join(said)] if said else []), *why])


def model_text(facts: ModelFacts) -> str:
    """Which model an answer is of, and what is not known of it."""
    return "\n".join(wrapped(line) for line in facts.lines())


def _named(videos: Sequence[ScoredVideo]) -> tuple[list[str], list[list[str]]]:
    """The first columns: header and rows."""
    if {video.target for video in videos} == {SCORE}:
        return ["video"], [[str(video.path)] for video in videos]
    return ["video", "target"], [[str(video.path), video.target] for video in videos]


def _scores(videos: Sequence[ScoredVideo]) -> str:
    digits = point_digits((video.score for video in videos), 2)
    header, rows = _named(videos)
    names = len(header)
    ranked = {video.target for video in videos} == {PAIRS}
    header.append(RANK_VALUE if ranked else "score")
    for row, video in zip(rows, videos, strict=True):
        row.append(fixed(video.score, digits))
    if any(video.trust.bounds is not None for video in videos):
        header.append("80 % between")
        for row, video in zip(rows, videos, strict=True):
            row.append(bounds_text(video.trust.bounds, digits))
    if any(len(video.by_split) > 1 for video in videos):
        header += ["lowest", "highest"]
        for row, video in zip(rows, videos, strict=True):
            values = video.by_split.values()
            row += [fixed(min(values), digits), fixed(max(values), digits)]
    notes = [_RANKED] if any(video.target == PAIRS for video in videos) else []
    return "\n".join([table(rows, header, names), *map(wrapped, notes)])


def _classes(videos: Sequence[ScoredVideo]) -> str:
    """A row of the class of each video, which are of the same two classes or of several targets."""
    header, rows = _named(videos)
    said = [video.said for video in videos if video.said]
    probabilities = [one.probability for one in said if one.probability is not None]
    sure = len(probabilities) == len(said)
    values = [fixed(one, 3) for one in probabilities]
    values = values if sure else [signed(one.margin, 3) for one in said]
    good = "/".join(dict.fromkeys(one.good for one in said))
    names = len(header) + 1
    header += ["class", f"probability of {good}" if sure else "above threshold"]
    several = any(len(one.by_split) > 1 for one in said)
    header += ["runs that say so"] if several else []
    for row, one, value in zip(rows, said, values, strict=True):
        row += [one.label, value]
        if several:
            row.append(f"{[*one.by_split.values()].count(one.label)} of {len(one.by_split)}")
    return table(rows, header, names)


def bounds_text(bounds: tuple[float, float] | None, digits: int) -> str:
    """Two bounds, as in "51 and 65"; "not known" without them. digits: those of a score."""
    if bounds is None:
        return "not known"
    few = max(digits - 2, 0)  # a bound is no more exact than the errors that it is made of
    return f"{fixed(bounds[0], few)} and {fixed(bounds[1], few)}"


def _written(video: ScoredVideo) -> list[str]:
    first = next(iter(video.commentary.items()), None)
    if first is None:
        return []
    return [wrapped(f"{video.path}, in words (split {first[0]}): {first[1] or 'nothing'}")]


def score_json(video: ScoredVideo, head: str) -> dict[str, Any]:
    """The same of one video as plain values. head: what its runs are called."""
    bounds = video.trust.bounds
    return {
        "video": str(video.path),
        "head": head,
        **({} if video.target == SCORE else {"target": video.target}),
        "score": video.score,
        "by_split": video.by_split,
        **(video.said.to_dict() if video.said else {"range_80": bounds and [*bounds]}),
        "unlike_training": bool(video.trust.unlike),
        **({"commentary": video.commentary} if video.commentary else {}),
        **({} if video.why is None else {"why": why_json(video.why)}),
        "warning": "; ".join(video.warnings) or None,
        "warnings": list(video.warnings),
    }
