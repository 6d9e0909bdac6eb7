"""Seconds an epoch of pair learning: each video embedded once a step, against the naive loop.

    python benchmarks/pairs.py [--videos 174] [--clips 9] [--dim 4096] [--pairing all]
    python benchmarks/pairs.py --splits 10
    python benchmarks/pairs.py --fit --videos 1059 --clips 6 [--epochs N]

The naive loop is the usual Siamese one: one pair or a batch of pairs at a time, each pair embedding
both of its videos, gradients summed up to the step. Both ways see the same pairs with the same loss
and gradients, which tests/models/training/test_pair_batches.py checks. The naive one is timed on
some of its batches and extrapolated, since they all cost the same.

With `--splits`, the time of `aqa fit --head score-estimation` on so many splits of jain2020-diving,
from a store of features in that protocol's shape: 44 videos of each of six types, 15 of them
tested. The features are noise that the score shifts, so that there is something to learn and
training goes on. It reads the store, fits and evaluates on training videos, and writes the run.

With `--fit`, seconds and peak memory of one fit of `score-estimation` with its defaults, on videos
of such features, of 52 types: with 1059 videos of 6 clips of 4096, the size of MTL-AQA.
"""

from __future__ import annotations

import argparse
import platform
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aqa.annotations.manifest import Manifest, write_manifest
from aqa.annotations.split_protocols import make_splits
from aqa.features.store import FeatureStore, import_arrays
from aqa.models.examples import Examples
from aqa.models.heads.base.comparing import SiameseNet
from aqa.models.heads.base.pair_trainers import PairTrainer
from aqa.models.heads.score_estimation import ScoreEstimationHead
from aqa.models.pairs import Pairs, make_pairs
from aqa.models.training.loop import TrainingSettings, VideoTensors
from aqa.models.training.losses import pair_loss
from aqa.models.training.pair_batches import PairedVideos
from aqa.workflows.fit import fit_splits

WEIGHTS = (1.0, 1.0)


def main() -> None:
    args = parse()
    print(
        f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, "
        f"Python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}"
    )
    if args.fit:
        time_fit(args)
    elif args.splits:
        time_splits(args)
    else:
        time_epochs(args)


