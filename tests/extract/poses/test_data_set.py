"""What is settled once for all files of a data set: layout, first frame, and which joints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import Video
from aqa.errors import AqaError
from aqa.extract.poses.names import KINECT, OPENPOSE, chosen_joints
from aqa.extract.poses.normalise import normalised
from aqa.extract.poses.poses import PoseError
from aqa.extract.poses.run import extract_poses
from aqa.extract.poses.settings import JointOptions, settings_of
from aqa.extract.progress import ExtractionProgress
from aqa.features.clips import Clip
from aqa.features.store import FeatureStore, FeatureStoreWriter

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


class Told(ExtractionProgress):
    """Keeps the lines that are told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)


def save(folder: Path, **arrays: np.ndarray) -> list[Video]:
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return [Video(name, None, 1.0, poses=folder / f"{name}.npy") for name in arrays]


def extracted(videos: list[Video], folder: Path, **options: object) -> tuple[FeatureStore, Told]:
    told = Told()
    path = folder / "p.h5"
    summary = extract_poses(videos, path, None, JointOptions(**options), progress=told)
    assert summary.failed == []
    return FeatureStore.open(path), told


def confident(rng: np.random.Generator, n: int = 6, joints: int = 18) -> np.ndarray:
    places = rng.uniform(1, 300, (n, joints, 2))
    return np.concatenate([places, rng.uniform(0.1, 1.03, (n, joints, 1))], axis=2)


# Depth ------------------------------------------------------------------------------------------


def test_depth_is_told_from_confidence_once(rng: np.random.Generator, tmp_path: Path) -> None:
    near, far = rng.uniform(0, 1, (6, 22, 3)), rng.normal(size=(6, 22, 3))
    far[0, 0] = near[0, 0]
    store, told = extracted(save(tmp_path, near=near, far=far), tmp_path)
    with store:
        assert store.spec["coordinates"] == 3
        np.testing.assert_allclose(store["near"], near.reshape(6, 66), rtol=1e-6)
        np.testing.assert_allclose(store["far"], far.reshape(6, 66), rtol=1e-6)
    (line,) = told.lines
    assert "the third number is" in line
    assert "far.npy" in line


def test_confidences_a_little_above_1_stay_ones(rng: np.random.Generator, tmp_path: Path) -> None:
    truth = confident(rng)
    store, told = extracted(save(tmp_path, v=truth), tmp_path)
    with store:
        assert "coordinates" not in store.spec
        assert store.spec["joints"] == list(OPENPOSE[18])
        np.testing.assert_allclose(store["v"], truth[..., :2].reshape(6, 36), rtol=1e-6)
    assert told.lines == []


def test_depth_between_0_and_1_can_be_declared(rng: np.random.Generator, tmp_path: Path) -> None:
    near = rng.uniform(0, 1, (6, 22, 3))
    store, _ = extracted(save(tmp_path, v=near), tmp_path, layout="xyz")
    with store:
        np.testing.assert_allclose(store["v"], near.reshape(6, 66), rtol=1e-6)


# Joints that are never seen ---------------------------------------------------------------------


