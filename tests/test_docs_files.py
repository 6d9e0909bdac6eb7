"""docs/files.md: every line of its tables is run on files in the layout that it speaks of."""

from __future__ import annotations

import json
import re
import runpy
import shlex
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.datasets import importer_names
from aqa.annotations.manifest import Manifest, write_manifest

IDS = [f"v{k:02d}" for k in range(1, 13)]
Rows = list[list[str]]


def table(root: Path, section: str, number: int = 0) -> Rows:
    """The cells of a table of a section, without its head."""
    text = (root / "docs/files.md").read_text(encoding="utf-8")
    part = text.split(f"\n## {section}\n")[1].split("\n## ")[0]
    tables = re.findall(r"(?:^\|.*\n)+", part, re.MULTILINE)
    lines = tables[number].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def typed(root: Path, section: str) -> list[str]:
    """The commands of a section's first table."""
    cells = [row[1] for row in table(root, section)]
    return [code for cell in cells for code in re.findall(r"`(aqa [^`]*)`", cell)]


@pytest.fixture
def place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numbered_video: Callable[..., Path]
) -> Path:
    """A folder with all the files that the page names."""
    monkeypatch.chdir(tmp_path)
    _labels()
    _lists()
    _features()
    Path("films").mkdir()
    for name in IDS[:2]:
        numbered_video(20, f"{name}.avi").rename(Path("films") / f"{name}.avi")
    return tmp_path


def _written(name: str, header: str, rows: list[str]) -> None:
    Path(name).write_text("\n".join([*([header] if header else []), *rows]) + "\n")


def _labels() -> None:
    scores = {name: 50 + 3.5 * k for k, name in enumerate(IDS)}
    _written("scores.csv", "video_id,score", [f"{i},{s}" for i, s in scores.items()])
    _written("sheet.csv", "Dive,Points", [f"{i},{s}" for i, s in scores.items()])
    _written("scores.tsv", "video_id\tscore", [f"{i}\t{s}" for i, s in scores.items()])
    comma = [f"{i};{s}".replace(".", ",") for i, s in scores.items()]
    _written("excel.csv", "video_id;score", comma)
    _written("list.txt", "", [f"{i}  {s} A" for i, s in scores.items()])
    _written("holes.csv", "video_id,score", [*(f"{i},{s}" for i, s in scores.items()), "x,"])
    parts = [f"{i},{s},{100 - s}" for i, s in scores.items()]
    _written("programs.csv", "video_id,score_tes,score_pcs", parts)
    _written("two.csv", "video_id,Anna,Ben", parts)
    marks = [f"{i},{'good' if k % 2 else 'bad'}" for k, i in enumerate(IDS)]
    _written("labels.csv", "video_id,label", marks)
    pairs = [f"{b},{a}" for a, b in pairwise(IDS)]
    _written("compared.csv", "better,worse", pairs)


def _lists() -> None:
    _written("train.txt", "", IDS[:8])
    _written("test.txt", "", IDS[8:])
    Path("folds.json").write_text(json.dumps([IDS[:6], IDS[6:]]))


def _features() -> None:
    rng = np.random.default_rng(0)
    arrays = {i: rng.random((4, 3), np.float32) for i in IDS}
    for name in ("features", "kinematics", "archives"):
        Path(name).mkdir()
    with h5py.File("groups.h5", "w") as file:
        for i, array in arrays.items():
            np.save(Path("features") / f"{i}.npy", array)
            np.savetxt(Path("kinematics") / f"{i}.txt", rng.random((70, 5)))
            np.savez(Path("archives") / f"{i}.npz", features=arrays[i], fps=25)
            file[f"{i}/features"] = array
    together = np.stack(list(arrays.values()))
    np.savez("features.npz", **arrays)
    np.save("features.npy", together)
    with h5py.File("joint.h5", "w") as file:
        file["all/features"] = together
    _written("ids.txt", "", IDS)


Run = Callable[..., Result]


def test_scores_and_labels(root: Path, place: Path, run_aqa: Run) -> None:
    """Each import, then splits and features, and what is fitted later."""
    lines = table(root, "Scores and labels")
    for what, cell in lines[:-1]:
        first, *later = re.findall(r"`(aqa [^`]*)`", cell)
        run_aqa(*shlex.split(first)[1:], "--force")
        videos = Manifest.read("manifest.csv")
        assert len(videos) == (2 if what == "videos alone" else 12), what
        if later:
            run_aqa("split", "--train", "train.txt", "--test", "test.txt", "--force")
            if not Path("stores/features.h5").exists():
                run_aqa("store", "import", "features")
            quick = ("-p", "epochs=1") if "lstm" in later[0] else ("-p", "C=1", "-p", "epsilon=0.1")
            run_aqa(*shlex.split(later[0])[1:], *quick)
    assert lines[-1][1].startswith("`aqa import NAME FOLDER`")


def test_every_dataset_is_named(root: Path) -> None:
    cells = [cell for row in table(root, "Scores and labels", 1) for cell in row]
    named = re.findall(r"`([\w-]+)`", " ".join(cells))
    assert sorted([*named, "csv", "videos"]) == sorted(importer_names())


