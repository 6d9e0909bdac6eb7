"""Each format of joints, from files made as its program makes them."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from aqa.errors import AqaError
from aqa.extract.poses.files import find_poses, read_poses
from aqa.extract.poses.names import COCO, KINECT, MEDIAPIPE
from aqa.extract.poses.poses import PoseError, ReadingRules

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
N = 4


@pytest.fixture
def world(rng: np.random.Generator) -> np.ndarray:
    """(4 frames, 33 joints, x y z visibility)."""
    places = rng.uniform(-1, 1, (N, 33, 3))
    return np.concatenate([places, rng.uniform(0.1, 1, (N, 33, 1))], axis=2)


# MediaPipe --------------------------------------------------------------------------------------


def points(frame: np.ndarray) -> list[dict[str, float]]:
    return [dict(zip(("x", "y", "z", "visibility"), row, strict=True)) for row in frame.tolist()]


SHAPES = {
    "lists": lambda frames: frames,
    "objects": lambda frames: [{"frame": i, "landmarks": f} for i, f in enumerate(frames)],
    "people": lambda frames: {"frames": [{"pose_landmarks": [f]} for f in frames]},
    "world": lambda frames: [{"pose_world_landmarks": f} for f in frames],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_landmarks_in_json(shape: str, world: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    path.write_text(json.dumps(SHAPES[shape]([points(world[0]), [], points(world[2])])))
    poses = read_poses(path)
    assert poses.names == MEDIAPIPE
    np.testing.assert_allclose(poses.joints[[0, 2]], world[[0, 2], :, :3])
    assert np.isnan(poses.joints[1]).all()


def test_landmarks_of_another_number_are_refused(world: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    path.write_text(json.dumps([{"landmarks": points(world[0, :21])}]))
    with pytest.raises(PoseError, match="21 landmarks per frame, expected 33"):
        read_poses(path)
    path.write_text(json.dumps([{"landmarks": [{"x": 1}] * 33}]))
    with pytest.raises(PoseError, match="a landmark without x, y, z"):
        read_poses(path)


@pytest.mark.parametrize("width", [3, 4])
@pytest.mark.parametrize("flat", [False, True])
def test_landmarks_in_arrays(width: int, flat: bool, world: np.ndarray, tmp_path: Path) -> None:
    array = world[..., :width]
    np.save(tmp_path / "v.npy", array.reshape(N, -1) if flat else array)
    poses = read_poses(tmp_path / "v.npy")
    assert poses.names == MEDIAPIPE
    np.testing.assert_allclose(poses.joints, world[..., :3])


HEADERS = {
    "names": [f"{n.replace(' ', '_').upper()}_{k}" for n in MEDIAPIPE
              for k in ("x", "y", "z", "visibility")],
    "numbers": [f"{k}{j}" for j in range(1, 34) for k in "xyzv"],
    "landmark": [f"landmark_{j}_{k}" for j in range(33) for k in ("x", "y", "z", "visibility")],
}  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
def test_landmarks_in_a_row_per_frame(header: str, world: np.ndarray, tmp_path: Path) -> None:
    rows = [",".join(["frame", *HEADERS[header]])]
    rows += [",".join([str(i), *map(repr, world[i].ravel().tolist())]) for i in (0, 1, 3)]
    (tmp_path / "v.csv").write_text("\n".join(rows))
    poses = read_poses(tmp_path / "v.csv")
    assert poses.names == MEDIAPIPE
    np.testing.assert_allclose(poses.joints[[0, 1, 3]], world[[0, 1, 3], :, :3])
    assert np.isnan(poses.joints[2]).all()


def test_landmarks_in_a_row_per_joint(world: np.ndarray, tmp_path: Path) -> None:
    rows = ["frame_id,landmark_id,landmark_name,x,y,z,visibility"]
    for i in range(N):
        for j, name in enumerate(MEDIAPIPE):
            rows.append(",".join([str(i), str(j), name.upper(), *map(repr, world[i, j].tolist())]))
    (tmp_path / "v.csv").write_text("\n".join(rows))
    poses = read_poses(tmp_path / "v.csv")
    assert poses.names == MEDIAPIPE
    np.testing.assert_allclose(poses.joints, world[..., :3])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a_x,a_y\n", "a row of names and no other"),
        ("a_x,a_y\n1,2,3\n", "a row of 3 columns, the first has 2"),
        ("time,score\n1,2\n", "no columns of joints, such as nose_x, nose_y or x1, y1, among time"),
        ("a_x,a_y,b_x\n1,2,3\n", "no column for b_y"),
        ("a_x,a_y\n1,up\n", "row 2: 'up' is no number"),
        ("frame,a_x,a_y\n1,2,3\n1,2,3\n", "a frame with two rows"),
        ("frame,a_x,a_y\n0,2,3\n1e9,2,3\n", "frames 0 to 1e[+]09 in 2 rows"),
        ("name,x,y\nnose,1,2\n", "a row per joint, and no column frame"),
        ("1,2,3\n1,2,3\n", "3 columns without names; say what a joint's numbers are"),
        ("", "an empty file"),
    ],
)
def test_tables_that_are_none(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text(text)
    with pytest.raises(PoseError, match=problem) as caught:
        read_poses(tmp_path / "v.csv")
    assert "v.csv" in str(caught.value)


# Kinect -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [",", ";", " "])
def test_kinect_in_a_table(mark: str, rng: np.random.Generator, tmp_path: Path) -> None:
    places = rng.uniform(-1, 3, (N, 25, 3))
    states = rng.integers(1, 3, (N, 25, 1)).astype(float)
    states[2, 5] = 0
    rows = np.concatenate([places, states], axis=2).reshape(N, 100).tolist()
    (tmp_path / "v.csv").write_text("\n".join(mark.join(map(repr, row)) + mark for row in rows))
    poses = read_poses(tmp_path / "v.csv")
    assert poses.names == KINECT
    assert np.isnan(poses.joints[2, 5]).all()
    states[2, 5] = 1
    seen = np.isfinite(poses.joints)
    assert seen.sum() == N * 75 - 3
    np.testing.assert_allclose(poses.joints[seen], places[seen])


def test_plain_numbers_take_a_format(rng: np.random.Generator, tmp_path: Path) -> None:
    places = rng.normal(size=(N, 22, 3))
    np.savetxt(tmp_path / "v.txt", places.reshape(N, 66), delimiter=",")
    poses = read_poses(tmp_path / "v.txt", None, ReadingRules("xyz"))
    np.testing.assert_allclose(poses.joints, places)
    with pytest.raises(PoseError, match="no confidence; give --joints-format xyz"):
        read_poses(tmp_path / "v.txt", None, ReadingRules("xyc"))


def ntu_body(number: int, joints: np.ndarray, state: int = 2) -> list[str]:
    lines = [f"{number} 0 1 1 1 1 0 0.02 -0.1 2", "25"]
    for x, y, z in joints.tolist():
        lines.append(f"{x!r} {y!r} {z!r} 277.3 191.6 1038.1 519.1 -0.2 0.01 0.9 -0.06 {state}")
    return lines


def test_ntu(rng: np.random.Generator, tmp_path: Path) -> None:
    places = rng.uniform(0, 4, (3, 25, 3))
    lines = ["3", "1", *ntu_body(72, places[0])]
    lines += ["2", *ntu_body(73, places[0] + 9, 1), *ntu_body(72, places[1])]
    (tmp_path / "S001.skeleton").write_text("\n".join([*lines, "0"]))
    path = find_poses(tmp_path, "S001")
    poses = read_poses(path)
    assert poses.names == KINECT
    np.testing.assert_allclose(poses.joints[:2], places[:2])
    assert np.isnan(poses.joints[2]).all()
    for broken in ("9" * 30, "2 1", "\n".join(lines), "\n".join([*lines, "0", "5"])):
        path.write_text(broken)
        with pytest.raises(PoseError, match=r"S001\.skeleton: (not a whole|more numbers)"):
            read_poses(path)


# Ultralytics ------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [[], [0.9], [0.9, 7]])
@pytest.mark.parametrize("below", ["", "labels"])
def test_ultralytics(more: list, below: str, rng: np.random.Generator, tmp_path: Path) -> None:
    folder = tmp_path / "v" / below
    folder.mkdir(parents=True)
    truth = rng.uniform(0.1, 1, (N, 17, 3))
    truth[0, 3] = (0, 0, 0.2)
    for i in (0, 1, 3):
        small = [0, 0.5, 0.5, 0.1, 0.1, *truth[i].ravel() / 2, *([0.1, 8][: len(more)])]
        large = [0, 0.5, 0.5, 0.4, 0.8, *truth[i].ravel(), *more]
        text = "\n".join(" ".join(f"{v:g}" for v in line) for line in (small, large))
        (folder / f"v_{i + 1}.txt").write_text(text)
    poses = read_poses(tmp_path / "v", N)
    assert poses.names == COCO
    assert np.isnan(poses.joints[0, 3]).all()
    assert np.isnan(poses.joints[2]).all()
    np.testing.assert_allclose(poses.joints[[1, 3]], truth[[1, 3], :, :2], rtol=1e-4)


def test_boxes_without_joints_are_refused(tmp_path: Path) -> None:
    (tmp_path / "v_1.txt").write_text("0 0.5 0.5 0.1 0.2\n")
    with pytest.raises(PoseError, match=r"v_1\.txt: a line of 5 numbers, which is a box"):
        read_poses(tmp_path)


# DeepLabCut -------------------------------------------------------------------------------------

PARTS = ("snout", "left hip")


@pytest.fixture
def tracked(rng: np.random.Generator) -> np.ndarray:
    """(4 frames, 2 parts, x y likelihood)."""
    return rng.uniform(0.1, 1, (N, 2, 3))


def test_deeplabcut_csv(tracked: np.ndarray, tmp_path: Path) -> None:
    parts = [part for part in PARTS for _ in range(3)]
    rows = [
        ["scorer"] + ["DLC"] * 6,
        ["bodyparts", *parts],
        ["coords", *["x", "y", "likelihood"] * 2],
    ]
    body = [[str(i), *map(repr, tracked[i].ravel().tolist())] for i in range(N)]
    (tmp_path / "v.csv").write_text("\n".join(",".join(row) for row in rows + body))
    poses = read_poses(tmp_path / "v.csv")
    assert poses.names == PARTS
    np.testing.assert_allclose(poses.joints, tracked[..., :2])
    # Two animals: the one that is seen better.
    double = [row[:1] + row[1:] * 2 for row in rows]
    double.insert(1, ["individuals", *["a"] * 6, *["b"] * 6])
    body = [[str(i), *["", "", ""] * 2, *map(repr, tracked[i].ravel().tolist())] for i in range(N)]
    (tmp_path / "v.csv").write_text("\n".join(",".join(row) for row in double + body))
    np.testing.assert_allclose(read_poses(tmp_path / "v.csv").joints, tracked[..., :2])


def names_as_pickle() -> bytes:
    """The columns' names as pandas writes them: a pickle of protocol 0."""
    import pickle

    return pickle.dumps([("DLC", p, c) for p in PARTS for c in ("x", "y", "likelihood")], 0)


