"""Damages files of every kind that aqa reads, and reads them as the commands do.

`python tests/fuzzing.py FAMILY COUNT SEED` damages COUNT files of a family, one after the other,
and prints one line of JSON for each that did not end well; the last line is a summary. Reading
ends well when it succeeds or raises `AqaError`, in time and without much memory. It runs in a
process of its own, so that a crash of a library is noticed and named too.
"""

from __future__ import annotations

import contextlib
import copy
import json
import math
import os
import pickle
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from fuzzing_formats import command, joints, labels, measurements

LEGACY = Path(__file__).resolve().parent / "legacy"
# Of one file: seconds of computing, however many others use the machine.
SECONDS, MEGABYTES = 15.0, 400
Read = Callable[[], object]

# Damage -------------------------------------------------------------------------------------------

DIGITS = "9" * 5000
VALUES: list[Any] = [
    *(None, True, False, "", "x", "a\0b", "../../etc/passwd", "é\u2028", "x" * 5000),
    *(-1, 0, 1, 3, 255, 2**31, 2**31 - 1, 2**63, -(2**63), 10**40, 0.5, -0.0, 1e308, 1e-308),
    *(math.nan, math.inf, -math.inf, [], {}, [[]], [None], ["x"], [1, 2, 3], {"a": 1}, [1e308] * 9),
]
CELLS = [
    *("", "x", "-5", "1_000", "1e308", "nan", "inf", "0", "-0", "2147483648", DIGITS, "9" * 18),
    *("train", "val", "test", "a\0b", '"', '""', "\n", "é", "\ufeff", "x" * 200_000, "'", ","),
    *("/dev/zero", "..", "split_", "stage_", "1.5.5", "٣", "0x10", " 5 ", "true"),
]
WORDS = [0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1]


