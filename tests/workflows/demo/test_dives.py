"""The drawn dives: what their manifest says is what is drawn, and the same every time."""

from __future__ import annotations

import csv
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError
from aqa.extract.poses.files import read_poses
from aqa.workflows.demo.dataset import draw_dives
from aqa.workflows.demo.dive import Dive
from aqa.workflows.demo.diver import Joint
from aqa.workflows.demo.figure import Outfit
from aqa.workflows.demo.filming import draw, joints_of
from aqa.workflows.demo.motion import allowed_faults, move
from aqa.workflows.demo.panel import BEST_MARK, FAULT_COSTS, Fault, panel_marks, true_mark
from aqa.workflows.demo.program import DIVE_TYPES
from aqa.workflows.demo.sampling import sample_dive

MANY = [sample_dive(7, index) for index in range(64)]


def frames(dive: Dive, start: int = 0, stop: int | None = None) -> np.ndarray:
    return np.stack(list(islice(draw(dive), start, stop)))


def changed(dive: Dive, other: Dive) -> np.ndarray:
    """Share of the pixels that differ, a frame."""
    return (frames(dive) != frames(other)).any(axis=-1).mean(axis=(1, 2))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_dives(tmp_path_factory.mktemp("dives"), n_videos=4, seed=3, n_splits=2)


def rows(manifest: Path) -> list[dict[str, str]]:
    with manifest.open(newline="") as lines:
        return list(csv.DictReader(lines))


# What is sampled --------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_dive_and_another_seed_another() -> None:
    assert sample_dive(7, 5) == MANY[5]
    assert sample_dive(8, 5) != MANY[5]
    assert len({dive.look.texture for dive in MANY}) == len(MANY)


def test_types_differ_in_what_is_seen_and_in_difficulty() -> None:
    seen = {
        (t.direction, t.half_somersaults, t.half_twists, t.position) for t in DIVE_TYPES.values()
    }
    difficulties = {t.difficulty for t in DIVE_TYPES.values()}
    assert len(seen) == len(DIVE_TYPES) >= 6
    assert len(difficulties) >= 4
    assert min(difficulties) >= 1.6
    assert max(difficulties) <= 3.6


def test_each_run_of_videos_shows_every_type_once() -> None:
    n = len(DIVE_TYPES)
    for start in range(0, len(MANY), n):
        assert {dive.type.name for dive in MANY[start : start + n]} == set(DIVE_TYPES)


def test_lengths_and_the_order_of_the_stages() -> None:
    for dive in MANY:
        assert 60 <= dive.n_frames <= 150
        assert 0 < dive.stages.takeoff < dive.stages.flight < dive.stages.entry
        assert dive.stages.entry < dive.stages.ending < dive.n_frames


def test_faults_are_none_to_three_and_within_the_video() -> None:
    assert {len(dive.faults) for dive in MANY} == {0, 1, 2, 3}
    assert {fault.name for dive in MANY for fault in dive.faults} == set(FAULT_COSTS)
    for dive in MANY:
        names = [fault.name for fault in dive.faults]
        assert len(set(names)) == len(names)
        assert not {"over_rotation", "slant_entry"} <= set(names)
        assert set(names) <= set(allowed_faults(dive.type))
        assert all(0 <= fault.start < fault.stop <= dive.n_frames for fault in dive.faults)


def test_bent_legs_lie_in_the_flight_and_the_other_faults_at_the_entry() -> None:
    for dive in MANY:
        for fault in dive.faults:
            if fault.name == "bent_legs":
                assert dive.stages.flight <= fault.start < fault.stop <= dive.stages.entry
            else:
                assert fault.start < dive.stages.ending
                assert fault.stop > dive.stages.entry


def test_given_type_and_faults_leave_everything_else_as_sampled() -> None:
    dive = MANY[0]
    other = sample_dive(7, 0, type="107B", faults={"bent_legs": 0.5})
    assert (other.type.name, [fault.name for fault in other.faults]) == ("107B", ["bent_legs"])
    assert (other.timing, other.look, other.outfit, other.handling) == (
        dive.timing, dive.look, dive.outfit, dive.handling,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"type": "999Z"}, "999Z"),
        ({"faults": {"late": 0.5}}, "late"),
        ({"faults": {"large_splash": 1.5}}, "1.5"),
        ({"type": "105C", "faults": {"bent_legs": 0.5}}, "tuck"),
        ({"faults": {"over_rotation": 0.5, "slant_entry": 0.5}}, "exclude"),
    ],
)
def test_impossible_dives_are_refused(wrong: dict, message: str) -> None:
    with pytest.raises(AqaError, match=message):
        sample_dive(7, 0, **wrong)


# Marks and score --------------------------------------------------------------------------------


def test_score_is_difficulty_times_the_middle_three_marks() -> None:
    for dive in MANY:
        assert len(dive.marks) == 7
        assert all(0 <= mark <= 10 and (2 * mark).is_integer() for mark in dive.marks)
        assert dive.execution == sum(sorted(dive.marks)[2:5])
        assert dive.score == round(dive.difficulty * dive.execution, 2)


