"""Features that are made up: the store, and everything that is printed of it, say so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.manifest import write_manifest
from aqa.errors import AqaError, AqaWarning
from aqa.features.elsewhere.stand_in import parse_shape, write_stand_in
from aqa.features.store import FeatureStore


def test_shapes_as_typed() -> None:
    assert parse_shape("4096") == (4096,)
    assert parse_shape("512x2X7x7") == (512, 2, 7, 7)
    for wrong in ("", "0", "512x", "-3", "4096.0", "x", "٣"):
        with pytest.raises(AqaError, match="no shape, such as 4096"):
            parse_shape(wrong)


def test_the_numbers_follow_from_id_and_seed(tmp_path: Path) -> None:
    write_stand_in(tmp_path / "a.h5", ["v", "w"], 3, (4, 2), seed=1)
    write_stand_in(tmp_path / "b.h5", ["w"], 3, (4, 2), seed=1)
    write_stand_in(tmp_path / "c.h5", ["w"], 3, (4, 2), seed=2)
    stores = []
    for name in "abc":
        with pytest.warns(AqaWarning, match=r"made up \(random numbers, seed [12]\)"):
            stores.append(FeatureStore.open(tmp_path / f"{name}.h5"))
    first, second, third = stores
    assert first["w"].shape == (3, 4, 2)
    assert np.array_equal(first["w"], second["w"])
    assert not np.array_equal(first["w"], first["v"])
    assert not np.array_equal(first["w"], third["w"])


def test_too_many_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AqaError, match=r"take fewer --clips or --features"):
        write_stand_in(tmp_path / "a.h5", ["v"], 1000, (4096, 1000))
    assert not (tmp_path / "a.h5").exists()


def test_results_on_them_are_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_aqa: Callable[..., Result]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [
        {"video_id": f"v{k:02d}", "path": "", "score": float(k), "split_1": part}
        for k, part in enumerate(["train"] * 16 + ["test"] * 10)
    ]
    write_manifest(Path("manifest.csv"), rows)
    said = run_aqa("store", "stand-in", "--clips", "3", "--features", "8").output
    assert "stores/stand-in.h5: random numbers for 26 videos" in said
    assert "MADE UP" in run_aqa("store", "info", "stores/stand-in.h5").output
    for name, kernel in (("a", "linear"), ("b", "rbf")):
        fixed = ("-p", "C=1", "-p", "epsilon=1", "-p", f"kernel={kernel}")
        said = run_aqa("fit", "--head", "svr", "--name", name, *fixed).output
        assert "warning: stores/stand-in.h5: the features are made up" in said
    said = run_aqa("eval", "--no-baseline").output
    assert "MADE UP a: its features are random numbers, seed 0, of no video" in said
    marked = json.loads(Path("runs/eval.json").read_text())["results"]
    assert [one["made_up"] for one in marked] == ["random numbers, seed 0"] * 2
    assert "MADE UP b: " in run_aqa("compare").output
    said = run_aqa("store", "stand-in", "--clips", "3", "--features", "8", code=1).output
    assert "it exists" in said
