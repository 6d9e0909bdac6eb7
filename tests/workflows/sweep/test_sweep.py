"""A search sees training videos alone, goes on where it was, and says in the run what it did."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.manifest import Manifest
from aqa.features.store import FeatureStore
from aqa.models.run_source import RunError
from aqa.workflows.sweep import run as sweep_run
from aqa.workflows.sweep import trial as sweep_trial
from aqa.workflows.sweep.grid import settings_of
from aqa.workflows.sweep.journal import Journal
from aqa.workflows.sweep.run import search_settings
from aqa.workflows.sweep.trial import Search, SweepTrial, run_trial

SWEEP = ["sweep", "--head", "svr", "-p", "C=0.01", "-p", "C=10", "--no-ranges"]


@pytest.fixture
def workspace(evaluated_runs: Path, tmp_path: Path) -> Path:
    shutil.copytree(evaluated_runs, tmp_path / "w")
    return tmp_path / "w"


def change_rows(manifest: Path, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    """Give other cells to each row of a manifest."""
    with manifest.open(newline="", encoding="utf-8") as file:
        rows = [row | change(row) for row in csv.DictReader(file)]
    with manifest.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def change_scores(manifest: Path, of: Callable[[dict[str, str]], bool]) -> None:
    """Give other scores to the videos whose row is chosen."""
    change_rows(manifest, lambda row: {"score": str(110 - float(row["score"]))} if of(row) else {})


def trials(workspace: Path) -> list[dict]:
    journal = json.loads((workspace / "runs/svr-sweep/sweep.json").read_text())
    return [{**one, "seconds": 0} for one in journal.values()]


def test_the_winner_is_fitted_and_its_run_records_the_search(
    workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    text = run_aqa("-C", str(workspace), *SWEEP, "--picture", str(workspace / "s.svg")).output
    assert "mean of 2 splits" in text
    assert (workspace / "s.svg").read_text(encoding="utf-8").startswith("<?xml")
    with (workspace / "runs/svr-sweep/sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["split"] for row in rows] == ["1", "1", "2", "2"]
    for split in "12":
        record = json.loads((workspace / f"runs/svr-sweep/split-{split}/run.json").read_text())
        own = [row for row in rows if row["split"] == split]
        (best,) = [row for row in own if row["chosen"] == "True"]
        assert float(best["spearman"]) == max(float(row["spearman"]) for row in own)
        assert record["search"]["chosen"] == [f"C={best['C']}"]
        assert record["params"]["C"] == float(best["C"])
        assert len(record["search"]["settings"]) == 2
    assert not (workspace / "runs/svr-sweep/split-1/metrics.json").read_text().count("test")
    run_aqa("-C", str(workspace), "eval", "--head", "svr-sweep")


def test_what_a_setting_is_worth_is_measured_on_training_videos_alone(
    workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    split = Manifest.read(workspace / "manifest.csv").split("1")
    run_aqa("-C", str(workspace), *SWEEP, "--split", "1")
    before = trials(workspace)
    shutil.rmtree(workspace / "runs" / "svr-sweep")
    change_scores(workspace / "manifest.csv", lambda row: row["video_id"] in split.test)
    run_aqa("-C", str(workspace), *SWEEP, "--split", "1")
    assert trials(workspace) == before
    manifest = Manifest.read(workspace / "manifest.csv")
    with FeatureStore.open(workspace / "stores" / "made.h5") as store:
        found = run_trial(
            Search("svr", manifest, workspace / "runs", "svr-sweep"), ("C=10",), split, store
        )
    assert list(found.values) == next(o["values"] for o in before if o["setting"] == ["C=10"])
    assert np.isfinite(found.std)


def test_no_setting_is_measured_on_an_athlete_whom_it_knows(
    workspace: Path, run_aqa: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def athlete_of(video_id: str) -> str:
        return f"a{int(video_id[1:]) % 7}"

    change_rows(workspace / "manifest.csv", lambda row: {"athlete": athlete_of(row["video_id"])})
    train = Manifest.read(workspace / "manifest.csv").split("1").train
    learned: list[set[str]] = []
    real = sweep_trial.fit_head

    def recorded(head, split, *more, **options):
        learned.append({*split.train})
        real(head, split, *more, **options)

    monkeypatch.setattr(sweep_trial, "fit_head", recorded)
    command = ["-C", str(workspace), *SWEEP, "--split", "1"]
    assert "split 1: 3 folds, no athlete in two of them" in run_aqa(*command).output
    assert len(learned) == 6
    for kept in learned:
        assert {athlete_of(i) for i in kept}.isdisjoint(athlete_of(i) for i in {*train} - kept)
    record = json.loads((workspace / "runs/svr-sweep/split-1/run.json").read_text())
    assert record["search"]["kept_apart"] == ["athlete"]
    del learned[:]
    run_aqa(*command)
    assert not learned  # they were kept
    run_aqa(*command, "--by", "none")
    assert len(learned) == 6  # other folds are other trials
    run_aqa(*command, "--by", "type,athlete", "--folds", "2", code=1)


def test_a_search_goes_on_where_it_was(
    workspace: Path, run_aqa: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, ...]] = []
    real = sweep_run.run_trial

    def counted(search, setting, split, store):
        if len(made) == stop:
            raise KeyboardInterrupt
        made.append(setting)
        return real(search, setting, split, store)

    monkeypatch.setattr(sweep_run, "run_trial", counted)
    command = ["-C", str(workspace), *SWEEP, "--split", "1"]
    stop = 1
    run_aqa(*command, code=130)
    assert len(trials(workspace)) == 1
    stop = 99
    run_aqa(*command)
    assert made == [("C=0.01",), ("C=10",)]
    run_aqa(*command, "-p", "C=3")
    assert made[2:] == [("C=3",)]
    split = Manifest.read(workspace / "manifest.csv").split("1")
    change_scores(workspace / "manifest.csv", lambda row: row["video_id"] == split.train[0])
    run_aqa(*command)
    assert len(made) == 5


def test_a_trial_is_made_again_where_a_column_has_changed_that_its_setting_learns_from(
    workspace: Path,
) -> None:
    keys = []
    with FeatureStore.open(workspace / "stores" / "made.h5") as store:
        for difficulty in ("2", "3"):
            change_rows(workspace / "manifest.csv", lambda _, d=difficulty: {"difficulty": d})
            manifest = Manifest.read(workspace / "manifest.csv")
            journal = Journal(Search("svr", manifest, workspace / "runs", "svr-sweep"), store)
            settings = settings_of(["difficulty=none", "difficulty=multiply"])
            keys.append([journal.key(one, manifest.split("1")) for one in settings])
    before, after = keys
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False]


def test_side_by_side_it_finds_the_same(workspace: Path, tmp_path: Path) -> None:
    manifest = Manifest.read(workspace / "manifest.csv")
    found: list[dict[tuple[str, ...], SweepTrial]] = []
    with FeatureStore.open(workspace / "stores" / "made.h5") as store:
        for jobs in (1, 2):
            search = Search("svr", manifest, tmp_path / f"jobs-{jobs}", "svr-sweep")
            settings = settings_of(["C=0.01", "C=10"])
            tried = search_settings(search, settings, [manifest.split("1")], store, jobs)
            found.append({one.setting: one.trial for one in tried})
    one, both = found
    assert one.keys() == both.keys() == {("C=0.01",), ("C=10",)}
    for setting, trial in one.items():
        np.testing.assert_allclose(trial.values, both[setting].values, rtol=1e-9)


@pytest.mark.parametrize("text", ["{", "[]", '{"k": {"values": [1], "failed": "", "seconds": []}}'])
def test_a_damaged_journal_is_named(tmp_path: Path, workspace: Path, text: str) -> None:
    manifest = Manifest.read(workspace / "manifest.csv")
    search = Search("svr", manifest, tmp_path, "svr-sweep")
    search.folder.mkdir()
    (search.folder / "sweep.json").write_text(text)
    with (
        FeatureStore.open(workspace / "stores" / "made.h5") as store,
        pytest.raises(RunError, match=r"sweep\.json.*remove it to search anew"),
    ):
        Journal(search, store)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--head", "svr", "-p", "C=1"], "nothing to search"),
        (["--head", "svr", "-p", "C=1", "-p", "C=-1"], "C=-1"),
        (["--head", "siamese", "-p", "epochs=1", "-p", "epochs=2"], "ranks heads that predict"),
        (["--head", "svr", "-p", "C=1", "-p", "C=2", "--folds", "30"], "too few for 30 folds"),
    ],
)
def test_what_cannot_be_searched_is_refused(
    workspace: Path, run_aqa: Callable[..., Result], arguments: list[str], says: str
) -> None:
    code = 1 if "too few" in says else 2
    assert says in run_aqa("-C", str(workspace), "sweep", *arguments, code=code).output
    assert not (workspace / "runs" / "svr-sweep").exists()
