"""The whole way on drawn dives: from nothing to the score of a new video, and what cost points."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from aqa.annotations.chosen_splits import chosen_splits
from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import EVERYTHING
from aqa.errors import AqaError
from aqa.evaluation.evaluate_runs import evaluate_runs
from aqa.evaluation.result import Evaluation
from aqa.evaluation.result_files import write_results
from aqa.extract.backbones import load_backbone
from aqa.extract.progress import ExtractionBar
from aqa.extract.run import extract
from aqa.features.store import FeatureStore
from aqa.files import write_json
from aqa.models.feedback import ClipFeedback, Feedback
from aqa.models.runs import Run, load_run
from aqa.temporaries import clean
from aqa.workflows.demo.dataset import draw_dives
from aqa.workflows.demo.dive import Dive
from aqa.workflows.demo.drawing import processors
from aqa.workflows.demo.filming import film
from aqa.workflows.demo.sampling import sample_dive
from aqa.workflows.feedback import explain
from aqa.workflows.fit import fit_splits
from aqa.workflows.pack import pack_runs
from aqa.workflows.score import score_videos
from aqa.workflows.true_faults import faults_of
from aqa.workflows.video_reports import VideosReport, report_videos
from aqa.workspace import Workspace, run_folders

BACKBONE = "tiny3d"
# The last one also says what each clip adds to the score.
HEADS = ("svr", "wd")
# The head that says in words what it sees, fitted once, on every dive. It lies in a folder of its
# own, so that it is not compared with heads that were fitted on each split. By its defaults it
# would take eight times as long and learn a little more.
WRITER = "mtl"
WRITER_RUNS = "in-words"
WRITER_PARAMS = (
    "lr=0.005",
    "epochs=12",
    "caption_hidden=128",
    "caption_dropout=0.2",
    "validation=0",
)
# The new video is of a seed that no dataset of this folder is drawn from.
NEW_SEED_OFFSET = 500_000

# The file that holds the head which explains.
PACK = "diving.aqa"

Tell = Callable[[str], None]


@dataclass(frozen=True)
class NewDive:
    """A dive that no head was fitted on, and what is said of it.

    path: its video. dive: the truth about it. predicted: head -> score in points. typical_errors:
    head -> mean distance in points between prediction and score, over test videos; None where
    there are none. feedback: what each clip adds to the score, by `explained_by`. written: what
    `WRITER` says of it; None where the dives have no commentary, as earlier versions drew them.
    """

    path: Path
    dive: Dive
    predicted: dict[str, float]
    typical_errors: dict[str, float | None]
    feedback: Feedback
    explained_by: str
    written: str | None = None

    @property
    def costliest(self) -> ClipFeedback | None:
        """The clip that takes most points off; None where none takes any."""
        worst = min(self.feedback.clips, key=lambda clip: clip.value)
        return worst if worst.value < 0 else None


@dataclass(frozen=True)
class DemoOutcome:
    """What the demo made: where it lies, how good the heads are, and a new dive.

    report: all that a page on the new dive shows. pack: the head that explains, as one file.
    """

    workspace: Workspace
    evaluation: Evaluation
    new: NewDive
    report: VideosReport
    pack: Path
    seconds: float


def run_demo(folder: Path, n_videos: int, seed: int, tell: Tell) -> DemoOutcome:
    """Draw, extract, fit, evaluate and score in `folder`, telling `tell` what is going on.

    A folder with an interrupted demo of the same settings goes on; any other is an error.
    """
    started = time.perf_counter()
    workspace = Workspace(folder)
    _claim(folder, {"videos": n_videos, "seed": seed})
    if not workspace.manifest.exists():
        tell(f"1. Draws {n_videos} dives with known faults and scores into {folder}.")
        draw_dives(folder, n_videos, seed, processes=processors())
    manifest = Manifest.read(workspace.manifest)
    tell(
        f"2. Extracts features of clips with {BACKBONE}, a small network that has only seen "
        "drawn dives. Real videos need the weights of a larger one (`aqa weights list`)."
    )
    _extract(manifest, workspace.store(BACKBONE))
    evaluation = _fit(workspace, manifest, seed, tell)
    writer = fit_writer(workspace, manifest, seed, tell)
    new = _new_dive(workspace, manifest, evaluation, seed + NEW_SEED_OFFSET, writer)
    report = _report(workspace, manifest, new)
    pack = _pack(workspace)
    return DemoOutcome(workspace, evaluation, new, report, pack, time.perf_counter() - started)


def _claim(folder: Path, settings: dict[str, int]) -> None:
    record = folder / "demo.json"
    clean(record)
    if record.exists():
        try:
            held = json.loads(record.read_text(encoding="utf-8"))
        except (ValueError, RecursionError):
            raise AqaError(f"{record}: not the record of a demo; name another folder") from None
        if held != settings:
            raise AqaError(f"{folder}: holds a demo of {held}, not {settings}; name another folder")
    elif folder.exists() and any(folder.iterdir()):
        raise AqaError(f"{folder}: holds other files; name an empty or a new folder")
    else:
        write_json(record, settings)


def _extract(manifest: Manifest, store: Path) -> None:
    with ExtractionBar() as progress:
        summary = extract(manifest.videos, load_backbone(BACKBONE), store, progress=progress)
    if summary.failed:
        raise AqaError(f"{len(summary.failed)} of the drawn videos could not be read back")


def _fit(workspace: Workspace, manifest: Manifest, seed: int, tell: Tell) -> Evaluation:
    splits = chosen_splits(manifest)
    tell(
        f"3. Fits the heads {' and '.join(HEADS)} on {len(splits)} splits of the videos, and "
        "evaluates them on the videos that each split keeps for that."
    )
    with FeatureStore.open(workspace.store(BACKBONE)) as features:
        for head in HEADS:
            fitting = fit_splits(head, (), manifest, features, splits, workspace.runs, seed=seed)
            for _ in fitting:
                pass
    folders = run_folders(workspace.runs, HEADS)
    evaluation = evaluate_runs(folders, manifest, baselines=workspace.runs)
    write_results(workspace.runs, (), (), evaluation)
    return evaluation


def fit_writer(workspace: Workspace, manifest: Manifest, seed: int, tell: Tell) -> Run | None:
    """The head that writes, fitted on all dives; None where they have no commentary."""
    if not any(video.commentary for video in manifest):
        return None
    tell(
        f"4. Fits {WRITER}, briefly, on what a commentator says of the dives, so that it says in "
        "words what it sees."
    )
    every, runs = chosen_splits(manifest, (EVERYTHING,)), workspace.root / WRITER_RUNS
    with FeatureStore.open(workspace.store(BACKBONE)) as features:
        (run,) = fit_splits(  # its words are shown, and not how far its score is off
            *(WRITER, WRITER_PARAMS, manifest, features, every, runs), seed=seed, ranges=False
        )
    return run


def _new_dive(
    workspace: Workspace,
    manifest: Manifest,
    evaluation: Evaluation,
    seed: int,
    writer: Run | None,
) -> NewDive:
    dive, path = sample_dive(seed, 0), workspace.root / "new_dive.mp4"
    film(dive, path)
    folders = {head: run_folders(workspace.runs, (head,)) for head in HEADS}
    predicted = {}
    for head in HEADS:
        outcome = score_videos([path], [load_run(folder) for folder in folders[head]])
        predicted[head] = outcome.done[0].score
    explained = explain(str(path), folders[HEADS[-1]], manifest)
    assert isinstance(explained.feedback, Feedback)
    errors = {one.head: one.values["med"] for one in evaluation.means if one.kind == "scores"}
    typical = {head: errors.get(head) for head in HEADS}
    written = None
    if writer is not None:
        (scored,) = score_videos([path], [writer]).done
        written = scored.commentary[writer.split]
    return NewDive(path, dive, predicted, typical, explained.feedback, HEADS[-1], written)


def _report(workspace: Workspace, manifest: Manifest, new: NewDive) -> VideosReport:
    """All that a page on the new dive shows, with the faults that were drawn."""
    runs = [load_run(folder) for folder in run_folders(workspace.runs, (new.explained_by,))]
    report = report_videos([str(new.path)], runs, manifest, type=new.dive.type.name)
    (video,) = report.videos
    assert video.copy is not None
    drawn = [(fault.name, fault.start, fault.stop) for fault in new.dive.faults]
    shown = replace(
        video,
        truth=new.dive.score,
        true_faults=faults_of(drawn, video.copy),
        commentary=new.written or "",
        writer=WRITER if new.written else "",
    )
    return replace(report, videos=(shown,))


def _pack(workspace: Workspace) -> Path:
    """The head that explains, on all splits, as a file that scores videos anywhere."""
    out = workspace.root / PACK
    pack_runs(run_folders(workspace.runs, HEADS[-1:]), out)
    return out