@pytest.fixture
def sided(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Two videos: in the second the left wrist and the nose are never seen."""
    both, side = confident(rng), confident(rng)
    names = OPENPOSE[18]
    side[:, [names.index("left wrist"), names.index("nose")]] = 0
    return {"both": both, "side": side}


def test_joints_never_seen_are_filled(sided: dict[str, np.ndarray], tmp_path: Path) -> None:
    store, told = extracted(save(tmp_path, **sided), tmp_path)
    names, truth = OPENPOSE[18], sided["side"]
    with store:
        found = store["side"].reshape(6, 18, 2)
    wrist = truth[:, names.index("right wrist"), :2]
    np.testing.assert_allclose(found[:, names.index("left wrist")], wrist, rtol=1e-6)
    shown = [j for j, name in enumerate(names) if name not in ("left wrist", "nose")]
    middle = truth[:, shown, :2].mean(axis=1)
    np.testing.assert_allclose(found[:, names.index("nose")], middle, rtol=1e-5)
    (line,) = told.lines
    assert "in some of 2 videos: left wrist (1), nose (1): put where" in line


def test_joints_never_seen_are_left_out(sided: dict[str, np.ndarray], tmp_path: Path) -> None:
    store, told = extracted(save(tmp_path, **sided), tmp_path, never_seen="leave-out")
    left = [name for name in OPENPOSE[18] if name not in ("left wrist", "nose")]
    with store:
        assert store.spec["joints"] == left
        assert store.shape == (32,)
    assert "left out of all videos" in told.lines[0]


def test_a_video_without_anybody_takes_no_joint_away(
    sided: dict[str, np.ndarray], tmp_path: Path
) -> None:
    videos = save(tmp_path, **sided, nobody=np.zeros((6, 18, 3)))
    options = JointOptions(never_seen="leave-out")
    summary = extract_poses(videos, tmp_path / "p.h5", None, options)
    assert summary.done == ["both", "side"]
    assert "100% of the joints are missing" in summary.failed[0][1]
    with FeatureStore.open(tmp_path / "p.h5") as store:
        assert store.shape == (32,)


def test_joints_never_seen_are_refused(sided: dict[str, np.ndarray], tmp_path: Path) -> None:
    videos = save(tmp_path, **sided)
    options = JointOptions(never_seen="refuse")
    summary = extract_poses(videos, tmp_path / "p.h5", None, options)
    ((name, reason),) = summary.failed
    assert name == "side"
    assert (
        "no frame has a position of nose, left wrist; choose other joints with --joints" in reason
    )


def test_chosen_joints(sided: dict[str, np.ndarray], tmp_path: Path) -> None:
    store, told = extracted(save(tmp_path, **sided), tmp_path, joints="arms, Right_Hip, 0")
    with store:
        names = store.spec["joints"]
        assert names[-2:] == ["right hip", "nose"]
        assert len(names) == 8
        found = store["both"].reshape(6, 8, 2)
    places = [OPENPOSE[18].index(name) for name in names]
    np.testing.assert_allclose(found, sided["both"][:, places, :2], rtol=1e-6)
    assert len(told.lines) == 1


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ("tail", "no joint 'tail'; there are nose, neck"),
        ("25", "no joint '25'"),
        ("arms,left wrist", "asked for twice: left wrist"),
        ("coco17,chest", "no joint 'chest'"),
        ("", "no joint ''"),
    ],
)
def test_joints_that_are_not_there(asked: str, problem: str) -> None:
    with pytest.raises(PoseError, match=problem):
        chosen_joints(asked, OPENPOSE[18])


# The store goes on as it began ------------------------------------------------------------------


def test_a_store_goes_on_as_it_began(sided: dict[str, np.ndarray], tmp_path: Path) -> None:
    videos = save(tmp_path, **sided)
    extracted(videos[:1], tmp_path, joints="arms", normalise="none")[0].close()
    store, _ = extracted(videos, tmp_path)
    with store:
        assert set(store.ids) == {"both", "side"}
        assert store.shape == (12,)
        assert settings_of(store.spec).chosen
    with pytest.raises(AqaError, match=r'never_seen is "fill", not "refuse"'):
        extract_poses(videos, tmp_path / "p.h5", None, JointOptions(never_seen="refuse"))


def test_a_store_made_before_goes_on(rng: np.random.Generator, tmp_path: Path) -> None:
    """Stores of version 0.2 know no names of arrays' joints, and refuse what is never seen."""
    spec = {
        "backbone": "pose", "weights": {"name": None, "sha256": None, "fitted_on": None},
        "layer": None, "shape": [36], "dtype": "float32", "clip_length": 1, "stride": 1,
        "frames": None, "padding": None, "tail": None,
        "preprocess": {"missing": "linear in time", "max_missing": 0.5},
        "joints": [f"joint {j}" for j in range(18)], "views": ["original"], "view_seed": None,
    }  # fmt: skip
    with FeatureStoreWriter(tmp_path / "p.h5", spec, ids=["u"]) as writer:
        writer.append("u", [(np.ones((1, 36), np.float32), [Clip(0, 1)])], n_frames=1)
    truth, hidden = confident(rng), confident(rng)
    hidden[:, 3] = 0
    videos = save(tmp_path, v=truth, w=hidden)
    summary = extract_poses(videos, tmp_path / "p.h5")
    assert summary.done == ["v"]
    assert "no frame has a position of joint 3" in summary.failed[0][1]
    with FeatureStore.open(tmp_path / "p.h5", spec) as store:
        np.testing.assert_allclose(store["v"], truth[..., :2].reshape(6, 36), rtol=1e-6)


# Frames -----------------------------------------------------------------------------------------


def listed(folder: Path, **frames: tuple[int, ...]) -> list[Video]:
    for name, numbers in frames.items():
        people = [{"image_id": i, "keypoints": [i, 1, 1, 1, 2, 1], "score": 1} for i in numbers]
        (folder / f"{name}.json").write_text(json.dumps(people))
    return [Video(name, None, 1.0, poses=folder / f"{name}.json") for name in frames]


def test_nobody_on_frame_0_moves_nothing(tmp_path: Path) -> None:
    store, told = extracted(listed(tmp_path, late=(1, 2, 3), first=(0, 1, 2)), tmp_path)
    with store:
        assert store.spec["preprocess"]["first_frame"] == 0
        np.testing.assert_array_equal(store["late"][:, 0], [1, 1, 2, 3])
    assert told.lines == []


def test_frames_from_1_are_told(tmp_path: Path) -> None:
    videos = listed(tmp_path, a=(1, 2, 3), b=(2, 3))
    store, told = extracted(videos, tmp_path)
    with store:
        np.testing.assert_array_equal(store["b"][:, 0], [2, 2, 3])
    (line,) = told.lines
    assert line.startswith("frames are counted from 1: nobody is on a frame 0 in any of 2 files")
    (tmp_path / "p.h5").unlink()
    store, told = extracted(videos, tmp_path, first_frame=0)
    with store:
        np.testing.assert_array_equal(store["b"][:, 0], [2, 2, 2, 3])
    assert told.lines == []


def test_labels_and_tables_count_alike(tmp_path: Path) -> None:
    for name, first in (("a", 1), ("b", 0)):
        (tmp_path / name).mkdir()
        for i in range(3):
            label = f"0 0.5 0.5 1 1 {first + i} 1 1 2 2 1"
            (tmp_path / name / f"{name}_{first + i}.txt").write_text(label)
    labels = [Video(name, None, 1.0, poses=tmp_path / name) for name in ("a", "b")]
    with extracted(labels, tmp_path)[0] as store:
        np.testing.assert_array_equal(store["a"][:, 0], [1, 1, 2, 3])
    (tmp_path / "p.h5").unlink()
    (tmp_path / "c.csv").write_text("frame,nose_x,nose_y\n1,1,1\n2,2,2\n")
    (tmp_path / "d.csv").write_text("frame,nose_x,nose_y\n0,0,1\n1,1,2\n")
    tables = [Video(name, None, 1.0, poses=tmp_path / f"{name}.csv") for name in ("c", "d")]
    with extracted(tables, tmp_path)[0] as store:
        np.testing.assert_array_equal(store["c"][:, 0], [1, 1, 2])


# Normalisation ----------------------------------------------------------------------------------


def turned(body: np.ndarray, angle: float) -> np.ndarray:
    """Turned about the y axis."""
    cos, sin = np.cos(angle), np.sin(angle)
    return body @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])


