from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import Manifest, write_manifest
from aqa.errors import AqaError, AqaWarning
from aqa.features.store import FeatureStore, import_arrays
from aqa.workflows.reproduce.cells import Reproduction
from aqa.workflows.reproduce.declared import PublishedTable, SystemRecipe
from aqa.workflows.reproduce.measure import mean_of_actions
from aqa.workflows.reproduce.run import reproduce
from aqa.workflows.reproduce.scopes import as_learned
from aqa.workflows.reproduce.tables import TABLES
from aqa.workspace import Workspace

SYSTEM = "C3D+LSTM (F)"
QUICK = ("C=1", "epsilon=0.1", "gamma=0.1")
TABLE = replace(
    TABLES["jain2020-1"],
    splits=("a", "b"),
    stores={"c3d": ""},
    recipes={SYSTEM: (SystemRecipe("svr", "c3d", QUICK),)},
)


@pytest.fixture
def workspace(tmp_path: Path, rng: np.random.Generator) -> Workspace:
    """40 videos whose features tell the score; split a tests v00 to v09, b the next ten."""
    skill = rng.normal(size=40)
    ids = [f"v{k:02d}" for k in range(40)]
    write_manifest(
        tmp_path / "manifest.csv",
        [
            {
                "video_id": ids[k],
                "path": "",
                "score": 60 + 10 * skill[k],
                "split_a": "test" if k < 10 else "train",
                "split_b": "test" if 10 <= k < 20 else "train",
            }
            for k in range(40)
        ],
    )
    return Workspace(tmp_path)


def store(workspace: Workspace, fitted_on: list[str] | None = None) -> None:
    scores = [float(line.split(",")[2]) for line in workspace.manifest.read_text().split()[1:]]
    arrays = {
        f"v{k:02d}": np.array([[score / 10 - 6, 1.0]], np.float32) for k, score in enumerate(scores)
    }
    workspace.store("c3d").parent.mkdir(exist_ok=True)
    import_arrays(workspace.store("c3d"), arrays, source="drawn", fitted_on=fitted_on)


def run(workspace: Workspace, table: PublishedTable = TABLE) -> tuple[Reproduction, list[str]]:
    told: list[str] = []
    return reproduce(table, workspace, systems=[SYSTEM], tell=told.append), told


def measured(found: Reproduction) -> dict[str, float | None]:
    return {cell.figure.case: cell.measured.value for cell in found.cells if cell.measured}


def test_printed_and_measured_stand_side_by_side(workspace: Workspace) -> None:
    store(workspace)
    found, told = run(workspace)
    values = measured(found)
    assert set(values) == {"1", "2", "mean"}
    assert values["mean"] == pytest.approx((values["1"] + values["2"]) / 2)
    assert [cell.figure.value for cell in found.cells][:2] == [0.65, 0.55]
    assert found.failed == []
    assert [line.split(": ")[1].split()[0] for line in told] == ["fitting", "fitting"]


def test_what_is_fitted_is_not_fitted_again_but_with_other_settings(workspace: Workspace) -> None:
    store(workspace)
    first, _ = run(workspace)
    again, told = run(workspace)
    assert measured(again) == measured(first)
    assert all(line.endswith("fitted already") for line in told)
    # A setting taken out of the recipe counts too, not only what the recipe names.
    other = replace(TABLE, recipes={SYSTEM: (SystemRecipe("svr", "c3d", QUICK[1:]),)})
    assert all("fitting svr" in line for line in run(workspace, other)[1])


def test_a_split_that_cannot_be_evaluated_is_said_and_the_others_keep_their_cells(
    workspace: Workspace,
) -> None:
    store(workspace, fitted_on=["v00", "v01"])
    with pytest.warns(AqaWarning, match="split b: .* has learned from 2 of the 30 training videos"):
        found, _ = run(workspace)
    assert set(measured(found)) == {"2"}
    (line,) = found.failed
    assert "split a" in line
    assert "has learned from 2 of 10 test videos" in line


def test_annotations_that_are_not_there_are_told_with_the_commands_that_make_them(
    workspace: Workspace, tmp_path: Path
) -> None:
    store(workspace)
    with pytest.raises(AqaError, match=r"no split c; aqa split jain2020-diving .* with -C"):
        run(workspace, replace(TABLE, splits=("a", "c")))
    empty = Workspace(tmp_path / "empty")
    told = "no annotations; aqa import unlv-dive-p3d SOURCE --videos FOLDER, then aqa split"
    with pytest.raises(AqaError, match=told):
        run(empty)
    with pytest.raises(AqaError, match=f"{told} .* with --from"):
        reproduce(TABLE, workspace, origin=(TABLE, empty))


def test_a_rehearsal_takes_the_manifests_own_splits(workspace: Workspace) -> None:
    store(workspace)
    table = replace(TABLE, splits=("c",))
    with FeatureStore.open(workspace.store("c3d")) as features:
        found = reproduce(table, workspace, systems=[SYSTEM], stand_in=features)
        assert found.failed == []
        write_manifest(workspace.manifest, [{"video_id": "v00", "path": "", "score": 1}])
        with pytest.raises(AqaError, match="no split; aqa split random draws some"):
            reproduce(table, workspace, stand_in=features)


def test_a_run_that_learned_from_other_scores_is_refused(workspace: Workspace) -> None:
    store(workspace)
    run(workspace)
    text = workspace.manifest.read_text().split("\n")
    cells = text[21].split(",")  # v20, which both splits train on
    text[21] = ",".join([*cells[:2], "1", *cells[3:]])
    workspace.manifest.write_text("\n".join(text))
    found, _ = run(workspace)
    (line,) = found.failed
    assert measured(found) == {}
    assert "column score of" in line
    assert "has changed for 1 of the 30 videos that it learned from: v20" in line
    assert line.endswith("split-a for that)")


def test_a_recipe_learns_its_target_and_its_columns_as_marks(
    workspace: Workspace, rng: np.random.Generator
) -> None:
    store(workspace)
    with workspace.manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    marks = rng.integers(1, 6, (40, 2))
    for row, pair in zip(rows, marks.tolist(), strict=True):
        row |= {"score_tes": str(100 - float(row["score"])), "a": str(pair[0]), "b": str(pair[1])}
    write_manifest(workspace.manifest, rows)
    recipe = SystemRecipe("svr", "c3d", QUICK, target="tes", marks=("a", "b"))
    seen = as_learned(Manifest.read(workspace.manifest), recipe)
    assert [list(video.judges) for video in seen] == marks.tolist()
    assert seen[3].score == pytest.approx(float(rows[3]["score_tes"]))
    found, told = run(workspace, replace(TABLE, recipes={SYSTEM: (recipe,)}))
    assert set(measured(found)) == {"1", "2", "mean"}
    assert all("fitting svr@tes" in line for line in told)
    assert [path.name for path in sorted(workspace.runs.glob("reproduce/*/*"))] == ["svr@tes"]
    lacking = replace(recipe, marks=("a", "c"))
    found, _ = run(workspace, replace(TABLE, recipes={SYSTEM: (lacking,)}))
    assert found.failed == [
        f"{SYSTEM}: {workspace.manifest}: no column c, which stands for judges' marks"
    ]


def test_a_mean_by_fishers_z_of_a_perfect_correlation_is_undefined() -> None:
    table = replace(TABLE, axis="actions", cases={"a": "A", "b": "B"})
    recipe = SystemRecipe("svr", "c3d")
    for value, known in ((1.0, False), (0.5, True)):
        ((_, _, mean),) = mean_of_actions(table, recipe, {"A": 0.5, "B": value})
        assert (mean.value is not None) == known
