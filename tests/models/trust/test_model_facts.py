"""What an answer says of the model that it comes from, also where the run is of before."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from aqa import __version__
from aqa.models.runs import Run, load_run
from aqa.models.trust.model_facts import model_facts

LEGACY = Path(__file__).parents[2] / "legacy" / "runs"


@pytest.fixture
def old() -> Run:
    return load_run(LEGACY / "svr" / "split-1")


def changed(run: Run, **record: object) -> Run:
    return replace(run, record={**run.record, **record})


def many(run: Run, n: int) -> Run:
    """The same run, as if it had learned from so many videos."""
    return changed(run, split={"name": "1", "train": [f"v{i}" for i in range(n)], "val": []})


def test_a_run_of_before_is_named_with_weights_and_scores(old: Run) -> None:
    facts = model_facts([old])
    (run,) = facts.runs
    data = (old.folder / "model.safetensors").read_bytes()
    assert run.weights == hashlib.sha256(data).hexdigest()
    assert (run.training_videos, run.lowest, run.highest) == (8, 29.0, 71.4)
    assert (facts.head, facts.backbone, facts.version) == ("svr", "drawn", __version__)
    assert facts.backbone_weights == old.spec["weights"]["sha256"]


def test_it_is_plain_json(old: Run) -> None:
    kept = model_facts([old, old]).as_dict()
    assert json.loads(json.dumps(kept))["runs"][1]["split"] == "1"


def test_the_record_says_the_scores_where_it_holds_them(old: Run) -> None:
    (run,) = model_facts([changed(old, training_scores=[1.5, 99.0])]).runs
    assert (run.lowest, run.highest) == (1.5, 99.0)


def test_a_run_without_predictions_has_no_scores(old: Run, tmp_path: Path) -> None:
    model = (old.folder / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(model)
    facts = model_facts([replace(old, folder=tmp_path)])
    assert facts.runs[0].lowest is None
    assert "points" not in facts.lines()[0]


def test_too_few_training_videos_are_said_with_how_many_it_takes(old: Run) -> None:
    (line,) = model_facts([old]).lines()[1:]
    assert line == (
        "not known: the range of the true score (that takes 19 training videos, and there are 8); "
        "whether a video is like the training videos (that takes 20 training videos, and there "
        "are 8)"
    )
    nearly = model_facts([many(old, 19)]).unknown
    assert "fit the head again" in nearly[0]
    assert "that takes 20 training videos, and there are 19" in nearly[1]


def test_why_no_range_was_learned_is_said(old: Run) -> None:
    run = changed(many(old, 40), no_range="it was fitted with --no-ranges")
    assert model_facts([run]).unknown[0] == (
        "the range of the true score (it was fitted with --no-ranges)"
    )


def test_of_joints_no_likeness_is_promised() -> None:
    run = many(load_run(LEGACY / "pose-dct" / "split-1"), 40)
    assert "not of joints" in model_facts([run]).unknown[1]


def test_pairs_have_neither_points_nor_ranges() -> None:
    facts = model_facts([load_run(LEGACY / "siamese" / "split-1")])
    assert facts.unknown == ()
    assert facts.runs[0].lowest is None


def test_several_runs_are_one_line(old: Run) -> None:
    other = replace(many(old, 9), folder=old.folder.with_name("split-2"))
    other = changed(other, hashes={"model": "f" * 64}, training_scores=[10.0, 20.0])
    other.record["split"]["name"] = "2"
    first = model_facts([old, other]).lines()[0]
    assert first.startswith(f"model: svr, the mean of 2 runs ({old.folder.parent}, splits 1, 2); ")
    assert "fitted on 8 to 9 videos with 10.0 to 71.4 points" in first
    assert "ffffffffffff" in first
    assert first.endswith(f"aqa {__version__}")


def test_each_target_has_a_line(old: Run) -> None:
    lines = model_facts([old, changed(old, target="tes")]).lines()
    assert [line.startswith("model: svr, tes (") for line in lines[:2]] == [False, True]