def test_forward_takes_away_place_size_and_direction(rng: np.random.Generator) -> None:
    body = rng.normal(size=(9, 25, 3))
    for j, name in enumerate(KINECT):
        side = -1 if name.startswith("left") else 1 if name.startswith("right") else 0
        body[:, j, 0] += 3 * side
        body[:, j, 1] += 4 * name.endswith("shoulder")
    moved = 0.7 * turned(body, 2.1) + np.array([0.3, -1, 5])
    here, there = (
        normalised(b.astype(np.float32), KINECT, "forward", Path("v")) for b in (body, moved)
    )
    np.testing.assert_allclose(here, there, atol=1e-4)
    hips = [KINECT.index(f"{side} hip") for side in ("left", "right")]
    np.testing.assert_allclose(here[:, hips].mean(axis=1), 0, atol=1e-5)
    across = [
        here[:, KINECT.index(f"left {j}")] - here[:, KINECT.index(f"right {j}")]
        for j in ("hip", "shoulder")
    ]
    x, _, z = np.mean(across, axis=(0, 1))
    assert x > 0
    assert abs(z) < 1e-5
    trunk = normalised(body.astype(np.float32), KINECT, "trunk", Path("v"))
    assert not np.allclose(trunk, normalised(moved.astype(np.float32), KINECT, "trunk", Path("v")))


@pytest.mark.parametrize(
    ("names", "axes", "how", "problem"),
    [
        (("a", "b", "c", "d"), 2, "trunk", "takes left and right shoulders and hips"),
        (
            ("left shoulder", "right shoulder", "left hip", "right hip"),
            2,
            "forward",
            "takes x, y, z",
        ),
        (("left shoulder", "right shoulder", "left hip", "right hip"), 3, "trunk", "same place"),
    ],
)
def test_what_cannot_be_normalised(names, axes: int, how, problem: str) -> None:
    joints = np.ones((3, 4, axes), np.float32)
    if axes == 2:
        joints[:, 2:] = 0
    with pytest.raises(PoseError, match=problem):
        normalised(joints, names, how, Path("v"))


