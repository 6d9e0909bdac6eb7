"""Drawn labels with the columns, splits and types that a table's recipes take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from aqa.annotations.columns import JUDGE_PREFIX
from aqa.annotations.datasets.jigsaws import ELEMENTS
from aqa.annotations.importing.thresholds import SIMILAR_WITHIN
from aqa.annotations.manifest import Manifest, write_manifest
from aqa.workflows.reproduce.declared import PublishedTable

# Importer -> the action of its videos, where the groups are not the actions.
_ACTIONS = {"unlv-vault": "gym_vault", "fis-v": "figure_skating"}
# Importers whose groups are the actions: of rhythmic gymnastics the split, of others the cases.
_BY_ACTION = ("aqa-7", "jigsaws", "rhythmic-gymnastics")
# Importer -> the number of videos that the dataset has.
SIZES = {
    **{"unlv-dive": 370, "unlv-dive-p3d": 370, "unlv-vault": 176},
    **{"mtl-aqa": 1412, "aqa-7": 1106, "finediving": 3000, "rhythmic-gymnastics": 1000},
    **{"fis-v": 500, "jigsaws": 103},
}
# Action -> its stages, in order.
_STAGES = {
    "diving": ("jump", "drop", "entry", "ending"),
    "gym_vault": ("pre_flight", "post_flight", "landing"),
}
# How many videos of a group (a type or an action) a split tests and trains on.
TESTED, TRAINED = 3, 8
# Groups of a table whose cells are actions need videos for fine-tuning besides.
OF_ACTION = 24


def draw_labels(table: PublishedTable, folder: Path, seed: int = 0) -> Manifest:
    """Write manifest.csv with the table's splits; every label of a video follows its skill.

    The first training dive lacks a stage, as two dives of unlv-dive-p3d do.
    """
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    groups = _groups(table)
    for group in groups:
        action = group if table.importer in _BY_ACTION else _ACTIONS.get(table.importer, "diving")
        for number in range(OF_ACTION if table.importer == "aqa-7" else TESTED + TRAINED):
            rows.append(_row(len(rows) + 1, group, action, number, table, rng))
    if table.importer == "unlv-dive-p3d":
        first = next(row for row in rows if row[f"split_{table.splits[0]}"] == "train")
        first["stage_drop"] = None
    path = folder / "manifest.csv"
    write_manifest(path, rows)
    return Manifest.read(path)


def has_labels(table: PublishedTable, manifest: Manifest) -> bool:
    """Whether a manifest is of the table's dataset, by its size and its splits."""
    complete = len(manifest) == SIZES[table.importer]
    return complete and set(table.splits) <= set(manifest.split_names)


def _groups(table: PublishedTable) -> tuple[str, ...]:
    """The actions of AQA-7, the tasks of JIGSAWS, jain2020's types of dives, or one group twice."""
    if table.importer in ("aqa-7", "jigsaws"):
        return tuple(table.cases)
    if table.importer == "fis-v":
        return ("program", "program")
    if table.importer == "unlv-vault":
        return ("tuck", "tuck")
    if table.importer == "rhythmic-gymnastics":
        return (table.splits[0], table.splits[0])
    return ("407C", "207B", "307C", "109C", "626", "5255B")


def _row(
    number: int,
    group: str,
    action: str,
    of_group: int,
    table: PublishedTable,
    rng: np.random.Generator,
) -> dict[str, Any]:
    skill = float(np.clip(rng.normal(), -2, 2))
    difficulty = float(rng.choice([2.7, 3.0, 3.2, 3.3]))
    marks = np.clip(np.round(2 * (7 + skill + rng.normal(scale=0.5, size=7))) / 2, 0, 10)
    dive = action == "diving"
    execution = float(np.sort(marks)[2:5].sum()) if dive else 8.5 + skill / 2
    score = difficulty * execution if dive else difficulty + execution
    row: dict[str, Any] = {
        **{"video_id": f"{number:03d}", "path": "", "score": round(score, 2)},
        **{"difficulty": difficulty, "execution": round(execution, 6)},
        **{"action": action, "similar_within": SIMILAR_WITHIN.get(action)},
    }
    if table.importer != "aqa-7":
        row["type"] = group
    stages = _STAGES.get(action, ()) if table.importer != "aqa-7" else ()
    starts = np.sort(rng.integers(5, 90, len(stages))).tolist()
    row |= {f"stage_{name}": first for name, first in zip(stages, starts, strict=True)}
    if dive:
        row |= {f"{JUDGE_PREFIX}{k}": mark for k, mark in enumerate(marks.tolist(), start=1)}
        row |= {"position": "pike" if group.endswith("B") else "tuck", "armstand": group[0] == "6"}
        row["faulty_clips"] = ";".join(map(str, range(1, 4))) if skill < 0 else ""
    if table.importer == "fis-v":
        row |= {"score_tes": round(score - execution, 2), "score_pcs": round(execution, 2)}
    if table.importer == "jigsaws":
        elements = np.clip(np.round(3 + skill + rng.normal(scale=0.5, size=6)), 1, 5).astype(int)
        row |= {f"score_{name}": int(n) for name, n in zip(ELEMENTS, elements, strict=True)}
        row["score"] = int(elements.sum())
    return row | _parts(group, of_group, table)


def _parts(group: str, of_group: int, table: PublishedTable) -> dict[str, str]:
    """The video's part in each split; none in those of another task of JIGSAWS."""
    size = OF_ACTION if table.importer == "aqa-7" else TESTED + TRAINED
    parts = {}
    for k, split in enumerate(table.splits):
        tested = (of_group + k * TESTED) % size < TESTED
        own = table.importer != "jigsaws" or split.startswith(group)
        parts[f"split_{split}"] = ("test" if tested else "train") if own else ""
    return parts
