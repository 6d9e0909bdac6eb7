"""What every answer says of the model that it comes from: which runs, and what they learned from.

A score alone says nothing of whose it is. These facts are told with every answer: which weights
gave it, on how many videos they were fitted, between which scores those lie, and what is not known
of how far the score may be trusted.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aqa import __version__
from aqa.files import sha256_of
from aqa.models.runs import MODEL, PREDICTIONS, Run
from aqa.models.trust.likeness import LEAST_VIDEOS
from aqa.models.trust.score_range import LEAST_ERRORS
from aqa.number_text import fixed
from aqa.target_names import SCORE

# So many digits of a hash tell files apart.
SHOWN_DIGITS = 12
_BEFORE = "the run is of before this was learned; fit the head again"


@dataclass(frozen=True)
class RunFacts:
    """One run, and what it learned from.

    run: its folder, see `place_of`. target: what it predicts. weights: SHA-256 of the head's
    fitted arrays. training_videos: how many it was fitted on. lowest, highest: of their scores, in
    points; None where they are no points, or not known. fitted_with: the version of aqa; "" where
    not known. created: when, in ISO 8601; "" where not known. unknown: what is not known of how far
    its scores may be trusted, and why.
    """

    run: str
    split: str
    target: str
    weights: str
    training_videos: int
    lowest: float | None
    highest: float | None
    fitted_with: str
    created: str
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class ModelFacts:
    """The runs of one head whose answers are averaged, and the features that they take.

    head: what the runs are called. backbone: the network that makes the features, or what else they
    are. backbone_weights: SHA-256 of its file; None where it has none, or none is known. version:
    of aqa, now.
    """

    head: str
    runs: tuple[RunFacts, ...]
    backbone: str
    backbone_weights: str | None
    version: str

    @property
    def unknown(self) -> tuple[str, ...]:
        """What is not known of how far the scores may be trusted; nothing twice."""
        return tuple(dict.fromkeys(line for run in self.runs for line in run.unknown))

    def lines(self) -> list[str]:
        """In words: a line for each target, and one of what is not known, if there is any."""
        targets = dict.fromkeys(run.target for run in self.runs)
        made = [
            self._line(target, [r for r in self.runs if r.target == target]) for target in targets
        ]
        return [*made, *([f"not known: {'; '.join(self.unknown)}"] if self.unknown else [])]

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {**asdict(self), "unknown": list(self.unknown)}

    def _line(self, target: str, runs: Sequence[RunFacts]) -> str:
        """The runs of one target."""
        of = "" if target == SCORE else f", {target}"
        mean = f", the mean of {len(runs)} runs" if len(runs) > 1 else ""
        learned = f"fitted on {_span([run.training_videos for run in runs])}"
        known = [n for run in runs for n in (run.lowest, run.highest) if n is not None]
        if known:
            learned += f" with {fixed(min(known), 1)} to {fixed(max(known), 1)} points"
        weights = ", ".join(run.weights[:SHOWN_DIGITS] for run in runs)
        features = self.backbone
        if self.backbone_weights:
            features += f" {self.backbone_weights[:SHOWN_DIGITS]}"
        return (
            f"model: {self.head}{of}{mean} ({_places(runs)}); {learned}; "
            f"weights {weights}; features {features}; aqa {self.version}"
        )


def _places(runs: Sequence[RunFacts]) -> str:
    """Where they lie, as in "runs/svr, splits 1, 2, 3"."""
    parents = {str(Path(run.run).parent) for run in runs}
    if len(runs) == 1 or len(parents) > 1:
        return ", ".join(run.run for run in runs)
    return f"{parents.pop()}, splits {', '.join(run.split for run in runs)}"


def _span(counts: Sequence[int]) -> str:
    """How many videos.

    >>> _span([88, 90])
    '88 to 90 videos'
    """
    least, most = min(counts), max(counts)
    if most == 1:
        return "1 video"
    return f"{most} videos" if least == most else f"{least} to {most} videos"


def model_facts(runs: Sequence[Run]) -> ModelFacts:
    """Of the runs of one head that give an answer together."""
    spec = runs[0].spec
    weights = spec.get("weights")
    return ModelFacts(
        head=runs[0].label,
        runs=tuple(map(_facts, runs)),
        backbone=str(spec.get("backbone") or "unknown"),
        backbone_weights=weights.get("sha256") if isinstance(weights, dict) else None,
        version=__version__,
    )


def place_of(run: Run) -> str:
    """Its folder, as an answer tells it; of a run in a pack, from the name of the pack on."""
    if run.record.get("packed"):
        return run.folder.relative_to(run.folder.parents[3]).as_posix()
    return str(run.folder)


def _facts(run: Run) -> RunFacts:
    record = run.record
    scores = score_span(run) if run.kind == "scores" else None
    return RunFacts(
        run=place_of(run),
        split=run.split,
        target=run.target,
        weights=record.get("hashes", {}).get("model") or sha256_of(run.folder / MODEL),
        training_videos=len(record["split"]["train"]),
        lowest=scores and scores[0],
        highest=scores and scores[1],
        fitted_with=str(record.get("versions", {}).get("aqa", "")),
        created=str(record.get("created", "")),
        unknown=tuple(_unknown(run)),
    )


def score_span(run: Run) -> tuple[float, float] | None:
    """The lowest and the highest score of the training videos; None where that is not known."""
    kept = run.record.get("training_scores")
    if kept is not None:
        return float(kept[0]), float(kept[1])
    try:  # a run of before holds them beside what it predicted
        with (run.folder / PREDICTIONS).open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["part"] == "train"]
        scores = [float(row["score"]) for row in rows]
    except (OSError, KeyError, TypeError, ValueError):
        return None
    return (min(scores), max(scores)) if scores and all(map(math.isfinite, scores)) else None


def _unknown(run: Run) -> Iterable[str]:
    n = len(run.record["split"]["train"])
    if run.kind == "scores" and run.score_range is None:
        why = run.record.get("no_range") or (_few(LEAST_ERRORS, n) if n < LEAST_ERRORS else _BEFORE)
        yield f"the range of the true score ({why})"
    if run.head.kind == "scores" and "likeness" not in run.record.get("hashes", {}):
        why = _few(LEAST_VIDEOS, n) if n < LEAST_VIDEOS else _BEFORE
        if "joints" in run.spec or len(run.spec.get("shape", (0,))) != 1:
            why = "it is learned of vectors, not of joints or maps"
        yield f"whether a video is like the training videos ({why})"


def _few(least: int, n: int) -> str:
    return f"that takes {least} training videos, and there are {n}"
