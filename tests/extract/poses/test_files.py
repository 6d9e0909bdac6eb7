"""Joints from files: every format, whose joints they are, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aqa.errors import AqaError
from aqa.extract.poses.files import find_poses, read_poses
from aqa.extract.poses.fill import filled
from aqa.extract.poses.formats.arrays import told_rate
from aqa.extract.poses.poses import PoseError, Poses

N = 5


@pytest.fixture
def truth(rng: np.random.Generator) -> np.ndarray:
    """(5 frames, 17 joints, x y confidence)."""
    return np.concatenate(
        [rng.uniform(1, 300, (N, 17, 2)), rng.uniform(0.1, 1, (N, 17, 1))], axis=2
    )


def write_json(path: Path, content: object) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def coco(truth: np.ndarray, folder: Path) -> Path:
    people = [
        {"image_id": i, "category_id": 1, "keypoints": frame.ravel().tolist(), "score": 0.9}
        for i, frame in enumerate(truth)
    ]
    return write_json(folder / "v.json", people)


def alphapose(truth: np.ndarray, folder: Path) -> Path:
    people = [
        {"image_id": f"img_2_{i + 1:05d}.jpg", "keypoints": frame.ravel().tolist(), "score": 2.7,
         "idx": [1.0], "box": [0, 0, 9, 9]}
        for i, frame in enumerate(truth)
    ]  # fmt: skip
    return write_json(folder / "v.json", people)


def mmpose_instances(truth: np.ndarray) -> list[dict]:
    return [
        {
            "frame_id": i,
            "instances": [
                {
                    "keypoints": frame[:, :2].tolist(),
                    "keypoint_scores": frame[:, 2].tolist(),
                    "bbox": [[0, 0, 9, 9]],
                    "bbox_score": [0.8],
                }
            ],
        }
        for i, frame in enumerate(truth)
    ]


def mmpose(truth: np.ndarray, folder: Path) -> Path:
    return write_json(folder / "v.json", mmpose_instances(truth))


def openpose(truth: np.ndarray, folder: Path) -> Path:
    for i, frame in enumerate(truth):
        person = {"person_id": [-1], "pose_keypoints_2d": frame.ravel().tolist()}
        write_json(folder / f"v_{i:012d}_keypoints.json", {"version": 1.3, "people": [person]})
    return folder


def npy(truth: np.ndarray, folder: Path) -> Path:
    folder.mkdir()
    np.save(folder / "v.npy", truth)
    return folder / "v.npy"


def npz(truth: np.ndarray, folder: Path) -> Path:
    folder.mkdir()
    np.savez(folder / "v.npz", keypoints=truth, fps=25.0)
    return folder / "v.npz"


@pytest.mark.parametrize("rate", [29.97, 0, -25, 1e-320, 1e300, np.nan, "25", [25, 25]])
def test_a_rate_that_no_camera_has_is_none(rate: object, tmp_path: Path) -> None:
    """One of 1e-320 frames per second would make every time infinite."""
    np.savez(tmp_path / "v.npz", fps=np.array(rate))
    told = told_rate(tmp_path / "v.npz")
    assert told == 29.97 if rate == 29.97 else np.isnan(told)


@pytest.mark.parametrize("write", [coco, alphapose, mmpose, openpose, npy, npz])
def test_every_format_is_read(
    write: Callable[..., Path], truth: np.ndarray, tmp_path: Path
) -> None:
    poses = read_poses(write(truth, tmp_path / "poses"), N)
    np.testing.assert_allclose(poses.joints, truth[..., :2])
    assert len(poses.names) == 17
    told = poses.names[:2] == ("nose", "left eye")
    assert told == (write in (coco, alphapose, mmpose, npy, npz))


@pytest.mark.parametrize("write", [coco, openpose, mmpose, npy])
def test_a_joint_of_no_confidence_is_missing(write, truth: np.ndarray, tmp_path: Path) -> None:
    truth[2, 4] = 0
    truth[3, 6, 2] = np.nan
    joints = read_poses(write(truth, tmp_path / "poses"), N).joints
    assert np.argwhere(np.isnan(joints).any(axis=2)).tolist() == [[2, 4], [3, 6]]


@pytest.mark.parametrize(("n_joints", "first", "last"), [
    (15, "head", "chest"), (18, "nose", "left ear"), (25, "nose", "right heel"),
    (7, "joint 0", "joint 6"),
])  # fmt: skip
def test_openpose_has_several_bodies(n_joints: int, first: str, last: str, tmp_path: Path) -> None:
    names = read_poses(openpose(np.ones((2, n_joints, 3)), tmp_path / "poses")).names
    assert (names[0], names[-1], len(set(names))) == (first, last, n_joints)


BODY = """
    nose; left eye; right eye; left ear; right ear; left shoulder; right shoulder; left elbow;
    right elbow; left wrist; right wrist; left hip; right hip; left knee; right knee; left ankle;
    right ankle"""
ARMS_FROM_THE_RIGHT = """
    right shoulder; right elbow; right wrist; left shoulder; left elbow; left wrist"""
LEGS_FROM_THE_RIGHT = "right hip; right knee; right ankle; left hip; left knee; left ankle"
EARS = "right eye; left eye; right ear; left ear"


def named(*parts: str) -> tuple[str, ...]:
    return tuple(" ".join(name.split()) for part in parts for name in part.split(";"))


def test_the_order_of_joints_is_that_of_the_estimators(tmp_path: Path) -> None:
    """COCO's keypoints, Halpe's 26, and OpenPose's MPI, COCO and BODY_25, as they number them."""
    toes = "left big toe; right big toe; left small toe; right small toe; left heel; right heel"
    feet = "left big toe; left small toe; left heel; right big toe; right small toe; right heel"
    for n, expected in ((17, named(BODY)), (26, named(BODY, "head; neck; hip", toes))):
        people = [{"image_id": 0, "keypoints": [1.0] * 3 * n}]
        assert read_poses(write_json(tmp_path / f"{n}.json", people)).names == expected
    limbs = (ARMS_FROM_THE_RIGHT, LEGS_FROM_THE_RIGHT)
    for n, expected in (
        (15, named("head; neck", *limbs, "chest")),
        (18, named("nose; neck", *limbs, EARS)),
        (25, named("nose; neck", limbs[0], "hip", limbs[1], EARS, feet)),
    ):
        assert read_poses(openpose(np.ones((2, n, 3)), tmp_path / f"open-{n}")).names == expected


