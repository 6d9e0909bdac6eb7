"""Frames per second from file to RGB, chroma against FFmpeg's own, and extraction before and after.

    python benchmarks/decode.py VIDEO... [--before FOLDER] [--backbone tiny3d ...] [--rounds 9]

FOLDER holds another version of this package as `aqa`, such as `git worktree add FOLDER/aqa COMMIT`
makes it. Both versions extract the videos in turn, each in a process of its own; the ratios are
medians over rounds of what the two took in the same round, above 1 where the version here took
less.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import click
import cv2
import numpy as np
from av.filter import Graph
from av.video.reformatter import Interpolation, VideoReformatter

from aqa.annotations.manifest import Video
from aqa.extract.preprocess import Preprocess
from aqa.extract.video.clip_reader import ClipReader
from aqa.extract.video.decode import VideoFile, decoder_name
from aqa.features.clips import ClipRule

# Extracts a video under several ids with a backbone, and prints the seconds that it took by the
# clock and of the processor, after a first extraction that warms up.
_WORKER = """
import json, os, sys, tempfile, time
from pathlib import Path
from aqa.annotations.manifest import Video
from aqa.extract.backbones import load_backbone
from aqa.extract.run import extract
path, name, copies = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
backbone = load_backbone(name, None if name == "tiny3d" else "random")
videos = [Video(str(i), path, 0.0) for i in range(copies)]
with tempfile.TemporaryDirectory() as folder:
    extract(videos[:1], backbone, Path(folder) / "warm.h5", device="cpu")
    started, worked = time.perf_counter(), os.times()
    extract(videos, backbone, Path(folder) / "s.h5", device="cpu")
    wall, now = time.perf_counter() - started, os.times()
    print(json.dumps([wall, now.user - worked.user + now.system - worked.system]))
"""


def opencv_frames(path: Path) -> int:
    """Decode a file by OpenCV to RGB."""
    capture = cv2.VideoCapture(os.fspath(path), cv2.CAP_FFMPEG)
    count = 0
    while True:
        ok, frame = capture.read()
        if not ok:
            return count
        cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        count += 1


def our_frames(path: Path) -> int:
    """Decode a file as extraction does."""
    return sum(1 for _ in VideoFile(path).frames())


def prepared_rates(path: Path, rounds: int) -> dict[str, float]:
    """Frames per second of the processor, from file to frames of 112 x 112; medians of rounds.

    decode: by FFmpeg alone, nothing converted. clips: of 16 frames. spread: one clip of 16 frames
    over the whole video, so that most are not shown.
    """
    preprocess = Preprocess(resize=(128, 171), crop=(112, 112))

    def cut(rule: ClipRule) -> int:
        reader = ClipReader(Video(path.stem, path, 0.0), preprocess, rule, 4)
        for _ in reader:
            pass
        return reader.n_frames

    def decode() -> int:
        with av.open(os.fspath(path)) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            return sum(1 for _ in container.decode(stream))

    ways: dict[str, Callable[[], int]] = {
        "decode": decode,
        "clips": lambda: cut(ClipRule()),
        "spread": lambda: cut(ClipRule(spread=True)),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    cv2.setNumThreads(1)
    for number in range(rounds + 1):  # the first warms up
        for name, run in ways.items():
            started = time.process_time()
            count = run()
            if number:
                found[name].append(count / (time.process_time() - started))
    return {name: statistics.median(values) for name, values in found.items()}


def rate(run: Callable[[Path], int], path: Path) -> float:
    started = time.perf_counter()
    count = run(path)
    return count / (time.perf_counter() - started)


def chroma(path: Path) -> str:
    """How far each interpolation of chroma is from FFmpeg's own conversion, mean and largest."""
    with av.open(os.fspath(path)) as container:
        stream = container.streams.video[0]
        frames = [frame for frame, _ in zip(container.decode(stream), range(12), strict=False)]
    graph = Graph()
    graph.link_nodes(
        graph.add_buffer(
            width=frames[0].width,
            height=frames[0].height,
            format=frames[0].format,
            time_base=frames[0].time_base,
        ),
        # The filter does not take over where the chroma of 10 bit lies; our frames say it.
        graph.add("scale", "in_chroma_loc=left" if "10" in frames[0].format.name else ""),
        graph.add("format", "rgb24"),
        graph.add("buffersink"),
    ).configure()
    own = []
    for frame in frames:
        graph.vpush(frame)
        own.append(graph.vpull().to_ndarray().astype(int))
    found = []
    for way in ("POINT", "FAST_BILINEAR", "BILINEAR", "BICUBIC", "AREA"):
        reformatter = VideoReformatter()
        apart = [
            np.abs(
                reformatter.reformat(frame, format="rgb24", interpolation=Interpolation[way])
                .to_ndarray()
                .astype(int)
                - expected
            )
            for frame, expected in zip(frames, own, strict=True)
        ]
        mean, largest = np.mean([x.mean() for x in apart]), max(int(x.max()) for x in apart)
        found.append(f"{way.lower()} {mean:.3f} ({largest})")
    return ", ".join(found)


