"""Pickles as data: what is understood, and that nothing is ever executed."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.importing.pickles import read_pickle
from aqa.errors import AqaError

VALUES = {
    (1, 2): {"score": 76.5, "words": ["<sos>", "né", "<eos>"], "none": None, "yes": True},
    (np.uint8(3), np.int64(4)): [np.float64(2.5), np.float32(0.5), np.bool_(True), np.str_("ab")],
    "arrays": (np.arange(6.0).reshape(2, 3), np.asfortranarray([[1, 2], [3, 4]], np.int16)),
    "big": np.array([1, 258], ">i4"),
    "text": np.array(["a", "bcd"]),
    "objects": np.array(["a", 2, None], object),
    "empty": np.zeros((0, 3)),
    "ordered": OrderedDict(a=1),
}
PLAIN = {
    (1, 2): {"score": 76.5, "words": ["<sos>", "né", "<eos>"], "none": None, "yes": True},
    (3, 4): [2.5, 0.5, True, "ab"],
    "arrays": ([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]], [[1, 2], [3, 4]]),
    "big": [1, 258],
    "text": ["a", "bcd"],
    "objects": ["a", 2, None],
    "empty": [],
    "ordered": {"a": 1},
}


def write(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "annotations.pkl"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
def test_values_and_numpy_come_out_plain(tmp_path: Path, protocol: int, core: bytes) -> None:
    data = pickle.dumps(VALUES, protocol=protocol)
    if protocol < 4:  # module names end in a newline, so the other NumPy's can take their place
        data = data.replace(b"cnumpy._core", b"cnumpy.core").replace(b"cnumpy.core", b"c" + core)
    found = read_pickle(write(tmp_path, data))
    assert found == PLAIN
    assert all(type(part) is int for part in list(found)[1])


def test_a_pickle_of_python_2(tmp_path: Path) -> None:
    scalar = (
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR"
        b"(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbS'\\x00\\x00\\x00\\x00\\x00\\x00\\x04@'\ntR"
    )
    data = b"(dS'score'\n" + scalar + b"sI7\nL3L\ns."
    assert read_pickle(write(tmp_path, data)) == {"score": 2.5, 7: 3}


HOSTILE = {
    "a command": (b"cos\nsystem\n(S'touch ran'\ntR.", "os.system"),
    "posix": (b"cposix\nsystem\n(S'touch ran'\ntR.", "posix.system"),
    "eval": (b'c__builtin__\neval\n(S\'open("ran", "w")\'\ntR.', "__builtin__.eval"),
    "by its stack name": (
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x09touch ran\x85R.",
        "os.system",
    ),
    "inst": (b"(S'touch ran'\nios\nsystem\n.", "os.system"),
    "an attribute of an attribute": (
        b"\x80\x04\x8c\x05numpy\x8c\x0fdtype.__class__\x93.",
        "numpy.dtype.__class__",
    ),
    "another function of NumPy": (b"cnumpy\nload\n(S'x.npy'\ntR.", "numpy.load"),
    "a class that is only unusual": (b"ccollections\nCounter\n(tR.", "collections.Counter"),
    "the allow-list itself": (
        b"caqa.annotations.importing.pickles\n_ALLOWED\n.",
        "aqa.annotations.importing.pickles._ALLOWED",
    ),
    "an object outside": (b"Pelsewhere\n.", "an object outside the file"),
    "a changed function": (b"cnumpy\ndtype\n(dS'make'\nI1\nsb.", "changing a function"),
    "a codec": (b"c_codecs\nencode\n(S'a'\nS'zip'\ntR.", "the encoding 'zip'"),
    "bytes without end": (
        b"c__builtin__\nbytes\n(I9999999999\ntR.",
        "bytes that do not stand in it",
    ),
    "raw memory": (b"cnumpy\ndtype\n(S'V8'\nI0\nI1\ntR.", "the NumPy type 'V8'"),
    "fields": (
        b"cnumpy\ndtype\n(S'i8'\nI0\nI1\ntR(I3\nS'<'\nN(S'a'\nt(dI-1\nI-1\nI0\ntb.",
        "a NumPy type with fields",
    ),
    "a number too long to print": (b"L" + b"9" * 4000 + b"L\n.", "a number of more than 64 bits"),
    "a memo of gigabytes": (b"\x80\x02]r\xff\xff\xff\x7f.", "memo number 2147483647"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_are_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    data, asked = HOSTILE[name]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AqaError) as caught:
        read_pickle(write(tmp_path, data))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'annotations.pkl'}: refused: it asks for {asked}")
    assert "\n" not in message
    assert [path.name for path in tmp_path.iterdir()] == ["annotations.pkl"]


DAMAGED = {
    "nothing": b"",
    "cut short": pickle.dumps(VALUES)[:-20],
    "no pickle": b"video_id,path,score\n",
    "an empty stack": b".",
    "an unknown extension": b"\x80\x02\x82\x07.",
    "a shape that does not fit": pickle.dumps(np.arange(6), protocol=2).replace(b"K\x06", b"K\x07"),
    "a length past the end": b"\x80\x02X\xff\xff\xff\x7fabc.",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_pickles_are_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(AqaError, match=r"annotations\.pkl: not a whole pickle: .") as caught:
        read_pickle(write(tmp_path, DAMAGED[name]))
    assert "\n" not in str(caught.value)


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path, b"")
    with path.open("r+b") as file:
        file.truncate(2**30)
    with pytest.raises(AqaError, match="1073741824 bytes are too many"):
        read_pickle(path)


def test_of_a_damaged_pickle_little_is_quoted(tmp_path: Path) -> None:
    path = write(tmp_path, b"S" + b"x" * 10_000 + b"\n.")  # a string that no quotes begin
    with pytest.raises(AqaError, match="not a whole pickle: no string quotes") as caught:
        read_pickle(path)
    assert len(str(caught.value)) < len(str(path)) + 300