# Real files -------------------------------------------------------------------------------------


@pytest.mark.skipif(not (SHARED / "ui-prmd").is_dir(), reason="the real data are not there")
@pytest.mark.parametrize(
    ("name", "shape", "axes"), [("pose-openpose", (36,), 2), ("ui-prmd", (66,), 3)]
)
def test_all_real_arrays_are_extracted(name: str, shape, axes: int, tmp_path: Path) -> None:
    files = sorted((SHARED / name).glob("*.npy"))
    videos = [Video(file.stem, None, 1.0, poses=file) for file in files]
    store, told = extracted(videos, tmp_path)
    with store:
        assert len(store.ids) == len(files) >= 10
        assert store.shape == shape
        assert store.spec.get("coordinates", 2) == axes
        assert store.verify() == []
    assert len(told.lines) == 1


def yolo_label(x: float) -> str:
    return " ".join(map(str, [0, 0.5, 0.5, 0.2, 0.4, *[x, 0.5, 0.9] * 17]))


def test_labels_of_several_videos_in_one_folder(tmp_path: Path) -> None:
    """As `yolo predict source=FOLDER save_txt=True` writes them; v_1 is not v."""
    labels = tmp_path / "predict" / "labels"
    labels.mkdir(parents=True)
    for name, x in (("v", 0.1), ("v_1", 0.2), ("w[x]", 0.3)):
        for frame in range(1, 12):
            (labels / f"{name}_{frame}.txt").write_text(yolo_label(x + frame / 100))
    videos = [Video(name, None, 0.0) for name in ("v", "v_1", "w[x]", "absent")]
    for folder in (tmp_path / "predict", labels):
        store = tmp_path / f"{folder.name}.h5"
        summary = extract_poses(videos, store, folder)
        assert summary.done == ["v", "v_1", "w[x]"]
        assert [video_id for video_id, _ in summary.failed] == ["absent"]
        with FeatureStore.open(store) as opened:
            for name, x in (("v", 0.1), ("v_1", 0.2), ("w[x]", 0.3)):
                assert opened[name].shape == (11, 34)
                assert opened[name][:, 0] == pytest.approx(x + np.arange(1, 12) / 100)
    assert extract_poses(videos[:1], store, labels).reused == ["v"]
    (labels / "v_3.txt").write_text(yolo_label(0.9))
    assert "features of another file" in str(extract_poses(videos[:1], store, labels).failed)


def test_openpose_of_several_videos_in_one_folder(tmp_path: Path) -> None:
    for name, x in (("a", 1.0), ("a_2", 2.0)):
        for frame in range(3):
            person = {"pose_keypoints_2d": [x, frame, 0.9] * 25}
            path = tmp_path / f"{name}_{frame:012d}_keypoints.json"
            path.write_text(json.dumps({"people": [person]}))
    extract_poses([Video("a", None, 0.0), Video("a_2", None, 0.0)], tmp_path / "s.h5", tmp_path)
    with FeatureStore.open(tmp_path / "s.h5") as store:
        assert store["a"][:, :2].tolist() == [[1, 0], [1, 1], [1, 2]]
        assert store["a_2"][:, :2].tolist() == [[2, 0], [2, 1], [2, 2]]


def test_a_folder_of_deeplabcut(tmp_path: Path) -> None:
    """Its names are longer than the videos'; there may be a CSV beside the HDF5."""
    rows = ["scorer,D,D,D", "bodyparts,a,a,a", "coords,x,y,likelihood", "0,1,2,1", "1,3,4,1"]
    for name in ("v", "v2"):
        path = tmp_path / f"{name}DLC_resnet50_diveSep1shuffle1_1000.csv"
        path.write_text("\n".join(rows))
        path.with_suffix(".h5").write_bytes(b"the same")
    videos = [Video("v", None, 0.0), Video("v2", None, 0.0)]
    summary = extract_poses(videos, tmp_path / "s.h5", tmp_path)
    assert summary.done == ["v", "v2"]
    shutil.copy(path, path.with_name(path.name.replace("1000", "1000_filtered")))
    with pytest.raises(PoseError, match=r"_1000\.csv and .*_filtered\.csv for v2; leave one"):
        extract_poses(videos, tmp_path / "t.h5", tmp_path)
