"""`aqa extract`: the videos of a manifest into a feature store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from aqa.commands.extract_options import (
    cuts_option,
    devices_option,
    engine_option,
    failed_list_option,
    log_option,
    on_option,
    only_option,
    parsed_shard,
    plan_option,
    processes_option,
    ray_gpus_option,
    shard_option,
    tell_failed,
)
from aqa.commands.joint_options import JOINT_OPTIONS, joint_options
from aqa.commands.network_options import (
    load_network,
    network_options,
    precision_option,
    workers_option,
)
from aqa.commands.options import (
    FILE,
    FOLDER,
    manifest_option,
    workspace_option,
)
from aqa.commands.ray_options import ray_address_option, ray_cluster
from aqa.errors import AqaError
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.annotations.manifest import Manifest, Video
    from aqa.extract.backbones.backbone import Backbone
    from aqa.extract.engines.choice import AskedEngine
    from aqa.extract.summary import ExtractionSummary
    from aqa.extract.video_encoder import EncodingSettings
    from aqa.features.clips import Cuts

POSE = "pose"
_FOR_POSES = ("poses", *JOINT_OPTIONS)
_FOR_BOTH = ("workspace", "backbone", "manifest", "store", "only", "failed_list", "quiet")


@click.command()
@workspace_option
@network_options(POSE)
@manifest_option
@click.option("--store", type=FILE, help="Feature store to write [default: stores/<backbone>.h5].")
@click.option(
    "--augmentations",
    "--views",
    "augmentations",
    metavar="NAME,...",
    default="original",
    show_default=True,
    help="Augmentations to extract beside the original, for heads that learn from them: flip, "
    "bright, zoom, mask, equalize, drop, shift1 to shift5 (start later), end1 to end5 (end "
    "earlier); with + both at once, such as flip+end3.",
)
@devices_option
@processes_option
@shard_option
@on_option
@ray_address_option
@ray_gpus_option
@click.option(
    "--batch-size",
    default="auto",
    show_default=True,
    metavar="N",
    help="Clips per forward pass of the network; auto: 2 on a CPU, 1 with OpenVINO, 16 on a GPU.",
)
@precision_option
@engine_option
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16"]),
    default="float32",
    show_default=True,
    help="Numbers that features are stored as.",
)
@workers_option(on_cpu=0)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Seed of the random numbers for --weights random and for augmentations.",
)
@click.option(
    "--poses",
    type=FOLDER,
    help="For pose: folder with a file <video_id>.json, .npy, .csv, ... or a folder <video_id> "
    "of each video [default: the column poses of the manifest].",
)
@joint_options
@cuts_option
@only_option
@failed_list_option
@log_option
@plan_option
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.pass_obj
def extract(
    workspace: Workspace,
    manifest: Path | None,
    store: Path | None,
    augmentations: str,
    device: str,
    processes: int | None,
    shard: str | None,
    place: str,
    ray_address: str | None,
    ray_gpus: float | None,
    batch_size: str,
    precision: str,
    engine: AskedEngine,
    dtype: str,
    workers: int | None,
    seed: int,
    poses: Path | None,
    cuts: Cuts,
    only: Path | None,
    failed_list: Path | None,
    log_json: Path | None,
    is_plan: bool,
    quiet: bool,
    **others: Any,
) -> None:
    """Turn each video of the manifest into clip features, once.

    Without --weights, the backbone's public weights are taken from the cache (~/.cache/aqa, or
    AQA_CACHE) or downloaded there, if AQA_OFFLINE is not set; or a line says what to put there.

    With --backbone pose the features are the athlete's joints, x, y or x, y, z, which a pose
    estimator or a camera has written to files; docs/files.md lists the formats. With --backbone
    net.py:make they are those of a network of yours: the function make in net.py returns an
    aqa.extract.backbones.BackboneSpec.

    A killed run goes on where it stopped. A video that fails is reported at the end and stops
    none of the others; the exit code is then 1. It is 0 where every video is in the store, 2 for
    wrong usage, and 130, 143 or 129 after Ctrl-C, kill and a closed terminal.
    """
    asked = {name: others.pop(name) for name in JOINT_OPTIONS}
    network = others
    _refuse_options(network["backbone"])
    size, share = _batch_size(batch_size), parsed_shard(shard)
    from aqa.annotations.manifest import Manifest

    videos = chosen_videos(Manifest.read(manifest or workspace.manifest), only)
    if network["backbone"] == POSE:
        path = store or workspace.store(POSE)
        _tell(path, _extract_poses(videos, poses, path, asked, quiet), failed_list)
        return
    if share is not None and store is None:
        raise click.UsageError(
            f"--shard {share}: each share needs a store of its own; name it with --store, such as "
            f"stores/parts/part-{share.number}.h5"
        )
    from aqa.event_log import EventLog
    from aqa.extract.progress import ExtractionBar
    from aqa.extract.run import extract as run
    from aqa.extract.video_encoder import EncodingSettings

    if network["weights"] is None:
        _check_default(network["backbone"], store or workspace.store(network["backbone"]))
    backbone, rule = load_network(**network, seed=seed)
    rule = replace(rule, cuts=cuts)
    path = store or workspace.store(backbone.name)
    names = [name.strip() for name in augmentations.split(",")]
    if is_plan and precision == "int8":
        raise click.UsageError("--plan does not time int8; leave out --precision")
    if is_plan:
        settings = EncodingSettings(
            *(rule, tuple(names), seed, size),
            precision=precision,  # type: ignore[arg-type]
            dtype=dtype,
        )
        asked_of = videos if share is None else share.of(videos)
        _tell_plan(asked_of, path, backbone, settings, device, engine)
        return
    with ExtractionBar(quiet, EventLog(log_json) if log_json else None) as progress:
        summary = run(
            videos,
            backbone,
            path,
            rule,
            augmentations=names,
            augmentation_seed=seed,
            device=device,
            processes=processes,
            shard=share,
            cluster=ray_cluster(place, ray_address, gpus=ray_gpus),
            batch_size=size,
            precision=precision,  # type: ignore[arg-type]
            engine=engine,
            dtype=dtype,
            workers=workers,
            progress=progress,
        )
    _tell(path, summary, failed_list)


def chosen_videos(table: Manifest, only: Path | None) -> Sequence[Video]:
    """The videos of the manifest, or those of --only."""
    from aqa.features.arrays import read_ids

    if only is None:
        return table.videos
    ids = read_ids(only)
    if not ids:
        raise AqaError(f"{only}: no id in it; write one on each line, or leave out --only")
    for video_id in ids:
        if video_id not in table.by_id:
            raise AqaError(f"{only}: {video_id!r} is no video of {table.path}")
    wanted = set(ids)
    return [video for video in table.videos if video.id in wanted]


def _without_stored(videos: Sequence[Video], path: Path) -> Sequence[Video]:
    """Those that the store does not hold."""
    from aqa.features.store import FeatureStore

    if not path.exists():
        return videos
    with FeatureStore.open(path) as opened:
        return [video for video in videos if video.id not in opened]


def _tell_plan(
    videos: Sequence[Video],
    path: Path,
    backbone: Backbone,
    settings: EncodingSettings,
    device: str,
    engine: AskedEngine,
) -> None:
    """Say what the videos that the store does not hold will take."""
    from aqa.device import pick_devices
    from aqa.extract.augment import check_augmentations
    from aqa.extract.plan import check_store, feature_shape, make_plan
    from aqa.extract.plan_text import plan_rows
    from aqa.extract.progress import ExtractionBar
    from aqa.report.tables import table

    checked = replace(settings, augmentations=tuple(check_augmentations(settings.augmentations)))
    place = pick_devices(device)[0]
    shape = feature_shape(backbone, checked, place)
    with ExtractionBar(quiet=True) as told:
        kept = check_store(path, videos, backbone, checked, place, shape, engine, told)
    todo = _without_stored(videos, path)
    if not todo:
        click.echo(f"{path}: all {len(videos)} videos are in the store; there is nothing to do")
        return
    plan = make_plan(todo, backbone, checked, place, shape, kept)
    click.echo(table(plan_rows(plan), left=2))


def _extract_poses(
    videos: Sequence[Video], folder: Path | None, path: Path, asked: dict[str, Any], quiet: bool
) -> ExtractionSummary:
    from aqa.extract.poses.run import extract_poses
    from aqa.extract.poses.settings import JointOptions
    from aqa.extract.progress import ExtractionBar

    with ExtractionBar(quiet) as progress:
        options = JointOptions(**asked)
        return extract_poses(videos, path, folder, options, progress=progress)


def _tell(path: Path, summary: ExtractionSummary, failed_list: Path | None) -> None:
    """Say what became of the videos; exit code 1 where one failed."""
    click.echo(
        f"{path}: {len(summary.done)} videos extracted ({summary.n_clips} clips), "
        f"{len(summary.reused)} reused, {len(summary.failed)} failed"
    )
    if summary.pace.n_clips:
        click.echo(str(summary.pace), err=True)
    tell_failed(summary, failed_list)


def _check_default(backbone: str, store: Path) -> None:
    """Refuse, before anything is downloaded, a store that was made with other weights."""
    from aqa.extract.backbones.registry import backbone_names, get_architecture
    from aqa.extract.checkpoints.catalogue import find_checkpoint
    from aqa.features.store import FeatureStore

    if backbone not in backbone_names() or not store.is_file():
        return
    defaults = get_architecture(backbone).checkpoints[:1]
    with FeatureStore.open(store) as opened:
        made = opened.spec["weights"]
    for default in (find_checkpoint(one.name) for one in defaults):
        if made.get("name") != Path(default.file).name and not default.has_hash(
            made.get("sha256") or ""
        ):
            given = "random" if made.get("name") == "random" else made.get("path") or "FILE"
            raise AqaError(
                f"{store}: was made with the weights {made.get('name') or 'of another program'}; "
                f"go on with --weights {given}, or extract with {default.name} into another store "
                "(--store)"
            )


def _refuse_options(backbone: str) -> None:
    """Refuse options that mean nothing for the backbone, where they were given."""
    context = click.get_current_context()
    for_poses = backbone == POSE
    wrong = [
        option.opts[0]
        for option in context.command.params
        if option.name not in _FOR_BOTH
        and (option.name in _FOR_POSES) != for_poses
        and context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
    ]
    if wrong:
        kind = "pose, which reads joints from files" if for_poses else f"{backbone}, only for pose"
        raise click.UsageError(f"{', '.join(wrong)}: not for --backbone {kind}")


def _batch_size(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise click.BadParameter(f"{text!r} is not a positive whole number or auto")
    return int(text)


COMMAND = extract
