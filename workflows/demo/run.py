"""`aqa demo`: the whole pipeline on drawn dives, from nothing to the score of a new video."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from aqa.annotations.chosen_splits import chosen_splits
from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError
from aqa.evaluation.evaluate_runs import evaluate_runs
from aqa.evaluation.result_files import write_results
from aqa.extract.backbones import load_backbone
from aqa.extract.progress import ExtractionBar
from aqa.extract.run import extract
from aqa.features.store import FeatureStore
from aqa.models.runs import load_run, write_json
from aqa.report.result_tables import results_table
from aqa.workflows.demo.dives import draw_dives, film, sample_dive
from aqa.workflows.fit import fit_splits
from aqa.workflows.score import score_videos
from aqa.workspace import Workspace, run_folders

BACKBONE = "tiny3d"
HEADS = ("svr", "lstm")
# The new video is of a seed that no dataset of this folder is drawn from.
NEW_SEED_OFFSET = 500_000

Echo = Callable[[str], None]


def run_demo(folder: Path, n_videos: int, seed: int, echo: Echo) -> None:
    """Draw, extract, fit, evaluate and score in `folder`, telling `echo` what happens.

    A folder with an interrupted demo of the same settings goes on; any other is an error.
    """
    workspace = Workspace(folder)
    started = time.perf_counter()
    _claim(folder, {"videos": n_videos, "seed": seed})
    if not workspace.manifest.exists():
        echo(f"drawing {n_videos} dives with known faults and scores into {folder} ...")
        draw_dives(folder, n_videos, seed)
    manifest = Manifest.read(workspace.manifest)

    echo(
        f"extracting clip features with {BACKBONE}: a small network of ours, trained on drawn "
        "dives of other seeds.\nIt knows nothing of real videos: for those, give pretrained "
        "weights, as in\n  aqa extract --backbone c3d --weights c3d.pickle"
    )
    store = workspace.store(BACKBONE)
    _extract(manifest, store)

    with FeatureStore.open(store) as features:
        for head in HEADS:
            echo(f"fitting {head} on the {len(manifest.split_names)} training sets ...")
            for _ in fit_splits(
                head, (), manifest, features, chosen_splits(manifest), workspace.runs, seed=seed
            ):
                pass
    found = evaluate_runs(run_folders(workspace.runs, HEADS), manifest, baselines=workspace.runs)
    write_results(workspace.runs, (), (), found)
    echo(results_table(found))

    _score_new(workspace, seed + NEW_SEED_OFFSET, echo)
    echo(
        f"\nall of it took {time.perf_counter() - started:.0f} s and lies in {folder}:\n"
        f"  {workspace.manifest}  the videos, with their faults and splits\n"
        f"  {store}  the features\n"
        f"  {workspace.runs}  fitted heads, predictions, metrics; eval.json and eval.csv\n"
        f"try: aqa -C {folder} eval --split 3"
    )


def _claim(folder: Path, settings: dict[str, int]) -> None:
    record = folder / "demo.json"
    if record.exists():
        try:
            found = json.loads(record.read_text(encoding="utf-8"))
        except ValueError:
            raise AqaError(f"{record}: not the record of a demo; name another folder") from None
        if found != settings:
            raise AqaError(
                f"{folder}: holds a demo of {found}, not {settings}; name another folder"
            )
    elif folder.exists() and any(folder.iterdir()):
        raise AqaError(f"{folder}: holds other files; name an empty or a new folder")
    else:
        write_json(record, settings)


def _extract(manifest: Manifest, store: Path) -> None:
    with ExtractionBar() as progress:
        summary = extract(manifest.videos, load_backbone(BACKBONE), store, progress=progress)
    if summary.failed:
        raise AqaError(f"{len(summary.failed)} of the drawn videos could not be read back")


def _score_new(workspace: Workspace, seed: int, echo: Echo) -> None:
    dive = sample_dive(seed, 0)
    path = workspace.root / "new_dive.mp4"
    film(dive, path)
    faults = ", ".join(fault.name.replace("_", " ") for fault in dive.faults) or "no fault"
    echo(f"\none new dive, {path}")
    echo(f"  a {dive.type.name} with {faults}; the judges gave it {dive.score:.1f}")
    for head in HEADS:
        runs = [load_run(folder) for folder in run_folders(workspace.runs, (head,))]
        scored = score_videos([path], runs).done[0]
        echo(f"  {head} says {scored.score:.1f}, the mean over {len(runs)} fitted splits")
