"""The command line: options, one call, what came of it. Heavy imports wait for their command."""

from __future__ import annotations

import dataclasses
import errno
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from aqa import __version__
from aqa.errors import AqaError, AqaWarning
from aqa.extract.backbones import backbone_names
from aqa.models.heads import head_names
from aqa.workspace import Workspace, run_folders

F = TypeVar("F", bound=Callable[..., Any])
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


class _Group(click.Group):
    """Turns the input's faults into one line and exit code 1, an interrupt into 130."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _plain_warnings():
                return super().invoke(ctx)
        except AqaError as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            if error.errno in (None, errno.EPIPE):  # our own fault; a closed pipe is click's
                raise
            where = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{where}{error.strerror}") from None
        except KeyboardInterrupt:
            click.echo("interrupted; what was finished is kept; give the command again", err=True)
            sys.exit(130)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print this project's warnings as lines; others stay as Python prints them."""
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, *where: Any, **more: Any) -> None:
            if isinstance(message, AqaWarning):
                click.echo(f"warning: {message}", err=True)
            else:
                usual(message, *where, **more)

        warnings.showwarning = show
        warnings.simplefilter("always", AqaWarning)
        yield


def _set_workspace(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.obj = Workspace(value)
    elif ctx.obj is None:
        ctx.obj = Workspace()


# Taken before and after the command's name; the later one counts.
workspace_option = click.option(
    "-C",
    "--workspace",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    callback=_set_workspace,
    expose_value=False,
    is_eager=True,
    help="Folder to work in; AQA_WORKSPACE, or the current one, by default.",
)
manifest_option = click.option(
    "--manifest", type=FILE, help="Annotation table [default: manifest.csv]."
)
runs_option = click.option("--runs", type=FOLDER, help="Folder of fitted heads [default: runs].")
store_option = click.option(
    "--store", type=FILE, help="Feature store [default: the only one in stores/]."
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, ...; auto: a GPU."
)
skip_option = click.option(
    "--skip-missing", is_flag=True, help="Leave out videos that the store does not hold."
)
type_option = click.option(
    "--type", "type_", help="Type of action of new videos, such as 107B, for heads that compare."
)
align_option = click.option(
    "--align",
    type=click.Choice(["index", "dtw"]),
    default="index",
    show_default=True,
    help="Compare clips of the same number, or those that dynamic time warping finds.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="aqa")
@click.option(
    "-C",
    "--workspace",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    envvar="AQA_WORKSPACE",
    callback=_set_workspace,
    expose_value=False,
    help="Folder to work in [default: the current one].",
)
def main() -> None:
    """Score human actions from video, and say why.

    First `aqa extract` turns the videos of manifest.csv into clip features, once; then `aqa fit`
    and `aqa eval` learn and judge heads on them, and `aqa score` scores new videos. `aqa demo`
    shows it all on drawn dives.
    """


@main.command()
@workspace_option
@click.option(
    "--backbone",
    type=click.Choice(backbone_names()),
    default="c3d",
    show_default=True,
    help="Network that the features come from.",
)
@click.option("--weights", help="Checkpoint file, or `random` for untrained weights.")
@manifest_option
@click.option("--store", type=FILE, help="Feature store [default: stores/<backbone>.h5].")
@click.option("--layer", help="Where the network ends [default: the backbone's own].")
@click.option("--preprocess", help="Checkpoint layout whose preprocessing to use instead.")
@click.option(
    "--clip-length", type=click.IntRange(1), help="Frames a clip [default: the backbone's]."
)
@click.option(
    "--stride", type=click.IntRange(1), help="Frames between clips' starts [default: clip length]."
)
@click.option(
    "--frames", type=click.IntRange(1), help="Give every video this many frames: the last ones."
)
@click.option(
    "--pad",
    type=click.Choice(["front", "back"]),
    default="front",
    show_default=True,
    help="Where blank frames go in short videos.",
)
@click.option(
    "--tail",
    type=click.Choice(["shift", "drop", "pad"]),
    default="shift",
    show_default=True,
    help="Frames after the last whole clip: a clip moved back to hold them, dropped, or padded.",
)
@click.option(
    "--views",
    metavar="NAME,...",
    default="original",
    show_default=True,
    help="Augmented copies beside the original: flip, bright, zoom, mask, equalize, drop, "
    "shift1 to shift5.",
)
@device_option
@click.option(
    "--batch-size", default="auto", show_default=True, help="Clips a forward pass.", metavar="N"
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    default="float32",
    show_default=True,
    help="Of the network's arithmetic; bfloat16 is the fast mode.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16"]),
    default="float32",
    show_default=True,
    help="That features are stored in.",
)
@click.option("--workers", type=click.IntRange(0), help="Videos decoded ahead [default: device's].")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Of `--weights random` and of the views.",
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.pass_obj
def extract(
    workspace: Workspace,
    backbone: str,
    weights: str | None,
    manifest: Path | None,
    store: Path | None,
    layer: str | None,
    preprocess: str | None,
    clip_length: int | None,
    stride: int | None,
    frames: int | None,
    pad: str,
    tail: str,
    views: str,
    device: str,
    batch_size: str,
    precision: str,
    dtype: str,
    workers: int | None,
    seed: int,
    quiet: bool,
) -> None:
    """Turn the videos of the manifest into clip features, each once.

    A killed run goes on where it stopped. A video that fails is reported at the end and stops
    none of the others; the exit code is then 1.
    """
    size = _batch_size(batch_size)
    from aqa.extract.damage import DecoderLog

    log = DecoderLog()
    from aqa.extract.backbones import load_backbone
    from aqa.extract.progress import BarProgress
    from aqa.extract.run import extract as run
    from aqa.features.clips import ClipRule
    from aqa.features.manifest import Manifest

    videos = Manifest.read(manifest or workspace.manifest)
    network = load_backbone(backbone, weights, layer, preprocess=preprocess, seed=seed)
    length = clip_length or network.clip_length
    rule = ClipRule(length, stride or length, frames, pad, tail)  # type: ignore[arg-type]
    path = store or workspace.store(backbone)
    layout = f", recognised as {network.weights.layout}" if network.weights.layout else ""
    click.echo(
        f"{backbone} to {network.layer}, weights {network.weights.name}{layout}; "
        f"clips of {length} frames",
        err=True,
    )
    progress = BarProgress(quiet)
    with log, progress:
        summary = run(
            videos.videos,
            network,
            path,
            rule,
            views=[name.strip() for name in views.split(",")],
            view_seed=seed,
            device=device,
            batch_size=size,
            precision=precision,  # type: ignore[arg-type]
            dtype=dtype,
            workers=workers,
            progress=progress,
            log=log,
        )
    click.echo(
        f"{path}: {len(summary.done)} videos extracted ({summary.n_clips} clips), "
        f"{len(summary.reused)} reused, {len(summary.failed)} failed"
    )
    for video_id, reason in summary.failed:
        click.echo(f"failed: {video_id}: {reason}", err=True)
    if summary.failed:
        sys.exit(1)


