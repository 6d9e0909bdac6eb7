"""Seconds an epoch of pair learning: each video embedded once a step, against the naive loop.

    python benchmarks/pairs.py [--videos 174] [--clips 9] [--dim 4096] [--pairing all]

The naive loop is the usual Siamese one: one pair or a batch of pairs at a time, each pair embedding
both of its videos, gradients summed up to the step. Both ways see the same pairs with the same loss
and gradients, which tests/models/test_pair_batches.py checks. The naive one is timed on some of its
batches and extrapolated, since they all cost the same.
"""

from __future__ import annotations

import argparse
import platform
import time

import numpy as np
import torch

from aqa.models.heads.comparing import SiameseNet
from aqa.models.heads.siamese import PairTrainer
from aqa.models.losses import pair_loss
from aqa.models.pair_batches import PairedVideos
from aqa.models.pairs import Pairs, make_pairs
from aqa.models.train import Schedule, Videos

WEIGHTS = (1.0, 1.0)


def main() -> None:
    args = parse()
    rng = np.random.default_rng(0)
    scores = rng.uniform(20, 100, args.videos)
    types = [str(i % 6) for i in range(args.videos)]
    x = [rng.normal(size=(args.clips, args.dim)) for _ in scores]
    videos = Videos.of(x, scores, torch.device("cpu"))
    pairs = make_pairs(scores, 5.0, types if args.pairing == "within" else None).both_orders()
    groups = np.array(types, int) * (args.pairing == "within")
    paired = PairedVideos(videos, pairs.first, pairs.second, pairs.similar, groups)

    fast, steps, embedded = time_paired(paired, args)
    slow = {batch: time_naive(videos, pairs, batch, args) for batch in (1, args.batch)}
    print(
        f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, "
        f"Python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}"
    )
    print(
        f"{args.videos} videos of {args.clips} clips x {args.dim}, {args.step} videos a step, "
        f"{len(pairs.similar)} ordered pairs ({args.pairing}), {steps} steps an epoch"
    )
    print(f"paired: {fast:8.2f} s an epoch, {embedded} videos embedded")
    for batch, seconds in slow.items():
        print(
            f"naive:  {seconds:8.2f} s an epoch, {2 * len(pairs.similar)} videos embedded, "
            f"{batch} pairs at a time: {seconds / fast:.1f} times as long"
        )


def time_paired(paired: PairedVideos, args: argparse.Namespace) -> tuple[float, int, int]:
    """Seconds of the best of some epochs, its steps, and how many videos it embedded."""
    net = SiameseNet(args.dim, args.hidden)
    trainer = PairTrainer(net, WEIGHTS, Schedule(1, args.step, lr=1e-3), seed=0)
    order = torch.arange(len(paired))
    sizes = [len(batch.x) for batch in paired.batches(args.step, order)]
    trainer.epoch(paired)
    seconds = []
    for _ in range(args.repeats):
        started = time.perf_counter()
        trainer.epoch(paired)
        seconds.append(time.perf_counter() - started)
    return min(seconds), len(sizes), sum(sizes)


def time_naive(videos: Videos, pairs: Pairs, batch: int, args: argparse.Namespace) -> float:
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


def naive_batch(net: SiameseNet, videos: Videos, pairs: Pairs) -> None:
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
        *(("step", 58), ("repeats", 5), ("batch", 64)),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--pairing", choices=["all", "within"], default="all")
    return parser.parse_args()


if __name__ == "__main__":
    main()
