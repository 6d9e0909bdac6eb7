"""One table of heads: how right they are, how long they take to fit, how large they are.

    python benchmarks/accuracy.py MANIFEST STORE RUNS [--head NAME ...] [--maps ...] [--joints ...]
        [--first N] [--skip-incomplete]

Fits every scoring head with its defaults on each split of the manifest, or on the first N of them,
evaluates it on the split's test videos, and prints means over the splits with their standard
deviations, or of a single split its 95 % intervals, processor seconds a fit (of all threads; "-"
where some runs were there before), and numbers in the fitted model. What is fitted already below
RUNS is not fitted again; a head whose kind of features is not given, or that these features cannot
fit, is named at the end.

Heads are compared on the same videos alone. With --skip-incomplete a video that lacks a score, or a
label that one of the table's heads needs of its training videos, is left out for all of them, of
training, validation and test; these videos are named above the table. So a table of other heads may
be of other videos: give it a folder for runs of its own.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from safetensors.numpy import load_file

from aqa.annotations.chosen_splits import chosen_splits
from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import PARTS, Split
from aqa.benchmarks.extract import machine
from aqa.errors import AqaError, AqaWarning
from aqa.evaluation.complete_splits import complete_split, told_left_out
from aqa.evaluation.evaluate_runs import evaluate_runs
from aqa.evaluation.metric import metric_of
from aqa.features.store import FeatureStore
from aqa.models.heads import get_head, head_names
from aqa.models.run_source import RunError
from aqa.models.runs import MODEL, load_run
from aqa.report.values import with_interval, with_std
from aqa.workflows.fit import fit_splits
from aqa.workspace import run_folder

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


def row(
    head: str, manifest: Manifest, store: FeatureStore, runs: Path, splits: Sequence[Split]
) -> str:
    """Fit a head on the splits where it is not fitted, evaluate it, and say what came out."""
    folders = [run_folder(runs, head, split.name) for split in splits]
    missing = [s for s, f in zip(splits, folders, strict=True) if not f.exists()]
    for split, folder in zip(splits, folders, strict=True):
        if split not in missing:
            _check_videos(folder, split)
    start = time.process_time()
    for _ in fit_splits(head, (), manifest, store, missing, runs, ranges=False):
        pass
    all_fitted_now = len(missing) == len(splits)
    seconds = f"{(time.process_time() - start) / len(splits):.1f}" if all_fitted_now else "-"
    found = evaluate_runs(folders, manifest, store)
    mean = next((one for one in found.means if one.kind == "scores"), None)
    single = next(one for one in found.results if one.kind == "scores")
    size = sum(array.size for array in load_file(folders[0] / MODEL).values())
    cells = [
        with_std(mean.values[name], mean.stds[name], metric_of(name).digits)
        if mean
        else with_interval(single.values[name], single.intervals[name], metric_of(name).digits)
        for name in ("spearman", "mse", "relative_l2")
    ]
    return f"| `{head}` | {' | '.join(cells)} | {seconds} | {size:,} |"


def complete_for_all(
    heads: Sequence[str], manifest: Manifest, splits: Sequence[Split]
) -> tuple[Manifest, dict[str, str]]:
    """The manifest whose splits hold only videos that have what every one of the heads needs.

    Beside it the videos that were left out of a split: id -> what is lacking.
    """
    every: dict[str, list[str]] = {}
    videos = {video.id: video for video in manifest}
    for split in splits:
        for head in heads:
            _, lacking = complete_split(get_head(head)(), split, manifest, parts=PARTS)
            for video_id, words in lacking.items():
                every.setdefault(video_id, []).append(words)
                parts = {**videos[video_id].splits, split.name: ""}
                videos[video_id] = replace(videos[video_id], splits=parts)
    left_out = {i: " and ".join(dict.fromkeys(words)) for i, words in sorted(every.items())}
    return Manifest([*videos.values()], manifest.path), left_out


def _check_videos(folder: Path, split: Split) -> None:
    """Refuse a run that was fitted on other videos than the table's other runs."""
    fitted = load_run(folder).record["split"]
    if {*fitted["train"], *fitted["val"]} != {*split.train, *split.val}:
        raise RunError(
            f"{folder}: it was fitted on other videos than this table takes "
            f"({len(fitted['train'])} training videos, here {len(split.train)}); give another "
            "folder for RUNS"
        )


@click.command()
@click.argument("manifest", type=FILE)
@click.argument("store", type=FILE)
@click.argument("runs", type=click.Path(path_type=Path))
@click.option("--head", "heads", multiple=True, type=click.Choice(head_names()))
@click.option("--maps", type=FILE, help="Store for the heads that take maps.")
@click.option("--joints", type=FILE, help="Store for the heads that take joints.")
@click.option("--first", type=click.IntRange(1), help="Splits to take [default: all].")
@click.option(
    "--skip-incomplete",
    is_flag=True,
    help="Leave out, for all heads alike, videos that lack a label that one of them needs.",
)
def main(
    manifest: Path,
    store: Path,
    runs: Path,
    heads: tuple[str, ...],
    maps: Path | None,
    joints: Path | None,
    first: int | None,
    skip_incomplete: bool,
) -> None:
    """Print the table."""
    click.echo(machine())
    table, left_out, stores = Manifest.read(manifest), [], {}
    for head in heads or head_names():
        kind = get_head(head)
        if kind.kind != "scores":
            continue
        path = joints if kind.takes_joints else maps if kind.takes == "maps" else store
        if path is None:
            left_out.append(f"{head}: no store of its kind of features was given")
        else:
            stores[head] = path
    splits = chosen_splits(table)[:first]
    if skip_incomplete:
        table, lacking = complete_for_all([*stores], table, splits)
        if lacking:
            click.echo(f"{told_left_out(lacking, 'incomplete')}; for all heads alike")
        splits = [table.split(split.name) for split in splits]
    for split in splits:
        click.echo(f"split {split.name}: {', '.join(f'{len(split.part(p))} {p}' for p in PARTS)}")
    click.echo("| head | Spearman | MSE | R-l2 x100 | CPU seconds a fit | numbers |")
    click.echo("| --- | --- | --- | --- | --- | --- |")
    for head, path in stores.items():
        with FeatureStore.open(path) as opened, warnings.catch_warnings():
            warnings.simplefilter("ignore", AqaWarning)
            try:
                click.echo(row(head, table, opened, runs, splits))
            except AqaError as error:
                left_out.append(f"{head}: {error}")
    for line in left_out:
        click.echo(f"left out: {line}")


if __name__ == "__main__":
    main()
