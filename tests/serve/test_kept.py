"""Reports that are kept, and what is left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aqa.serve.kept import KeptReports, PassingReports

ABOUT = {"videos": [{"name": "a.mp4", "score": 62.5}]}


def test_the_oldest_go_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = iter(f"20261127-10000{i}-{i:016x}" for i in range(9))
    monkeypatch.setattr("aqa.serve.kept._new_name", lambda: next(names))
    (tmp_path / "my own.html").write_text("mine")
    reports = KeptReports(tmp_path, 3)
    added = [reports.add(b"page %d" % i, ABOUT) for i in range(5)]
    assert [one["name"] for one in reports.listed()] == added[:1:-1]
    assert reports.page(added[0]) is None
    assert reports.page(added[4]) == b"page 4"
    assert (tmp_path / "my own.html").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 7


@pytest.mark.parametrize("name", ["my own", "../secret", "..", "", "20261127-100000-" + "g" * 16])
def test_names_that_are_none_of_ours_lead_nowhere(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    for place in (tmp_path / "secret.html", folder / "my own.html"):
        place.write_text("secret")
    reports = KeptReports(folder, 3)
    assert reports.page(name) is None
    assert not reports.remove(name)
    assert (folder / "my own.html").exists()


MADE = "2026-11-27T10:00:00+00:00"


@pytest.mark.parametrize(
    "damaged",
    [
        "{",
        "[]",
        "[" * 100_000,
        "{}",
        json.dumps(ABOUT),
        json.dumps({"videos": [], "made": MADE}),
        json.dumps({"videos": [1], "made": MADE}),
        json.dumps({"videos": [{"name": "a.mp4"}], "made": MADE}),
        json.dumps({"videos": [{"name": "a.mp4", "score": "62"}], "made": MADE}),
        json.dumps({"videos": [{"name": "a.mp4", "score": float("nan")}], "made": MADE}),
        json.dumps({"videos": [{"name": "\ud800", "score": 1}], "made": MADE}),
        json.dumps({**ABOUT, "made": 7}),
    ],
)
def test_a_damaged_line_of_the_list_is_left_out_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damaged: str
) -> None:
    reports = KeptReports(tmp_path, 3)
    good, name = reports.add(b"good", ABOUT), reports.add(b"page", ABOUT)
    (tmp_path / f"{name}.json").write_text(damaged)
    for _ in range(2):
        assert [one["name"] for one in reports.listed()] == [good]
    assert [line.getMessage() for line in caplog.records] == [caplog.messages[0]]
    assert f"{name}.json: left out of the list of reports: " in caplog.messages[0]
    assert reports.page(name) == b"page"


def test_in_memory_nothing_is_written_and_few_are_held() -> None:
    reports = PassingReports()
    added = [reports.add(b"page", {}) for _ in range(4)]
    assert reports.page(added[0]) is None
    assert reports.page(added[3]) == b"page"
    assert reports.listed() == []
    assert reports.remove(added[3])
    assert not reports.remove(added[3])