def test_the_score_of_the_box_decides_between_people(tmp_path: Path) -> None:
    """Without a score of the person; the confidences of joints come last."""
    people = [
        {"image_id": 0, "keypoints": [1, 0, 0.9, 1, 1, 0.9], "bbox_score": 0.2},
        {"image_id": 0, "keypoints": [2, 0, 0.1, 2, 1, 0.1], "bbox_score": 0.8},
    ]
    joints = read_poses(write_json(tmp_path / "v.json", people)).joints
    assert joints[0, 0, 0] == 2


def test_openpose_tracks_by_person_id(tmp_path: Path) -> None:
    folder = tmp_path / "v"
    for frame, best in enumerate((1, 2, 1)):
        people = [
            {
                "person_id": [number],
                "pose_keypoints_2d": [number, 0, 0.9 if number == best else 0.5],
            }
            for number in (1, 2)
        ]
        write_json(folder / f"v_{frame:012d}_keypoints.json", {"people": people})
    assert read_poses(folder).joints[:, 0, 0].tolist() == [1, 1, 1]


def test_names_that_are_told(truth: np.ndarray, tmp_path: Path) -> None:
    names = [f"point_{j}" for j in range(17)]
    meta = {"keypoint_id2name": {str(j): name for j, name in enumerate(names)}}
    content = {"meta_info": meta, "instance_info": mmpose_instances(truth)}
    assert read_poses(write_json(tmp_path / "v.json", content)).names[3] == "point 3"
    np.savez(tmp_path / "v.npz", joints=truth[..., :2], names=np.array(names))
    assert read_poses(tmp_path / "v.npz").names == tuple(names)


def person(frame: int, x: float, score: float, **more: object) -> dict:
    return {"image_id": frame, "keypoints": [x, 0, 1, x, 1, 1], "score": score, **more}


@pytest.mark.parametrize(
    ("people", "n_frames", "expected"),
    [
        # nobody is tracked: the best score of each frame
        ([person(0, 1, 0.2), person(0, 2, 0.9), person(1, 3, 0.5), person(1, 4, 0.4)], None,
         [2, 3]),
        # tracks: the one with the largest sum, also where another scores higher
        ([person(0, 1, 0.6, idx=1), person(0, 2, 0.9, idx=2), person(1, 3, 0.6, idx=1)], None,
         [1, 3]),
        ([person(0, 1, 0.6, track_id=1), person(1, 2, 0.9), person(2, 3, 1, track_id=1)], None,
         [1, np.nan, 3]),
        # numbers count from 0, from 1, or the file tells of no frame behind its last person
        ([person(2, 1, 1)], None, [np.nan, np.nan, 1]),
        ([person(1, 1, 1), person(2, 2, 1)], None, [1, 2]),
        ([person(3, 1, 1)], 3, [np.nan, np.nan, 1]),
        ([person(0, 1, 1)], 3, [1, np.nan, np.nan]),
    ],
)  # fmt: skip
def test_one_person_on_each_frame(people, n_frames, expected, tmp_path: Path) -> None:
    joints = read_poses(write_json(tmp_path / "v.json", people), n_frames).joints
    np.testing.assert_array_equal(joints[:, 0, 0], expected)


def test_missing_joints_are_between_their_neighbours() -> None:
    joints = np.arange(6.0)[:, None, None] * np.ones((6, 2, 2))
    broken = joints.copy()
    broken[2:4, 1] = np.nan
    broken[0, 0] = broken[5, 0] = np.nan
    found = filled(Poses(broken, ("a", "b")), 0.5, Path("v"))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:, 1], joints[:, 1])
    np.testing.assert_allclose(found[:, 0, 0], [1, 1, 2, 3, 4, 4])


