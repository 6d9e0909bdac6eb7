"""What a run answers for one part of a split, and how good that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aqa.evaluation.resampling import RESAMPLES, MetricValues
from aqa.evaluation.result import Marks
from aqa.files import write_json, write_rows
from aqa.models.runs import METRICS_FILE, PREDICTIONS


@dataclass(frozen=True)
class EvaluatedPart:
    """The answers for the videos (or pairs) of a part, and their metrics.

    rows: of predictions.csv. beside: kind -> metrics of what the head says beside scores. pieces:
    name -> metrics of the parts that scores are made of, or of each stage; in metrics.json they
    lie under the name `pieces_are`.
    """

    rows: Sequence[Mapping[str, Any]]
    whole: MetricValues
    beside: Mapping[str, MetricValues] = field(default_factory=dict)
    pieces: Mapping[str, MetricValues] = field(default_factory=dict)
    pieces_are: str = "parts"

    def to_dict(self) -> dict[str, Any]:
        """The metrics as JSON has them."""
        pieces = {name: metrics.to_dict() for name, metrics in self.pieces.items()}
        return {
            **self.whole.to_dict(),
            **{kind: metrics.to_dict() for kind, metrics in self.beside.items()},
            **({self.pieces_are: pieces} if pieces else {}),
        }


def resamples_of(part: str, tested: int = RESAMPLES) -> int:
    """How many resamples the intervals of a part are taken from: `tested`, or none.

    Nothing shows intervals of videos that a head has learned from or was stopped by.
    """
    return 0 if part in ("train", "val") else tested


# Part of a split -> answers and metrics. Of heads that compare pairs: part of the pairs.
Evaluated = Mapping[str, EvaluatedPart]


def save_evaluated(
    folder: Path,
    evaluated: Evaluated,
    marks: Marks | None = None,
    learned: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write answers and their metrics into a run's folder.

    marks: of the test part. learned: rows of training videos that are kept, but not measured.
    """
    metrics = {part: answers.to_dict() for part, answers in evaluated.items()}
    if marks is not None and "test" in metrics:
        metrics["test"].update(marks.to_dict())
    rows = [row for answers in evaluated.values() for row in answers.rows]
    write_rows(folder / PREDICTIONS, [*learned, *rows])
    write_json(folder / METRICS_FILE, metrics)
