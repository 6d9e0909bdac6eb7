"""A run whose training data or model file have changed is refused, and nothing else is."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.manifest import Manifest, write_manifest
from aqa.errors import ChangedError
from aqa.features.store import import_arrays
from aqa.models.runs import load_run

IDS = [f"v{i}" for i in range(16)]
LEARNED = IDS[:12]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def set_cells(path: Path, column: str, cells: dict[str, object]) -> None:
    rows = rows_of(path)
    write_manifest(path, [{**r, column: cells.get(r["video_id"], r[column])} for r in rows])


def features(seed: int = 0, ids: list[str] = IDS) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {i: rng.random((3, 4), np.float32) for i in ids}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from click.testing import CliRunner

    from aqa.cli import main

    folder = tmp_path_factory.mktemp("hashes")
    write_manifest(
        folder / "manifest.csv",
        [
            {
                "video_id": name,
                "path": "",
                "score": i + 1.5,
                "difficulty": 2 + i % 3,
                "type": "AB"[i % 2],
                "split_1": "train" if i < 10 else "val" if i < 12 else "test",
            }
            for i, name in enumerate(IDS)
        ],
    )
    import_arrays(folder / "stores/s.h5", features(), source="made")
    for arguments in (
        ["fit", "--head", "svr", "-p", "C=1", "-p", "epsilon=0.1", "-p", "gamma=0.1"],
        ["fit", "--head", "average", "-p", "difficulty=multiply"],
        ["eval"],
    ):
        result = CliRunner().invoke(main, ["-C", str(folder), *arguments])
        assert result.exit_code == 0, result.output
        assert "warning" not in result.output
    return folder


@pytest.fixture
def fitted(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path / "w")
    monkeypatch.chdir(tmp_path / "w")
    return tmp_path / "w"


COMMANDS = [["eval"], ["compare"], ["eval", "--head", "average"]]


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_scores_turned_round(
    fitted: Path, run_aqa: Callable[..., Result], command: list[str]
) -> None:
    rows = rows_of(fitted / "manifest.csv")
    turned = {i: 100 - float(r["score"]) for i, r in zip(IDS, rows, strict=True) if i in LEARNED}
    set_cells(fitted / "manifest.csv", "score", turned)
    output = run_aqa(*command, code=1).output
    assert "manifest.csv has changed for 12 of the 12 videos" in output
    assert "v0, v1, v2, v3, v4 and 7 more" in output
    assert "or fit the head again" in output


def test_a_column_counts_for_the_head_that_learned_from_it(
    fitted: Path, run_aqa: Callable[..., Result]
) -> None:
    set_cells(fitted / "manifest.csv", "difficulty", {"v3": 9})
    output = run_aqa("eval", code=1).output
    assert "average/split-1: it was fitted on other data" in output
    assert "column difficulty of manifest.csv has changed for 1 of the 12" in output
    run_aqa("eval", "--head", "svr")


def test_what_was_not_learned_from_may_change(fitted: Path, run_aqa: Callable[..., Result]) -> None:
    path = fitted / "manifest.csv"
    set_cells(path, "score", {"v13": 50})
    set_cells(path, "type", {"v0": "C"})
    rows = rows_of(path)
    more = {**rows[0], "video_id": "new", "split_1": ""}
    write_manifest(path, [{**row, "split_2": ""} for row in [*rows, more]])
    assert "warning" not in run_aqa("eval").output
    # One score, written in another way, is the same score.
    set_cells(path, "score", {"v0": "1.50"})
    run_aqa("eval")
    write_manifest(path, [row for row in rows_of(path) if row["video_id"] not in ("v1", "v10")])
    run_aqa("eval")


def test_features_of_a_training_video(fitted: Path, run_aqa: Callable[..., Result]) -> None:
    (fitted / "stores/s.h5").unlink()
    import_arrays(fitted / "stores/s.h5", {**features(), "v2": features(1)["v2"]}, source="made")
    for command in (["eval"], ["compare"]):
        output = run_aqa(*command, code=1).output
        assert "s.h5 have changed for 1 of the 12 videos that it learned from: v2" in output
    (fitted / "stores/s.h5").unlink()
    test = {i: features(1)[i] for i in IDS[12:]}
    import_arrays(fitted / "stores/s.h5", {**features(), **test}, source="made")
    run_aqa("eval")


def test_a_changed_model_file(fitted: Path, run_aqa: Callable[..., Result]) -> None:
    path = fitted / "runs/svr/split-1/model.safetensors"
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(ChangedError, match=r"model.safetensors: it is not the file"):
        load_run(path.parent)
    for command in (["eval", "--head", "svr"], ["compare"], ["score", "--head", "svr", "x.mp4"]):
        assert "it is not the file that was saved" in run_aqa(*command, code=1).output


def test_a_run_without_hashes_opens_with_one_warning(
    fitted: Path, run_aqa: Callable[..., Result]
) -> None:
    for path in fitted.glob("runs/*/split-1/run.json"):
        record = json.loads(path.read_text())
        del record["hashes"]
        path.write_text(json.dumps(record))
    set_cells(fitted / "manifest.csv", "score", {"v0": 77})
    for command in (["eval"], ["compare"]):
        output = run_aqa(*command).output
        assert output.count("warning") == 1, output
        assert "average/split-1 and 1 more: fitted before aqa recorded" in output


def test_what_lies_beside_is_checked_where_it_is_there(fitted: Path) -> None:
    from aqa.models.saved.hashes import check_beside

    run = load_run(fitted / "runs/svr/split-1")
    beside = [(run.folder, run.record)]
    check_beside(beside)
    set_cells(fitted / "manifest.csv", "score", {"v0": 77})
    with pytest.raises(ChangedError, match=r"column score of .*manifest.csv .* v0;"):
        check_beside(beside)
    (fitted / "manifest.csv").unlink()
    check_beside(beside)
    (fitted / "stores/s.h5").unlink()
    import_arrays(fitted / "stores/s.h5", features(3), source="made")
    with pytest.raises(ChangedError, match=r"features in .*s.h5 have changed for 12"):
        check_beside(beside)
    (fitted / "stores/s.h5").unlink()
    import_arrays(fitted / "stores/s.h5", features(3), source="something else")
    check_beside(beside)
    (fitted / "stores/s.h5").unlink()
    check_beside(beside)


@pytest.mark.parametrize("changed", ["score", "features"])
def test_score_refuses_before_it_looks_at_a_video(
    fitted: Path, run_aqa: Callable[..., Result], changed: str
) -> None:
    if changed == "score":
        set_cells(fitted / "manifest.csv", "score", {"v0": 77})
    else:
        (fitted / "stores/s.h5").unlink()
        import_arrays(
            fitted / "stores/s.h5", {**features(), "v0": features(1)["v0"]}, source="made"
        )
    printed = run_aqa("score", "--head", "svr", "--json", "x.mp4", code=1)
    assert printed.stdout == ""
    (line,) = printed.stderr.splitlines()
    assert "it was fitted on other data than there are now" in line
    assert "for 1 of the 12 videos that it learned from: v0" in line
    assert line.endswith("or fit the head again")


def test_the_hash_is_of_every_learned_video(fitted: Path) -> None:
    record = load_run(fitted / "runs/average/split-1").record
    assert set(record["hashes"]["columns"]) == {"score", "difficulty"}
    assert all(set(by_id) == set(LEARNED) for by_id in record["hashes"]["columns"].values())
    assert set(record["hashes"]["features"]) == set(LEARNED)
    assert len(Manifest.read(fitted / "manifest.csv")) == 16


def test_a_changed_spec_is_refused(fitted: Path) -> None:
    path = fitted / "runs/svr/split-1/run.json"
    record = json.loads(path.read_text())
    record["store"]["spec"]["backbone"] = "another"
    path.write_text(json.dumps(record))
    with pytest.raises(ChangedError, match=r"run.json: store.spec, how the features were made"):
        load_run(path.parent)


def test_feedback(fitted: Path, run_aqa: Callable[..., Result]) -> None:
    feedback = ["feedback", "--head", "average", "--difficulty", "2", "v13"]
    run_aqa(*feedback)
    set_cells(fitted / "manifest.csv", "score", {"v0": 77})
    assert "manifest.csv has changed for 1 of the 12" in run_aqa(*feedback, code=1).output


@pytest.mark.parametrize("name", ["baseline-type", "baseline-mine"])
def test_names_of_baselines_are_refused(
    fitted: Path, run_aqa: Callable[..., Result], name: str
) -> None:
    output = run_aqa("fit", "--head", "svr", "--name", name, code=2).output
    assert f"'{name}': names with baseline- are of predictions without pixels" in output