def extraction_seconds(tree: Path, video: Path, backbone: str, copies: int) -> list[float]:
    """What the version in a folder takes to extract a video `copies` times: clock, processor."""
    process = subprocess.run(
        [sys.executable, "-c", _WORKER, str(video.absolute()), backbone, str(copies)],
        env={**os.environ, "PYTHONPATH": str(tree.absolute())},
        check=True,
        capture_output=True,
        text=True,
    )
    return [float(seconds) for seconds in json.loads(process.stdout)]


@click.command()
@click.argument("videos", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--before", type=click.Path(path_type=Path, exists=True), help="See above.")
@click.option("--backbone", "backbones", multiple=True, default=("tiny3d",), show_default=True)
@click.option("--rounds", default=9, show_default=True)
@click.option("--copies", default=6, show_default=True, help="As how many videos to take each.")
def main(
    videos: tuple[Path, ...],
    before: Path | None,
    backbones: tuple[str, ...],
    rounds: int,
    copies: int,
) -> None:
    """Print medians for each video."""
    click.echo(f"{decoder_name()}; OpenCV {cv2.__version__}; {os.cpu_count()} cores")
    for video in videos:
        click.echo(f"\n{video.name}; chroma, mean (largest) difference: {chroma(video)}")
        ways = {"OpenCV": opencv_frames, "aqa": our_frames}
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(rounds + 1):  # the first warms up
            for name, run in ways.items():
                found = rate(run, video)
                if number:
                    rates[name].append(found)
        text = ", ".join(f"{n} {statistics.median(r):.0f}" for n, r in rates.items())
        ratio = statistics.median(b / a for a, b in zip(*rates.values(), strict=True))
        click.echo(f"frames/s to RGB: {text}; ratio {ratio:.2f}")
        prepared = prepared_rates(video, rounds)
        text = ", ".join(f"{name} {value:.0f}" for name, value in prepared.items())
        click.echo(f"frames per second of the processor to 112x112: {text}")
        if before is None:
            continue
        here = Path(__file__).resolve().parents[2]
        for backbone in backbones:
            told = []
            taken = paired(before, here, video, backbone, rounds, copies)
            for number, kind in enumerate(("by the clock", "of the processor")):
                pairs = [(then[number], now[number]) for then, now in taken]
                old, new = (statistics.median(times) for times in zip(*pairs, strict=True))
                ratio = statistics.median(then / now for then, now in pairs)
                told.append(f"{old:.2f} s before, {new:.2f} s now {kind} ({ratio:.2f}x)")
            click.echo(f"{backbone}: {'; '.join(told)}")


def paired(
    before: Path, now: Path, video: Path, backbone: str, rounds: int, copies: int
) -> list[tuple[list[float], list[float]]]:
    """The seconds of both versions, round after round; each comes first in every other round."""
    found = []
    for number in range(rounds):
        order = (before, now) if number % 2 else (now, before)
        taken = {tree: extraction_seconds(tree, video, backbone, copies) for tree in order}
        found.append((taken[before], taken[now]))
    return found


if __name__ == "__main__":
    main()
