"""Families of `fuzzing.py`: joints, features and labels in the formats of elsewhere."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

N = 5  # frames
FILMS = ("a", "b")


def command(main: Any, *arguments: str) -> int:
    """A command as typed, its exit code; whatever is no planned end is raised."""
    from click.testing import CliRunner

    result = CliRunner().invoke(main, list(arguments), prog_name="aqa")
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in (0, 1, 2), result.output
    return int(result.exit_code)


def joints(family: Any) -> None:
    """Joints as MediaPipe, Ultralytics, DeepLabCut, Kinect and NTU RGB+D have them."""
    from aqa.annotations.manifest import Video
    from aqa.extract.poses.files import frame_numbers
    from aqa.extract.poses.run import video_poses
    from aqa.extract.poses.settings import AS_FILES_SAY
    from aqa.extract.poses.survey import survey

    rng = np.random.default_rng(0)
    for name, kind, content in (*_texts(rng), *_tables(rng), *_arrays(rng)):
        family.add(name, kind, content)
    folders = {"yolo", "openpose"}

    def read(path: Path) -> None:
        place = path.parent if path.parent.name in folders else path
        if path.parent.name == "many":
            place = path.with_name("film_*.txt")
        video = Video("a", None, 0.0, poses=place)
        frame_numbers(place)
        video_poses(video, survey([video], AS_FILES_SAY, lambda line: None))

    family.read = read


def _texts(rng: np.random.Generator) -> list[tuple[str, str, bytes]]:
    """MediaPipe's JSON, labels of Ultralytics, a skeleton of NTU."""
    point = {"x": 0.5, "y": 0.25, "z": -0.1, "visibility": 0.9}
    frame = {"pose_landmarks": [[point] * 33], "pose_world_landmarks": [[point] * 33]}
    frames = [frame, None, [point] * 33, {"landmarks": []}, frame]
    person = [0, 0.5, 0.5, 0.3, 0.8, *rng.random(51).round(4).tolist(), 0.9]
    label = " ".join(map(str, person)).encode()
    joint = [0.1, 0.2, 2.5, 10, 20, 30, 40, 0, 0, 0, 1, 2]
    body = "72057594037 0 1 1 0 0 0 0.1 0.2 2\n25\n" + "\n".join([" ".join(map(str, joint))] * 25)
    skeleton = f"{N}\n" + f"1\n{body}\n" * N
    return [
        ("mediapipe.json", "json", json.dumps(frames).encode()),
        ("mediapipe2.json", "json", json.dumps({"frames": [frame] * 3}).encode()),
        *((f"{f}/film_{i}.txt", "bytes", label) for f in ("yolo", "many") for i in (1, 2, 4)),
        ("ntu.skeleton", "bytes", skeleton.encode()),
    ]


def _tables(rng: np.random.Generator) -> list[tuple[str, str, bytes]]:
    """Tables with names of columns, with DeepLabCut's rows of names, and with numbers alone."""

    def rows(n: int, first: list[str]) -> bytes:
        numbers = rng.random((N, n)).round(3).tolist()
        body = [
            ",".join([*map(str, [i][: len(first) - n]), *map(str, numbers[i])]) for i in range(N)
        ]
        return "\n".join([",".join(first), *body]).encode()

    wide = [
        f"{joint}_{kind}" for joint in ("nose", "left_hip") for kind in ("x", "y", "visibility")
    ]
    long = ["frame,landmark,x,y,z"]
    long += [f"{i},{name},0.1,0.2,-0.3" for i in range(N) for name in ("NOSE", "LEFT_HIP")]
    parts = ["scorer" + ",D" * 6, "bodyparts,a,a,a,b,b,b", "coords" + ",x,y,likelihood" * 2]
    coded = "\n".join([*parts, *(f"{i},1,2,0.9,3,4,0.1" for i in range(N))])
    kinect = "\n".join(",".join(["0.1", "0.2", "2.5", "2"] * 25) for _ in range(N))
    return [
        ("wide.csv", "csv", rows(6, ["frame", *wide])),
        ("numbered.csv", "csv", rows(9, [f"{kind}{j}" for j in (1, 2, 3) for kind in "xyz"])),
        ("long.csv", "csv", "\n".join(long).encode()),
        ("dlc.csv", "csv", coded.encode()),
        ("kinect.csv", "csv", kinect.encode()),
        ("kinect.txt", "bytes", kinect.replace(",", " ").encode()),
    ]


def _arrays(rng: np.random.Generator) -> list[tuple[str, str, bytes]]:
    """NumPy's arrays of several shapes, and DeepLabCut's HDF5 in both of its layouts."""
    shapes = {"kinect": (N, 25, 4), "flat": (N, 99), "world": (N, 33, 5)}
    saved = []
    for name, shape in shapes.items():
        file = io.BytesIO()
        np.save(file, rng.random(shape))
        saved.append((f"{name}.npy", "bytes", file.getvalue()))
    return [*saved, ("dlc.h5", "bytes", _coded(rng)), ("fixed.h5", "bytes", _fixed(rng))]


def _coded(rng: np.random.Generator) -> bytes:
    import h5py

    columns = [("D", part, c) for part in "ab" for c in ("x", "y", "likelihood")]
    table = np.zeros(N, [("index", "<i8"), ("values_block_0", "<f8", (6,))])
    table["values_block_0"] = rng.random((N, 6))
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        group = file.create_group("df_with_missing")
        group["table"] = table
        group["table"].attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(columns, 0))
    return content.getvalue()


