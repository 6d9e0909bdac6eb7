"""A run's record that was edited is refused in one line, before anything is made of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from aqa.errors import RunError
from aqa.models.runs import load_run

LEGACY = Path(__file__).resolve().parents[2] / "legacy/runs"


@pytest.mark.parametrize(
    ("head", "edits", "problem"),
    [
        ("lstm", {"head": None}, "run.json: head is null, not the name of a head"),
        ("lstm", {"params": []}, r"params is \[\], not an object of plain values"),
        ("lstm", {"params.hidden": "x"}, "hidden='x' is not a whole number"),
        ("lstm", {"params.hidden": 10**9}, "hidden=1000000000 is more than any of its saved"),
        ("gdlt", {"params.encoder_layers": 2**63}, "encoder_layers=.* is more than any"),
        ("usdl", {"params.bins": 10**9}, "bins=1000000000 is more than any"),
        ("lstm", {"params.unknown": 1}, "not a run that this version reads"),
        ("svr", {"split": "1"}, 'split is "1", not an object'),
        ("svr", {"split.train": ["a", 1]}, r"split.train is .*, not a list of ids"),
        ("svr", {"split.name": 3}, "split.name is 3, not the name of a split"),
        ("svr", {"store.path": None}, "store.path is null, not a path"),
        ("svr", {"store.spec": []}, r"store.spec is \[\], not an object"),
        ("svr", {"store.spec.shape": [0]}, r"store.spec: shape is \[0\], not a list of whole"),
        ("svr", {"store.spec.weights": None}, "store.spec: weights is null, not an object"),
        ("svr", {"store.spec.dtype": "int8"}, 'dtype is "int8", not float32 or float16'),
        ("svr", {"store.spec.clip_length": 10**9}, "clip_length is 1000000000, not null"),
        ("svr", {"also_learned_from": 5}, "also_learned_from is 5, not a list of ids"),
        ("svr", {"held_out": {"videos": [3]}}, "held_out is .*, not an object with the ids"),
        ("svr", {"seconds": "long"}, 'seconds is "long", not a number'),
        ("svr", {"source": {"source": "file"}}, "source is .*, not null, or source, name"),
        ("svr", {"hashes": {"columns": {"score": 3}}}, "hashes.columns is .*, not hashes"),
    ],
    ids=str,
)
def test_edits(tmp_path: Path, head: str, edits: dict[str, Any], problem: str) -> None:
    folder = tmp_path / "split-1"
    shutil.copytree(LEGACY / head / "split-1", folder)
    record = json.loads((folder / "run.json").read_text())
    for name, value in edits.items():
        *owners, key = name.split(".")
        held = record
        for owner in owners:
            held = held[owner]
        held[key] = value
    (folder / "run.json").write_text(json.dumps(record))
    with pytest.raises(RunError, match=problem) as caught:
        load_run(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    assert "fit the head again" in str(caught.value)


@pytest.mark.parametrize("text", ["", "[", "[" * 100_000, '{"a": ' + "9" * 5000, "\xff", "null"])
def test_texts_that_are_no_record(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "split-1"
    shutil.copytree(LEGACY / "svr/split-1", folder)
    (folder / "run.json").write_bytes(text.encode("latin1"))
    with pytest.raises(RunError, match=r"run\.json: .*fit the head again"):
        load_run(folder)


def test_a_folder_of_runs_is_no_run_and_one_of_them_is_named(tmp_path: Path) -> None:
    for split in ("2", "1"):
        (tmp_path / f"svr/split-{split}").mkdir(parents=True)
        (tmp_path / f"svr/split-{split}/run.json").write_text("{}")
    with pytest.raises(
        RunError, match=r"svr: holds the runs of a head; name one, as .*svr/split-1$"
    ):
        load_run(tmp_path / "svr")
