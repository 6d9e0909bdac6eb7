from __future__ import annotations

import csv
from pathlib import Path

import pytest

from aqa.files import WriteError
from aqa.growing_table import GrowingTable


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_row_can_be_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "t.csv"
    table = GrowingTable(path)
    assert not path.exists()
    table.add({"epoch": 1, "loss": 0.5})
    assert rows(path) == [{"epoch": "1", "loss": "0.5"}]
    table.add({"epoch": 2, "loss": "a,b"})
    assert rows(path)[1] == {"epoch": "2", "loss": "a,b"}
    table.add({"epoch": 3, "val": 1})  # another column
    table.add({"epoch": 4})
    assert [row["val"] for row in rows(path)] == ["", "", "1", ""]
    assert [row["loss"] for row in rows(path)] == ["0.5", "a,b", "", ""]
    GrowingTable(path)
    assert not path.exists()


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="file"):
        GrowingTable(tmp_path / "file" / "t.csv").add({"a": 1})
