"""AQA-7: 1106 videos of six actions, with the authors' split 4.

The seventh action, trampoline, is not in the authors' lists of split 4.
"""

from __future__ import annotations

from aqa.annotations.columns import PERFORMANCE
from aqa.annotations.importing import (
    PUBLISHED,
    Imported,
    Importer,
    Request,
    Row,
    SourceFile,
    Version,
    VideoFolder,
    expect_count,
    expect_range,
)
from aqa.annotations.importing.matlab import read_matrix
from aqa.annotations.importing.thresholds import SIMILAR_WITHIN
from aqa.errors import AqaError

# parmar2019action Table 1, in the order of the lists' class numbers: action -> samples, lowest,
# highest score.
ACTIONS = {
    "diving": (370, 21.6, 102.6),
    "gym_vault": (176, 12.3, 16.87),
    "ski_big_air": (175, 8.0, 50.0),
    "snowboard_big_air": (206, 8.0, 50.0),
    "sync_diving_3m": (88, 46.2, 104.88),
    "sync_diving_10m": (91, 49.8, 99.36),
}
PARTS = {"train": 803, "test": 303}
# Size and checksum of the lists of split 4.
_VERSIONS = {
    "train": Version(3225, "8ce46439f389e1a6492f6cc95446e6df968ff7ac6c4c48066c4ca1bacdbc18ee"),
    "test": Version(1371, "0be5b0f786a5e11dc7bd36f54cc08d945feab86fcf0a1a6128e34c32877cbcfd"),
}


FILES = {
    part: SourceFile(
        f"*{part}_list.mat",
        f"action, number and score of {n} {part} videos",
        folders=("Split_4", "AQA-7/Split_4", "info"),
        versions=(_VERSIONS[part],),
    )
    for part, n in PARTS.items()
}


def read(request: Request) -> Imported:
    """Read both lists: rows of (class from 1, sample from 1, 100 x score)."""
    videos = VideoFolder(request.videos)
    rows: dict[str, Row] = {}
    for part, size in PARTS.items():
        path = request.find(*FILES[part].places)
        listed = read_matrix(path, f"consolidated_{part}_list", 3)
        expect_count(path, len(listed), size, f"{part} samples")
        for action_number, sample, score in listed.tolist():
            if action_number not in range(1, len(ACTIONS) + 1):
                raise AqaError(
                    f"{path}: {action_number:g} is no action class; they are 1 to {len(ACTIONS)}"
                )
            action = list(ACTIONS)[int(action_number) - 1]
            n, low, high = ACTIONS[action]
            if sample not in range(1, n + 1):
                raise AqaError(f"{path}: {action} has no sample {sample:g}; they are 1 to {n}")
            number = f"{int(sample):03d}"
            video_id = f"{action}-{number}"
            if video_id in rows:
                raise AqaError(f"{path}: {video_id} is listed twice")
            expect_range(path, {video_id: score / 100}, low, high)
            rows[video_id] = {
                "video_id": video_id,
                "path": videos.find(f"{action}/{number}", f"{action}-out/{number}"),
                "score": score / 100,
                "action": action,
                # The same dives, in the same order: all 370 scores are equal.
                PERFORMANCE: f"unlv-dive:{number}" if action == "diving" else None,
                "similar_within": SIMILAR_WITHIN.get(action),
                PUBLISHED: part,
            }
    return Imported([rows[video_id] for video_id in sorted(rows)], path)


IMPORTER = Importer(
    read,
    citation="parmar2019action",
    origin="http://rtis.oit.unlv.edu/datasets.html",
    files=tuple(FILES.values()),
    options={"videos": "folder of diving-out/001, gym_vault-out/001, ... (folders of frames)"},
    counts={"videos": sum(PARTS.values()), **PARTS},
    videos="in the archive AQA-7.zip of the same page; size not known",
    tried="the authors' lists of split 4",
)
