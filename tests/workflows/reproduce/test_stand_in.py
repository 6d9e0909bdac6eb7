"""Every declared table runs from start to end, on drawn features and labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from aqa.annotations.manifest import Manifest
from aqa.features.store import FeatureStore
from aqa.workflows.reproduce.declared import PublishedTable
from aqa.workflows.reproduce.stand_in.features import NARROWER, draw_store
from aqa.workflows.reproduce.stand_in.labels import SIZES, draw_labels, has_labels
from aqa.workflows.reproduce.stand_in.rehearsal import quickened, rehearse
from aqa.workflows.reproduce.tables import TABLES
from aqa.workspace import Workspace


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this process draws and fits: tables of one dataset share what is fitted."""
    return tmp_path_factory.mktemp("drawn")


# Systems of parmar2019action-3 answer for actions that they have not learned.
@pytest.mark.filterwarnings("ignore:no training video is of the action:aqa.errors.AqaWarning")
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_declared_table_runs_from_start_to_end(
    table: PublishedTable, drawn: Path, tmp_path: Path
) -> None:
    found = rehearse(table, drawn, Workspace(tmp_path))
    assert found.failed == [f"{name}: {why}" for name, why in table.missing.items()]
    assert found.stand_in
    measured = {cell.figure.system for cell in found.cells if cell.measured is not None}
    printed = {cell.figure.system for cell in found.cells}
    assert printed - measured == set(table.missing)


def test_what_the_workspace_has_is_not_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = quickened(TABLES["farabi2021-1b"])
    manifest = draw_labels(table, tmp_path, seed=5)
    assert not has_labels(table, manifest)  # MTL-AQA has 1412 dives
    monkeypatch.setitem(SIZES, table.importer, len(manifest))
    assert has_labels(table, manifest)
    rehearse(TABLES["farabi2021-1b"], tmp_path / "drawn", Workspace(tmp_path))
    taken = Manifest.read(tmp_path / "drawn" / table.importer / "manifest.csv")
    assert [video.score for video in taken] == [video.score for video in manifest]


def test_a_drawn_store_is_cut_as_the_options_say(tmp_path: Path) -> None:
    manifest = draw_labels(quickened(TABLES["li2018end-1-vault"]), tmp_path)
    options = TABLES["li2018end-1-vault"].stores["conv5b"]
    draw_store(tmp_path / "maps.h5", options, manifest)
    with FeatureStore.open(tmp_path / "maps.h5") as store:
        assert store.shape == (512 // NARROWER, 2, 7, 7)
        assert store.spec["dtype"] == "float16"
        assert {len(store.clips(i)) for i in store.ids} == {6}
        assert store.augmentations == ("original", "shift1", "shift2")
        assert store.ids == manifest.ids


def test_the_command_says_that_nothing_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_aqa: Callable[..., Result]
) -> None:
    monkeypatch.chdir(tmp_path)
    said = run_aqa("reproduce", "farabi2021-1b", "--stand-in").output
    assert "STAND-IN" in said
    assert "no measurements" in said
    assert [path.name for path in sorted(Path("runs/reproduce").iterdir())] == [
        f"stand-in-farabi2021-1b{ending}" for ending in (".csv", ".html", ".json", ".md")
    ]
    for options, problem in (
        (("--stand-in",), "name a TABLE to rehearse, or --all"),
        (("jain2020-1", "--all"), "--all runs every table; leave out jain2020-1"),
        (("jain2020-1", "--stand-in", "--stand-in-store", "x.h5"), "leave it out"),
        (("--all", "--system", "S3D"), "are of one table; leave out --all"),
        (("jain2020-6", "--stand-in", "--from", "."), "draws the data of --from too"),
        (("jain2020-2", "--from", "."), "jain2020-2 goes on from models of no other table"),
    ):
        assert problem in run_aqa("reproduce", *options, code=2).output
    refused = run_aqa("reproduce", "--all", code=1).output
    assert refused.count("not run: ") == len(TABLES)


def test_labels_are_drawn_as_the_real_ones_are_wrong(tmp_path: Path) -> None:
    """One training dive lacks a stage, as two of the real ones do."""
    manifest = draw_labels(quickened(TABLES["jain2020-1"]), tmp_path)
    lacking = [video.id for video in manifest if len(video.stages) < 4]
    assert len(lacking) == 1
    assert lacking[0] in manifest.split("jain2020-diving-1").train
