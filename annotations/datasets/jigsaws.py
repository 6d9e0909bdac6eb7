"""JIGSAWS: 103 trials of eight surgeons in three tasks with a da Vinci robot.

The score is the global rating (GRS), the sum of six rated elements from 1 to 5, in columns such as
score_time_and_motion. Each task has splits of its own: four folds, as MUSDL publishes them, where
splits.pkl is given (suturing-fold-1, ...), and one surgeon left out (suturing-louo-B, ...). One
super-trial left out is drawn by `aqa split leave-one-out --by trial`, of a task that is imported by
itself. Suturing_H002 has kinematics and video, but no rating. The kinematics, 76 numbers per frame,
come in with `aqa store import Suturing/kinematics/AllGestures --window 30 --fps 30`. skill is the
surgeon's experience: novice below 10 hours with the robot, expert above 100. Without the authors'
tables, MUSDL's label.pkl is read in their place.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aqa.annotations.columns import SPLIT_PREFIX
from aqa.annotations.csv_table import read_text
from aqa.annotations.importing import (
    Imported,
    Importer,
    Request,
    Row,
    SourceFile,
    VideoFolder,
    expect_count,
)
from aqa.annotations.importing.cells import Cells
from aqa.annotations.importing.checks import check_size
from aqa.annotations.importing.pickles import read_dictionary
from aqa.errors import AqaError, listed

# Task -> trials with a rating.
TASKS = {"Suturing": 39, "Knot_Tying": 36, "Needle_Passing": 28}
ELEMENTS = (
    "respect_for_tissue",
    "suture_needle_handling",
    "time_and_motion",
    "flow_of_operation",
    "overall_performance",
    "quality_of_final_product",
)
SKILLS = {"N": "novice", "I": "intermediate", "E": "expert"}
N_FOLDS = 4
_COLUMNS = ("trial", "skill", "total", *ELEMENTS)
_TRIAL = re.compile(r"(Suturing|Knot_Tying|Needle_Passing)_([B-I])(\d{3})")
_MUSDL = ("info", "data/info", "JIGSAWS/data/info")
_SHOWN = 3

META = {
    task: SourceFile(
        f"meta_file_{task}.txt",
        f"skill and ratings of {n} trials",
        optional=True,
        folders=(task, f"{task}/{task}"),
    )
    for task, n in TASKS.items()
}
LABELS = SourceFile("label.pkl", "MUSDL's ratings of all tasks", True, _MUSDL)
FOLDS = SourceFile("splits.pkl", "MUSDL's four folds of each task", True, _MUSDL)


@dataclass(frozen=True)
class Trial:
    """One trial: its six rated elements; what only the authors' tables tell is None elsewhere."""

    task: str
    surgeon: str
    number: int
    elements: tuple[int, ...]
    skill: str | None = None
    total: int | None = None


def read(request: Request) -> Imported:
    """Read the tables of the tasks that are there, or MUSDL's labels, and MUSDL's folds."""
    tables = [path for file in META.values() if (path := request.find_optional(*file.places))]
    labels = request.find_optional(*LABELS.places)
    if tables:
        path, trials = tables[0], {k: t for table in tables for k, t in _table(table).items()}
    elif labels:
        path, trials = labels, _labels(labels)
    else:
        where = ", ".join(map(str, request.sources))
        raise AqaError(
            f"{where}: no meta_file_Suturing.txt, nor that of another task, nor label.pkl; `aqa "
            "import jigsaws` lists the files it needs"
        )
    counts = {task: sum(trial.task == task for trial in trials.values()) for task in TASKS}
    for task, n in counts.items():
        if n:
            expect_count(path, n, TASKS[task], f"trials of {task}")
    notes = _notes(trials, _labels(labels) if labels else {})
    folds = request.find_optional(*FOLDS.places)
    splits = _folds(folds, trials) if folds else {}
    if not folds:
        notes.append("no splits.pkl, so MUSDL's four folds are left out")
    splits |= _left_out(trials)
    videos = VideoFolder(request.videos)
    rows = [_row(i, trial, videos, splits) for i, trial in sorted(trials.items())]
    return Imported(rows, path, notes=notes, counts={"videos": sum(counts.values())})


# Ratings ----------------------------------------------------------------------------------------


def _table(path: Path) -> dict[str, Trial]:
    """The trials of one task: name, skill, GRS and six elements, with one or two tabs between."""
    check_size(path)
    trials: dict[str, Trial] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        values = line.split()
        if not values:
            continue
        if len(values) != len(_COLUMNS):
            raise AqaError(
                f"{path}: row {number}: {len(values)} values, not {len(_COLUMNS)} "
                f"({', '.join(_COLUMNS)})"
            )
        cells = Cells(path, number, dict(zip(_COLUMNS, values, strict=True)))
        name, skill = cells.texts["trial"], cells.texts["skill"]
        match = _match(path, name)
        if match[1] != path.stem.removeprefix("meta_file_"):
            raise AqaError(f"{path}: row {number}: {name} is of another task")
        if name in trials:
            raise AqaError(f"{path}: row {number}: {name} is there twice")
        if skill not in SKILLS:
            raise cells.problem("skill", f"one of {listed(SKILLS)}")
        elements = tuple(cells.whole(element) for element in ELEMENTS)
        _check_elements(path, name, elements)
        trials[name] = Trial(
            match[1], match[2], int(match[3]), elements, SKILLS[skill], cells.whole("total")
        )
    return trials


