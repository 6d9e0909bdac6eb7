"""UNLV's MATLAB layout (parmar2017), which its Dive and Vault datasets share.

`*overall_scores.mat` holds `overall_scores`, `*difficulty*.mat` holds `difficulty_level`, and
`training_idx.mat` and `testing_idx.mat` the published split, in numbers from 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aqa.annotations.columns import PERFORMANCE
from aqa.annotations.importing.checks import expect_count, expect_range
from aqa.annotations.importing.importer import PUBLISHED, Imported, Request, Row, SourceFile
from aqa.annotations.importing.matlab import read_vector, whole_numbers
from aqa.annotations.importing.thresholds import SIMILAR_WITHIN
from aqa.annotations.importing.video_folder import VideoFolder
from aqa.errors import AqaError

SCORES = SourceFile("*overall_scores.mat", "overall_scores, of every sample")
DIFFICULTIES = SourceFile("*difficulty*.mat", "difficulty_level, of every sample", optional=True)
PUBLISHED_SPLIT = (
    SourceFile(
        "training_idx.mat",
        "numbers of the training samples; or in a folder split_*",
        folders=("split_*",),
    ),
    SourceFile(
        "testing_idx.mat",
        "numbers of the test samples; or in a folder split_*",
        folders=("split_*",),
    ),
)
ADDRESS = "http://rtis.oit.unlv.edu/datasets.html"
VIDEOS = "folder of 001.avi, 002.avi, ..."


@dataclass(frozen=True)
class Collection:
    """What one dataset in this layout holds, to check it.

    action: the label of its videos. n: how many there are. low, high: the range of their scores.
    split: the sizes of the published training and test part; None where no split was published.
    execution: makes the execution score from (score, difficulty). key: what the keys of its
    performances begin with; empty where no other dataset has them.
    """

    action: str
    n: int
    low: float
    high: float
    split: tuple[int, int] | None
    execution: Callable[[float, float], float]
    key: str = ""


def read_collection(request: Request, collection: Collection) -> Imported:
    """Read scores, difficulties if there are any, and the split, if one was published."""
    path = request.find("*overall_scores.mat")
    scores = read_vector(path, "overall_scores")
    expect_count(path, len(scores), collection.n, "scores")
    ids = [f"{number:03d}" for number in range(1, collection.n + 1)]
    expect_range(path, dict(zip(ids, scores, strict=True)), collection.low, collection.high)
    difficulties = _difficulties(request.find_optional("*difficulty*.mat"), collection.n)
    parts = _parts(request, collection)
    videos = VideoFolder(request.videos)
    rows: list[Row] = []
    for number, (video_id, score) in enumerate(zip(ids, scores, strict=True), start=1):
        row: Row = {"video_id": video_id, "path": videos.find(video_id), "score": score}
        if difficulties:
            difficulty = difficulties[number - 1]
            row["difficulty"] = difficulty
            row["execution"] = round(collection.execution(score, difficulty), 6)
        row["action"] = collection.action
        if collection.action in SIMILAR_WITHIN:
            row["similar_within"] = SIMILAR_WITHIN[collection.action]
        if collection.key:
            row[PERFORMANCE] = f"{collection.key}:{video_id}"
        if parts:
            row[PUBLISHED] = parts[number]
        rows.append(row)
    notes = (
        ()
        if difficulties
        else ("no file *difficulty*.mat, so the manifest has neither difficulty nor execution",)
    )
    return Imported(rows, path, notes=notes)


def _difficulties(path: Path | None, n: int) -> list[float]:
    if path is None:
        return []
    difficulties = read_vector(path, "difficulty_level")
    expect_count(path, len(difficulties), n, "difficulties")
    if min(difficulties) <= 0:
        raise AqaError(f"{path}: a difficulty of {min(difficulties):g} is not above 0")
    return difficulties


def _parts(request: Request, collection: Collection) -> dict[int, str]:
    """Sample number -> part of the published split; empty where no split was published."""
    if collection.split is None:
        return {}
    parts: dict[int, str] = {}
    for part, name, size in zip(
        ("train", "test"), ("training", "testing"), collection.split, strict=True
    ):
        path = request.find(f"{name}_idx.mat", f"split_*/{name}_idx.mat")
        numbers = whole_numbers(path, read_vector(path, f"{name}_idx"), collection.n)
        expect_count(path, len(numbers), size, f"{name} samples")
        if both := sorted(parts.keys() & set(numbers)):
            raise AqaError(f"{path}: sample {both[0]} is in the training and in the test part")
        parts |= dict.fromkeys(numbers, part)
    return parts
