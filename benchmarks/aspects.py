"""How well measured aspects tell the faults of drawn dives, whose kinds and sizes are known.

    python benchmarks/aspects.py [--dives 240] [--seed 11] [--no-pixels]

From exact joints: Spearman of each aspect with the size of its fault among the dives that have it,
and AUC of having it against not having it; the splash from pixels. Then the score from aspects
alone, by the head `aspects` and by `svr`, and how often the aspect that the head, the percentiles
or the spreads (`worse_by`) name worst is the largest fault. The first half of the dives is for
training, the others for testing; nothing is decided on those. Intervals are over resampled dives,
95 %.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from aqa.annotations.manifest import Video
from aqa.benchmarks.aspects_drawn import dive_joints, flown, noisy, squat, still_joints
from aqa.benchmarks.extract import machine
from aqa.extract.white_water import white_frames
from aqa.features.aspects.body import BodyJoints
from aqa.features.aspects.definition import AspectSet
from aqa.features.aspects.measure import Measured, Seen, measure
from aqa.features.aspects.read import load_aspects
from aqa.models.examples import Examples
from aqa.models.heads.aspects import AspectsHead
from aqa.models.heads.svr import SVRHead
from aqa.workflows.demo.dive import Dive
from aqa.workflows.demo.filming import JOINTS, film, joints_of
from aqa.workflows.demo.motion import FPS
from aqa.workflows.demo.sampling import sample_dive
from aqa.workflows.measure.percentiles import Compared, compare

Array = np.ndarray
NAMES = [name for name, _ in JOINTS]
# Aspect -> the drawn fault that it tells of.
TELLS = {
    "knees bent": "bent_legs",
    "past vertical at entry": "over_rotation",
    "short of vertical at entry": "slant_entry",
    "hips bent at entry": "slant_entry",
    "splash": "large_splash",
}


def measured(dive: Dive, definition: AspectSet, folder: Path | None) -> dict[str, Measured]:
    """The aspects of a dive; its video is drawn into the folder, where there is one."""
    white = None
    if folder is not None:
        path = folder / "dive.mp4"
        film(dive, path)
        white = white_frames(Video(dive.video_id, path, 0.0))
        path.unlink()
    body = BodyJoints.of(joints_of(dive).astype(np.float64), NAMES)
    stages = {name: frame for name, frame in dive.stages._asdict().items() if name != "n_frames"}
    return measure(definition, Seen(body, FPS, stages, {"position": dive.type.position}, white))


def interval(statistic: Callable[[Array], float], n: int) -> str:
    """A statistic of all rows, and its interval over resampled rows."""
    drawn = np.random.default_rng(0)
    found = [statistic(drawn.integers(0, n, n)) for _ in range(1000)]
    low, high = np.nanquantile(found, [0.025, 0.975])
    return f"{statistic(np.arange(n)):.3f} ({low:.3f} to {high:.3f})"


def told(name: str, dives: Sequence[Dive], found: Sequence[dict[str, Measured]]) -> str:
    """A row on one aspect."""
    fault = TELLS[name]
    there = [i for i, one in enumerate(found) if one[name].value is not None]
    values = np.array([found[i][name].value for i in there])
    sizes = np.array([{f.name: f.severity for f in dives[i].faults}.get(fault, 0.0) for i in there])
    has = sizes > 0
    own, true = values[has], sizes[has]
    rank = interval(lambda rows: float(spearmanr(own[rows], true[rows])[0]), int(has.sum()))

    def auc(rows: Array) -> float:
        part = has[rows]
        return float(roc_auc_score(part, values[rows])) if 0 < part.sum() < len(part) else np.nan

    return (
        f"| {name} | {fault} | {has.sum()} of {len(there)} | {rank} | {interval(auc, len(there))} |"
    )


def examples(dives: Sequence[Dive], vectors: Array, definition: AspectSet) -> Examples:
    """Execution scores: the difficulty has nothing to do with faults."""
    return Examples(
        tuple(dive.video_id for dive in dives),
        [vector[None] for vector in vectors],
        np.array([dive.execution for dive in dives]),
        {"definition": [definition.text] * len(dives)},
    )


def largest(dive: Dive, among: Sequence[str]) -> str | None:
    """The fault that costs most."""
    own = [fault for fault in dive.faults if fault.name in among]
    return max(own, key=lambda fault: fault.cost).name if own else None


def named_right(
    dives: Sequence[Dive], named: Sequence[str], among: Sequence[str]
) -> tuple[str, int]:
    """How often the aspect that is named is of the largest fault, of dives that have one."""
    pairs = [
        (TELLS.get(name), largest(dive, among)) for dive, name in zip(dives, named, strict=True)
    ]
    right = np.array([a == b for a, b in pairs if b is not None], float)
    return interval(lambda rows: float(right[rows].mean()), len(right)), len(right)


def compared_names(
    definition: AspectSet,
    dives: Sequence[Dive],
    found: Sequence[dict[str, Measured]],
    half: int,
    by: Callable[[Compared], float | None],
) -> list[str]:
    """The aspect of each test dive that is worst beside the training dives, as `by` tells."""
    videos = [
        Video(dive.video_id, Path("drawn.mp4"), dive.score, type=dive.type.name) for dive in dives
    ]
    known = {video.id: one for video, one in zip(videos, found, strict=True)}
    names = []
    for video, one in zip(videos[half:], found[half:], strict=True):
        worse = {}
        for aspect in definition.aspects:
            value = one[aspect.name].value
            if value is not None:
                compared = compare(aspect, video, value, videos[:half], known)
                worse[aspect.name] = (compared and by(compared)) or 0.0
        names.append(max(worse, key=lambda name: worse[name]))
    return names


def head_rows(heads: dict[str, Any], train: Examples, test: Examples) -> None:
    """Fit heads, and print how well they tell the scores of test dives."""
    click.echo("| head | Spearman of the execution | mean absolute error |")
    click.echo("| --- | --- | --- |")
    for label, head in heads.items():
        predicted, true = head.fit_examples(train).predict_examples(test), test.scores

        def rank(rows: Array, a: Array = predicted, b: Array = true) -> float:
            return float(spearmanr(a[rows], b[rows])[0])

        def off(rows: Array, a: Array = predicted, b: Array = true) -> float:
            return float(np.abs(a - b)[rows].mean())

        n = len(true)
        click.echo(f"| {label} | {interval(rank, n)} | {interval(off, n)} |")


def rank_row(name: str, told: str, pairs: Sequence[tuple[float, float]]) -> str:
    """A row on an aspect whose true value is known for each."""
    values, true = np.array(pairs).T
    rank = interval(lambda rows: float(spearmanr(values[rows], true[rows])[0]), len(true))
    return f"| {name} | {told} | {len(true)} | {rank} |"


def others(seed: int, n: int) -> None:
    """Faults that the demo's dives lack, and squats; exact joints, and joints off by 5 %."""
    rng, diving, squats = np.random.default_rng(seed), load_aspects("diving"), load_aspects("squat")
    click.echo("| aspect | drawn | how many | Spearman with the true size |")
    click.echo("| --- | --- | --- | --- |")
    for percent in (0.0, 5.0):
        found: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for index in range(n):
            dive = sample_dive(seed, index, faults={})
            apart, loose = rng.uniform(0, 50), rng.uniform(0, 60)
            joints = noisy(dive_joints(dive, apart=apart, loose=loose), percent, rng)
            stages = {k: v for k, v in dive.stages._asdict().items() if k != "n_frames"}
            columns = {"position": dive.type.position}
            one = measure(diving, Seen(BodyJoints.of(joints, NAMES), FPS, stages, columns))
            pairs = [("legs apart", apart), ("pike open", loose), ("tuck open", loose)]
            pairs += seen_by_a_still_camera(
                dive, diving, percent, np.random.default_rng(index), one
            )
            size = {"depth": rng.uniform(60, 130), "trunk lean": rng.uniform(5, 60)}
            size |= {"time down": rng.uniform(0.7, 3), "left against right": rng.uniform(0, 30)}
            two = squat(
                squats,
                depth=size["depth"],
                lean=size["trunk lean"],
                down=size["time down"],
                apart=size["left against right"],
                spoil=partial(noisy, percent=percent, rng=rng),
            )
            size["depth"] -= size["left against right"] / 2  # the mean of both knees
            pairs += list(size.items())
            for name, true in pairs:
                value = (one | two)[name].value
                told = "dive" if name in one else "squat"
                if value is not None:
                    found.setdefault((name, told), []).append((value, true))
        for (name, told), values in found.items():
            joints_are = f"joints off by {percent:g} %" if percent else "exact joints"
            click.echo(rank_row(name, f"{told}, {joints_are}", values))