@pytest.mark.parametrize(
    ("missing", "problem"),
    [
        (np.s_[:4], "67% of the joints are missing, more than 50%"),
        (np.s_[:, 1], "no frame has a position of b"),
        (np.s_[:], "100% of the joints are missing"),
    ],
)
def test_too_little_is_refused(missing, problem: str) -> None:
    joints = np.ones((6, 2, 2))
    joints[missing] = np.nan
    with pytest.raises(PoseError, match=problem):
        filled(Poses(joints, ("a", "b")), 0.5, Path("v"))


GOOD = person(0, 1, 1)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("{}", "not a list of persons"),
        ("[3]", "not a list of persons"),
        ("[]", "nobody on any frame"),
        ([{**GOOD, "keypoints": []}], "nobody on any frame"),
        ([{**GOOD, "image_id": "9" * 5000}], "has no frame number"),
        ([{**GOOD, "image_id": "first.jpg"}], "'first.jpg' has no frame number"),
        ([{**GOOD, "keypoints": [1, 2, 3, 4]}], "frame 0: a person whose joints are not x, y"),
        ([{**GOOD, "keypoints": "abc"}], "frame 0: a person whose joints are not x, y"),
        ([{**GOOD, "keypoints": [10**400, 0, 1]}], "frame 0: a person whose joints are not x, y"),
        ([GOOD, person(1, 1, 1) | {"keypoints": [1, 2, 3]}], "people of 1, 2 joints"),
        ([{"frame_id": 0, "instances": 5}], "frame 0: not a list of people"),
        ([{"frame_id": 0, "instances": []}, {"frame_id": 2, "instances": []}],
         "frames 0 to 2 are 2: some are missing or stand twice"),
        ([person(10**15, 1, 1)], "1000000000000001 frames, and somebody on 1 of them"),
        ([{"frame_id": i, "instances": []} for i in (10**15, 2)], "are 2: some are missing"),
        ([{"instances": []}], "None has no frame number"),
    ],
)  # fmt: skip
def test_bad_json_is_refused(content: object, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(PoseError, match=problem) as caught:
        read_poses(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "arrays", "problem"),
    [
        ("v.npy", np.ones((5, 34)), r"it holds v.npy \(5, 34\); expected one array"),
        ("v.npy", np.ones((5, 17, 6)), r"it holds v.npy \(5, 17, 6\); expected one array"),
        (
            "v.npy",
            np.full((5, 17, 4), 7),
            "the fourth number of a joint is 7 to 7; expected",
        ),
        ("v.npy", np.ones((0, 17, 2)), r"it holds v.npy \(0, 17, 2\); expected one array"),
        ("v.npy", np.array([["a", "b"]] * 2)[None], "its joints are of <U1, not of numbers"),
        ("v.npy", np.array([[[1, None]]], object), "not a .npy or .npz file of numbers"),
        ("v.npz", {"a": np.ones((5, 3, 2)), "b": np.ones((5, 3, 2))}, "expected one array"),
        ("v.npz", {"a": np.ones((5, 3, 2)), "names": np.array(["x"])}, r"names \(1,\); expected"),
        ("v.npz", {"a": np.ones((5, 3, 2)), "names": np.arange(3)}, r"names \(3,\); expected"),
    ],
)
def test_bad_arrays_are_refused(name: str, arrays, problem: str, tmp_path: Path) -> None:
    path = tmp_path / name
    np.savez(path, **arrays) if isinstance(arrays, dict) else np.save(path, arrays)
    with pytest.raises(AqaError, match=problem):
        read_poses(path)


def test_files_that_are_none_of_these_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PoseError, match="no such file or folder of joints"):
        read_poses(tmp_path / "v.json")
    with pytest.raises(PoseError, match="a folder without JSON files"):
        read_poses(tmp_path)
    (tmp_path / "v.dat").write_text("1 2 3")
    with pytest.raises(PoseError, match=r"joints are read from \.json, \.npy, \.npz"):
        read_poses(tmp_path / "v.dat")
    (tmp_path / "v.npz").write_bytes(b"PK nothing")
    with pytest.raises(AqaError, match=r"not a \.npy or \.npz file of numbers"):
        read_poses(tmp_path / "v.npz")
    write_json(tmp_path / "open" / "1.json", [])
    with pytest.raises(PoseError, match=r'1\.json: not a frame of OpenPose: no list "people"'):
        read_poses(tmp_path / "open")
    write_json(tmp_path / "open" / "01.json", {"people": []})
    with pytest.raises(PoseError, match=r"01\.json and 1\.json have the same number"):
        read_poses(tmp_path / "open")


def test_joints_are_found_by_the_id(tmp_path: Path) -> None:
    assert not find_poses(tmp_path, "v").exists()
    (tmp_path / "v.json").touch()
    assert find_poses(tmp_path, "v") == tmp_path / "v.json"
    (tmp_path / "v").mkdir()
    with pytest.raises(PoseError, match=r"v and v\.json for v; leave one"):
        find_poses(tmp_path, "v")
