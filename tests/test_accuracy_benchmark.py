"""benchmarks/accuracy.py: heads are compared on the same videos."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from aqa.annotations.manifest import Manifest, write_manifest
from aqa.benchmarks.accuracy import complete_for_all, main
from aqa.features.clips import ClipRule
from aqa.features.store import FeatureStoreWriter

CLIPS = ClipRule(stride=4).clips(40)
SPEC = {
    "backbone": "none",
    "weights": {"name": None, "sha256": None, "fitted_on": None},
    **{"layer": "last", "shape": [3], "dtype": "float32", "clip_length": 16},
    **{"stride": 4, "frames": None, "padding": "front", "tail": "shift"},
    "preprocess": None,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """24 videos, of which v01 to learn from and v21 to test by have no stages, and v02 no type."""
    rng, rows = np.random.default_rng(0), []
    with FeatureStoreWriter(tmp_path / "store.h5", SPEC) as store:
        for i in range(24):
            features = rng.normal(size=(len(CLIPS), 3))
            store.append(f"v{i:02d}", [(features, CLIPS)], n_frames=40)
            flight, entry = (None, None) if i in (1, 21) else (10 + i % 3, 25)
            rows.append(
                {
                    **{"video_id": f"v{i:02d}", "path": "", "score": 60.0 + features.mean()},
                    **{"type": None if i == 2 else "ab"[i % 2], "stage_flight": flight},
                    **{"stage_entry": entry, "split_1": "train" if i < 16 else "test"},
                }
            )
    write_manifest(tmp_path / "manifest.csv", rows)
    return tmp_path


def _table(folder: Path, *arguments: str) -> str:
    files = [str(folder / name) for name in ("manifest.csv", "store.h5", "runs")]
    result = CliRunner().invoke(main, [*files, *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def _learned_from(folder: Path, head: str) -> set[str]:
    record = json.loads((folder / "runs" / head / "split-1" / "run.json").read_text())
    return {*record["split"]["train"], *record["split"]["val"]}


def test_what_one_head_lacks_is_left_out_for_all(folder: Path) -> None:
    told = _table(folder, "--head", "svr", "--head", "s3d", "--skip-incomplete")
    assert "left out 2 incomplete videos: v01 (no stages), v21 (no stages); for all heads" in told
    assert "split 1: 15 train, 0 val, 7 test" in told
    assert "| `svr` |" in told
    assert "| `s3d` |" in told
    wanted = {f"v{i:02d}" for i in range(16)} - {"v01"}
    assert _learned_from(folder, "svr") == _learned_from(folder, "s3d") == wanted
    tested = (folder / "runs" / "svr" / "split-1" / "predictions.csv").read_text()
    assert "v20" in tested
    assert "v21" not in tested

    told = _table(folder, "--head", "svr")  # the fitted run is of fewer videos than this table
    assert "split-1: it was fitted on other videos than this table takes (15 training" in told
    assert "| `svr` |" not in told


def test_each_head_has_needs_of_its_own(folder: Path) -> None:
    table = Manifest.read(folder / "manifest.csv")
    kept, lacking = complete_for_all(["svr", "type-lstm", "s3d"], table, [table.split("1")])
    assert lacking == {"v01": "no stages", "v02": "no type", "v21": "no stages"}
    assert [video.id for video in kept] == [video.id for video in table]
    left = {video_id for part in ("train", "test") for video_id in kept.split("1").part(part)}
    assert {*table.ids} - left == {"v01", "v02", "v21"}
    assert complete_for_all(["svr"], table, [table.split("1")])[1] == {}


def test_a_head_that_lacks_labels_is_named(folder: Path) -> None:
    told = _table(folder, "--head", "s3d", "--head", "svr")
    assert "left out: s3d: " in told
    assert "1 of 16 videos have no stages (v01)" in told
    assert "--skip-incomplete" in told
    assert "split 1: 16 train, 0 val, 8 test" in told
    assert "| `svr` |" in told
