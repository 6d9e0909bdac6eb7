"""Section c: a data set of MTL-AQA's size, from files to a verified store."""

from __future__ import annotations

import shutil
import tempfile
import time
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

from aqa.annotations.manifest import Video
from aqa.benchmarks.gpu_checks import weights_of
from aqa.extract.backbones import load_backbone
from aqa.extract.run import extract
from aqa.features.store import FeatureStore

if TYPE_CHECKING:
    from aqa.benchmarks.gpu import Bench

VIDEOS = 1412


def run(bench: Bench) -> None:
    """Files as broadcasts are (H.264), then each precision."""
    with tempfile.TemporaryDirectory() as made:
        files = copies(
            transcoded(bench.video, Path(made) / "one.mp4"), 3 if bench.quick else VIDEOS
        )
        for precision, workers in (("bfloat16", None), ("bfloat16", 16), ("float32", 16)):
            bench.measure(
                partial(whole, files, precision, workers, Path(made), bench),
                **{"what": "files to store", "precision": precision, "workers": workers},
            )


def transcoded(video: Path, path: Path) -> Path:
    """The same frames as H.264."""
    with av.open(str(video)) as source, av.open(str(path), "w") as target:
        given = source.streams.video[0]
        stream = target.add_stream("libx264", rate=given.average_rate or Fraction(25))
        stream.width, stream.height, stream.pix_fmt = given.width, given.height, "yuv420p"
        for frame in source.decode(given):
            frame.pts = None
            target.mux(stream.encode(frame.reformat(format="yuv420p")))
        target.mux(stream.encode())
    return path


def copies(path: Path, n: int) -> list[Path]:
    """So many files, since what is known of one is kept for all who read it."""
    files = [path.with_name(f"{i}.mp4") for i in range(n)]
    for file in files:
        shutil.copyfile(path, file)
    return files


def whole(
    files: list[Path], precision: Any, workers: int | None, folder: Path, bench: Bench
) -> dict[str, Any]:
    """Seconds for all files with C3D (quick: tiny3d), and for the check of the store after."""
    name = "tiny3d" if bench.quick else "c3d"
    backbone = load_backbone(name, weights_of(name))
    store = folder / f"{precision}-{workers}.h5"
    started = time.perf_counter()
    summary = extract(
        [Video(path.stem, path, 0.0) for path in files],
        backbone,
        store,
        device=str(bench.device),
        precision=precision,
        workers=workers,
    )
    extracted = time.perf_counter()
    with FeatureStore.open(store) as opened:
        problems = opened.verify()
    return {
        "backbone": name,
        "videos": len(summary.done),
        "clips": summary.n_clips,
        "seconds": extracted - started,
        "verify_seconds": time.perf_counter() - extracted,
        "sound": not problems and not summary.failed,
    }
