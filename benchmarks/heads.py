"""Seconds to fit a head on cached features, and what the training loop adds to the arithmetic.

    python benchmarks/heads.py [--head wd] [--videos 1059] [--clips 6] [--dim 512] [--epochs 50]

The bare loop is what no training can do without: forward, loss, backward and step, on batches that
were cut beforehand. An epoch of ours shuffles the videos, gathers the batches, sets the rate and
adds up the loss besides. Both are timed in turn, a round each, and the best of each counts.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from aqa.models.heads import get_head
from aqa.models.heads.base.network import NetworkHead
from aqa.models.training.loop import ScoreTrainer, TrainingSettings, VideoBatch, VideoTensors
from aqa.models.training.losses import Loss


def main() -> None:
    args = parse()
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(args.clips, args.dim)).astype(np.float32) for _ in range(args.videos)]
    y = rng.uniform(20, 100, args.videos)
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, "
        f"torch {torch.__version__}, numpy {np.__version__}, one thread"
    )
    print(
        f"{args.head}, loss {args.loss}, {args.videos} videos of {args.clips} clips x {args.dim}, "
        f"{args.batch} a step"
    )
    torch.set_num_threads(1)
    head = make(args)
    before = time.process_time()
    seconds = timed(lambda: head.fit(x, y))
    busy = time.process_time() - before
    print(f"fit:   {seconds:.2f} s, {busy:.2f} s of them on the CPU, {len(head.history_)} epochs")
    ours, bare = compare(args, VideoTensors.of(x, y / y.std(), torch.device("cpu")))
    print(f"epoch: {ours:.3f} s; bare: {bare:.3f} s; ratio {ours / bare:.2f}")


def make(args: argparse.Namespace) -> NetworkHead:
    kind = get_head(args.head)
    assert issubclass(kind, NetworkHead)
    return kind(
        **{"epochs": args.epochs, "patience": args.epochs, "batch_size": args.batch},
        **{"loss": args.loss, "device": "cpu"},
    )


def compare(args: argparse.Namespace, videos: VideoTensors) -> tuple[float, float]:
    """Seconds of the best epoch of ours, and of the bare loop."""
    head = make(args)
    loss, settings = head.objective(1.0), TrainingSettings(1, args.batch, lr=1e-3)
    trainer = ScoreTrainer(head.build(args.dim), loss, settings, seed=0)
    batches = list(videos.batches(args.batch))
    net = head.build(args.dim)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    rounds = [
        (
            timed(lambda: trainer.epoch(videos)),
            timed(lambda: bare_epoch(net, optimizer, loss, batches)),
        )
        for _ in range(args.repeats)
    ]
    ours, bare = zip(*rounds, strict=True)
    return min(ours), min(bare)


def bare_epoch(
    net: nn.Module, optimizer: torch.optim.Optimizer, loss: Loss, batches: list[VideoBatch]
) -> None:
    for batch in batches:
        optimizer.zero_grad()
        loss(net(batch.x, batch.lengths), batch.targets).backward()
        optimizer.step()


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name, default in (
        *(("videos", 1059), ("clips", 6), ("dim", 512)),
        *(("epochs", 50), ("batch", 15), ("repeats", 15)),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--head", default="wd")
    parser.add_argument("--loss", default="l1+l2")
    return parser.parse_args()


if __name__ == "__main__":
    main()