@pytest.mark.parametrize("number", range(3))
def test_splits(root: Path, place: Path, run_aqa: Run, number: int) -> None:
    commands = typed(root, "Splits")
    assert len(commands) == 3
    run_aqa("import", "csv", "scores.csv")
    run_aqa(*shlex.split(commands[number])[1:])
    manifest = Manifest.read("manifest.csv")
    assert len(manifest.split_names) == (1, 2, 5)[number]
    assert all(manifest.split(name).test for name in manifest.split_names)


@pytest.mark.parametrize("number", range(8))
def test_features(root: Path, place: Path, run_aqa: Run, number: int) -> None:
    commands = typed(root, "Features")
    assert len(commands) == 8
    run_aqa("import", "csv", "scores.csv")
    run_aqa(*shlex.split(commands[number])[1:])
    (store,) = Path("stores").iterdir()
    assert "12 videos" in run_aqa("store", "verify", str(store)).output


def test_videos(root: Path, place: Path, run_aqa: Run) -> None:
    """With the demo's small network in place of C3D."""
    (command,) = typed(root, "Videos")
    small = command.replace("c3d", "tiny3d --weights random --quiet")
    assert small != command
    run_aqa("import", "videos", "films")
    run_aqa(*shlex.split(small)[1:])
    assert Path("stores/tiny3d.h5").exists()


# Joints -----------------------------------------------------------------------------------------


def test_joints(root: Path, tmp_path: Path, run_aqa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line's first file or folder, and each of its options."""
    monkeypatch.chdir(tmp_path)
    write_manifest(Path("manifest.csv"), [{"video_id": "v1", "path": "", "score": 1}])
    lines = {row[0]: row[2] for row in table(root, "Joints")}
    made = _joint_files(root)
    assert set(made) == set(lines)
    for number, (what, cell) in enumerate(lines.items()):
        for name, content in made[what]:
            path = Path(f"joints{number}") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        options = re.findall(r"`(--[^`]*)`", cell)[:1]
        run_aqa(
            *("extract", "--backbone", "pose", "--poses", f"joints{number}", "--quiet"),
            *("--store", f"s{number}.h5", *(shlex.split(options[0]) if options else ())),
        )
        assert "1 videos" in run_aqa("store", "verify", f"s{number}.h5").output, what


def _joint_files(root: Path) -> dict[str, list[tuple[str, bytes]]]:
    """What a line's first cell says -> files in its layout."""
    made = runpy.run_path(str(root / "tests/fuzzing_formats.py"))
    rng = np.random.default_rng(0)
    content = {
        name: data for make in ("_texts", "_tables", "_arrays") for name, _, data in made[make](rng)
    }
    body = {"pose_keypoints_2d": rng.random(75).tolist()}
    frame = json.dumps({"people": [body]}).encode()
    frames = [(f"{i:012d}_keypoints.json", frame) for i in range(3)]
    labels = [(f"v1_{i}.txt", content["yolo/film_1.txt"]) for i in (1, 2, 3)]
    people = [
        {"image_id": f"{i}.jpg", "keypoints": rng.random(51).tolist(), "score": 0.5}
        for i in range(3)
    ]
    kinect = "\n".join(
        ",".join(f"{a:.3f},{b:.3f},{c:.3f},2" for a, b, c in frame)
        for frame in rng.random((3, 25, 3))
    )
    joint = "{:.3f} {:.3f} {:.3f} 10 20 30 40 0 0 0 1 2"
    skeleton = "2\n" + "".join(
        "1\n1 0 1 1 0 0 0 0.1 0.2 2\n25\n" + "\n".join(joint.format(*p) for p in frame) + "\n"
        for frame in rng.random((2, 25, 3))
    )
    positions = "\n".join(",".join(["0.1", "0.2", "0.3"] * 22) for _ in range(3))

    def array(*shape: int) -> bytes:
        path = Path("made.npy")
        np.save(path, rng.random(shape))
        return path.read_bytes()

    return {
        "OpenPose `--write_json`": [(f"v1/{name}", data) for name, data in frames],
        "OpenPose's or another's array (frames, joints, 3): x, y, confidence": [
            ("v1.npy", array(4, 18, 3))
        ],
        "COCO results, AlphaPose, MMPose": [("v1.json", json.dumps(people).encode())],
        "MediaPipe's 33 landmarks, in the picture or world": [
            ("v1.json", content["mediapipe.json"])
        ],
        "MediaPipe or a phone app, as a table": [("v1.csv", content["wide.csv"])],
        "Ultralytics (YOLO pose), `save_txt=True`": [(f"v1/labels/{n}", d) for n, d in labels],
        "Ultralytics, several videos in one folder": [
            *((f"labels/{n}", d) for n, d in labels),
            ("labels/v10_1.txt", labels[0][1]),
        ],
        "OpenPose, several videos in one folder": [(f"v1_{n}", d) for n, d in frames],
        "DeepLabCut": [("v1DLC_resnet50_x.csv", content["dlc.csv"])],
        "Kinect, x, y, z and tracking state (KIMORE)": [("v1.csv", kinect.encode())],
        "NTU RGB+D": [("v1.skeleton", skeleton.encode())],
        "x, y, z of any joints (UI-PRMD, motion capture)": [("v1.npy", array(4, 22, 3))],
        "the same, as plain numbers": [("v1.csv", positions.encode())],
    }
