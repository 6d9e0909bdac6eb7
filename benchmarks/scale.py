"""How far processes carry an extraction and fits, and how much one writer can write.

    python benchmarks/scale.py VIDEO... [--backbone tiny3d] [--copies 60] [--rounds 5]

The same videos are extracted by one process and by several, in turn; beside the time by the clock
stands that of all processors, since on a machine that others use only their ratio means much. The
writer appends made-up features as an extraction does: each video on disk before the next.
"""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from aqa.annotations.manifest import Video
from aqa.extract.backbones import load_backbone
from aqa.extract.run import extract
from aqa.features.clips import Clip
from aqa.features.store import FeatureStore, FeatureStoreWriter


def cpu_seconds() -> float:
    """Of this process and of those of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of all processors."""
    started, before = time.perf_counter(), cpu_seconds()
    run()
    return time.perf_counter() - started, cpu_seconds() - before


def measure_processes(videos: list[Path], backbone: str, copies: int, rounds: int) -> None:
    """One process against several, the start of these left out and included."""
    network = load_backbone(backbone, None if backbone == "tiny3d" else "random")
    many = [Video(str(i), videos[i % len(videos)], 0.0) for i in range(copies)]
    cores = len(os.sched_getaffinity(0))
    times: dict[int, list[tuple[float, float, float]]] = {1: [], cores: []}
    with tempfile.TemporaryDirectory() as folder:
        stores = {n: Path(folder) / f"{n}.h5" for n in times}
        for _ in range(rounds):
            for n, store in stores.items():
                store.unlink(missing_ok=True)
                paces: list[float] = []

                def run(n: int = n, store: Path = store, paces: list[float] = paces) -> None:
                    summary = extract(many, network, store, device="cpu", processes=n)
                    paces.append(summary.pace.clips_per_second)

                times[n].append((*timed(run), paces[0]))
        with FeatureStore.open(stores[1]) as one, FeatureStore.open(stores[cores]) as two:
            same = all(one[i].tobytes() == two[i].tobytes() for i in one)
    click.echo(f"\n{backbone}, {copies} videos, medians of {rounds} rounds; same bytes: {same}")
    for n, found in times.items():
        wall, cpu, rate = (statistics.median(values) for values in zip(*found, strict=True))
        ratio = statistics.median(
            several[2] / single[2] for single, several in zip(times[1], found, strict=True)
        )
        click.echo(
            f"{n} process{'es' if n > 1 else '':2}  {wall:6.1f} s with the start, {cpu:6.1f} s of "
            f"processors, {rate:6.1f} clips/s once started  {ratio:5.2f}x"
        )


def measure_writer(shape: tuple[int, ...], clips: int, seconds: float = 5.0) -> None:
    """How many videos, and bytes, one writer puts on disk in a second."""
    spec = {"backbone": "none", "weights": {}, "shape": list(shape), "dtype": "float32"}
    features = np.zeros((clips, *shape), np.float32)
    ranges = [Clip(16 * i, 16 * i + 16) for i in range(clips)]
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        path = Path(folder) / "s.h5"
        ids = [f"v{i:07}" for i in range(100_000)]
        with FeatureStoreWriter(path, spec, ids=ids) as writer:
            n, started = 0, time.perf_counter()
            while time.perf_counter() - started < seconds:
                writer.append(ids[n], [(features, ranges)], n_frames=16 * clips)
                n += 1
            took = time.perf_counter() - started
    size = features.nbytes * n / took / 1e6
    click.echo(
        f"writer, {clips} clips of {'x'.join(map(str, shape))}: {n / took:7.0f} videos/s, "
        f"{n * clips / took:8.0f} clips/s, {size:6.0f} MB/s"
    )


@click.command()
@click.argument("videos", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--backbone", default="tiny3d", show_default=True)
@click.option("--copies", default=60, show_default=True, help="As how many videos to take them.")
@click.option("--rounds", default=5, show_default=True)
def main(videos: tuple[Path, ...], backbone: str, copies: int, rounds: int) -> None:
    """Print the rates of the writer and, of VIDEOS, those of processes."""
    for shape, clips in (((128,), 8), ((4096,), 7), ((512, 2, 7, 7), 7)):
        measure_writer(shape, clips)
    if videos:
        measure_processes(list(videos), backbone, copies, rounds)


if __name__ == "__main__":
    main()
