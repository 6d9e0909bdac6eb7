"""`aqa weights list`: what is published, under which licence, and where."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import Result


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_weights_that_are_not_for_commercial_use_say_so(run_aqa: Callable[..., Result]) -> None:
    records = json.loads(run_aqa("weights", "list", "--json").stdout)
    first = {"videomae-b", "videomae-s", "timesformer-b"}
    for record in records:
        restricted = record["backbone"] in first
        assert ("not for commercial use" in (record["licence"] or "")) is restricted, record
    listed = run_aqa("weights", "list").stdout
    assert listed.count("CC BY-NC") == sum(one["backbone"] in first for one in records)


def test_all_that_is_known_of_a_backbones_weights(run_aqa: Callable[..., Result]) -> None:
    told = run_aqa("weights", "list", "videomae-v2-s", "c3d").stdout
    for part in (
        *("videomae-v2-s-k710", "44.3 MB", "begins with 24fb7168", "MIT (that of OpenGVLab"),
        "https://huggingface.co/OpenGVLab/VideoMAE2/resolve/main/distill/vit_s_k710",
        *("c3d-sports1m\n", "c3d.pickle"),
    ):
        assert part in told
    assert "r3d-18" not in told
    records = json.loads(run_aqa("weights", "list", "c3d", "--json").stdout)
    assert {record["backbone"] for record in records} == {"c3d"}
    told = run_aqa("weights", "list", "tiny3d", "isa", "c3d").stdout
    assert "tiny3d: its weights come with this package; there is nothing to fetch" in told
    assert "isa: no weights are published" in told
    assert told.startswith("c3d-sports1m")
    assert "unknown backbone" in run_aqa("weights", "list", "c4d", code=2).stderr
