"""What is left of measured aspects where joints are estimated from pixels, on drawn dives.

    aqa demo new --videos 96 --seed 41            # draws dives, with their true joints
    aqa -C new poses --camera moving --out estimated
    python benchmarks/aspects_estimated.py new new/estimated --part test

For each aspect: how far the value is from that of exact joints, Spearman with the size of its fault
among the dives that have it, and AUC of having it against not; all of it once for all dives, and
once for those whose confidence reaches what `aqa measure` asks for. A table over levels of
confidence comes first: that of the training dives (`--part train`) decided what is asked for. Dives
without a file of estimated joints are left out. Intervals are over resampled dives, 95 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from aqa.annotations.manifest import Manifest, Video
from aqa.benchmarks.aspects import TELLS, interval
from aqa.features.aspects.measure import LEAST_SURE
from aqa.features.aspects.read import load_aspects
from aqa.workflows.demo.panel import FAULT_COSTS
from aqa.workflows.measure.run import measure_videos

Array = np.ndarray
LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
DEFINITION = load_aspects("diving")


class Pair(NamedTuple):
    """An aspect of a dive: from estimated joints, how sure, from exact ones; the fault's size."""

    value: float
    confidence: float
    exact: float
    size: float


def sizes_of(video: Video) -> dict[str, float]:
    """The severities, 0 to 1, of a drawn dive's faults."""
    told = [part.split("=") for part in video.row.get("faults", "").split(";") if part]
    return {name: float(cost) / FAULT_COSTS[name] for name, cost in told}


def pairs_of(videos: Sequence[Video], folder: Path) -> dict[str, list[Pair]]:
    """Aspect -> the dives in which both joints give a value."""
    there = [video for video in videos if (folder / f"{video.id}.npz").exists()]
    if not there:
        return {}
    estimated = measure_videos(there, DEFINITION, folder).by_id
    exact = measure_videos(there, DEFINITION).by_id
    found: dict[str, list[Pair]] = {}
    for video in there:
        sizes = sizes_of(video)
        for name, one in estimated.get(video.id, {}).items():
            true = exact[video.id][name]
            if one.value is not None and true.value is not None:
                size = sizes.get(TELLS.get(name, ""), 0.0)
                found.setdefault(name, []).append(Pair(one.value, one.confidence, true.value, size))
    return found


def levels_table(pairs: Mapping[str, list[Pair]]) -> None:
    """How far values are off, by the least confidence that is asked for."""
    click.echo(f"| aspect | {' | '.join(f'from {level:g}' for level in LEVELS)} |")
    click.echo(f"| --- |{' --- |' * len(LEVELS)}")
    for name, of in pairs.items():
        cells = []
        for level in LEVELS:
            off = [abs(one.value - one.exact) for one in of if one.confidence >= level]
            cells.append(f"{np.median(off):.2f} ({len(off)})" if off else "- (0)")
        click.echo(f"| {name}, {DEFINITION.by_name[name].unit} | {' | '.join(cells)} |")


def faults_table(pairs: Mapping[str, list[Pair]]) -> None:
    """How well the aspects tell their faults."""
    click.echo("| aspect | which dives | have the fault | off by | Spearman with its size | AUC |")
    click.echo("| --- | --- | --- | --- | --- | --- |")
    for name, of in pairs.items():
        for label, level in (("all", 0.0), (f"confidence from {LEAST_SURE:g}", LEAST_SURE)):
            kept = [one for one in of if one.confidence >= level]
            click.echo(f"| {name} | {label} | {_row(name, kept)} |")


def _row(name: str, pairs: Sequence[Pair]) -> str:
    if not pairs:
        return "0 of 0 | - | - | -"
    values, _, exact, sizes = np.array(pairs).T
    off = f"{np.median(np.abs(values - exact)):.2f}"
    if name not in TELLS:
        return f"- of {len(pairs)} | {off} | - | -"
    has = sizes > 0
    own, true = values[has], sizes[has]

    def rank(rows: Array) -> float:
        ranked = len(set(own[rows])) > 1 and len(set(true[rows])) > 1
        return float(spearmanr(own[rows], true[rows])[0]) if ranked else np.nan

    def auc(rows: Array) -> float:
        part = has[rows]
        return float(roc_auc_score(part, values[rows])) if 0 < part.sum() < len(part) else np.nan

    told = interval(rank, int(has.sum())) if has.sum() >= 5 else "-"
    tells = interval(auc, len(has)) if 5 <= has.sum() <= len(has) - 5 else "-"
    return f"{has.sum()} of {len(has)} | {off} | {told} | {tells}"


@click.command()
@click.argument("workspace", type=click.Path(path_type=Path))
@click.argument("estimated", type=click.Path(path_type=Path))
@click.option("--split", default="1")
@click.option("--part", type=click.Choice(["train", "test"]), default="test")
def main(workspace: Path, estimated: Path, split: str, part: str) -> None:
    """Print the tables for the dives of a split's part whose estimated joints are there."""
    manifest = Manifest.read(workspace / "manifest.csv")
    ids = getattr(manifest.split(split), part)
    pairs = pairs_of([manifest.by_id[i] for i in ids], estimated)
    counts = {len(of) for of in pairs.values()}
    click.echo(f"{part} dives: at most {max(counts, default=0)} per aspect; by confidence:")
    levels_table(pairs)
    click.echo("")
    faults_table(pairs)


if __name__ == "__main__":
    main()
