"""One table of heads: how right they are, how long they take to fit, how large they are.

    python benchmarks/accuracy.py MANIFEST STORE RUNS [--head NAME ...] [--maps ...] [--joints ...]
        [--first N]

Fits every scoring head with its defaults on each split of the manifest, or on the first N of them,
evaluates it on the split's test videos, and prints means over the splits with their standard
deviations, or of a single split its 95 % intervals, seconds a fit, and numbers in the fitted model.
What is fitted already below RUNS is not fitted again; a head whose kind of features is not given,
or that these features cannot fit, is named at the end.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import click
import numpy as np
from safetensors.numpy import load_file

from aqa.annotations.chosen_splits import chosen_splits
from aqa.annotations.manifest import Manifest
from aqa.benchmarks.extract import machine
from aqa.errors import AqaError, AqaWarning
from aqa.evaluation.evaluate_runs import evaluate_runs
from aqa.evaluation.metric import metric_of
from aqa.features.store import FeatureStore
from aqa.models.heads import get_head, head_names
from aqa.models.runs import MODEL, load_run
from aqa.report.values import with_interval, with_std
from aqa.workflows.fit import fit_splits
from aqa.workspace import run_folder

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


def row(
    head: str, manifest: Manifest, store: FeatureStore, runs: Path, first: int | None = None
) -> str:
    """Fit a head where it is not fitted, evaluate it, and say what came out.

    first: how many of the manifest's splits are taken; None: all.
    """
    splits = chosen_splits(manifest)[:first]
    folders = [run_folder(runs, head, split.name) for split in splits]
    missing = [s for s, f in zip(splits, folders, strict=True) if not f.exists()]
    for _ in fit_splits(head, (), manifest, store, missing, runs, ranges=False):
        pass
    found = evaluate_runs(folders, manifest, store)
    mean = next((one for one in found.means if one.kind == "scores"), None)
    single = next(one for one in found.results if one.kind == "scores")
    seconds = np.median([load_run(folder).record["seconds"] for folder in folders])
    size = sum(array.size for array in load_file(folders[0] / MODEL).values())
    cells = [
        with_std(mean.values[name], mean.stds[name], metric_of(name).digits)
        if mean
        else with_interval(single.values[name], single.intervals[name], metric_of(name).digits)
        for name in ("spearman", "mse", "relative_l2")
    ]
    return f"| `{head}` | {' | '.join(cells)} | {seconds:.1f} | {size:,} |"


@click.command()
@click.argument("manifest", type=FILE)
@click.argument("store", type=FILE)
@click.argument("runs", type=click.Path(path_type=Path))
@click.option("--head", "heads", multiple=True, type=click.Choice(head_names()))
@click.option("--maps", type=FILE, help="Store for the heads that take maps.")
@click.option("--joints", type=FILE, help="Store for the heads that take joints.")
@click.option("--first", type=click.IntRange(1), help="Splits to take [default: all].")
def main(
    manifest: Path,
    store: Path,
    runs: Path,
    heads: tuple[str, ...],
    maps: Path | None,
    joints: Path | None,
    first: int | None,
) -> None:
    """Print the table."""
    click.echo(machine())
    click.echo("| head | Spearman | MSE | R-l2 x100 | seconds a fit | numbers |")
    click.echo("| --- | --- | --- | --- | --- | --- |")
    table, left_out = Manifest.read(manifest), []
    for head in heads or head_names():
        kind = get_head(head)
        if kind.kind != "scores":
            continue
        path = joints if kind.takes_joints else maps if kind.takes == "maps" else store
        if path is None:
            left_out.append(f"{head}: no store of its kind of features was given")
            continue
        with FeatureStore.open(path) as opened, warnings.catch_warnings():
            warnings.simplefilter("ignore", AqaWarning)
            try:
                click.echo(row(head, table, opened, runs, first))
            except AqaError as error:
                left_out.append(f"{head}: {error}")
    for line in left_out:
        click.echo(f"left out: {line}")


if __name__ == "__main__":
    main()
