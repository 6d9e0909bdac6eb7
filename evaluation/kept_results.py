"""Reads what `aqa fit` and `aqa eval` keep in the folders of runs, and finds these folders."""

from __future__ import annotations

import csv
import glob
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError, RunError, UnknownNameError
from aqa.evaluation.head_results import HeadResults, HistoryRow
from aqa.evaluation.predictions import check_fitted, read_predictions
from aqa.models.run_source import means
from aqa.models.runs import HISTORY, METRICS_FILE, PREDICTIONS
from aqa.models.saved.record import RECORD, read_record
from aqa.target_names import label_and_target
from aqa.workspace import BASELINE


def read_results(folders: Iterable[Path], manifest: Manifest | None = None) -> list[HeadResults]:
    """Read what is kept in folders of runs and of kept baselines, head by head as they come.

    manifest: tells the types of videos; None: the one that the runs were fitted with, where it is
    still there. `RunError` where a folder holds no run, and `ChangedError` where a model file has
    changed since it was evaluated.
    """
    groups: dict[Path, dict[str, Path]] = {}
    for folder in folders:
        _check_is_run(folder)
        groups.setdefault(folder.absolute().parent, {})[folder.name.removeprefix("split-")] = folder
    check_fitted([f for each in groups.values() for f in each.values() if (f / RECORD).exists()])
    names = [place.name for place in groups]
    heads = [
        _read_head(place.name if names.count(place.name) == 1 else str(place), splits, manifest)
        for place, splits in groups.items()
    ]
    known = {i: label for head in heads for i, label in head.types.items()}
    return [head if head.types else replace(head, types=known) for head in heads]


def found_runs(place: Path) -> list[Path]:
    """The runs and kept baselines that a folder is, or holds; none where it is of another kind.

    It may be one run, such as runs/svr/split-1, those of a head, or the folder of all. A head that
    has runs of several seeds only, such as runs/lstm~seed0, is called runs/lstm.
    """
    if not place.exists() and place.parent.is_dir():
        seeds = sorted(one for one in place.parent.iterdir() if means(place.name, one.name))
        return [run for one in seeds for run in found_runs(one)]
    if _is_run(place):
        return [place]
    below = [*place.glob("split-*"), *place.glob("*/split-*")]
    return sorted(filter(_is_run, below), key=lambda path: (path.parent, len(path.name), path.name))


def runs_in(places: Iterable[Path]) -> list[Path]:
    """The runs of all these folders, each once; `RunError` for one that holds none."""
    found: list[Path] = []
    for place in places:
        runs = found_runs(place)
        if not runs and not place.exists():
            beside = [run.parent for run in found_runs(place.parent)]
            raise UnknownNameError("folder of runs", str(place), sorted({*map(str, beside)}))
        if not runs:
            raise RunError(
                f"{place}: holds no run; name a folder with {RECORD}, such as runs/svr/split-1, or "
                "one that holds such folders"
            )
        found += runs
    return list(dict.fromkeys(found))


def manifest_of(heads: Sequence[HeadResults]) -> Manifest:
    """The manifest that the first of these runs was fitted with."""
    for head in heads:
        for split, record in head.records.items():
            if not record.get("manifest"):
                raise RunError(
                    f"{head.folders[split] / RECORD}: does not name its manifest; name it with "
                    "--manifest"
                )
            return Manifest.read(_manifest_path(head.folders[split], record))
    names = ", ".join(head.name for head in heads)
    raise RunError(f"no run among {names}; name at least one folder that holds {RECORD}")


def _manifest_path(folder: Path, record: Mapping[str, Any]) -> Path:
    return Path(os.path.normpath(folder / str(record["manifest"])))


def with_baselines(folders: Sequence[Path]) -> list[Path]:
    """Folders of runs and, behind them, of the baselines kept beside them for the same splits."""
    found = list(folders)
    for folder in folders:
        runs = folder.absolute().parent.parent
        target = label_and_target(folder.absolute().parent.name)[1]
        for place in sorted(runs.glob(f"{BASELINE}*/{glob.escape(folder.name)}")):
            if label_and_target(place.parent.name)[1] == target and _is_kept(place):
                found.append(place)
    return list(dict.fromkeys(found))


def _is_kept(folder: Path) -> bool:
    return (folder / PREDICTIONS).exists() and not (folder / RECORD).exists()


def _is_run(folder: Path) -> bool:
    return (folder / RECORD).is_file() or (folder / PREDICTIONS).is_file()


def _check_is_run(folder: Path) -> None:
    if not _is_run(folder):
        raise RunError(
            f"{folder}: no run: it holds no {RECORD}, and no {PREDICTIONS} of a baseline"
        )


def _read_head(name: str, folders: Mapping[str, Path], manifest: Manifest | None) -> HeadResults:
    predictions, measured = {}, {}
    for split, folder in folders.items():
        metrics = _measured(folder)
        if not metrics:
            continue
        measured[split] = metrics
        found = read_predictions(folder)
        if found is not None:
            predictions[split] = found
    records = {s: read_record(f) for s, f in folders.items() if (f / RECORD).exists()}
    tables = [manifest] if manifest else _manifests(folders, records)
    types = {video.id: video.type for table in tables for video in table if video.type}
    histories = {split: _history(folders[split] / HISTORY) for split in records}
    return HeadResults(name, folders, predictions, measured, records, histories, types)


def _measured(folder: Path) -> Mapping[str, Any]:
    """What was measured on test videos (or pairs); empty where nothing was yet."""
    try:
        metrics = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8"))
        tested = metrics.get("test") if isinstance(metrics, dict) else None
        return tested if isinstance(tested, dict) else {}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(
            f"{folder / METRICS_FILE}: cannot be read ({error}); run `aqa eval` again"
        ) from None


def _manifests(
    folders: Mapping[str, Path], records: Mapping[str, Mapping[str, Any]]
) -> list[Manifest]:
    """The manifests that runs were fitted with, each once; those that can still be read."""
    paths = {
        _manifest_path(folders[split], record)
        for split, record in records.items()
        if record.get("manifest")
    }
    found = []
    for path in sorted(paths):
        try:
            found.append(Manifest.read(path))
        except (AqaError, OSError):  # types are left out then, and the page says so
            continue
    return found


def _history(path: Path) -> list[HistoryRow]:
    """The rows of history.csv, without empty cells; numbers as such."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, csv.Error) as error:
        raise RunError(f"{path}: cannot be read ({error}); fit the head again") from None
    return [{k: _cell(v) for k, v in row.items() if k and isinstance(v, str) and v} for row in rows]


def _cell(text: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text
