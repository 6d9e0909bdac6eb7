"""The commands from Python: extract, fit, evaluate, score, explain; `from aqa import fit`.

Every function works in a workspace, a folder that holds manifest.csv, stores/ and runs/, as the
command of the same name does. What comes back is a list that pandas takes as it is:

    import aqa
    import pandas as pd

    aqa.extract_features("c3d", weights="c3d.pickle")
    aqa.fit("svr")
    table = pd.DataFrame(aqa.evaluate())
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from aqa.annotations.manifest import Manifest
from aqa.errors import AqaWarning
from aqa.features.store import FeatureStore
from aqa.target_names import SCORE
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.models.runs import Run
    from aqa.models.target_transforms.class_rule import SaidClass

PathLike = str | Path


class Rows(list[dict[str, Any]]):
    """Rows that pandas takes as they are: `pandas.DataFrame(rows)`.

    failed: what could not be done, one line each; each was told as a warning too. model: which
    runs the answers are of, their weights, and what these learned from; None where they are of
    several heads, or of none.
    """

    def __init__(
        self,
        rows: Iterable[Mapping[str, Any]],
        failed: Sequence[str] = (),
        model: Mapping[str, Any] | None = None,
    ):
        super().__init__(dict(row) for row in rows)
        self.failed = list(failed)
        self.model = model


def extract_features(
    backbone: str = "c3d",
    *,
    weights: PathLike | None = None,
    workspace: PathLike = ".",
    manifest: Manifest | PathLike | None = None,
    store: PathLike | None = None,
    layer: str | None = None,
    clip_length: int | None = None,
    stride: int | None = None,
    frames: int | None = None,
    pad: Literal["front", "back"] = "front",
    tail: Literal["shift", "drop", "pad"] = "shift",
    sampling: str | None = None,
    augmentations: Sequence[str] = (),
    deinterlace: bool = False,
    precision: Literal["float32", "bfloat16", "float16", "int8"] = "float32",
    engine: Literal["torch", "openvino", "auto"] = "torch",
    dtype: Literal["float32", "float16"] = "float32",
    device: str = "auto",
    seed: int = 0,
) -> Rows:
    """Turn the videos of a manifest into clip features, once.

    backbone: a name, or `path/to/net.py:make`. weights: a checkpoint file, or `random`; None for
    the backbone's public ones, which are downloaded where they are not here. manifest: by default
    manifest.csv. store: the file that is written, by default `stores/<backbone>.h5`; videos that it
    holds already are not extracted again. layer, clip_length, stride: by default the backbone's
    own. frames: how many frames every video is given, the last ones. sampling: `16x4` for clips of
    16 frames, every fourth, `16of50` for 16 spread over 50; instead of clip_length. augmentations:
    names such as `flip`, extracted beside the original. deinterlace: make frames of interlaced
    video progressive. engine: what runs the network; `auto` measures. precision: int8 needs
    the engine openvino. seed: of random weights and
    of the augmentations.

    One row per video: `video_id`, `outcome` (extracted, stored already, or failed) and `reason`.
    Raises `AqaError` for settings that the store was not made with.

        aqa.extract_features("tiny3d", workspace="dives")
    """
    from aqa.extract.backbones import load_backbone
    from aqa.extract.run import extract
    from aqa.features.clips import parse_sampling

    place = Workspace(Path(workspace))
    videos = _manifest(manifest, place)
    window = None
    if sampling is not None:
        clip_length, window = parse_sampling(sampling)
    network = load_backbone(backbone, weights, layer, clip_length=clip_length, seed=seed)
    if deinterlace:
        network.preprocess = dataclasses.replace(network.preprocess, deinterlace=True)
    summary = extract(
        videos.videos,
        network,
        Path(store) if store else place.store(network.name),
        network.clip_rule(clip_length, stride, window=window, frames=frames, pad=pad, tail=tail),
        augmentations=augmentations,
        augmentation_seed=seed,
        device=device,
        precision=precision,
        engine=engine,
        dtype=dtype,
    )
    failed = [f"{video}: {reason}" for video, reason in summary.failed]
    _warn([*summary.warnings, *failed])
    reasons = dict(summary.failed)
    outcomes = {
        **dict.fromkeys(summary.done, "extracted"),
        **dict.fromkeys(summary.reused, "stored already"),
        **dict.fromkeys(reasons, "failed"),
    }
    rows = (
        {"video_id": video, "outcome": outcomes[video], "reason": reasons.get(video, "")}
        for video in videos.ids
        if video in outcomes
    )
    return Rows(rows, failed)


def fit(
    head: str = "svr",
    params: Mapping[str, Any] | None = None,
    *,
    workspace: PathLike = ".",
    manifest: Manifest | PathLike | None = None,
    store: FeatureStore | PathLike | None = None,
    splits: str | Sequence[str] = (),
    targets: str | Sequence[str] = (),
    pairs: PathLike | None = None,
    good: str | None = None,
    start: PathLike | None = None,
    name: str | None = None,
    seed: int | None = None,
    skip_missing: bool = False,
    skip_incomplete: bool = False,
    ranges: bool = True,
    jobs: int = 1,
) -> list[Run]:
    """Fit a head on the training videos of each split, and save the runs.

    head: a name (`aqa heads` lists them), or `path/to/file.py:Class`. params: its hyper-parameters.
    store: by default the only one in stores/. splits: by default every split of the manifest;
    `all` trains on every video. targets: what to predict, by default the score: `tes` for the
    column score_tes, `all` for every such column, any column of numbers, or `pairs`, who is better
    by a table of pairs. pairs: that table, by default pairs.csv beside the manifest. good: which of
    the two values of a label is good, by default the higher number or the word that says so; `none`
    learns two numbers as scores. start: the folder of a run to start from. name: what the runs are
    called, by default as the head. seed: of every random choice, by default 0. skip_missing: leave
    out videos that the store does not hold. skip_incomplete: leave out training videos that lack
    the target, or a label that the head learns from, such as a stage; run.json says which. ranges:
    learn how far scores are off too, which takes up to three more fits. jobs: splits and targets
    that are fitted side by side, in processes of one thread each.

    One `Run` per target and split: its fitted `head`, its `folder`, and its `record` of settings.

        (run,) = aqa.fit("lstm", {"epochs": 50}, splits="1")
        run.head.history_
    """
    from aqa.annotations.chosen_splits import chosen_splits
    from aqa.evaluation.complete_splits import check_all_scored
    from aqa.workflows.side_by_side import FitSettings, FitTask, fit_tasks

    place = Workspace(Path(workspace))
    table = _manifest(manifest, place)
    texts = [f"{key}={_text(value)}" for key, value in (params or {}).items()]
    with ExitStack() as stack:
        features = _opened(stack, store if store is not None else place.only_store())
        tables = table.of_targets(_names(targets), good, pairs)
        if not skip_incomplete:
            check_all_scored(tables, _names(splits), features)
        tasks = [
            FitTask(head, texts, seen, split, place.runs)
            for seen in tables
            for split in chosen_splits(seen, _names(splits))
        ]
        begun = Path(start) if start else None
        settings = FitSettings(seed, skip_missing, skip_incomplete, begun, name, ranges)
        return list(fit_tasks(tasks, features, settings, jobs))


def evaluate(
    heads: str | Sequence[str] = (),
    *,
    workspace: PathLike = ".",
    manifest: Manifest | PathLike | None = None,
    store: FeatureStore | PathLike | None = None,
    splits: str | Sequence[str] = (),
    targets: str | Sequence[str] = (),
    by: Literal["type", "action"] | None = None,
    feedback: bool = False,
    baselines: bool = False,
    allow_leak: bool = False,
    skip_missing: bool = False,
    skip_incomplete: bool = False,
) -> Rows:
    """Evaluate fitted heads on the test videos of their splits.

    heads, splits, targets: by default all that are fitted. store: by default the one that each head
    was fitted on. by: evaluate each type or action of videos too. feedback: evaluate which clips
    are called faulty, not the scores. baselines: evaluate what needs no pixels as well. allow_leak:
    evaluate on videos that were learned from, marked as such, instead of refusing them.
    skip_incomplete: leave out test videos that lack the target, or a label that a head answers by.

    One row per head, target and split: `head`, `split`, metrics such as `spearman` and `mse`, and
    their 95 % intervals over the test videos; `target` where that is not the score. A head that
    cannot be evaluated is in the rows' `failed`.

        pd.DataFrame(aqa.evaluate("svr"))[["split", "spearman", "mse"]]
    """
    from aqa.evaluation.evaluate_runs import evaluate_runs
    from aqa.models.run_source import chosen_runs

    place = Workspace(Path(workspace))
    folders = chosen_runs(place.runs, _names(heads), _names(splits), _names(targets))
    with ExitStack() as stack:
        evaluation = evaluate_runs(
            folders,
            _manifest(manifest, place),
            None if store is None else _opened(stack, store),
            allow_leak=allow_leak,
            skip_missing=skip_missing,
            skip_incomplete=skip_incomplete,
            feedback=feedback,
            by=by,
            baselines=place.runs if baselines else None,
            heads=_names(heads),
        )
    _warn(evaluation.failed)
    return Rows(evaluation.rows(), evaluation.failed)


def load_run(folder: PathLike, head: str | None = None) -> Run:
    """The run in a folder such as runs/svr/split-1; its `head` predicts as when it was fitted.

    head: `path/to/file.py:Class`, where the run was fitted with the head of that file; it is run.
    Raises `AqaError` where the folder holds no run that this version reads.

        run = aqa.load_run("runs/svr/split-1")
        with aqa.FeatureStore.open(run.store) as store:
            run.head.predict(store.load(["001", "002"]))
    """
    from aqa.models import runs

    return runs.load_run(Path(folder), (head,) if head else ())


def score(
    videos: PathLike | Sequence[PathLike],
    head: str | None = None,
    *,
    model: PathLike | None = None,
    workspace: PathLike = ".",
    splits: str | Sequence[str] = (),
    targets: str | Sequence[str] = (),
    type: str | None = None,
    difficulty: float | None = None,
    action: str | None = None,
    weights: PathLike | None = None,
    backbone: str | None = None,
    device: str = "auto",
) -> Rows:
    """Predict the scores of new video files with a fitted head.

    head: by default `svr`, of a model its only one. model: a file of `aqa pack`, whose fitted heads
    take the place of the workspace's. splits: whose runs to take, by default all; their predictions
    are averaged. targets: what to predict, by default all that the head was fitted to. type,
    difficulty, action: of the videos, for a head that needs them; by default, of a file of the
    manifest, what that says. weights: where the backbone's checkpoint is now, if it has moved.
    backbone: `path/to/net.py:make`, where the store was made with that file.

    One row per video and target: `video`, `target` where that is not the score, `score` in points,
    the prediction of each split, and what each writes of it, if it does. A video that cannot be
    read is in the rows' `failed`; `model` says which runs answered, and what they learned from.

        aqa.score(["new.mp4", "other.mp4"], head="lstm")
    """
    from aqa.models import runs
    from aqa.models.run_source import check_one_head, chosen_runs
    from aqa.models.trust.model_facts import model_facts
    from aqa.workflows.known_files import KnownFiles
    from aqa.workflows.model_places import places_for
    from aqa.workflows.score import score_videos

    place = Workspace(Path(workspace))
    paths = [videos] if isinstance(videos, str | Path) else list(videos)
    with ExitStack() as stack:
        places = places_for(stack, place, model, weights=weights)
        named = places.head(head, "svr")
        folders = chosen_runs(places.runs, (named,), _names(splits), _names(targets))
        check_one_head(places.runs, named, folders)
        fitted = [runs.load_run(folder, (named,)) for folder in folders]
        outcome = score_videos(
            paths,
            fitted,
            weights=places.weights,
            backbone=backbone,
            device=device,
            type=type,
            difficulty=difficulty,
            action=action,
            known=None if model else KnownFiles.beside(place.manifest),
        )
        facts = model_facts(fitted).as_dict()
    failed = [f"{one.path}: {one.reason}" for one in outcome.failed]
    _warn([*outcome.warnings, *failed])
    rows = (
        {
            "video": str(done.path),
            **({} if done.target == SCORE else {"target": done.target}),
            "score": done.score,
            **(_said(done.said) if done.said else {}),
            **{f"split-{split}": value for split, value in done.by_split.items()},
            **{f"commentary-{split}": text for split, text in done.commentary.items()},
        }
        for done in outcome.done
    )
    return Rows(rows, failed, facts)


def explain(
    video: PathLike,
    head: str | None = None,
    *,
    model: PathLike | None = None,
    workspace: PathLike = ".",
    manifest: Manifest | PathLike | None = None,
    store: PathLike | None = None,
    splits: str | Sequence[str] = (),
    target: str | None = None,
    type: str | None = None,
    difficulty: float | None = None,
    action: str | None = None,
    align: Literal["index", "dtw"] = "index",
    weights: PathLike | None = None,
    backbone: str | None = None,
    device: str = "auto",
) -> Rows:
    """What a fitted head says of each clip of a video, or of each joint of the athlete.

    video: an id of the manifest, or a video file. head: by default `score-estimation`, of a model
    its only one. model: a file of `aqa pack`, in place of the workspace's fitted heads, manifest
    and store; the video is then a file. target: what the head was fitted to, by default the score,
    or its only target. type, difficulty, action: of a new video, for a head that needs them. align:
    which clips of an exemplar are compared, those of the same number or those that dynamic time
    warping finds.

    One row per clip: `clip`, its frames and seconds, `value` and `faulty`; of a head on joints, one
    row per joint: the frame and the direction in which moving it would raise the score most, and
    how many points a tenth of the torso's length gains there (`step_gain`); of a
    head that writes of whole videos, one row with its `commentary`.

        aqa.explain("001", head="wd")
    """
    from aqa.models.feedback import Feedback, PoseFeedback
    from aqa.models.run_source import runs_of_one_target
    from aqa.models.trust.model_facts import model_facts
    from aqa.workflows.feedback import explain as explain_video
    from aqa.workflows.model_places import places_for

    place = Workspace(Path(workspace))
    with ExitStack() as stack:
        own = None if isinstance(manifest, Manifest) else manifest
        places = places_for(stack, place, model, manifest=own, store=store, weights=weights)
        named = places.head(head, "score-estimation")
        (asked,) = places.videos([str(video)])
        explained = explain_video(
            asked,
            runs_of_one_target(places.runs, named, _names(splits), target),
            manifest if isinstance(manifest, Manifest) else Manifest.read(places.manifest),
            places.store,
            type=type,
            difficulty=difficulty,
            action=action,
            align=align,
            weights=places.weights,
            backbone=backbone,
            device=device,
            heads=(named,),
        )
        facts = model_facts([explained.run]).as_dict()
    _warn(explained.warnings)
    explanation = explained.feedback
    said: Sequence[Any] = [explanation]
    if isinstance(explanation, Feedback):
        said = explanation.clips
    elif isinstance(explanation, PoseFeedback):
        said = explanation.moves
    return Rows((dataclasses.asdict(one) for one in said), model=facts)


def _said(said: SaidClass) -> dict[str, Any]:
    """The class of a video, as columns of a row."""
    kept = said.to_dict()
    return {name: kept[name] for name in ("class", "good", "probability", "margin")}


def _manifest(given: Manifest | PathLike | None, place: Workspace) -> Manifest:
    return given if isinstance(given, Manifest) else Manifest.read(Path(given or place.manifest))


def _opened(stack: ExitStack, store: FeatureStore | PathLike) -> FeatureStore:
    if isinstance(store, FeatureStore):
        return store
    return stack.enter_context(FeatureStore.open(Path(store)))


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _text(value: Any) -> str:
    """A hyper-parameter's value as the command line writes it."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return str(value)


def _warn(lines: Iterable[str]) -> None:
    for line in lines:
        warnings.warn(line, AqaWarning, stacklevel=3)