def _labels(path: Path) -> dict[str, Trial]:
    """The trials of MUSDL's labels: {name: six elements}."""
    trials = {}
    for name, values in read_dictionary(path, "trials").items():
        match = _match(path, name)
        if not isinstance(values, list | tuple):
            raise AqaError(
                f"{path}: {name}: {reprlib.repr(values)[:80]} is no list of six elements"
            )
        _check_elements(path, name, values)
        elements = tuple(map(int, values))
        trials[name] = Trial(match[1], match[2], int(match[3]), elements)
    return trials


def _match(path: Path, name: object) -> re.Match[str]:
    match = _TRIAL.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        raise AqaError(f"{path}: {reprlib.repr(name)} is not the name of a trial, as Suturing_B001")
    return match


def _check_elements(path: Path, name: str, values: Sequence[Any]) -> None:
    if len(values) != len(ELEMENTS) or any(value not in range(1, 6) for value in values):
        raise AqaError(
            f"{path}: {name}: its elements are {reprlib.repr(list(values))[:80]}, not six whole "
            "numbers from 1 to 5"
        )


def _notes(trials: dict[str, Trial], labels: dict[str, Trial]) -> list[str]:
    sums = {
        name: f"{name} ({trial.total}, not {sum(trial.elements)})"
        for name, trial in trials.items()
        if trial.total not in (None, sum(trial.elements))
    }
    others = [
        name
        for name, trial in trials.items()
        if name in labels and labels[name].elements != trial.elements
    ]
    notes = ["score is the GRS, the sum of the six elements"]
    if sums:
        notes.append(f"{len(sums)} stated totals are not that sum: {listed(sums.values(), _SHOWN)}")
    if others:
        notes.append(
            f"{len(others)} trials have other elements in MUSDL's labels, which are not used: "
            f"{listed(others, _SHOWN)}"
        )
    return notes


# Splits -----------------------------------------------------------------------------------------


def _folds(path: Path, trials: dict[str, Trial]) -> dict[str, dict[str, str]]:
    """MUSDL's folds, {task: four lists of trials}: manifest column -> trial -> part."""
    content = read_dictionary(path, "tasks")
    splits = {}
    for task in TASKS:
        known = {name for name, trial in trials.items() if trial.task == task}
        if not known:
            continue
        folds = content.get(task)
        if (
            not isinstance(folds, list | tuple)
            or len(folds) != N_FOLDS
            or not all(isinstance(fold, list | tuple) and fold for fold in folds)
        ):
            raise AqaError(f"{path}: {task} has not {N_FOLDS} lists of trials")
        names = [name for fold in folds for name in fold]
        unknown = [name for name in names if not (isinstance(name, str) and name in known)]
        if unknown:
            raise AqaError(f"{path}: {task}: no rating of {reprlib.repr(unknown[0])[:80]}")
        if len(set(names)) < len(names):
            raise AqaError(f"{path}: {task}: a trial is in two folds")
        for number, fold in enumerate(folds, start=1):
            splits[f"{SPLIT_PREFIX}{task.lower()}-fold-{number}"] = dict.fromkeys(
                names, "train"
            ) | dict.fromkeys(fold, "test")
    return splits


def _left_out(trials: dict[str, Trial]) -> dict[str, dict[str, str]]:
    """One surgeon of a task left out: manifest column -> trial -> part."""
    splits: dict[str, dict[str, str]] = {}
    for task, surgeon in sorted({(trial.task, trial.surgeon) for trial in trials.values()}):
        splits[f"{SPLIT_PREFIX}{task.lower()}-louo-{surgeon}"] = {
            name: "test" if trial.surgeon == surgeon else "train"
            for name, trial in trials.items()
            if trial.task == task
        }
    return splits


def _row(
    trial_id: str, trial: Trial, videos: VideoFolder, splits: dict[str, dict[str, str]]
) -> Row:
    film = f"{trial_id}_capture1"
    return {
        "video_id": trial_id,
        "path": videos.find(trial_id, f"{trial.task}/video/{film}", f"video/{film}", film),
        "score": sum(trial.elements),
        **{f"score_{n}": v for n, v in zip(ELEMENTS, trial.elements, strict=True)},
        "stated_total": trial.total,
        "action": trial.task.lower(),
        "athlete": trial.surgeon,
        "skill": trial.skill,
        "trial": trial.number,
        **{column: parts.get(trial_id) for column, parts in splits.items()},
    }


IMPORTER = Importer(
    read,
    citation="gao2014",
    origin="https://cirl.lcsr.jhu.edu/research/hmm/datasets/jigsaws_release/, after registering; "
    "splits.pkl and label.pkl: https://github.com/nzl-thu/MUSDL, folder JIGSAWS/data/info",
    files=(*META.values(), FOLDS, LABELS),
    options={
        "videos": "folder of Suturing/video/Suturing_B001_capture1.avi, ..., or of MUSDL's frames, "
        "Suturing_B001_capture1/ (the left camera)"
    },
    counts={"videos": sum(TASKS.values()), "surgeons": 8},
    videos="stereo, 640 x 480, 30 frames per second, at the same address; sizes not stated",
    tried="the text of meta_file_Suturing.txt alone; the other tables and MUSDL's two files were "
    "never at hand, and it was written from others' loaders",
)