def seen_by_a_still_camera(
    dive: Dive,
    definition: AspectSet,
    percent: float,
    rng: np.random.Generator,
    found: dict[str, Measured],
) -> list[tuple[str, float]]:
    """Aspects that are put among those `found`, and their true sizes."""
    bent = rng.uniform(0, 40)
    height, distance = flown(dive)
    true = {"height over the board": height, "distance from the board": distance}
    true |= {"hips bent in flight": bent}
    joints = noisy(still_joints(dive, bent=bent), percent, rng)
    stages = {k: v for k, v in dive.stages._asdict().items() if k != "n_frames"}
    columns = {"position": dive.type.position}
    seen = Seen(BodyJoints.of(joints, NAMES), FPS, stages, columns, still_camera=True)
    measured_so = measure(definition, seen)
    found |= {name: measured_so[name] for name in true}
    return list(true.items())


@click.command()
@click.option("--dives", "n", default=240)
@click.option("--seed", default=11)
@click.option("--no-pixels", is_flag=True)
def main(n: int, seed: int, no_pixels: bool) -> None:
    """Print the tables on dives that are drawn here: `n` of them, of the seed."""
    others(seed, min(n, 120))
    definition, half = load_aspects("diving"), n // 2
    dives = [sample_dive(seed, index) for index in range(n)]
    started = time.process_time()
    with tempfile.TemporaryDirectory() as name:
        place = None if no_pixels else Path(name)
        found = [measured(dive, definition, place) for dive in dives]
    seconds = (time.process_time() - started) / n
    click.echo(f"{machine()}; {seconds:.2f} s of CPU per dive, with drawing it")
    click.echo("| aspect | fault | dives that have it | Spearman with its size | AUC |")
    click.echo("| --- | --- | --- | --- | --- |")
    for name in TELLS:
        if name != "splash" or not no_pixels:
            click.echo(told(name, dives, found))
    vectors = np.array([vector_of(definition, one) for one in found], np.float32)
    train = examples(dives[:half], vectors[:half], definition)
    test = examples(dives[half:], vectors[half:], definition)
    heads: dict[str, Any] = {
        "`aspects`": AspectsHead(),
        "`aspects`, `penalty=0`, `signs=false`: plain linear": AspectsHead(
            penalty=0.0, signs=False
        ),
        "`svr`": SVRHead(),
        "`svr`, `kernel=linear`": SVRHead(kernel="linear"),
    }
    head_rows(heads, train, test)
    head = heads["`aspects`"]
    points = [head.aspect_points(test[k]) for k in range(len(test))]
    for one in sorted(points[0], key=lambda one: one.slope):
        low, high = one.interval
        if one.slope:
            click.echo(f"{one.name}: {one.slope:.3f} ({low:.3f} to {high:.3f}) points / {one.unit}")
    body = ["bent_legs", "over_rotation", "slant_entry"]
    every = body if no_pixels else [*body, "large_splash"]
    by_percentile = compared_names(definition, dives, found, half, lambda one: one.worse_than)
    by_spreads = compared_names(definition, dives, found, half, lambda one: one.spreads)
    for label, named in (
        ("the head `aspects`", [one[0].name for one in points]),
        ("percentiles among the type", by_percentile),
        ("spreads", by_spreads),
    ):
        share, count = named_right(dives[half:], named, every)
        click.echo(f"named worst by {label}: the largest fault in {share} of {count} dives")


def vector_of(definition: AspectSet, one: dict[str, Measured]) -> list[float]:
    """The values of a dive, as a store holds them."""
    values = [(one[aspect.name].value, aspect.neutral) for aspect in definition.aspects]
    return [neutral if value is None else value for value, neutral in values]


if __name__ == "__main__":
    main()
