"""--skip-incomplete: videos that lack a label are left out by name."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.manifest import write_manifest
from aqa.features.clips import ClipRule
from aqa.features.store import FeatureStoreWriter
from aqa.models.heads.base.incomplete import incomplete

FRAMES = 40
CLIPS = ClipRule(stride=4).clips(FRAMES)
SPEC = {
    "backbone": "none",
    "weights": {"name": None, "sha256": None, "fitted_on": None},
    **{"layer": "last", "shape": [3], "dtype": "float32", "clip_length": 16},
    **{"stride": 4, "frames": None, "padding": "front", "tail": "shift"},
    "preprocess": None,
}
# d01 is in the training part, d02 in val, d03 in test; the last stage of each is unknown.
INCOMPLETE = {"d01": "train", "d02": "val", "d03": "test"}
QUICK = ("-p", "epochs=2", "-p", "hidden=4", "-p", "device=cpu")
STAGES = ("-p", "difficulty_stages=flight", "-p", "execution_stages=flight,entry")


@pytest.fixture
def aqa(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_aqa: Callable[..., Result]
) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = []
    with FeatureStoreWriter(tmp_path / "stores" / "dense.h5", SPEC) as store:
        for i in range(20):
            video_id = f"d{i:02d}"
            features = rng.normal(size=(len(CLIPS), 3))
            store.append(video_id, [(features, CLIPS)], n_frames=FRAMES)
            part = "train" if i < 14 else "val" if i < 16 else "test"
            rows.append(
                {
                    **{"video_id": video_id, "path": "", "score": 60.0 + i, "difficulty": 3.0},
                    **{"action": "diving", "stage_flight": 10 + i % 3},
                    "stage_entry": None if video_id in INCOMPLETE else 25 + i % 4,
                    "split_1": INCOMPLETE.get(video_id, part),
                }
            )
    write_manifest(tmp_path / "manifest.csv", rows)
    return run_aqa


@pytest.mark.parametrize(("head", "more"), [("kfs", ()), ("scoringnet", STAGES), ("s3d", ())])
def test_videos_without_labels_are_left_out_by_name(
    head: str, more: tuple[str, ...], aqa: Callable[..., Result]
) -> None:
    fit = ("fit", "--head", head, *more, *(() if head == "s3d" else QUICK))
    refused = aqa(*fit, code=1).output
    assert "d01" in refused
    assert "--skip-incomplete" in refused
    assert not Path("runs").exists()
    told = aqa(*fit, "--skip-incomplete").stdout
    assert "left out 2 training or validation videos: d01 (" in told
    assert "entry), d02 (" in told
    record = json.loads(Path(f"runs/{head}/split-1/run.json").read_text())
    assert list(record["left_out"]) == ["d01", "d02"]
    assert not {"d01", "d02"} & {*record["split"]["train"], *record["split"]["val"]}
    refused = aqa("eval", code=1).output
    assert "d03" in refused
    assert "--skip-incomplete" in refused
    assert "left out 1 test video: d03 (" in aqa("eval", "--skip-incomplete").output
    with Path(f"runs/{head}/split-1/predictions.csv").open() as file:
        answered = {row["video_id"] for row in csv.DictReader(file)}
    assert answered == {f"d{i:02d}" for i in range(20)} - set(INCOMPLETE)


def test_what_counts_as_lacking() -> None:
    columns = {
        "stages": [{"jump": 1, "entry": 9}, {"jump": 1}, {}],
        "marks": [(8.0, 8.5), (8.0, 8.5), (8.0,)],
        "type": [None, "407C", ""],
        "difficulty": [3.0, float("nan"), None],
        "attributes": [{}, {}, {}],  # nobody has any: the head says so itself
    }
    assert incomplete("abc", columns) == {
        "a": "no type",
        "b": "no stage entry and no difficulty",
        "c": "no stages and 1 of 2 marks and no type and no difficulty",
    }
    assert incomplete("ab", {"type": ["407C", "207B"]}) == {}
