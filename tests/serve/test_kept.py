"""Reports that are kept, and what is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqa.serve.kept import KeptReports, PassingReports


def test_the_oldest_go_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = iter(f"20261127-10000{i}-{i:016x}" for i in range(9))
    monkeypatch.setattr("aqa.serve.kept._new_name", lambda: next(names))
    (tmp_path / "my own.html").write_text("mine")
    reports = KeptReports(tmp_path, 3)
    added = [reports.add(b"page %d" % i, {"videos": []}) for i in range(5)]
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


def test_a_list_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    reports = KeptReports(tmp_path, 3)
    name = reports.add(b"page", {"videos": []})
    (tmp_path / f"{name}.json").write_text("{")
    assert reports.listed() == []
    assert reports.page(name) == b"page"


def test_in_memory_nothing_is_written_and_few_are_held() -> None:
    reports = PassingReports()
    added = [reports.add(b"page", {}) for _ in range(4)]
    assert reports.page(added[0]) is None
    assert reports.page(added[3]) == b"page"
    assert reports.listed() == []
    assert reports.remove(added[3])
    assert not reports.remove(added[3])
