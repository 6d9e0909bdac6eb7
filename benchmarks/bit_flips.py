"""Flips single bits of a store, one at a time, and tells what reading it then says.

    python benchmarks/bit_flips.py [--seconds 600] [--seed 0]

A small store is written with ids, clips, a blank response, two augmentations, and provenance. Bits
are drawn by the seed, without repetition, from the part of the file where the structures of HDF5,
the tables of the videos and all counts and settings lie; the rows of features and clips, which are
nothing but checksummed numbers, are left out. After each flip the whole store is read and verified:

same      what is read is what was written: the bit is one that nothing depends on
noticed   refused in one line, or `verify` names it
silent    something else is read, and `verify` finds the store sound
broken    a traceback, a crash, or no answer within 20 seconds

Readers are forked from this process, 500 bits each.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import click
import h5py
import numpy as np

from aqa.benchmarks.extract import machine
from aqa.features.clips import Clip
from aqa.features.store import FeatureStore, FeatureStoreWriter
from aqa.features.store.spec import StoreError

_PER_READER = 500
_PATIENCE = 20  # seconds
_SPEC = {
    "backbone": "made",
    "weights": {"name": None, "sha256": None, "fitted_on": ["v0"]},
    "layer": None,
    "shape": [16],
    "dtype": "float32",
    "clip_length": 4,
    "stride": 4,
    "frames": None,
    "padding": "end",
    "tail": "pad",
    "views": ["original", "flip"],
}


def write_store(path: Path) -> None:
    """A store of 12 videos of 1 to 3 clips, under two augmentations."""
    rng = np.random.default_rng(0)
    with FeatureStoreWriter(
        path, _SPEC, blank=rng.normal(size=16), provenance={"decoder": "made"}
    ) as writer:
        for i in range(12):
            n = 1 + i % 3
            clips = [Clip(4 * k, 4 * k + 4) for k in range(n)]
            writer.append(
                f"video-{i}",
                [(rng.normal(size=(n, 16)), clips) for _ in range(2)],
                n_frames=4 * n,
                frame_range=(i, None if i % 2 else i + 4 * n),
                fps=25.0,
                n_bytes=1000 + i,
                content=f"{i:032x}",
                decoder="made",
            )


def read_all(path: Path) -> Any:
    """Everything that a reader can ask a store for."""
    with FeatureStore.open(path) as store:
        videos = [
            (
                video_id,
                store.frame_range(video_id),
                store.n_bytes(video_id),
                store.n_frames(video_id),
                store.fps(video_id),
                store.content(video_id),
                store.decoder(video_id),
                [
                    (one[video_id].tobytes(), one.clips(video_id), one.checksum(video_id))
                    for one in map(store.augmented, store.augmentations)
                ],
            )
            for video_id in store.ids
        ]
        return store.spec, store.provenance, store.blank.tobytes(), videos


def is_sound(path: Path) -> bool:
    with FeatureStore.open(path) as store:
        return not store.verify()


def outcome(path: Path, written: Any) -> str:
    """What comes of reading a store in which a bit is wrong."""
    try:
        if read_all(path) == written:
            return "same"
        return "silent" if is_sound(path) else "noticed"
    except StoreError as error:
        return "broken: several lines" if "\n" in str(error) else "noticed"
    except Exception as error:
        return f"broken: {error!r}"


def flip_each(path: Path, bits: list[int], written: Any, found: Any) -> None:
    """Flip these bits, one at a time, and put what comes of each."""
    data = path.read_bytes()
    with path.open("r+b", buffering=0) as file:
        for bit in bits:
            file.seek(bit // 8)
            file.write(bytes([data[bit // 8] ^ 1 << bit % 8]))
            found.put((bit, outcome(path, written)))
            file.seek(bit // 8)
            file.write(data[bit // 8 : bit // 8 + 1])


def flip_some(path: Path, bits: list[int], written: Any) -> dict[int, str]:
    """What comes of each of these bits; a reader that dies or hangs is told of by its bit."""
    context = multiprocessing.get_context("fork")
    outcomes: dict[int, str] = {}
    while left := [bit for bit in bits if bit not in outcomes]:
        sound, found = path.read_bytes(), context.Queue()
        reader = context.Process(target=flip_each, args=(path, left, written, found))
        reader.start()
        try:
            for _ in left:
                bit, what = found.get(timeout=_PATIENCE)
                outcomes[bit] = what
        except queue.Empty:
            culprit = next(bit for bit in left if bit not in outcomes)
            state = "no answer" if reader.is_alive() else f"exit code {reader.exitcode}"
            outcomes[culprit] = f"broken: {state}"
            reader.kill()
        reader.join()
        path.write_bytes(sound if reader.exitcode == 0 else _original(path))
    return outcomes


def _original(path: Path) -> bytes:
    return path.with_suffix(".whole").read_bytes()


@click.command()
@click.option("--seconds", default=600.0, show_default=True, help="How long to flip bits.")
@click.option("--seed", default=0, show_default=True, help="Of the order of the bits.")
def main(seconds: float, seed: int) -> None:
    """Flip bits of a store's structures, and print what came of it."""
    click.echo(machine())
    click.echo(f"h5py {h5py.__version__}, HDF5 {h5py.version.hdf5_version}")
    with tempfile.TemporaryDirectory(prefix="aqa-bits-") as folder:
        path = Path(folder) / "s.h5"
        write_store(path)
        path.with_suffix(".whole").write_bytes(path.read_bytes())
        written = read_all(path)
        with h5py.File(path) as file:
            end = min(file[name].id.get_offset() for name in ("features", "clips"))
        bits = np.random.default_rng(seed).permutation(8 * end).tolist()
        counts: Counter[str] = Counter()
        start, done = time.monotonic(), 0
        while done < len(bits) and time.monotonic() - start < seconds:
            for bit, what in flip_some(path, bits[done : done + _PER_READER], written).items():
                kind = what.partition(":")[0]
                counts[kind] += 1
                if kind in ("silent", "broken"):
                    click.echo(f"bit {bit % 8} of byte {bit // 8}: {what}", err=True)
            done = min(done + _PER_READER, len(bits))
        size = os.stat(path).st_size
    click.echo(f"{done} of the {len(bits)} bits in front of the rows, of {size} bytes in all")
    click.echo(
        ", ".join(f"{kind} {counts[kind]}" for kind in ("same", "noticed", "silent", "broken"))
    )
    sys.exit(bool(counts["silent"] or counts["broken"]))


if __name__ == "__main__":
    main()
