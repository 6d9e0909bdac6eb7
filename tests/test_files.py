from __future__ import annotations

from pathlib import Path

import filelock
import pytest

from aqa.files import lock_of, replacing, replacing_folder, write_json, write_rows, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fill_and_fail(path: Path) -> None:
    path.write_text("half")
    raise KeyError(path)


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_text(path, "old\r\n")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_bytes() == b"old\r\n"
        assert temporary.parent == path.parent
        assert temporary.name.startswith(".")
    assert path.read_text() == "new"
    assert names(path.parent) == ["a.txt"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(KeyError), replacing(tmp_path / "a.txt") as temporary:
        fill_and_fail(temporary)
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with replacing_folder(tmp_path / "run") as temporary:
            (temporary / name).touch()
    assert names(tmp_path / "run") == ["two"]
    with pytest.raises(KeyError), replacing_folder(tmp_path / "run") as temporary:
        fill_and_fail(temporary / "three")
    assert names(tmp_path / "run") == ["two"]
    assert names(tmp_path) == ["run"]


def test_rows_take_all_columns_in_the_order_they_appear(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.csv", [{"b": 1}, {"b": 2, "a": "x,y"}])
    assert (tmp_path / "a.csv").read_bytes() == b'b,a\n1,\n2,"x,y"\n'
    write_json(tmp_path / "a.json", {"é": None})
    assert (tmp_path / "a.json").read_bytes() == b'{\n "\\u00e9": null\n}\n'


def test_one_process_holds_a_lock(tmp_path: Path) -> None:
    with lock_of(tmp_path / "s.h5"), pytest.raises(filelock.Timeout):
        lock_of(tmp_path / "s.h5").acquire(timeout=0)