def _batch_size(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise click.BadParameter(f"{text!r} is not a positive whole number or auto")
    return int(text)


@main.command()
@workspace_option
@click.option("--head", type=click.Choice(head_names()), required=True, help="What to fit.")
@click.option(
    "--split",
    "splits",
    multiple=True,
    help="Split to fit [default: every one]; `all`: every video.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option(
    "-p",
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="Hyper-parameter; see `aqa heads`.",
)
@click.option(
    "--from",
    "start",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Fitted run to start from, or the folder of a head, for its run of the same split.",
)
@manifest_option
@store_option
@runs_option
@skip_option
@click.pass_obj
def fit(
    workspace: Workspace,
    head: str,
    splits: tuple[str, ...],
    seed: int,
    params: tuple[str, ...],
    start: Path | None,
    manifest: Path | None,
    store: Path | None,
    runs: Path | None,
    skip_missing: bool,
) -> None:
    """Fit a head on the training videos of each split.

    --head score learns its metric first. With --from runs/siamese it takes that of the same
    split instead, and with --from other/runs/siamese/split-1 one that was learned elsewhere.
    """
    from aqa.features.manifest import Manifest
    from aqa.models.experiment import fit_splits, splits_of

    table = Manifest.read(manifest or workspace.manifest)
    with _open_store(store or workspace.only_store()) as features:
        for run in fit_splits(
            head,
            params,
            table,
            features,
            splits_of(table, splits),
            runs or workspace.runs,
            seed=seed,
            skip_missing=skip_missing,
            start=start,
        ):
            chosen = json.dumps(run.record["chosen"])
            seconds, n = run.record["seconds"], len(run.record["split"]["train"])
            click.echo(f"{run.folder}: {n} training videos, {seconds:.1f} s, chosen {chosen}")


@main.command(name="eval")
@workspace_option
@click.option("--head", "heads", multiple=True, help="Head to judge [default: every fitted one].")
@click.option("--split", "splits", multiple=True, help="Split to judge on [default: every one].")
@manifest_option
@click.option(
    "--store", type=FILE, help="Feature store [default: the one each head was fitted on]."
)
@runs_option
@click.option("--allow-leak", is_flag=True, help="Judge on videos that were learned from; marked.")
@click.option(
    "--feedback", is_flag=True, help="Judge which clips are called faulty, not the scores."
)
@align_option
@skip_option
@json_option
@click.pass_obj
def evaluate(
    workspace: Workspace,
    heads: tuple[str, ...],
    splits: tuple[str, ...],
    manifest: Path | None,
    store: Path | None,
    runs: Path | None,
    allow_leak: bool,
    feedback: bool,
    align: str,
    skip_missing: bool,
    as_json: bool,
) -> None:
    """Judge fitted heads on the test videos of their splits.

    Prints a table with 95 % bootstrap intervals over the test videos, and writes it to eval.json
    and eval.csv (eval-split-<name> for chosen splits) beside the runs. Heads that compare pairs
    have a table of their own, and eval-pairs.csv. --feedback counts clips against the manifest's
    column faulty_clips, and writes eval-feedback.
    """
    from aqa.features.manifest import Manifest
    from aqa.models.experiment import evaluate_runs, over_splits, write_results
    from aqa.models.report import results_table

    where = runs or workspace.runs
    folders = run_folders(where, heads, splits)
    table = Manifest.read(manifest or workspace.manifest)
    with _open_store(store) as features:
        results = evaluate_runs(
            folders,
            table,
            features,
            allow_leak=allow_leak,
            skip_missing=skip_missing,
            feedback=feedback,
            align=align,
        )
    means = over_splits(results)
    written = write_results(where, heads, splits, results, means)
    if as_json:
        click.echo(json.dumps({"results": results, "means": means}, indent=1))
    else:
        click.echo(results_table(results, means))
        click.echo(f"written to {written} and .csv", err=True)


@main.command()
@workspace_option
@click.argument("videos", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--head", help="Fitted head [default: the only one].")
@click.option("--split", "splits", multiple=True, help="Run to use [default: all, averaged].")
@type_option
@click.option("--weights", type=FILE, help="Checkpoint [default: the one the features came from].")
@runs_option
@device_option
@json_option
@click.pass_obj
def score(
    workspace: Workspace,
    videos: tuple[Path, ...],
    head: str | None,
    splits: tuple[str, ...],
    type_: str | None,
    weights: Path | None,
    runs: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Score videos that were not in the manifest, with a fitted head.

    Features are extracted as the head's store was made. With several fitted splits the score is
    the mean over them, and the table shows how far apart they are.
    """
    folders = run_folders(runs or workspace.runs, (head,) if head else (), splits)
    fitted = sorted({folder.parent.name for folder in folders})
    if len(fitted) > 1:
        raise click.BadParameter(f"choose one of {', '.join(fitted)}", param_hint="--head")
    from aqa.models.report import scores_table
    from aqa.models.runs import load_run
    from aqa.pipeline import score_videos

    scoring = score_videos(
        videos,
        [load_run(folder) for folder in folders],
        weights=weights,
        device=device,
        type=type_,
    )
    rows = [
        {
            "video": str(s.path),
            "head": fitted[0],
            "score": s.score,
            "by_split": s.by_split,
            "warning": s.warning,
        }
        for s in scoring.scored
    ]
    if as_json:
        failed = [{"video": str(path), "reason": reason} for path, reason in scoring.failed]
        click.echo(json.dumps({"scores": rows, "failed": failed}, indent=1))
    elif rows:
        click.echo(scores_table(rows))
    for path, reason in scoring.failed:
        click.echo(f"failed: {path}: {reason}", err=True)
    if scoring.failed:
        sys.exit(1)


@main.command()
@workspace_option
@click.argument("video")
@click.option("--head", default="score", show_default=True, help="Fitted head that says why.")
@click.option("--split", help="Run to use [default: the first that has not seen the video].")
@type_option
@align_option
@click.option("--picture", type=FILE, help="PNG to draw: athlete, expert, and the curve.")
@manifest_option
@store_option
@click.option("--weights", type=FILE, help="Checkpoint [default: the one the features came from].")
@runs_option
@device_option
@json_option
@click.pass_obj
def feedback(
    workspace: Workspace,
    video: str,
    head: str,
    split: str | None,
    type_: str | None,
    align: str,
    picture: Path | None,
    manifest: Path | None,
    store: Path | None,
    weights: Path | None,
    runs: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Say of each clip of VIDEO whether it is at fault.

    VIDEO is an id of the manifest, or a new file. Head `score` gives the probability that a clip
    is similar to the expert's, faulty below 0.5; head `lstm` fitted with -p label=incremental
    the points that a clip adds, faulty where it adds none.
    """
    folders = run_folders(runs or workspace.runs, (head,), (split,) if split else ())
    from aqa.features.manifest import Manifest
    from aqa.models.report import feedback_json, feedback_table
    from aqa.pipeline import explain, picture_explained

    explained = explain(
        video,
        folders,
        Manifest.read(manifest or workspace.manifest),
        store,
        type=type_,
        align=align,
        weights=weights,
        device=device,
    )
    if as_json:
        click.echo(
            json.dumps(feedback_json(explained.feedback, str(explained.run.folder)), indent=1)
        )
    else:
        click.echo(feedback_table(explained.feedback, str(explained.run.folder)))
    if picture:
        picture_explained(explained, picture)
        click.echo(f"written to {picture}", err=True)


@main.command()
@workspace_option
@click.option("--split", help="Run to look into [default: the first].")
@click.option("--head", default="score", show_default=True, help="Fitted head of that kind.")
@click.option("--picture", type=FILE, help="PNG to draw the embeddings in.")
@click.option("--perplexity", type=click.FloatRange(1), default=30, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of t-SNE.")
@manifest_option
@store_option
@runs_option
@json_option
@click.pass_obj
def embed(
    workspace: Workspace,
    split: str | None,
    head: str,
    picture: Path | None,
    perplexity: float,
    seed: int,
    manifest: Path | None,
    store: Path | None,
    runs: Path | None,
    as_json: bool,
) -> None:
    """Show how far the head `score` keeps types of action apart.

    Four embeddings of the training and test videos: the LSTM's, and those beside a constant, the
    worst and the best reference. Prints each one's silhouette by type; --picture draws them by
    t-SNE, --json gives the points too.
    """
    folder = run_folders(runs or workspace.runs, (head,), (split,) if split else ())[0]
    from aqa.features.manifest import Manifest
    from aqa.models.embedding import embed_run
    from aqa.models.report import embeddings_json, embeddings_table
    from aqa.models.runs import load_run
    from aqa.pipeline import draw_embeddings

    run = load_run(folder)
    with _open_store(store or run.store) as opened:
        found = embed_run(
            run,
            Manifest.read(manifest or workspace.manifest),
            opened,
            perplexity=perplexity,
            seed=seed,
        )
    if as_json:
        click.echo(json.dumps(embeddings_json(found, str(folder)), indent=1))
    else:
        click.echo(embeddings_table(found, str(folder)))
    if picture:
        draw_embeddings(found, str(folder), picture)
        click.echo(f"written to {picture}", err=True)


@main.command()
@click.argument("name", required=False, type=click.Choice(head_names()))
def heads(name: str | None) -> None:
    """List the heads and their hyper-parameters, with defaults and sources."""
    from aqa.models.heads import get_head
    from aqa.models.heads.base import describe_params

    for head in (name,) if name else head_names():
        kind = get_head(head)
        click.echo(f"{head}: {(kind.__doc__ or '').partition(chr(10))[0]}")
        click.echo(describe_params(kind))


@main.group()
def store() -> None:
    """Look into feature stores, check them, and bring features in and out."""


@store.command()
@click.argument("path", type=FILE)
@json_option
def info(path: Path, as_json: bool) -> None:
    """What a store holds, and how it was made."""
    with _open_store(path) as opened:
        if as_json:
            content = {"spec": opened.spec, "provenance": opened.provenance, "ids": opened.ids}
            click.echo(json.dumps(content, indent=1))
        else:
            click.echo(
                f"{path}: {len(opened)} videos, {opened.n_clips} clips of shape {opened.shape}"
            )
            click.echo(json.dumps({"spec": opened.spec, "made": opened.provenance}, indent=1))


@store.command()
@click.argument("path", type=FILE)
def verify(path: Path) -> None:
    """Read all features of a store and check them; exit code 1 if anything is wrong."""
    with _open_store(path) as opened:
        problems = opened.verify()
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)
    click.echo(f"{path}: {len(opened)} videos, {opened.n_clips} clips, all sound")


@store.command(name="import")
@workspace_option
@click.argument("features", type=FILE)
@click.option("--ids", type=FILE, help="Ids of the rows of a .npy, one a line.")
@click.option("--store", "path", type=FILE, help="Store to make [default: stores/<name>.h5].")
@click.option("--fitted-on", type=FILE, help="Ids of videos the network behind them learned from.")
@click.pass_obj
def import_(
    workspace: Workspace,
    features: Path,
    ids: Path | None,
    path: Path | None,
    fitted_on: Path | None,
) -> None:
    """Make a store from FEATURES, a .npy (videos, dim) or (videos, clips, dim), or a .npz."""
    from aqa.features.arrays import read_arrays, read_ids
    from aqa.features.store import import_arrays

    arrays = read_arrays(features, read_ids(ids) if ids else None)
    path = path or workspace.store(features.stem)
    seen = read_ids(fitted_on) if fitted_on else None
    if seen is not None:
        known = sum(i in arrays for i in seen)
        warning = "" if known else "warning: "
        click.echo(f"{warning}{known} of the {len(seen)} ids in {fitted_on} are imported", err=True)
    import_arrays(path, arrays, source=f"imported:{features.name}", fitted_on=seen)
    click.echo(f"{path}: {len(arrays)} videos imported")


@store.command()
@click.argument("path", type=FILE)
@click.argument("output", type=FILE)
def export(path: Path, output: Path) -> None:
    """Write a store's features to OUTPUT, a .npz (one array an id) or a .npy."""
    from aqa.features.arrays import write_arrays

    with _open_store(path) as opened:
        for written in write_arrays(opened, output):
            click.echo(str(written))


@main.group()
def weights() -> None:
    """Public checkpoints: which there are, fetch one, tell what a file is."""


@weights.command(name="list")
@json_option
def list_weights(as_json: bool) -> None:
    """The public checkpoints whose files the backbones load."""
    from aqa.extract.checkpoints import known_checkpoints
    from aqa.models.report import table

    known = known_checkpoints()
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(one) for one in known], indent=1))
        return
    rows = [["name", "backbone", "frames", "pretrained on", "fetch"]]
    rows += [
        [
            *(one.name, one.backbone, str(one.clip_length), one.pretraining),
            "by hand" if one.by_hand else "yes",
        ]
        for one in known
    ]
    click.echo(table(rows, left=5))


