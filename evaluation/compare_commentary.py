"""Which of several heads writes nearer to what was said, from the predictions `aqa eval` keeps.

The mean over splits of each metric, and the differences between heads. Intervals are percentile
bootstraps over videos, the same resamples for all heads and splits, see `aqa.evaluation.compare`.
They are not adjusted for there being several metrics, so none of them says which head is better.
"""

from __future__ import annotations

import csv
import itertools
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aqa.annotations.commentary import words_of
from aqa.errors import AqaWarning, RunError
from aqa.evaluation.commentary_metrics import CommentarySums
from aqa.evaluation.comparison import Comparison
from aqa.evaluation.predictions import Predictions
from aqa.evaluation.resampling import RESAMPLES, Interval, interval, resampled, valued
from aqa.evaluation.result import flat
from aqa.metrics import Values
from aqa.models.runs import PREDICTIONS

TRUE, SAID = "commentary", "predicted_commentary"


@dataclass(frozen=True)
class Written:
    """What a head writes of the test videos of a split.

    folder: of the run. ids: sorted, of the videos whose commentary is known; true, said: (n,)
    texts of these.
    """

    folder: Path
    ids: tuple[str, ...]
    true: tuple[str, ...]
    said: tuple[str, ...]


@dataclass(frozen=True)
class CaptionValues:
    """Each metric's mean over splits (of a difference: a less b), and its interval."""

    values: Mapping[str, float | None]
    intervals: Mapping[str, Interval | None]

    @classmethod
    def of(cls, samples: Mapping[str, Values]) -> CaptionValues:
        """From each metric of all videos, which stands first, and of the resamples."""
        return cls(
            {
                name: float(each[0]) if np.isfinite(each[0]) else None
                for name, each in samples.items()
            },
            {name: interval(each[1:]) for name, each in samples.items()},
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: `name` and `name_interval`."""
        return valued(self.values, self.intervals, "interval")


@dataclass(frozen=True)
class CaptionComparison:
    """The heads that write commentary, and every two of them: (a, b) to a less b.

    videos: how many have a commentary, each counted once.
    """

    splits: Sequence[str]
    videos: int
    heads: Mapping[str, CaptionValues]
    pairs: Mapping[tuple[str, str], CaptionValues]

    def to_dict(self) -> dict[str, Any]:
        """The same as values that JSON takes."""
        return {
            "videos": self.videos,
            "heads": {name: head.to_dict() for name, head in self.heads.items()},
            "pairs": [{"a": a, "b": b, **pair.to_dict()} for (a, b), pair in self.pairs.items()],
        }

    def rows(self) -> list[dict[str, Any]]:
        """The differences, as CSV has them: an interval in two columns."""
        return [flat(pair) for pair in self.to_dict()["pairs"]]


def read_written(folder: Path) -> Written | None:
    """What a run writes of its test videos; None where it writes nothing, or no truth is known.

    `RunError` where its predictions are of a version that did not keep the truth beside them.
    """
    with (folder / PREDICTIONS).open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == "test"]
    if not rows or SAID not in rows[0]:
        return None
    if TRUE not in rows[0]:
        raise RunError(
            f"{folder}: evaluated by a version that did not keep the true commentary beside what "
            "is written; run `aqa eval` again"
        )
    known = sorted((row for row in rows if words_of(row[TRUE])), key=lambda row: row["video_id"])
    columns = (tuple(row[name] for row in known) for name in ("video_id", TRUE, SAID))
    return Written(folder, *columns) if known else None


def read_writers(
    folders: Mapping[str, Mapping[str, Path]], splits: Sequence[str]
) -> dict[str, dict[str, Written]]:
    """Head -> split -> what it writes, of the heads that write on all of these splits.

    folders: head -> split -> folder of its run. Warns of a head whose predictions must be made
    again.
    """
    writers: dict[str, dict[str, Written]] = {}
    for head, runs in folders.items():
        try:
            found = {split: read_written(runs[split]) for split in splits}
        except RunError as error:
            warnings.warn(f"commentary is not compared: {error}", AqaWarning, stacklevel=2)
            continue
        written = {split: one for split, one in found.items() if one is not None}
        if len(written) == len(splits):
            writers[head] = written
    return writers


def compared_captions(
    comparison: Comparison, heads: Mapping[str, Mapping[str, Predictions]]
) -> CaptionComparison | None:
    """What the heads of a comparison write, on its splits; heads: as they were read.

    Heads of several seeds are left out: their commentary has no mean.
    """
    folders = {
        name: {split: heads[name][split].folder for split in comparison.splits}
        for name in comparison.heads
        if name in heads
    }
    return compare_commentary(read_writers(folders, comparison.splits))


def compare_commentary(
    writers: Mapping[str, Mapping[str, Written]], *, resamples: int = RESAMPLES, seed: int = 0
) -> CaptionComparison | None:
    """Compare what heads write of the same videos; None where none writes.

    writers: head -> split -> texts, of the same splits. `RunError` where the videos or their true
    commentary differ.
    """
    if not writers:
        return None
    first, *others = writers.values()
    for other in others:
        for split, one in first.items():
            _check_same_truth(one, other[split])
    every = sorted({i for one in first.values() for i in one.ids})
    samples = {
        head: resampled(len(every), _mean_over(of_splits.values(), every), resamples, seed)
        for head, of_splits in writers.items()
    }
    differences = {
        (a, b): {name: samples[a][name] - samples[b][name] for name in samples[a]}
        for a, b in itertools.combinations(samples, 2)
    }
    return CaptionComparison(
        list(first),
        len(every),
        {head: CaptionValues.of(one) for head, one in samples.items()},
        {pair: CaptionValues.of(one) for pair, one in differences.items()},
    )


def _check_same_truth(one: Written, other: Written) -> None:
    if (one.ids, one.true) != (other.ids, other.true):
        known, elsewhere = (dict(zip(x.ids, x.true, strict=True)) for x in (one, other))
        odd = next(i for i in (*one.ids, *other.ids) if known.get(i) != elsewhere.get(i))
        raise RunError(
            f"{one.folder} and {other.folder} were evaluated by different commentary, such as "
            f"that of {odd}; run `aqa eval` again for both"
        )


def _mean_over(
    of_splits: Iterable[Written], every: Sequence[str]
) -> Callable[[Values], dict[str, Values]]:
    """What gives the mean over splits of each metric; see `resampled`."""
    place = {i: k for k, i in enumerate(every)}
    parts = []
    for one in of_splits:
        summed = CommentarySums.of(one.true, one.said)
        assert summed is not None  # the videos that it holds have a commentary
        parts.append((summed, [place[i] for i in one.ids]))

    def measure(drawn: Values) -> dict[str, Values]:
        with np.errstate(divide="ignore", invalid="ignore"):  # of a draw without any of them
            each = [summed.measure(drawn[:, columns]) for summed, columns in parts]
        return {name: np.mean([one[name] for one in each], axis=0) for name in each[0]}

    return measure
