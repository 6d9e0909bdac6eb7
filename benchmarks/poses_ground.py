"""How well joints of people on the ground are estimated: squats drawn from three sides.

    python benchmarks/poses_ground.py [--squats 24] [--network full]

A person of known joints squats in a plain room (`squats_drawn.py`), the same squats seen from the
side, from half ahead and from ahead; `--camera still`, as for exercises. First where the joints
are: errors in % of the trunk's length, of left and right the better order, and how often that is
the other one than drawn (from the side a picture does not tell it). Then `aqa measure --aspects
squat` by these joints against the same by the drawn ones, and AUC of each fault of a squat against
squats without it, by drawn and by estimated joints. Nothing is decided on these squats.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import click
import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from aqa.benchmarks.aspects import interval
from aqa.benchmarks.extract import machine
from aqa.benchmarks.poses import PAIRS, least_of_both_orders
from aqa.benchmarks.squats_drawn import NAMES, TELLS, Filmed, Squat, film_squat, sample_squat
from aqa.extract.checkpoints.packaged_networks import PACKAGED
from aqa.extract.checkpoints.packages import fetch_packaged
from aqa.extract.poses.estimation.blazepose import JOINTS, BlazePose
from aqa.extract.poses.estimation.run import load_networks
from aqa.extract.poses.estimation.settings import LEAST, SMOOTH
from aqa.extract.poses.estimation.smooth import doubted, joined, smoothed
from aqa.extract.poses.estimation.still import follow_still
from aqa.features.aspects.body import BodyJoints
from aqa.features.aspects.measure import Measured, Seen, measure
from aqa.features.aspects.read import load_aspects
from aqa.workflows.demo.motion import FPS

Array = np.ndarray
VIEWS = {"from the side": 0.0, "half ahead": 50.0, "from ahead": 90.0}
OURS = [f"{side} {joint}" for side in ("left", "right") for joint in PAIRS]
THEIRS = [f"{side} {PAIRS[joint]}" for side in ("left", "right") for joint in PAIRS]
SQUAT = load_aspects("squat")


class Estimated(NamedTuple):
    """errors: (frames, 12) in lengths of the trunk, NaN where nobody was found.

    swapped: (frames,), whether left and right are the other way round than drawn. seconds: of the
    processor, per frame. aspects: by estimated joints; exact: by the drawn ones.
    """

    errors: Array
    swapped: Array
    seconds: float
    aspects: dict[str, Measured]
    exact: dict[str, Measured]


def estimate(filmed: Filmed, networks: BlazePose) -> Estimated:
    """The joints of the frames, held against those drawn."""
    started = time.process_time()
    bodies = list(follow_still(filmed.frames, networks, LEAST["still"]))
    seconds = (time.process_time() - started) / len(filmed.frames)
    found = smoothed(doubted(joined(bodies)), SMOOTH)
    truth = filmed.joints[:, [NAMES.index(name) for name in THEIRS]]
    ours = found[:, [JOINTS.index(name) for name in OURS], :2]
    trunk = filmed.joints[:, NAMES.index("neck")] - filmed.joints[:, NAMES.index("pelvis")]
    # The trunk leans; seen from ahead it is shorter than it is, so the longest counts.
    length = np.linalg.norm(trunk, axis=1).max()
    off = least_of_both_orders(ours, truth)
    swapped = off.mean(axis=1) < np.linalg.norm(ours - truth, axis=2).mean(axis=1)
    aspects = _measured(BodyJoints.of(found[..., :2], JOINTS, found[..., 2]))
    exact = _measured(BodyJoints.of(filmed.joints, NAMES))
    return Estimated(off / length, swapped, seconds, aspects, exact)


def _measured(body: BodyJoints) -> dict[str, Measured]:
    return measure(SQUAT, Seen(body, FPS, {}, {}))


def view_row(view: str, runs: Sequence[Estimated]) -> str:
    """How well the people of one view are found."""
    errors = np.concatenate([run.errors for run in runs])
    there = np.isfinite(errors[:, 0])
    half = len(PAIRS)
    joints = [f"{100 * np.nanmean(errors[:, [j, j + half]]):.0f}" for j in range(half)]
    swapped = [run.swapped[np.isfinite(run.errors[:, 0])] for run in runs]
    shares = np.array([one.mean() for one in swapped if len(one)])
    return (
        f"| {view} | {there.sum()} of {len(there)} | {100 * np.nanmedian(errors):.0f} %, "
        f"{100 * np.nanmean(errors):.0f} % | {', '.join(joints)} | "
        f"{np.concatenate(swapped).mean():.0%} | "
        f"{np.sum(shares < 0.1)}, {np.sum(shares > 0.9)} of {len(shares)} | "
        f"{1000 * np.mean([run.seconds for run in runs]):.0f} ms |"
    )


def aspect_row(name: str, runs: Sequence[Estimated]) -> str:
    """What is left of an aspect by estimated joints: all values, then those that are not doubtful.

    How many of the squats have a value by both kinds of joints, how far they lie apart, and their
    rank correlation.
    """
    pairs = [
        (one.value, true.value, one.doubtful)
        for one, true in ((run.aspects[name], run.exact[name]) for run in runs)
        if one.value is not None and true.value is not None
    ]
    row = f"| {name}, {SQUAT.by_name[name].unit} | {len(pairs)} of {len(runs)}"
    if not pairs:
        return f"{row} | - | - | - | - |"
    values, exact, doubtful = np.array(pairs, float).T
    off, kept = np.abs(values - exact), doubtful == 0

    def rank(rows: Array) -> float:
        ranked = len(set(values[rows])) > 1 and len(set(np.round(exact[rows], 3))) > 1
        return float(spearmanr(values[rows], exact[rows])[0]) if ranked else np.nan

    ranks = interval(rank, len(pairs)) if np.ptp(exact) > 1e-3 else "-"
    sure = f"{np.median(off[kept]):.2f}" if kept.any() else "-"
    return f"{row} | {np.median(off):.2f} | {ranks} | {kept.sum()} | {sure} |"


def fault_row(fault: str, squats: Sequence[Squat], runs: Sequence[Estimated]) -> str:
    """AUC of having a fault, by drawn and by estimated joints."""
    name = TELLS[fault]
    sign = -1.0 if SQUAT.by_name[name].worse == "less" else 1.0
    cells = []
    for found in ([run.exact[name] for run in runs], [run.aspects[name] for run in runs]):
        told = [
            (sign * one.value, fault in squat.faults)
            for one, squat in zip(found, squats, strict=True)
            if one.value is not None
        ]
        cells.append(_auc(told))
    return f"| {fault} | {name} | {' | '.join(cells)} |"


def _auc(told: Sequence[tuple[float, bool]]) -> str:
    """With its interval, and of how many squats with the fault and without."""
    has = np.array([has for _, has in told])
    n, values = int(has.sum()), np.array([value for value, _ in told])
    if not 5 <= n <= len(told) - 5:
        return "-"

    def auc(rows: Array) -> float:
        part = has[rows]
        return float(roc_auc_score(part, values[rows])) if 0 < part.sum() < len(part) else np.nan

    return f"{interval(auc, len(told))}, {n} and {len(told) - n}"


def table(columns: str) -> None:
    """Print the head of a table."""
    click.echo(f"\n| {columns} |\n|{' --- |' * (columns.count('|') + 1)}")


@click.command()
@click.option("--squats", "n", default=24, help="For each view.")
@click.option("--seed", default=100)
@click.option("--network", default="full", type=click.Choice(["lite", "full", "heavy"]))
def main(n: int, seed: int, network: str) -> None:
    """Print the errors of joints from each side, then how well squats are measured by them."""
    networks = load_networks(fetch_packaged(PACKAGED[f"blazepose-{network}"]))
    click.echo(f"{machine()}; blazepose-{network}")
    squats = [sample_squat(seed + k) for k in range(n)]
    runs = {
        view: [
            estimate(film_squat(squat, seed + k, degrees), networks)
            for k, squat in enumerate(squats)
        ]
        for view, degrees in VIEWS.items()
    }
    joints = ", ".join(PAIRS)
    table(
        f"seen | found | error, median and mean | {joints} | swapped | never, always swapped | "
        "processor time per frame"
    )
    for view, of in runs.items():
        click.echo(view_row(view, of))
    for view, of in runs.items():
        table(f"{view}: aspect | measured | off by | Spearman | not doubtful | off by, of these")
        for name in SQUAT.by_name:
            click.echo(aspect_row(name, of))
        table(f"{view}: fault | aspect | AUC by drawn joints, with and without it | by estimated")
        for fault in TELLS:
            click.echo(fault_row(fault, squats, of))


if __name__ == "__main__":
    main()