def test_a_fault_moves_the_true_mark_by_its_cost() -> None:
    for name, per_severity in FAULT_COSTS.items():
        dive = sample_dive(7, 0, type="101A", faults={name: 0.4})
        assert dive.faults[0].cost == pytest.approx(0.4 * per_severity)
        assert dive.true_mark == pytest.approx(BEST_MARK - dive.faults[0].cost)
    both = sample_dive(7, 0, type="101A", faults={"bent_legs": 1.0, "large_splash": 0.5})
    assert both.true_mark == pytest.approx(
        BEST_MARK - FAULT_COSTS["bent_legs"] - 0.5 * FAULT_COSTS["large_splash"]
    )
    assert sample_dive(7, 0, faults={}).true_mark == BEST_MARK


def test_judges_err_a_little_around_the_true_mark() -> None:
    marks = np.array([panel_marks(7.2, np.random.default_rng(i)) for i in range(500)])
    assert marks.mean() == pytest.approx(7.2, abs=0.03)
    assert 0.2 < marks.std() < 0.4


def test_the_worst_dive_still_has_a_mark() -> None:
    worst = [Fault(name, 1.0, 0, 9) for name in FAULT_COSTS]
    assert 0.0 <= true_mark(worst) < 2.0


# What is drawn ----------------------------------------------------------------------------------


def test_frames_are_rgb_pictures_and_as_many_as_stated() -> None:
    dive = sample_dive(7, 1)
    pictures = frames(dive)
    assert pictures.shape == (dive.n_frames, 240, 320, 3)
    assert pictures.dtype == np.uint8


def test_the_same_dive_is_drawn_the_same_and_another_seed_differs() -> None:
    np.testing.assert_array_equal(frames(sample_dive(7, 2), 0, 30), frames(MANY[2], 0, 30))
    assert (frames(sample_dive(8, 2), 0, 1) != frames(MANY[2], 0, 1)).mean() > 0.5


@pytest.mark.parametrize("name", FAULT_COSTS)
def test_a_fault_shows_in_its_frames_and_not_before(name: str) -> None:
    clean = sample_dive(7, 3, type="205B", faults={})
    faulty = sample_dive(7, 3, type="205B", faults={name: 0.8})
    (fault,) = faulty.faults
    share = changed(faulty, clean)
    assert share[: fault.start].max() == 0
    assert np.median(share[fault.start + 2 : fault.stop - 2]) > 0.002
    if name == "bent_legs":
        assert share[fault.stop :].max() == 0


@pytest.mark.parametrize("name", ["bent_legs", "over_rotation", "slant_entry"])
def test_a_worse_fault_moves_the_body_further(name: str) -> None:
    furthest = []
    for severity in (0.3, 0.6, 0.9):
        dive = sample_dive(7, 0, type="103B", faults={name: severity})
        ideal, _ = move(dive.type, dive.timing)
        joints, _ = move(dive.type, dive.timing, dive.faults)
        furthest.append(float(np.linalg.norm(joints - ideal, axis=-1).max()))
    assert furthest[0] > 0.15
    assert furthest[1] > 1.3 * furthest[0]
    assert furthest[2] > 1.15 * furthest[1]


def test_a_larger_splash_covers_more() -> None:
    clean = sample_dive(7, 4, faults={})
    covered = [
        changed(sample_dive(7, 4, faults={"large_splash": severity}), clean).max()
        for severity in (0.3, 0.9)
    ]
    assert covered[0] > 0.01
    assert covered[1] > 1.5 * covered[0]


@pytest.mark.parametrize("name", DIVE_TYPES)
def test_every_dive_leaves_the_platform_and_enters_hands_first(name: str) -> None:
    dive = sample_dive(7, 0, type=name, faults={})
    joints, centres = move(dive.type, dive.timing)
    touch = joints[dive.stages.entry]
    assert joints[: dive.stages.flight, Joint.TOE_LEFT, 1].min() > 9.9
    assert centres[dive.stages.flight :, 1].max() > centres[0, 1]
    assert abs(touch[Joint.HAND_LEFT, 1]) < 0.5
    assert abs(touch[Joint.HAND_LEFT, 0] - touch[Joint.TOE_LEFT, 0]) < 0.15
    assert touch[Joint.TOE_LEFT, 1] > touch[Joint.HEAD, 1] > touch[Joint.HAND_LEFT, 1]


# What is written --------------------------------------------------------------------------------


def test_the_manifest_reads_back_as_the_dives_that_were_sampled(drawn: Path) -> None:
    manifest = Manifest.read(drawn)
    dives = [sample_dive(3, index) for index in range(4)]
    assert manifest.ids == tuple(dive.video_id for dive in dives)
    assert manifest.split_names == ("1", "2")
    for video, dive in zip(manifest, dives, strict=True):
        assert (video.score, video.difficulty, video.execution, video.type) == (
            dive.score, dive.difficulty, dive.execution, dive.type.name,
        )  # fmt: skip
        assert (video.judges, video.attributes["position"]) == (dive.marks, dive.type.position)
        assert float(video.attributes["somersaults"]) == dive.type.half_somersaults / 2
        assert [int(video.row[f"stage_{s}"]) for s in ("takeoff", "flight", "entry", "ending")] == [
            *dive.stages[:4]
        ]