def _fixed(rng: np.random.Generator) -> bytes:
    import h5py

    levels = ([b"D"], [b"a", b"b"], [b"likelihood", b"x", b"y"])
    labels = ([0] * 6, [0, 0, 0, 1, 1, 1], [1, 2, 0, 1, 2, 0])
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        group = file.create_group("df_with_missing")
        group.attrs["block0_items_nlevels"] = 3
        group["block0_values"] = rng.random((N, 6))
        for i, (level, label) in enumerate(zip(levels, labels, strict=True)):
            group[f"block0_items_level{i}"] = np.array(level)
            group[f"block0_items_label{i}"] = np.array(label, "i1")
    return content.getvalue()


# Features ---------------------------------------------------------------------------------------


def measurements(family: Any) -> None:
    """Features of other tools, imported as a command does, which leaves nothing where it fails."""
    from aqa.cli import main

    rng = np.random.default_rng(0)
    for name in FILMS:
        file = io.BytesIO()
        np.save(file, rng.random((3, 4), np.float32))
        family.add(f"arrays/{name}.npy", "bytes", file.getvalue())
        rows = "\n".join(" ".join(map(str, row)) for row in rng.random((6, 4)).round(3))
        family.add(f"tables/{name}.txt", "csv", rows.encode())
        family.add(f"named/{name}.csv", "csv", f"a,b,c,d\n{rows.replace(' ', ',')}\n".encode())
    family.add("ids.txt", "bytes", "\n".join(FILMS).encode())
    for name, content in {**_other_hdf5(rng), **bombs()}.items():
        family.add(name, "bytes", content)
    store = family.folder / "stores" / "out.h5"

    def read(path: Path) -> None:
        shutil.rmtree(store.parent, ignore_errors=True)
        place = path.parent if path.parent != family.folder else path
        options = ["--window", "3"] if place.name == "tables" else ["--clip-length", "16"]
        if place.name in ("joint.h5", "ids.txt"):
            place = family.folder / "joint.h5"
            options += ["--ids", str(family.folder / "ids.txt"), "--dataset", "all/features"]
        elif place.name == "groups.h5":
            options += ["--dataset", "features"]
        arguments = ["store", "import", str(place), "--store", str(store), *options]
        code = command(main, *arguments)
        left = sorted(store.parent.iterdir()) if store.parent.exists() else []
        assert left == ([] if code else [store]), left

    family.read = read


def _other_hdf5(rng: np.random.Generator) -> dict[str, bytes]:
    """Three layouts of other tools."""
    import h5py

    made = {}
    for name in ("joint.h5", "groups.h5", "flat.h5"):
        content = io.BytesIO()
        with h5py.File(content, "w") as file:
            if name == "joint.h5":
                file["all/features"] = rng.random((len(FILMS), 3, 4), np.float32)
            for film in FILMS if name != "joint.h5" else ():
                at = f"{film}/features" if name == "groups.h5" else film
                file.create_dataset(at, data=rng.random((3, 4)), compression="gzip")
        made[name] = content.getvalue()
    return made


def bombs() -> dict[str, bytes]:
    """Small files that say they are, or unpack to, gigabytes."""
    import h5py

    made = {}
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_dataset("a", (200_000, 5_000), "f4", chunks=(1000, 1000), compression="gzip")
    made["bomb.h5"] = content.getvalue()
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (300_000_000, 1)}
    )
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", header.getvalue() + bytes(300_000_000))
    made["bomb.npz"] = zipped.getvalue()
    return made


# Labels -----------------------------------------------------------------------------------------


def labels(family: Any) -> None:
    """Files of the data sets whose importers read text, and lists of who is better."""
    from aqa.cli import main

    programs = [f"2018_Final_MF_Skater{n} {50 + n} 80.0 8 8 8 8 8 2.0" for n in range(10)]
    family.add("fs1000/train_fs1000_new.txt", "bytes", "\n".join(programs[:7]).encode())
    family.add("fs1000/val_fs1000_new.txt", "bytes", "\n".join(programs[7:]).encode())
    trials = [f"Suturing_{who}{number:03d}" for who in "BCDEFGHI" for number in range(1, 6)]
    rated = [f"{name}\t\tN\t18\t\t3\t3\t3\t3\t3\t3" for name in trials if name != "Suturing_H002"]
    family.add("jigsaws/meta_file_Suturing.txt", "bytes", "\n".join(rated).encode())
    keys = [(event, n) for event in ("A_free", "B_tech") for n in range(100)]
    routines = {key: [key[0][2:], 80.0, 0.0, [2], [12, 12, 9]] for key in keys}
    family.add("logo/anno_dict.pkl", "bytes", pickle.dumps(routines))
    family.add("logo/train_split3.pkl", "bytes", pickle.dumps(keys[:150]))
    family.add("logo/test_split3.pkl", "bytes", pickle.dumps(keys[150:]))
    family.add("kimore/stgcn-rehab-input.csv", "csv", b"0.1,0.2,2.5,2\n" * 4)
    family.add("kimore/stgcn-rehab-label.csv", "csv", b"48.3\n")
    family.add("pairs/train.csv", "csv", b"better,worse\na,b\nb,c\na,c\n")
    family.add("pairs/test.csv", "csv", b"better,worse\nd,e\n")
    out = family.folder / "out"
    out.mkdir()

    def read(path: Path) -> None:
        source = path.parent
        for left in out.iterdir():
            left.unlink()
        arguments = ["import", source.name, str(source), "--manifest", str(out / "manifest.csv")]
        code = command(main, *arguments)
        left = sorted(p.name for p in out.iterdir())
        assert bool(left) == (code == 0), left

    family.read = read