def test_deeplabcut_table_in_hdf5(tracked: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "v.h5"
    dtype = [("index", "<i8"), ("values_block_0", "<f8", (6,))]
    table = np.zeros(N, dtype)
    table["values_block_0"] = tracked.reshape(N, 6)
    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        group["table"] = table
        group["table"].attrs["values_block_0_kind"] = np.bytes_(names_as_pickle())
    poses = read_poses(path)
    assert poses.names == PARTS
    np.testing.assert_allclose(poses.joints, tracked[..., :2])
    with h5py.File(path, "a") as file:
        hostile = b"cos\nsystem\n(S'true'\ntR."
        file["df_with_missing/table"].attrs["values_block_0_kind"] = np.bytes_(hostile)
    with pytest.raises(AqaError, match=r"v\.h5: refused: it asks for os\.system"):
        read_poses(path)


def test_deeplabcut_fixed_in_hdf5(tracked: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "v.h5"
    levels = ([b"DLC"], [b"left hip", b"snout"], [b"likelihood", b"x", b"y"])
    labels = ([0] * 6, [1, 1, 1, 0, 0, 0], [1, 2, 0, 1, 2, 0])
    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        group.attrs["block0_items_nlevels"] = 3
        group["block0_values"] = tracked.reshape(N, 6)
        for i, (level, label) in enumerate(zip(levels, labels, strict=True)):
            group[f"block0_items_level{i}"] = np.array(level)
            group[f"block0_items_label{i}"] = np.array(label, "i1")
    poses = read_poses(path)
    assert poses.names == PARTS
    np.testing.assert_allclose(poses.joints, tracked[..., :2])
    path.write_bytes(b"nothing")
    with pytest.raises(PoseError, match=r"v\.h5: not a table of DeepLabCut"):
        read_poses(path)


def test_deeplabcut_of_more_than_the_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "v.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("df")
        group.attrs["block0_items_nlevels"] = 1
        group["block0_items_level0"] = np.array([b"x"])
        group.create_dataset("block0_items_label0", (10**7,), "i8", chunks=(1000,))
    with pytest.raises(AqaError, match=r"block0_items_label0.* far more than the file holds"):
        read_poses(path)
    with h5py.File(path, "w") as file:
        file["df"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(AqaError, match="is a link to somewhere else"):
        read_poses(path)


def test_deeplabcut_with_fewer_values_than_names(tmp_path: Path) -> None:
    rows = ["scorer,D,D,D", "bodyparts,a,a,a", "coords,x,y,likelihood", "0,1,2", "1,1,2"]
    (tmp_path / "v.csv").write_text("\n".join(rows))
    with pytest.raises(PoseError, match=r"v\.csv: 3 columns of values, 4 of names"):
        read_poses(tmp_path / "v.csv")


def test_late_frames_of_a_short_file_take_no_memory(tmp_path: Path) -> None:
    rows = [f"{1000 * i},1,2" for i in range(9000)]
    (tmp_path / "v.csv").write_text("\n".join(["frame,nose_x,nose_y", *rows]))
    assert len(read_poses(tmp_path / "v.csv").joints) == 8_999_001
    header = ",".join(f"x{j},y{j}" for j in range(33))
    rows = [f"{1000 * i}" + ",1,2" * 33 for i in range(9000)]
    (tmp_path / "v.csv").write_text("\n".join([f"frame,{header}", *rows]))
    with pytest.raises(PoseError, match="8999001 frames of 33 joints, more than one video has"):
        read_poses(tmp_path / "v.csv")


# Real files -------------------------------------------------------------------------------------


@pytest.mark.skipif(not (SHARED / "kimore").is_dir(), reason="the real data are not there")
def test_the_real_kimore_file() -> None:
    poses = read_poses(SHARED / "kimore" / "stgcn-rehab-input.csv")
    assert poses.joints.shape == (1423, 25, 3)
    at = dict(zip(poses.names, np.nanmedian(poses.joints, axis=0), strict=True))
    assert at["head"][1] > at["spine shoulder"][1] > at["spine base"][1] > at["left foot"][1]
    assert at["left shoulder"][0] < at["right shoulder"][0]
