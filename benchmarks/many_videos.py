"""Peak memory and seconds of `aqa fit`, `eval` and `compare` on a store of many videos.

    python benchmarks/many_videos.py [--videos 100000] [--clips 4] [--dim 512] [--epochs 2]

Makes a manifest and a store of noise that the score shifts in a folder that it removes afterwards
(0.9 GB for 100,000 videos). Each command runs in a process of its own; its peak is the most memory
that it held, the interpreter and its libraries included.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

from aqa.annotations.manifest import write_manifest
from aqa.features.clips import Clip
from aqa.features.store import FeatureStoreWriter

HEADS = ("wd", "average")
TEST_SHARE = 5  # every fifth video is tested


def main() -> None:
    args = parse()
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, torch {version('torch')}, numpy {np.__version__}; "
        f"{args.videos} videos of {args.clips} clips x {args.dim}, {args.epochs} epochs"
    )
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        # Elsewhere, since a process's peak counts what its parent held when it was started.
        making = multiprocessing.Process(target=make_workspace, args=(Path(folder), args))
        making.start()
        making.join()
        epochs = f"epochs={args.epochs}"
        for head in HEADS[: 2 if args.compare else 1]:
            measure(folder, "fit", "--head", head, "-p", epochs, "-p", "device=cpu")
        measure(folder, "eval", "--head", HEADS[0])
        if args.compare:
            measure(folder, "eval", "--head", HEADS[1], "--no-baseline")
            measure(folder, "compare")


def make_workspace(folder: Path, args: argparse.Namespace) -> None:
    """A manifest with one split and columns for every baseline, and a store of float32."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=args.videos)
    ids = [f"v{i:06d}" for i in range(args.videos)]
    rows = [
        {
            **{"video_id": video_id, "path": "", "score": round(60 + 15 * float(t), 2)},
            **{"type": f"t{i % 40}", "event": f"e{i % 300}", "athlete": f"a{i % args.athletes}"},
            "difficulty": round(2 + (i % 17) / 10, 1),
            "split_1": "test" if i % TEST_SHARE == 0 else "train",
        }
        for i, (video_id, t) in enumerate(zip(ids, truth, strict=True))
    ]
    write_manifest(folder / "manifest.csv", rows)
    spec = {
        **{"backbone": "noise", "layer": None, "shape": [args.dim], "dtype": "float32"},
        "weights": {"name": None, "sha256": None, "fitted_on": None},
        **dict.fromkeys(("clip_length", "stride", "frames", "padding", "tail", "preprocess")),
        "views": ["original"],
    }
    clips = [Clip(i, i + 1) for i in range(args.clips)]
    with FeatureStoreWriter(folder / "stores" / "noise.h5", spec, ids=ids) as writer:
        for video_id, t in zip(ids, truth, strict=True):
            features = rng.normal(size=(args.clips, args.dim)).astype(np.float32)
            features[:, :8] += t
            writer.append(video_id, [(features, clips)], n_frames=args.clips)


def measure(folder: str, *command: str) -> None:
    """Run a command of aqa; print its seconds and the peak of its memory."""
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "aqa", *command], cwd=folder, stdout=subprocess.DEVNULL
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    busy = usage.ru_utime + usage.ru_stime
    print(
        f"aqa {' '.join(command)}: {usage.ru_maxrss * 1024 / 1e9:.2f} GB, "
        f"{time.perf_counter() - started:.0f} s by the clock, {busy:.0f} s of processor time",
        flush=True,
    )
    if process.returncode:
        raise SystemExit(process.returncode)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name, default in (
        *(("videos", 100_000), ("clips", 4), ("dim", 512), ("epochs", 2)),
        ("athletes", 1000),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--folder", help="where the files lie meanwhile [the system's own]")
    parser.add_argument("--compare", action="store_true", help="fit two heads and compare them")
    return parser.parse_args()


if __name__ == "__main__":
    main()