@weights.command()
@click.argument("name")
def show(name: str) -> None:
    """All that is known of the public checkpoint NAME."""
    from aqa.extract.backbones import get_architecture
    from aqa.extract.checkpoints import find_checkpoint

    found = find_checkpoint(name)
    layout = get_architecture(found.backbone).layout(found.layout)
    record = {**dataclasses.asdict(found), "preprocess": layout.preprocess.to_dict()}
    click.echo(json.dumps(record, indent=1))


@weights.command()
@click.argument("name")
@click.option("--cache", type=FOLDER, help="Where to keep it [default: AQA_CACHE or ~/.cache/aqa].")
def fetch(name: str, cache: Path | None) -> None:
    """Download the public checkpoint NAME, check it, and say where it lies."""
    from tqdm import tqdm

    from aqa.extract.checkpoints import fetch as run

    with tqdm(unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        path = run(name, cache, progress)
    click.echo(str(path))


@weights.command(name="verify")
@click.argument("path", type=FILE)
def verify_weights(path: Path) -> None:
    """Say which public checkpoint a file is, by its hash; exit code 1 if it is none."""
    from aqa.extract.checkpoints import verify as run

    click.echo(f"{path}: {run(path).name}, by its SHA-256")


@weights.command()
@click.argument("path", type=FILE)
def inspect(path: Path) -> None:
    """Say what is in a checkpoint file: backbone, layout, clip length, class count."""
    from aqa.extract.checkpoints import inspect as run

    found = dataclasses.asdict(run(path))
    click.echo(json.dumps(found | {"path": str(path)}, indent=1))


@main.command()
@workspace_option
@click.argument("folder", required=False, type=FOLDER)
@click.option("--videos", "n_videos", type=click.IntRange(20), default=120, show_default=True)
@click.option(
    "--seed",
    type=click.IntRange(0, 499_999),
    default=0,
    show_default=True,
    help="Of the drawn dives; higher ones are kept for new videos and the network's training.",
)
@click.pass_obj
def demo(workspace: Workspace, folder: Path | None, n_videos: int, seed: int) -> None:
    """Run the whole pipeline on drawn dives, in FOLDER [default: aqa-demo].

    Draws a small dataset of dives whose faults and scores are known, extracts features, fits two
    heads on five splits, judges them, and scores one new video.
    """
    from aqa.demo.run import run_demo

    run_demo(folder or workspace.root / "aqa-demo", n_videos, seed, click.echo)


@contextmanager
def _open_store(path: Path | None) -> Iterator[Any]:
    if path is None:
        yield None
        return
    from aqa.features.store import FeatureStore

    with FeatureStore.open(path) as opened:
        yield opened
