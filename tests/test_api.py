from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import aqa
from aqa.annotations.manifest import write_manifest
from aqa.errors import AqaError, AqaWarning
from aqa.features.store import import_arrays


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 videos whose features tell the score, without video files; the last eight are tested."""
    root, rng = tmp_path_factory.mktemp("api"), np.random.default_rng(0)
    skill = rng.normal(size=24)
    ids = [f"v{k:02d}" for k in range(24)]
    rows = [
        {
            "video_id": ids[k],
            "path": "",
            "score": 60 + 10 * skill[k],
            "type": "AB"[k % 2],
            "split_1": "test" if k > 15 else "train",
        }
        for k in range(24)
    ]
    write_manifest(root / "manifest.csv", rows)
    arrays = {
        i: np.tile([s, 1.0], (3, 1)).astype(np.float32) for i, s in zip(ids, skill, strict=True)
    }
    (root / "stores").mkdir()
    import_arrays(root / "stores" / "drawn.h5", arrays, source="drawn")
    return root


@pytest.fixture(scope="module")
def runs(workspace: Path) -> list:
    return aqa.fit("svr", {"kernel": "linear", "C": 1, "epsilon": 0.1}, workspace=workspace)


def test_every_public_name_is_there_and_documented() -> None:
    for name in aqa.__all__:
        assert getattr(aqa, name).__doc__, name
        assert name in dir(aqa)
    with pytest.raises(AttributeError, match="no attribute 'extractfeatures'"):
        aqa.extractfeatures  # noqa: B018


def test_fit_gives_runs_that_can_be_loaded(workspace: Path, runs: list) -> None:
    (run,) = runs
    assert run.record["params"]["kernel"] == "linear"
    again = aqa.load_run(run.folder)
    with aqa.FeatureStore.open(run.store) as store:
        features = store.load(["v00", "v01"])
    assert again.head.predict(features) == pytest.approx(run.head.predict(features))


def test_pandas_takes_an_evaluation_as_it_is(workspace: Path, runs: list) -> None:
    rows = aqa.evaluate("svr", workspace=workspace, splits="1")
    table = pd.DataFrame(rows)
    assert rows.failed == []
    assert list(table["head"]) == ["svr"]
    assert table["spearman"][0] > 0.9
    by_type = pd.DataFrame(aqa.evaluate(workspace=workspace, by="type", baselines=True))
    assert len(by_type) > len(table)


def test_what_cannot_be_evaluated_is_a_warning(workspace: Path, runs: list) -> None:
    (run,) = aqa.fit("svr", {"C": 1, "epsilon": 0.1, "gamma": 1}, workspace=workspace, name="bad")
    (run.folder / "model.safetensors").unlink()
    with pytest.warns(AqaWarning, match="(?i)no such file"):
        rows = aqa.evaluate(["svr", "bad"], workspace=workspace)
    assert [row["head"] for row in rows] == ["svr"]
    assert len(rows.failed) == 1


def test_a_manifest_and_a_store_can_be_given_open(workspace: Path) -> None:
    manifest = aqa.Manifest.read(workspace / "manifest.csv")
    with aqa.FeatureStore.open(workspace / "stores" / "drawn.h5") as store:
        (run,) = aqa.fit(
            "average",
            {"epochs": 2, "standardise": False, "device": "cpu"},
            manifest=manifest,
            store=store,
            workspace=workspace,
            splits=["1"],
        )
    assert run.record["params"]["standardise"] is False
    assert dataclasses.fields(run)


def test_a_wrong_parameter_is_an_error_that_names_it(workspace: Path) -> None:
    with pytest.raises(AqaError, match="no parameter 'kernal'; did you mean 'kernel'"):
        aqa.fit("svr", {"kernal": "rbf"}, workspace=workspace)


def test_videos_are_extracted_and_scored(
    tmp_path: Path, numbered_video: Callable[..., Path]
) -> None:
    rows = [
        {
            "video_id": f"{k}",
            "path": numbered_video(16 + k, f"{k}.avi").name,
            "score": 50 + k,
            "split_1": "test" if k > 5 else "train",
        }
        for k in range(1, 8)
    ]
    rows.append({"video_id": "none", "path": "none.avi", "score": 1, "split_1": ""})
    write_manifest(tmp_path / "manifest.csv", rows)
    with pytest.warns(AqaWarning, match=r"none: .*none\.avi"):
        done = aqa.extract_features("tiny3d", workspace=tmp_path)
    table = pd.DataFrame(done).set_index("video_id")
    assert list(table["outcome"]) == ["extracted"] * 7 + ["failed"]
    assert len(done.failed) == 1
    aqa.fit("wd", {"epochs": 2}, workspace=tmp_path, splits="1")
    scored = aqa.score(tmp_path / "7.avi", "wd", workspace=tmp_path)
    assert scored[0]["score"] == pytest.approx(scored[0]["split-1"])
    said = pd.DataFrame(aqa.explain("7", "wd", workspace=tmp_path))
    assert {"clip", "start_seconds", "value", "faulty"} <= set(said)
    assert len(said) == 2