def damaged(data: bytes, kind: str, rng: Random) -> bytes:
    """The content of a file with one to four things changed in it."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if kind == "json" and rng.random() < 0.7:
            data = _json(data, rng)
        elif kind == "csv" and rng.random() < 0.7:
            data = _csv(data, rng)
        elif kind == "safetensors" and rng.random() < 0.5:
            data = _header(data, rng)
        elif kind in ("csv", "json") and rng.random() < 0.2:
            data = _encoded(data, rng)
        else:
            data = _bytes(data, rng)
    return data


def _bytes(data: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    # What says how large something is stands at the beginning and the end of most files.
    if rng.random() < 0.5:
        at = min(at, rng.randrange(512))
    elif rng.random() < 0.3:
        at = max(0, len(data) - rng.randrange(1, 300))
    size = rng.choice((1, 2, 4, 8))
    word = (rng.choice(WORDS) & (256**size - 1)).to_bytes(size, rng.choice(("little", "big")))
    length = rng.choice((1, 2, 7, 64, 1000))
    return rng.choice(
        (
            lambda: (
                data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
                if at < len(data)
                else data + word
            ),
            lambda: data[:at] + word + data[at + size :],
            lambda: data[:at] + word + data[at:],
            lambda: data[:at],
            lambda: data[:at] + data[at + length :],
            lambda: data[:at] + data[at : at + length] * 2 + data[at + length :],
            lambda: data[:at] + rng.randbytes(length) + data[at + length :],
            lambda: data[:at] + bytes(length) + data[at + length :],
        )
    )()


def _json(data: bytes, rng: Random) -> bytes:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return _bytes(data, rng)
    holder: Any = [value]
    key: Any = 0
    while isinstance(holder[key], dict | list) and holder[key] and rng.random() < 0.85:
        holder = holder[key]
        key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    change = rng.randrange(7)
    if change == 0 and len(holder) and holder is not value and not isinstance(holder, tuple):
        del holder[key]
    elif change == 1 and isinstance(holder, dict):
        holder[rng.choice(("x", "", "state_dict", "instances", key + "_"))] = holder.pop(key)
    elif change == 2:
        marked = json.dumps("REPLACED")
        holder[key] = "REPLACED"
        text = json.dumps(holder[0] if key == 0 and holder[0] == "REPLACED" else value)
        deep = "[" * 100_000 if rng.random() < 0.3 else DIGITS
        return text.replace(marked, deep).encode()
    elif change == 3 and isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
    else:
        holder[key] = copy.deepcopy(rng.choice(VALUES))
    return json.dumps(value if holder is not value or change else holder).encode(
        "utf-8", "surrogatepass"
    )


def _csv(data: bytes, rng: Random) -> bytes:
    lines = data.decode("utf-8", "replace").split("\n")
    row = 0 if rng.random() < 0.2 else rng.randrange(len(lines))
    cells = lines[row].split(",")
    cells[rng.randrange(len(cells))] = rng.choice(CELLS)
    lines[row] = ",".join(cells)
    return "\n".join(lines).encode()


def _encoded(data: bytes, rng: Random) -> bytes:
    return data.decode("utf-8", "replace").encode(
        rng.choice(("utf-16", "utf-16-le", "utf-8-sig", "latin-1", "utf-7", "utf-32")), "replace"
    )


def _header(data: bytes, rng: Random) -> bytes:
    size = int.from_bytes(data[:8], "little")
    if not 0 < size < len(data):
        return _bytes(data, rng)
    header = _json(data[8 : 8 + size], rng)
    return len(header).to_bytes(8, "little") + header + data[8 + size :]


# Files and how they are read ----------------------------------------------------------------------


class Family:
    """Files of a kind in a folder, and what reads them.

    files: path -> kind of its content. read: reads the folder after one of them was damaged.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.files: dict[Path, str] = {}
        self.read: Callable[[Path], object] = lambda path: None

    def add(self, name: str, kind: str, content: bytes | None = None) -> Path:
        """A file of the family, written now if there is content."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            path.write_bytes(content)
        self.files[path] = kind
        return path


def manifests(family: Family) -> None:
    """manifest.csv and manifest.splits.json: read, split, and split anew."""
    from aqa.annotations.manifest import Manifest
    from aqa.annotations.split_protocols import make_splits
    from aqa.annotations.split_record import record_path, write_splits

    text = (LEGACY / "manifest.csv").read_text()
    more = "start_frame,end_frame"
    first, *rest = text.strip().split("\n")
    rows = [f"{first},{more}", *(f"{row},10,900" for row in rest)]
    path = family.add("manifest.csv", "csv", ("\n".join(rows) + "\n").encode())
    manifest = Manifest.read(path)
    write_splits(path, make_splits(manifest, "random", {"n": 2}))
    family.files[record_path(path)] = "json"

    def read(_: Path) -> None:
        table = Manifest.read(path)
        for name in table.split_names:
            table.split(name)
        write_splits(path, make_splits(table, "random", {"n": 2}), force=True)
        Manifest.read(path)

    family.read = read


def runs(family: Family) -> None:
    """Folders of runs made before there were hashes, so that damage goes in deep."""
    from aqa.annotations.manifest import Manifest
    from aqa.evaluation.evaluate_runs import evaluate_runs
    from aqa.evaluation.predictions import read_heads

    shutil.copytree(LEGACY, family.folder, dirs_exist_ok=True)
    for record in sorted(family.folder.glob("runs/*/*/run.json")):
        for name, kind in (
            ("run.json", "json"),
            ("model.safetensors", "safetensors"),
            ("history.csv", "csv"),
            ("metrics.json", "json"),
            ("predictions.csv", "csv"),
        ):
            family.add(str((record.parent / name).relative_to(family.folder)), kind)
    manifest = Manifest.read(family.folder / "manifest.csv")

    def read(path: Path) -> None:
        if path.name in ("metrics.json", "predictions.csv"):
            read_heads([path.parent], strict=True)
        else:
            evaluate_runs([path.parent], manifest)
            if path.name == "run.json":
                read_heads([path.parent], strict=True)

    family.read = read


def new_videos(family: Family) -> None:
    """Runs, weights and videos of `aqa score`."""
    from aqa.models.runs import load_run
    from aqa.workflows.score import score_videos

    run = family.folder / "runs/svr-extracted/split-1"
    shutil.copytree(LEGACY / "runs/svr-extracted/split-1", run)
    family.add("runs/svr-extracted/split-1/run.json", "json")
    video = family.add("video.avi", "bytes", _video(family.folder, "avi", "FFV1"))

    def read(_: Path) -> None:
        outcome = score_videos([video], [load_run(run)], device="cpu")
        for failed in outcome.failed:
            assert failed.reason

    family.read = read


def stores(family: Family) -> None:
    """Feature stores: opened, read, verified, exported, gone on with."""
    from aqa.features.arrays import write_arrays
    from aqa.features.store import FeatureStore, FeatureStoreWriter

    for name in ("vectors", "maps", "joints", "extracted"):
        family.add(f"{name}.h5", "bytes", (LEGACY / f"stores/{name}.h5").read_bytes())

    def read(path: Path) -> None:
        with FeatureStore.open(path) as store:
            store.verify()
            for name in store.augmentations:
                seen = store.augmented(name)
                seen.load(seen.ids)
                for i in seen.ids:
                    assert seen[i] is not None
                    seen.clips(i), seen.fps(i), seen.frame_range(i), seen.n_bytes(i)
            write_arrays(store, family.folder / "out.npz")
            spec = store.spec
        with FeatureStoreWriter(path, spec):
            pass

    family.read = read


def arrays(family: Family) -> None:
    """.npy, .npz and lists of ids, as `aqa store import` reads them."""
    from aqa.features.arrays import read_arrays, read_ids
    from aqa.features.store import import_arrays

    rng = np.random.default_rng(0)
    ids = [f"v{i}" for i in range(5)]
    np.save(family.folder / "a.npy", rng.random((5, 2, 3), np.float32))
    np.savez(family.folder / "b.npz", **{i: rng.random((2, 3)) for i in ids})
    np.savez_compressed(family.folder / "c.npz", **{i: rng.random((4, 3)) for i in ids})
    for name in ("a.npy", "b.npz", "c.npz"):
        family.add(name, "bytes")
    listed = family.add("ids.txt", "csv", "\n".join(ids).encode())

    def read(path: Path) -> None:
        numbers = family.folder / "a.npy" if path == listed else path
        found = read_arrays(numbers, read_ids(listed) if numbers.suffix == ".npy" else None)
        store = family.folder / "out.h5"
        store.unlink(missing_ok=True)
        import_arrays(store, found, source="made")

    family.read = read


def checkpoints(family: Family) -> None:
    """Weights, as `aqa weights inspect` and --weights read them."""
    import torch
    from safetensors.torch import save_file

    from aqa.extract.backbones import load_backbone
    from aqa.extract.backbones.load import save_tuned
    from aqa.extract.checkpoints.inspection import inspect

    net = load_backbone("tiny3d")
    state = net.net.state_dict()
    torch.save({"state_dict": state, "epoch": 3}, family.folder / "a.pth")
    torch.save(state, family.folder / "b.pth", _use_new_zipfile_serialization=False)
    save_file(state, family.folder / "c.safetensors", {"fitted_on": '["a", "b"]'})
    save_tuned(family.folder / "d.safetensors", net, state, ["a", "b"], 8)
    (family.folder / "e.pkl").write_bytes(pickle.dumps({"a": [1, 2.5, "x"]}))
    for name in ("a.pth", "b.pth", "c.safetensors", "d.safetensors", "e.pkl"):
        family.add(name, name.rpartition(".")[2])

    def read(path: Path) -> None:
        inspect(path)
        load_backbone("tiny3d", path)

    family.read = read


def poses(family: Family) -> None:
    """Joints, as `aqa extract --backbone pose` reads them."""
    from aqa.annotations.manifest import Video
    from aqa.extract.poses.run import video_poses
    from aqa.extract.poses.settings import AS_FILES_SAY
    from aqa.extract.poses.survey import survey

    rng = np.random.default_rng(0)
    flat = rng.random((6, 17 * 3)).round(3).tolist()
    people = [
        {"image_id": f"{i}.jpg", "keypoints": one, "score": 0.5, "idx": 1}
        for i, one in enumerate(flat)
    ]
    frames = [
        {
            "frame_id": i,
            "instances": [
                {"keypoints": rng.random((17, 2)).tolist(), "keypoint_scores": [0.5] * 17}
            ],
        }
        for i in range(4)
    ]
    meta = {"keypoint_id2name": {str(i): f"j{i}" for i in range(17)}}
    family.add("coco.json", "json", json.dumps(people).encode())
    family.add("mm.json", "json", json.dumps(frames).encode())
    both = {"meta_info": meta, "instance_info": frames}
    family.add("mm2.json", "json", json.dumps(both).encode())
    for i in range(3):
        person = {"person_id": [-1], "pose_keypoints_2d": rng.random(25 * 3).tolist()}
        family.add(
            f"openpose/x_{i:03d}_keypoints.json", "json", json.dumps({"people": [person]}).encode()
        )
    np.save(family.folder / "p.npy", rng.random((5, 4, 3)))
    np.savez(family.folder / "p.npz", joints=rng.random((5, 2, 2)), names=np.array(["a", "b"]))
    family.add("p.npy", "bytes")
    family.add("p.npz", "bytes")

    def read(path: Path) -> None:
        place = path.parent if path.parent.name == "openpose" else path
        video = Video("a", None, 0.0, poses=place)
        video_poses(video, survey([video], AS_FILES_SAY, lambda line: None))

    family.read = read


def sources(family: Family) -> None:
    """What importers read: pickles, .mat files and tables."""
    import scipy.io

    from aqa.annotations.importing import mtl_annotations
    from aqa.annotations.importing.matlab import read_vector, whole_numbers
    from aqa.annotations.importing.pickles import read_pickle
    from aqa.annotations.manifest import Manifest
    from aqa.annotations.split_lists import splits_of_folds
    from aqa.cli import main
    from aqa.errors import AqaWarning

    codes = {"position": 1, "armstand": 0, "rotation_type": 1, "ss_no": 5, "tw_no": 0}
    dives = {
        (event, number): {
            **codes,
            "start_frame": 10,
            "end_frame": 100 + number,
            "difficulty": np.float64(3.2),
            "final_score": 80.5,
        }
        for event in (1, 2)
        for number in range(1, 4)
    }
    for protocol in (0, 2, 4):
        family.add(f"dives{protocol}.pkl", "bytes", pickle.dumps(dives, protocol))
        family.add(f"keys{protocol}.pkl", "bytes", pickle.dumps(list(dives), protocol))
    array = {"a": np.arange(12.0).reshape(3, 4), "b": np.array(["x", "y"]), "c": np.int64(3)}
    family.add("array.pkl", "bytes", pickle.dumps(array))
    for number, options in enumerate(({}, {"do_compression": True}, {"format": "4"})):
        scipy.io.savemat(
            family.folder / f"m{number}.mat", {"idx": np.array([[3.0, 1, 2]])}, **options
        )
        family.add(f"m{number}.mat", "bytes")
    family.add("table.csv", "csv", b'id,Score,path\na,5,a.mp4\nb,6.5,\n"c,c",7,b/c.avi\n')
    family.add("semicolons.csv", "csv", b"id;Score;type\na;5,5;1\nb;6,25;x\nc;-7;\n")
    family.add("blanks.csv", "csv", b'id  Score\t type\na 5 1\n"b c"\t6  x\nd 7 y\n')
    folds = {"f1": ["a", "b"], "f2": ["c"], "f3": ["d"]}
    family.add("folds.json", "json", json.dumps(folds).encode())
    family.add("folds.pkl", "bytes", pickle.dumps([{"train": [(1, 2)], "test": [(1, 3)]}]))
    manifest = Manifest.parse(
        family.folder / "made.csv",
        ["video_id", "path", "score"],
        [(2 + i, [name, "", str(i)]) for i, name in enumerate(("a", "b", "c", "d", "1_2", "1_3"))],
    )

    def read(path: Path) -> None:
        if path.name.startswith("folds"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", AqaWarning)
                splits_of_folds(manifest, path, skip_unknown=True)
        elif path.name.startswith("dives"):
            mtl_annotations.read_annotations(path)
        elif path.name.startswith("keys"):
            mtl_annotations.read_keys(path, dives)
        elif path.suffix == ".pkl":
            read_pickle(path)
        elif path.suffix == ".mat":
            whole_numbers(path, read_vector(path, "idx"), 3)
        else:
            command(
                *(main, "-C", str(family.folder), "import", "csv", str(path)),
                *("--column", "video_id=id", "--column", "score=Score", "--force"),
            )

    family.read = read


def videos(family: Family) -> None:
    """Video files and folders of images, as `aqa extract` decodes them."""
    import cv2

    from aqa.annotations.manifest import Video
    from aqa.extract.backbones import load_backbone
    from aqa.extract.video.clip_reader import ClipReader
    from aqa.extract.video.decode import DECODE_ERRORS, read_frames
    from aqa.features.clips import ClipRule

    for suffix, codec in (("avi", "FFV1"), ("avi", "MJPG"), ("mp4", "mp4v"), ("mkv", "FFV1")):
        family.add(f"{codec}.{suffix}", "bytes", _video(family.folder, suffix, codec))
    for i in range(3):
        image = np.full((24, 32, 3), 60 * i, np.uint8)
        for suffix in (".png", ".jpg"):
            content = cv2.imencode(suffix, image)[1].tobytes()
            family.add(f"images{suffix}/{i:03d}{suffix}", "bytes", content)
    preprocess = load_backbone("tiny3d").preprocess

    def read(path: Path) -> None:
        place = path.parent if path.parent.name.startswith("images") else path
        # What the callers take for a video's own fault.
        with contextlib.suppress(*DECODE_ERRORS):
            for batch in ClipReader(Video("a", place, 0.0), preprocess, ClipRule(8, 8), 4):
                assert batch
        with contextlib.suppress(*DECODE_ERRORS):
            read_frames(place, [0, 2])

    family.read = read


def _video(folder: Path, suffix: str, codec: str) -> bytes:
    import cv2

    path = folder / f"made.{suffix}"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 25.0, (64, 48))
    for i in range(12):
        writer.write(np.full((48, 64, 3), 20 * i, np.uint8))
    writer.release()
    content = path.read_bytes()
    path.unlink()
    return content


FAMILIES: dict[str, Callable[[Family], None]] = {
    one.__name__: one
    for one in (
        *(manifests, runs, new_videos, stores, arrays),
        *(checkpoints, poses, sources, videos),
        *(joints, measurements, labels),
    )
}

# Trials -------------------------------------------------------------------------------------------


class TooSlow(BaseException):
    """Reading took longer than it may."""


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def megabytes() -> float:
    """The most memory that this process has had; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def attempt(read: Read) -> str:
    """Why reading did not end well, or "", of a file that was refused or read."""
    from aqa.errors import AqaError

    began, before = time.process_time(), megabytes()
    try:
        with _limited(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read()
    except AqaError as error:
        if not str(error).strip():
            return "an empty message"
    except TooSlow:
        return "too slow\n" + traceback.format_exc(limit=-6)
    except BaseException:
        return traceback.format_exc(limit=-6)
    if megabytes() - before > MEGABYTES:
        return f"{megabytes() - before:.0f} MB"
    return "" if time.process_time() - began < SECONDS else "too slow"


def trials(family: str, count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Damage and read `count` files; what did not end well, each with how to make it again."""
    with tempfile.TemporaryDirectory() as name:
        made = Family(Path(name))
        FAMILIES[family](made)
        whole = {path: path.read_bytes() for path in made.files}
        everything = {p: p.read_bytes() for p in made.folder.rglob("*") if p.is_file()}
        for path in made.files:
            if why := attempt(partial(made.read, path)):
                yield {"family": family, "number": -1, "file": path.name, "why": why}
        for number in range(count):
            rng = Random(f"{family} {seed} {number}")
            path = rng.choice(list(made.files))
            print(f"# {number} {path.relative_to(made.folder)}", file=sys.stderr, flush=True)
            path.write_bytes(damaged(whole[path], made.files[path], rng))
            if why := attempt(partial(made.read, path)):
                yield {"family": family, "number": number, "file": path.name, "why": why}
            for other, content in everything.items():
                if other.parent == path.parent:
                    other.write_bytes(content)


def main() -> None:
    """See the module."""
    family, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    failures = 0
    began = time.perf_counter()
    for failure in trials(family, count, seed):
        failures += 1
        print(json.dumps(failure), flush=True)
    seconds = time.perf_counter() - began
    summary = {"tried": count, "failed": failures, "seconds": round(seconds, 1)}
    print(json.dumps(summary), flush=True)
    os._exit(0)  # how threads of libraries end is no matter of the files


if __name__ == "__main__":
    main()
