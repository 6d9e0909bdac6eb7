from __future__ import annotations

from pathlib import Path

import pytest

from aqa.annotations.manifest import Manifest
from aqa.annotations.manifest_edit import set_columns
from aqa.errors import AqaError

TABLE = (
    '\ufeffvideo_id,"path",score,note,split_1\r\n'
    'a, a.mp4 ,"5.0","says ""well"", twice",train\r\n'
    "\r\n"
    '"b",,6,"two\r\nlines",test\r\n'
    ' c,"x,y.mp4",7.10, "quoted late",'
)


def write(tmp_path: Path, text: str = TABLE) -> Path:
    path = tmp_path / "manifest.csv"
    path.write_bytes(text.encode())
    return path


def test_every_other_byte_stays(tmp_path: Path) -> None:
    path = write(tmp_path)
    set_columns(path, {"split_x": {"a": "train", "c": "test"}, "split_y": {"b": "val"}})
    expected = (
        TABLE.replace("split_1\r\n", "split_1,split_x,split_y\r\n")
        .replace('twice",train\r\n', 'twice",train,train,\r\n')
        .replace(",test\r\n", ",test,,val\r\n")
    ) + ",test,"
    assert path.read_bytes() == expected.encode()
    manifest = Manifest.read(path)
    assert manifest.split("x").train == ("a",)
    assert manifest.split("x").test == ("c",)
    assert manifest.by_id["b"].row["note"] == "two\r\nlines"


def test_a_column_is_replaced_where_it_stands_or_taken_away(tmp_path: Path) -> None:
    path = write(tmp_path)
    with pytest.raises(
        AqaError, match=r"manifest\.csv: it has a column split_1 already; .*--force"
    ):
        set_columns(path, {"split_1": {}})
    assert path.read_bytes() == TABLE.encode()
    set_columns(path, {"split_1": {"c": "train"}}, replace=True, remove=["note", "absent"])
    assert (
        path.read_bytes()
        == (
            '\ufeffvideo_id,"path",score,split_1\r\n'
            'a, a.mp4 ,"5.0",\r\n'
            "\r\n"
            '"b",,6,\r\n'
            ' c,"x,y.mp4",7.10,train'
        ).encode()
    )