def time_splits(args: argparse.Namespace) -> None:
    """Print the seconds of each split, epochs included, and of all."""
    rng = np.random.default_rng(0)
    quality, tell = rng.uniform(-2, 2, 264), 0.3 * rng.normal(size=args.dim)
    rows = [
        {"video_id": f"{i:03}", "path": "", "score": 60 + 20 * q, "type": i % 6}
        for i, q in enumerate(quality)
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_manifest(folder / "manifest.csv", rows)
        table = Manifest.read(folder / "manifest.csv")
        noise = rng.normal(size=(len(rows), args.clips, args.dim))
        features = np.maximum(noise + np.multiply.outer(quality, tell)[:, None], 0)
        arrays = dict(zip(table.ids, features, strict=True))
        import_arrays(folder / "random.h5", arrays, source="random")
        splits = make_splits(table, "jain2020-diving", {}).splits[: args.splits]
        start = before = clocks()
        with FeatureStore.open(folder / "random.h5") as store:
            for run in fit_splits(
                "score-estimation", (), table, store, splits, folder / "runs", ranges=False
            ):
                now = clocks()
                epochs = sum(row["phase"] == "metric" for row in run.head.history_)
                print(f"{run.split}: {spent(now - before)}, {epochs} epochs", flush=True)
                before = now
        print(f"{len(splits)} splits: {spent(before - start)}")


def time_fit(args: argparse.Namespace) -> None:
    """Print the seconds of a whole fit, its epochs, and the most memory that the process held."""
    rng = np.random.default_rng(0)
    quality, tell = rng.uniform(-2, 2, args.videos), 0.3 * rng.normal(size=args.dim)
    features = [
        np.maximum(rng.normal(size=(args.clips, args.dim)) + q * tell, 0).astype(np.float32)
        for q in quality
    ]
    kinds = [str(kind) for kind in rng.integers(0, 52, args.videos)]
    blank = np.full(args.dim, 0.1, np.float32)
    columns: dict[str, Any] = {"id": [f"{i:04}" for i in range(args.videos)], "type": kinds}
    train = Examples.of(features, 60 + 20 * quality, blank=blank, **columns)
    before, held = clocks(), peak_mib()
    settings: dict[str, Any] = (
        {} if args.epochs is None else {"epochs": args.epochs, "patience": args.epochs}
    )
    head = ScoreEstimationHead(**settings).fit_examples(train)
    epochs = sum(row["phase"] == "metric" for row in head.history_)
    print(
        f"{args.videos} videos of {args.clips} clips x {args.dim}: {spent(clocks() - before)}, "
        f"{epochs} epochs, refit included; {peak_mib():.0f} MiB at most, {held:.0f} before the fit"
    )


def peak_mib() -> float:
    """The most memory that this process has held, in MiB (Linux counts KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def clocks() -> NDArray[np.float64]:
    """Seconds by the clock, and of processor time."""
    return np.array([time.perf_counter(), time.process_time()])


def spent(seconds: NDArray[np.float64]) -> str:
    """What went by between two `clocks`."""
    return f"{seconds[0]:.1f} s, {seconds[1]:.1f} s of processor time"


def time_epochs(args: argparse.Namespace) -> None:
    """Print the seconds of an epoch both ways."""
    rng = np.random.default_rng(0)
    scores = rng.uniform(20, 100, args.videos)
    types = [str(i % 6) if args.pairing == "within" else "all" for i in range(args.videos)]
    x = [rng.normal(size=(args.clips, args.dim)).astype(np.float32) for _ in scores]
    videos = VideoTensors.of(x, scores, torch.device("cpu"))
    groups = np.unique(types, return_inverse=True)[1]
    pairs = make_pairs(scores, 5.0, types).both_orders()
    paired = PairedVideos(videos, pairs.first, pairs.second, pairs.similar, groups)

    fast, steps, embedded = time_paired(paired, args)
    print(
        f"{len(x)} videos of {args.clips} clips x {args.dim}, {args.step} a step, "
        f"{len(pairs.similar)} ordered pairs ({args.pairing}), {steps} steps an epoch"
    )
    print(f"paired: {fast:8.2f} s an epoch, {embedded} videos embedded", flush=True)
    for batch in (1, args.batch):
        seconds = time_naive(videos, pairs, batch, args)
        print(
            f"naive:  {seconds:8.2f} s an epoch, {2 * len(pairs.similar)} videos embedded, "
            f"{batch} pairs at a time: {seconds / fast:.1f} times as long"
        )


def time_paired(paired: PairedVideos, args: argparse.Namespace) -> tuple[float, int, int]:
    """Seconds of the best of some epochs, its steps, and how many videos it embedded."""
    net = SiameseNet(args.dim, args.hidden)
    trainer = PairTrainer(net, WEIGHTS, TrainingSettings(1, args.step, lr=1e-3), seed=0)
    order = torch.arange(len(paired))
    sizes = [len(batch.lengths) for batch in paired.batches(args.step, order)]
    trainer.epoch(paired)
    seconds = []
    for _ in range(args.repeats):
        started = time.perf_counter()
        trainer.epoch(paired)
        seconds.append(time.perf_counter() - started)
    return min(seconds), len(sizes), sum(sizes)


def time_naive(videos: VideoTensors, pairs: Pairs, batch: int, args: argparse.Namespace) -> float:
    """Seconds of one epoch, from the best of some of its batches."""
    net = SiameseNet(args.dim, args.hidden)
    rng = np.random.default_rng(1)
    seconds = []
    for _ in range(args.repeats + 1):  # the first warms up
        chosen = rng.choice(len(pairs.first), batch, replace=False)
        started = time.perf_counter()
        naive_batch(
            net, videos, Pairs(pairs.first[chosen], pairs.second[chosen], pairs.similar[chosen])
        )
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:]) * len(pairs.first) / batch


def naive_batch(net: SiameseNet, videos: VideoTensors, pairs: Pairs) -> None:
    """Forward and backward of a batch of pairs that embeds both videos of each."""
    n = len(pairs.first)
    x = torch.stack([videos.sequences[i] for i in [*pairs.first, *pairs.second]])
    lengths = torch.full((2 * n,), x.shape[1])
    logits = net(x, lengths, torch.arange(n), torch.arange(n, 2 * n))
    pair_loss(logits, torch.as_tensor(pairs.similar, dtype=torch.float32), WEIGHTS).backward()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name, default in (
        *(("videos", 174), ("clips", 9), ("dim", 4096), ("hidden", 256)),
        *(("step", 58), ("repeats", 5), ("batch", 64), ("splits", 0)),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--epochs", type=int, help="of --fit, instead of the default")
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--pairing", choices=["all", "within"], default="all")
    return parser.parse_args()


if __name__ == "__main__":
    main()
