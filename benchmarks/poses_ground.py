"""How well joints of people on the ground are estimated: squats drawn from three sides.

    python benchmarks/poses_ground.py [--squats 12] [--network full]

A person of known joints squats in a plain room, seen from the side, from half ahead and from ahead,
with depth, lean, tempo, clothes, size and light drawn by lot; `--camera still`, as for exercises.
Errors are in % of the trunk's length. Of left and right the better order counts, and it is told how
often that is the other one than drawn (from the side a picture does not tell it). Then the aspects
of squats by these joints, against their true sizes, from the side. Nothing is decided on these.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import click
import numpy as np
from scipy.stats import spearmanr

from aqa.benchmarks.aspects import interval
from aqa.benchmarks.aspects_drawn import squat_body
from aqa.benchmarks.extract import machine
from aqa.benchmarks.poses import PAIRS, least_of_both_orders
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
from aqa.workflows.demo.camera import HEIGHT, WIDTH, CameraView
from aqa.workflows.demo.diver import Joint, orient
from aqa.workflows.demo.figure import Image, draw_figure
from aqa.workflows.demo.filming import JOINTS as DRAWN
from aqa.workflows.demo.motion import FPS
from aqa.workflows.demo.sampling import sample_dive

Array = np.ndarray
VIEWS = {"from the side": 0.0, "half ahead": 50.0, "from ahead": 90.0}
OURS = [f"{side} {joint}" for side in ("left", "right") for joint in PAIRS]
THEIRS = [f"{side} {PAIRS[joint]}" for side in ("left", "right") for joint in PAIRS]
SQUAT = load_aspects("squat")


class Drawn(NamedTuple):
    """A squat: its frames, joints in pixels (frames, 17, 2), and true sizes of its aspects."""

    frames: list[Image]
    joints: Array
    sizes: dict[str, float]


class Estimated(NamedTuple):
    """errors: (frames, 12) in lengths of the trunk, NaN where nobody was found.

    swapped: (frames,), whether left and right are the other way round than drawn.
    """

    errors: Array
    swapped: Array
    seconds: float
    aspects: dict[str, Measured]


def draw_squat(seed: int, view: float) -> Drawn:
    """A squat seen from `view` degrees ahead of the side."""
    rng = np.random.default_rng([seed, 7])
    sizes = {
        "depth": rng.uniform(60, 130),
        "trunk lean": rng.uniform(10, 50),
        "time down": rng.uniform(0.7, 2.0),
    }
    body = squat_body(
        depth=sizes["depth"], lean=sizes["trunk lean"], down=sizes["time down"], arms=80.0
    )
    turn = np.full(len(body), -np.radians(view))
    body = orient(body, turn, np.zeros(len(body)))
    camera = CameraView(rng.uniform(-0.2, 0.2), rng.uniform(0.75, 0.95), rng.uniform(85, 115))
    outfit = sample_dive(seed, 0).outfit
    wall, floor = rng.integers(90, 230, (2, 3))
    noise, gain = rng.uniform(1, 5), rng.uniform(0.8, 1.1)
    frames = []
    for joints in body:
        image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        edge = int(np.clip(camera.row(0.25), 0, HEIGHT))
        image[:edge], image[edge:] = wall, floor
        draw_figure(image, joints, camera, outfit)
        grain = rng.normal(0, noise, image.shape)
        frames.append(np.clip(image * gain + grain, 0, 255).astype(np.uint8))
    order = [joint for _, joint in DRAWN]
    return Drawn(frames, camera.pixels(body[:, order, :2]), sizes)


def estimate(drawn: Drawn, networks: BlazePose) -> Estimated:
    """The joints of the frames, held against those drawn."""
    started = time.process_time()
    bodies = list(follow_still(drawn.frames, networks, LEAST["still"]))
    seconds = (time.process_time() - started) / len(drawn.frames)
    found = smoothed(doubted(joined(bodies)), SMOOTH)
    names = [name for name, _ in DRAWN]
    truth = drawn.joints[:, [names.index(name) for name in THEIRS]]
    ours = found[:, [JOINTS.index(name) for name in OURS], :2]
    row = [joint for _, joint in DRAWN].index
    trunk = drawn.joints[:, row(Joint.NECK)] - drawn.joints[:, row(Joint.PELVIS)]
    # The trunk leans; seen from ahead it is shorter than it is, so the longest counts.
    length = np.linalg.norm(trunk, axis=1).max()
    off = least_of_both_orders(ours, truth)
    swapped = off.mean(axis=1) < np.linalg.norm(ours - truth, axis=2).mean(axis=1)
    seen = Seen(BodyJoints.of(found[..., :2], JOINTS, found[..., 2]), FPS, {}, {})
    return Estimated(off / length, swapped, seconds, measure(SQUAT, seen))


def view_row(view: str, runs: list[Estimated]) -> str:
    """How well the people of one view are found."""
    errors = np.concatenate([run.errors for run in runs])
    there = np.isfinite(errors[:, 0])
    half = len(PAIRS)
    joints = [f"{100 * np.nanmean(errors[:, [j, j + half]]):.0f}" for j in range(half)]
    return (
        f"| {view} | {there.sum()} of {len(there)} | {100 * np.nanmedian(errors):.0f} %, "
        f"{100 * np.nanmean(errors):.0f} % | {', '.join(joints)} | "
        f"{np.concatenate([run.swapped for run in runs])[there].mean():.0%} | "
        f"{1000 * np.mean([run.seconds for run in runs]):.0f} ms |"
    )


def aspect_row(name: str, squats: list[Drawn], runs: list[Estimated]) -> str:
    """How well one aspect is measured."""
    told = [(run.aspects[name], one.sizes[name]) for run, one in zip(runs, squats, strict=True)]
    there = [(one.value, true) for one, true in told if one.value is not None]
    values, true = np.array(there).T

    def ranked(rows: Array) -> float:
        return float(spearmanr(values[rows], true[rows])[0]) if len(set(rows)) > 1 else np.nan

    rank = interval(ranked, len(true))
    sure = np.mean([one.confidence for one, _ in told])
    doubtful = sum(one.doubtful for one, _ in told)
    off = np.median(np.abs(values - true))
    return f"| {name} | {len(there)} | {off:.2f} | {rank} | {sure:.2f} | {doubtful} |"


@click.command()
@click.option("--squats", default=12, help="For each view.")
@click.option("--seed", default=100)
@click.option("--network", default="full", type=click.Choice(["lite", "full", "heavy"]))
def main(squats: int, seed: int, network: str) -> None:
    """Print the errors of joints from each side, then how well squats are measured by them."""
    networks = load_networks(fetch_packaged(PACKAGED[f"blazepose-{network}"]))
    click.echo(f"{machine()}; blazepose-{network}")
    joints = ", ".join(PAIRS)
    click.echo(f"| view | found on | error, median and mean | {joints} | swapped | per frame |")
    click.echo("| --- | --- | --- | --- | --- | --- |")
    sideways: list[Drawn] = []
    seen: list[Estimated] = []
    for view, degrees in VIEWS.items():
        drawn = [draw_squat(seed + k, degrees) for k in range(squats)]
        runs = [estimate(one, networks) for one in drawn]
        click.echo(view_row(view, runs))
        if degrees == 0:
            sideways, seen = drawn, runs
    click.echo("\n| aspect | squats | off by | Spearman with the truth | confidence | doubtful |")
    click.echo("| --- | --- | --- | --- | --- | --- |")
    for name in sideways[0].sizes:
        click.echo(aspect_row(name, sideways, seen))


if __name__ == "__main__":
    main()
