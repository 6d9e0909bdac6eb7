"""Drawn dives measured as typed: a table, a store, and what is seen of one."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.manifest import Manifest, Video
from aqa.commands.measure_options import ids_of_files
from aqa.features.store import FeatureStore
from aqa.workflows.measure import again, shown
from aqa.workflows.measure.run import MeasuredVideo


@pytest.fixture(scope="module")
def measured(drawn_dives: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The eight drawn dives, measured."""
    from click.testing import CliRunner

    from aqa.cli import main

    folder = tmp_path_factory.mktemp("measured") / "dives"
    shutil.copytree(drawn_dives, folder)
    result = CliRunner().invoke(main, ["-C", str(folder), "measure", "--aspects", "diving"])
    assert result.exit_code == 0, result.output
    assert "8 videos written to stores/aspects-diving.h5 and aspects-diving.csv" in result.output
    assert "not measured in 8 of 8 videos" in result.output  # the height: the camera moves
    return folder


def test_a_table_and_a_store(measured: Path) -> None:
    with (measured / "aspects-diving.csv").open(newline="", encoding="utf-8") as file:
        rows = {(row["video_id"], row["aspect"]): row for row in csv.DictReader(file)}
    with FeatureStore.open(measured / "stores" / "aspects-diving.h5") as store:
        assert not store.verify()
        assert len(store.ids) == 8
        names = store.spec["aspects"]
        for video_id in store.ids:
            assert store[video_id].shape == (1, len(names))
            for name, value in zip(names, store[video_id][0].tolist(), strict=True):
                row = rows[video_id, name]
                if row["value"]:
                    assert value == pytest.approx(float(row["value"]), abs=1e-3)
                    assert 0 <= float(row["confidence"]) <= 1
                else:
                    assert row["why_not"]
        neutral = {(i, name) for name, ids in store.provenance["neutral"].items() for i in ids}
        assert neutral == {key for key, row in rows.items() if not row["value"]}
    splash = {i: float(rows[i, "splash"]["value"]) for i in store.ids}
    assert min(splash.values()) >= 0
    assert max(splash.values()) > 3 * min(splash.values())


