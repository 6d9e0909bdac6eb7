"""UNLV's MATLAB layout (Parmar and Morris 2017), which its Dive and Vault datasets share.

`*overall_scores.mat` holds `overall_scores`, `*difficulty*.mat` holds `difficulty_level`, and
`training_idx.mat` and `testing_idx.mat` the published split, in numbers from 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aqa.annotations.datasets.base import (
    PUBLISHED,
    Imported,
    Request,
    Row,
    Videos,
    expect,
    expect_range,
)
from aqa.annotations.datasets.matlab import read_vector, whole_numbers
from aqa.errors import AqaError


@dataclass(frozen=True)
class Collection:
    """What one dataset in this layout must be.

    action: its label. n: samples. low, high: of the scores. split: sizes of the published train
    and test part; None where there is none. execution: of (score, difficulty).
    """

    action: str
    n: int
    low: float
    high: float
    split: tuple[int, int] | None
    execution: Callable[[float, float], float]


def read_collection(request: Request, collection: Collection) -> Imported:
    """Read scores, difficulties where they are given, and the split; videos are 001.avi, ..."""
    path = request.find("*overall_scores.mat")
    scores = read_vector(path, "overall_scores")
    expect(path, len(scores), collection.n, "scores")
    ids = [f"{number:03d}" for number in range(1, collection.n + 1)]
    expect_range(path, dict(zip(ids, scores, strict=True)), collection.low, collection.high)
    difficulties = _difficulties(request.find_optional("*difficulty*.mat"), collection.n)
    parts = _parts(request, collection)
    videos = Videos(request.videos)
    rows: list[Row] = []
    for number, (video_id, score) in enumerate(zip(ids, scores, strict=True), start=1):
        row: Row = {"video_id": video_id, "path": videos.find(video_id), "score": score}
        if difficulties:
            difficulty = difficulties[number - 1]
            row["difficulty"] = difficulty
            row["execution"] = round(collection.execution(score, difficulty), 6)
        row["action"] = collection.action
        if parts:
            row[PUBLISHED] = parts[number]
        rows.append(row)
    notes = () if difficulties else ("no *difficulty*.mat, so neither difficulty nor execution",)
    return Imported(rows, path, notes=notes)


def _difficulties(path: Path | None, n: int) -> list[float]:
    if path is None:
        return []
    difficulties = read_vector(path, "difficulty_level")
    expect(path, len(difficulties), n, "difficulties")
    if min(difficulties) <= 0:
        raise AqaError(f"{path}: a difficulty of {min(difficulties):g} is not above 0")
    return difficulties


def _parts(request: Request, collection: Collection) -> dict[int, str]:
    """Sample number -> part of the published split; empty where the dataset has none."""
    if collection.split is None:
        return {}
    parts: dict[int, str] = {}
    for part, name, size in zip(
        ("train", "test"), ("training", "testing"), collection.split, strict=True
    ):
        path = request.find(f"{name}_idx.mat", f"split_*/{name}_idx.mat")
        numbers = whole_numbers(path, read_vector(path, f"{name}_idx"), collection.n)
        expect(path, len(numbers), size, f"{name} samples")
        if both := sorted(parts.keys() & set(numbers)):
            raise AqaError(f"{path}: sample {both[0]} is in the training and in the test part")
        parts |= dict.fromkeys(numbers, part)
    return parts