def test_faults_and_their_frames_are_written_in_the_same_order(drawn: Path) -> None:
    for index, row in enumerate(rows(drawn)):
        costs = dict(part.split("=") for part in row["faults"].split(";") if part)
        spans = dict(part.split("=") for part in row["fault_frames"].split(";") if part)
        faults = sample_dive(3, index).faults
        assert list(costs) == list(spans) == [fault.name for fault in faults]
        assert [float(cost) for cost in costs.values()] == [fault.cost for fault in faults]
        assert list(spans.values()) == [f"{fault.start}-{fault.stop}" for fault in faults]


def test_faulty_clips_are_those_that_show_four_frames_of_a_fault(drawn: Path) -> None:
    for index, row in enumerate(rows(drawn)):
        n_frames = sample_dive(3, index).n_frames
        starts = [*range(0, n_frames - 15, 16)]
        starts += [n_frames - 16] if n_frames % 16 else []
        spans = [part.split("=")[1].split("-") for part in row["fault_frames"].split(";") if part]
        expected = [
            clip
            for clip, first in enumerate(starts)
            if any(
                len({*range(first, first + 16)} & {*range(int(a), int(b))}) >= 4 for a, b in spans
            )
        ]
        assert row["faulty_clips"] == ";".join(map(str, expected))


def test_the_joints_are_where_the_diver_is_drawn() -> None:
    dive = MANY[2]
    bare = Outfit((1, 2, 3), (1, 2, 3), (1, 2, 3), (1, 2, 3), one_piece=True)
    entered = dive.stages.entry
    diver = (frames(dive, stop=entered) != frames(replace(dive, outfit=bare), stop=entered)).any(-1)
    joints = joints_of(dive)
    assert joints.shape == (dive.n_frames, len(Joint), 2)
    shown = np.round(joints[:entered]).astype(int)
    x, y = shown[..., 0], shown[..., 1]
    inside = (x >= 0) & (x < 320) & (y >= 0) & (y < 240)
    frame = np.arange(entered)[:, None] * np.ones_like(x)
    assert inside.mean() > 0.9
    assert diver[frame[inside], y[inside], x[inside]].mean() > 0.95
    assert np.isfinite(joints[: dive.stages.ending]).all()
    assert np.isnan(joints[dive.stages.ending :]).all()


def test_the_joints_are_written_with_their_names(drawn: Path) -> None:
    manifest = Manifest.read(drawn)
    for index, video in enumerate(manifest):
        poses = read_poses(video.poses)
        np.testing.assert_array_equal(poses.joints, joints_of(sample_dive(3, index)))
        assert poses.names[:3] == ("head", "pelvis", "neck")
        assert {"left hand", "right toe"} < set(poses.names)


def test_the_videos_hold_the_frames_that_were_drawn(drawn: Path) -> None:
    dive = sample_dive(3, 0)
    reader = cv2.VideoCapture(str(drawn.parent / "videos" / f"{dive.video_id}.mp4"))
    read = []
    while (answer := reader.read())[0]:
        read.append(answer[1][..., ::-1])
    reader.release()
    assert len(read) == dive.n_frames
    error = np.abs(np.stack(read[::20]).astype(int) - frames(dive)[::20]).mean()
    assert error < 8.0


def test_a_short_data_set_is_the_beginning_of_a_long_one(drawn: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    short = draw_dives(tmp_path, 2, seed=3, n_splits=0, progress=lambda *step: seen.append(step))
    assert seen == [(1, 2), (2, 2)]
    for row, longer in zip(rows(short), rows(drawn), strict=False):
        assert row.items() <= longer.items()
        assert (tmp_path / row["path"]).read_bytes() == (drawn.parent / row["path"]).read_bytes()
    assert sorted(path.name for path in (tmp_path / "videos").iterdir()) == [
        "dive_0001.mp4",
        "dive_0002.mp4",
    ]


def test_several_processes_draw_the_same_bytes(drawn: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    draw_dives(*(tmp_path, 4, 3), n_splits=2, progress=lambda *step: seen.append(step), processes=2)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 9
    for file in files:
        assert (tmp_path / file).read_bytes() == (drawn.parent / file).read_bytes(), file


def test_a_bad_request_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(AqaError, match="n_videos=0"):
        draw_dives(tmp_path / "none", n_videos=0)
    with pytest.raises(AqaError, match=r"a part of 2\.0 is neither"):
        draw_dives(tmp_path / "none", n_videos=2, test_fraction=2.0)
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AqaError, match="file"):
        draw_dives(tmp_path / "file", n_videos=1)


def test_a_writer_that_does_not_open_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2.VideoWriter, "fourcc", lambda *_: 0)
    monkeypatch.setattr(cv2.VideoWriter, "isOpened", lambda _: False)
    with pytest.raises(AqaError, match=r"dive_0001\.mp4.*FFmpeg"):
        draw_dives(tmp_path, n_videos=1)
    assert list((tmp_path / "videos").iterdir()) == []