def test_a_page_compares_with_measured_values_alone(
    measured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with the neutral values that the store holds where there are none."""
    compared = {}
    monkeypatch.setattr(
        shown, "compare", lambda aspect, *told: compared.__setitem__(aspect.name, told[-1])
    )
    manifest = Manifest.read(measured / "manifest.csv")
    store = measured / "stores" / "features.h5"
    shown.shown_aspects(manifest.by_id["dive_0003"], manifest, manifest.ids, store, None)
    with (measured / "aspects-diving.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for name, values in compared.items():
        of = [row["video_id"] for row in rows if row["aspect"] == name and row["value"]]
        assert sorted(i for i, aspects in values.items() if name in aspects) == sorted(of)


def test_one_video(measured: Path, run_aqa: Callable[..., Result]) -> None:
    arguments = ["-C", str(measured), "measure", "dive_0003", "--aspects", "diving"]
    printed = run_aqa(*arguments, "--no-pixels").stdout
    assert printed.startswith("dive_0003")
    assert "degrees" in printed
    assert "worse than" in printed
    assert "not measured: height over the board: the camera may move" in printed
    told = json.loads(run_aqa(*arguments, "--no-pixels", "--json").stdout)
    assert {row["video_id"] for row in told["aspects"]} == {"dive_0003"}
    assert told["failed"] == {}


@pytest.fixture(scope="module")
def unsure(measured: Path) -> Path:
    """A folder of the same joints, of which the knees are unsure in all dives."""
    folder = measured / "unsure"
    folder.mkdir()
    for path in sorted((measured / "poses").glob("*.npz")):
        with np.load(path) as file:
            joints, names = file["joints"], [str(name) for name in file["names"]]
        sure = np.where(np.isfinite(joints[..., :1]), 0.9, 0.0)
        sure[:, [name.endswith("knee") for name in names]] *= 0.2
        np.savez(folder / path.name, joints=np.concatenate([joints, sure], axis=2), names=names)
    return folder


def test_what_unsure_joints_say_is_no_fact(
    measured: Path, unsure: Path, run_aqa: Callable[..., Result]
) -> None:
    """It is marked in the table, compared with nothing, and left out where people read."""
    place = ["-C", str(measured), "measure", "--aspects", "diving", "--poses", str(unsure)]
    store, table = measured / "stores" / "unsure.h5", measured / "unsure.csv"
    told = run_aqa(*place, "--no-pixels", "--store", str(store), "--output", str(table))
    assert "knees bent: doubtful in" in told.stderr
    with table.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["value"]]
    doubtful = {row["aspect"] for row in rows if row["doubtful"] == "yes"}
    with_knees = {"knees bent", "tuck open", "pike open", "hips bent in flight"}
    assert doubtful == with_knees
    for row in rows:
        assert (row["percentile"] == "") == (row["doubtful"] == "yes")
    with FeatureStore.open(store) as opened:
        noted = opened.provenance["doubtful"]
        assert {name for name, ids in noted.items() if ids} == doubtful
        assert opened["dive_0001"].shape == (1, len(opened.spec["aspects"]))
    printed = " ".join(run_aqa(*place, "dive_0001", "--no-pixels").stdout.split())
    assert "confidence is below 0.3: knees bent (0.18)" in printed
    assert "knees bent by" not in printed


def test_a_store_of_joints_gives_the_same(measured: Path, run_aqa: Callable[..., Result]) -> None:
    place = ["-C", str(measured)]
    run_aqa(*place, "extract", "--backbone", "pose")
    arguments = [*place, "measure", "dive_0001", "--aspects", "diving", "--no-pixels", "--json"]
    by_file = json.loads(run_aqa(*arguments).stdout)["aspects"]
    by_store = json.loads(run_aqa(*arguments, "--poses", "stores/pose.h5").stdout)["aspects"]
    pairs = [
        (a["value"], b["value"]) for a, b in zip(by_file, by_store, strict=True) if a["value"] != ""
    ]
    assert len(pairs) >= 6
    assert all(a == pytest.approx(b, abs=0.01) for a, b in pairs)


def test_mistakes(measured: Path, run_aqa: Callable[..., Result]) -> None:
    place = ["-C", str(measured), "measure", "--aspects"]
    assert "it exists; replace it with --force" in run_aqa(*place, "diving", code=2).output
    assert "unknown set of aspects 'swimming'" in run_aqa(*place, "swimming", code=2).output
    assert "unknown video 'dive_9'" in run_aqa(*place, "diving", "dive_9", code=2).output
    assert "unknown split" in run_aqa(*place, "diving", "--force", "--split", "9", code=2).output
    nowhere = run_aqa(*place, "diving", "--force", "--poses", "nowhere", code=1).output
    assert "no such folder of joints" in nowhere
    wrong = run_aqa(*place, "diving", "dive_0001", "--poses", "manifest.csv", code=1).output
    assert "manifest.csv" in wrong


@pytest.fixture(scope="module")
def fitted(measured: Path) -> Path:
    """The same, with a fitted head on the aspects."""
    from click.testing import CliRunner

    from aqa.cli import main

    store = str(measured / "stores" / "aspects-diving.h5")
    fit = ["fit", "--head", "aspects", "--store", store, "--split", "1", "-p", "resamples=20"]
    result = CliRunner().invoke(main, ["-C", str(measured), *fit])
    assert result.exit_code == 0, result.output
    return measured


def test_feedback_names_the_worst(fitted: Path, run_aqa: Callable[..., Result]) -> None:
    arguments = ["-C", str(fitted), "feedback", "dive_0003", "--head", "aspects"]
    told = json.loads(run_aqa(*arguments, "--json").stdout)
    marks = told["aspects"]
    assert [mark["points"] for mark in marks] == sorted(mark["points"] for mark in marks)
    assert {"height over the board", "distance from the board"}.isdisjoint(
        mark["aspect"]
        for mark in marks  # which could not be measured
    )
    assert all(mark["low"] <= mark["high"] for mark in marks)
    assert any(mark["frame"] is not None for mark in marks)
    printed = run_aqa(*arguments).stdout
    assert "points per unit" in printed
    assert " ".join(told["worst"].split()) in " ".join(printed.split())
    refused = run_aqa(*arguments, "--picture", "x.png", code=1)
    assert "it says nothing of single clips; leave out --picture" in refused.stderr


def test_a_new_file_of_joints_is_scored(fitted: Path, run_aqa: Callable[..., Result]) -> None:
    file = str(fitted / "poses" / "dive_0003.npz")
    arguments = ["-C", str(fitted), "score", file, "--head", "aspects", "--type", "103B"]
    result = run_aqa(*arguments)
    assert "splash could not be measured" in result.output
    assert "board could not" not in result.output  # nor in the store's own, as the camera moved
    wrong = run_aqa(*arguments, "--weights", "x", code=1)
    assert "aspects are measured in joints; leave out --weights" in wrong.output


def test_feedback_and_pages_do_not_tell_what_is_doubtful(
    fitted: Path, unsure: Path, run_aqa: Callable[..., Result]
) -> None:
    rows = Manifest.read(fitted / "manifest.csv").by_id
    knees = next(i for i, video in rows.items() if video.row["position"] == "pike")
    shutil.copytree(fitted, fitted.parent / "doubted", dirs_exist_ok=True)
    folder = fitted.parent / "doubted"
    shutil.copy(unsure / f"{knees}.npz", folder / "poses" / f"{knees}.npz")
    place = ["-C", str(folder)]
    told = json.loads(run_aqa(*place, "feedback", knees, "--head", "aspects", "--json").stdout)
    marks = {mark["aspect"]: mark for mark in told["aspects"]}
    assert marks["knees bent"]["doubtful"]
    assert marks["knees bent"]["confidence"] == pytest.approx(0.18)
    assert not marks["past vertical at entry"]["doubtful"]
    assert "doubtful aspects are not counted" in told["worst"]
    assert "knees bent" not in told["worst"]
    printed = run_aqa(*place, "feedback", knees, "--head", "aspects").stdout
    assert "(doubtful)" in printed
    run_aqa(*place, "report", knees, "--head", "aspects", "-o", "page.html")
    page = (folder / "page.html").read_text(encoding="utf-8")
    part = page[page.index('<section class="aspects"') :]
    assert "too unsure to tell: knees bent" in part
    assert "Knees bent by" not in part


def test_a_page_shows_frames_with_lines(fitted: Path, run_aqa: Callable[..., Result]) -> None:
    run_aqa("-C", str(fitted), "report", "dive_0008", "--head", "aspects", "-o", "page.html")
    page = (fitted / "page.html").read_text(encoding="utf-8")
    part = page[page.index('<section class="aspects"') :]
    assert "costs" in part
    assert "training videos" in part
    assert part.count("<figure") >= 1
    assert "<polyline" in part or "White water" in part


@pytest.mark.parametrize("command", ["report", "feedback"])
@pytest.mark.parametrize("video", ["dive_0008", "poses/dive_0008.npz"])
def test_a_video_is_measured_once(
    fitted: Path,
    run_aqa: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: str,
    video: str,
) -> None:
    times: list[str] = []
    usual = again.measure_video

    def counted(one: Video, *how: Any) -> MeasuredVideo:
        times.append(one.id)
        return usual(one, *how)

    monkeypatch.setattr(again, "measure_video", counted)
    if video.endswith(".npz"):  # no video of the manifest, as a copy of another name
        joints = np.load(fitted / video)
        np.savez(tmp_path / "new.npz", **joints)
        video = str(tmp_path / "new.npz")
    out = ["-o", str(tmp_path / "page.html")] if command == "report" else []
    run_aqa("-C", str(fitted), command, video, "--head", "aspects", "--type", "103B", *out)
    assert len(times) == 1


def test_files_need_no_manifest(
    measured: Path,
    tmp_path: Path,
    run_aqa: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A video beside its joints, or the joints alone, which do not say how long a second is."""
    dive = Manifest.read(measured / "manifest.csv").by_id["dive_0003"]
    assert dive.path is not None
    assert dive.poses is not None
    shutil.copy(dive.path, tmp_path / "dive.mp4")
    (tmp_path / "poses").mkdir()
    shutil.copy(dive.poses, tmp_path / "poses" / "dive.npz")
    monkeypatch.chdir(tmp_path)
    squat = ["measure", "--aspects", "squat"]
    told = {
        name: json.loads(run_aqa(*squat, name, "--json").stdout)["aspects"]
        for name in ("dive.mp4", "poses/dive.npz")
    }
    video, joints = ({row["aspect"]: row for row in rows} for rows in told.values())
    assert {row["video_id"] for row in [*video.values(), *joints.values()]} == {"dive"}
    assert video["depth"] == joints["depth"] | {"seconds": video["depth"]["seconds"]}
    assert video["time down"]["value"]
    assert joints["time down"]["why_not"] == "frames per second are not known"
    assert "no such file" in run_aqa(*squat, "other.mp4", code=1).stderr
    twice = run_aqa(*squat, "dive.mp4", "poses/dive.npz", code=2).stderr
    assert "two videos called dive; their joints would be one file" in twice
    itself = run_aqa(*squat, "poses/dive.npz", "--poses", "mine", code=2).stderr
    assert "poses/dive.npz: it holds joints itself; leave out --poses mine" in itself
    elsewhere = run_aqa(*squat, "dive.mp4", "--poses", "mine", code=1).stderr
    assert "`aqa poses dive.mp4 --out mine` estimates them" in elsewhere
    assert "no such manifest" in run_aqa(*squat, "other", code=1).stderr
    shutil.copy(measured / "manifest.csv", tmp_path)
    assert "unknown video 'other'" in run_aqa(*squat, "other", code=2).stderr
    assert "not both" in run_aqa(*squat, "dive.mp4", "dive_0003", code=2).stderr
    assert {path.name for path in tmp_path.iterdir()} == {"dive.mp4", "poses", "manifest.csv"}


def test_a_folder_of_frames_is_called_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.2").mkdir()
    assert ids_of_files([Path(), Path("run.2"), Path("a.b.mp4")]) == (tmp_path.name, "run.2", "a.b")
