"""MATLAB files are read as SciPy reads them, and damaged ones refused."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import scipy.io

from aqa.annotations.importing.mat_file import find_array

OPTIONS: list[dict[str, Any]] = [{}, {"do_compression": True}, {"format": "4"}]


def saved(content: dict[str, Any], **options: Any) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, content, **options)
    return file.getvalue()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", "u2", "u1", "i2"])
@pytest.mark.parametrize("shape", [(2, 3), (1, 1), (5, 1), (1, 40)])
def test_arrays(options: dict[str, Any], dtype: str, shape: tuple[int, int]) -> None:
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    data = saved({"before": np.zeros((3, 3)), "text": "abc", "it": array, "z": [1]}, **options)
    np.testing.assert_array_equal(find_array(data, "it"), array)
    assert find_array(data, "absent") is None


@pytest.mark.parametrize(
    "value", [np.array([[1j]]), "text", np.array([["a"]], object), {"a": 1}, np.eye(2) > 0.5]
)
@pytest.mark.parametrize("options", OPTIONS[:2], ids=str)
def test_what_is_no_array_of_real_numbers(value: Any, options: dict[str, Any]) -> None:
    data = saved({"it": value}, **options)
    if isinstance(value, np.ndarray) and value.dtype == bool:
        np.testing.assert_array_equal(find_array(data, "it"), np.eye(2))
        return
    with pytest.raises(ValueError, match="it is a text, a structure or complex, not numbers"):
        find_array(data, "it")


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_cut_and_every_byte(options: dict[str, Any]) -> None:
    data = saved({"it": np.array([[3.0, 1, 2]])}, **options)
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x80
        for one in (data[:at], bytes(changed)):
            try:
                found = find_array(one, "it")
            except ValueError:
                continue
            assert found is None or found.nbytes <= 64


def test_what_unpacks_to_too_much() -> None:
    data = saved({"it": np.zeros((3000, 3000))}, do_compression=True)
    assert len(data) < 100_000
    with pytest.raises(ValueError, match="unpacks to more than 67108864 bytes"):
        find_array(data, "it")


def test_version_7_3_is_named() -> None:
    with pytest.raises(ValueError, match=r"version 7\.3; save it with -v7"):
        find_array(b"\x89HDF\r\n\x1a\n" + bytes(100), "it")


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_every_kind_of_number_at_its_largest(dtype: str) -> None:
    kind = np.dtype(dtype)
    most = np.finfo(kind).max if kind.kind == "f" else np.iinfo(kind).max
    array = np.array([[most, 1]], kind)
    np.testing.assert_array_equal(find_array(saved({"it": array}), "it"), array)


@pytest.mark.parametrize("order", ["<", ">"])
def test_old_files_of_both_orders_of_bytes(order: str) -> None:
    """Version 4: a header of five numbers, the name, the values, column by column."""
    kind = 0 if order == "<" else 1000
    head = np.array([kind, 2, 3, 0, 3], order + "i4").tobytes()
    values = np.arange(6, dtype=order + "f8").tobytes()
    found = find_array(head + b"it\0" + values, "it")
    np.testing.assert_array_equal(found, [[0, 2, 4], [1, 3, 5]])
    assert find_array(head + b"it\0" + values, "other") is None


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "0 bytes are too few"),
        (bytes(19), "19 bytes are too few"),
        (np.array([0, 1, 1, 0, 0], "<i4").tobytes(), "a header that is none of version 4"),
        (np.array([60, 1, 1, 0, 2], "<i4").tobytes(), "a header that is none of version 4"),
        (np.array([0, 1, 9, 0, 1], "<i4").tobytes() + b"\0", "1 x 9 numbers, of which 0 bytes"),
        (
            np.array([0, 1, 1, 0, 2], "<i4").tobytes() + b"a\0" + bytes(8 + 19),
            "ends at byte 49, within a header",
        ),
    ],
)
def test_old_files_that_are_damaged(data: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        find_array(data, "it")


def test_a_header_alone_and_a_cut_element() -> None:
    whole = saved({"it": np.eye(2)})
    assert find_array(whole[:128], "it") is None
    with pytest.raises(ValueError, match="it ends at byte 132, within an element"):
        find_array(whole[:132], "it")
    # A variable whose first part, its flags, is empty.
    flags = bytes(np.array([6, 0], "<u4").tobytes())
    variable = np.array([14, len(flags)], "<u4").tobytes() + flags
    with pytest.raises(ValueError, match="a variable without flags"):
        find_array(whole[:128] + variable, "it")


@pytest.mark.parametrize("options", OPTIONS)
def test_the_first_variable_whatever_it_is_called(options: dict[str, Any]) -> None:
    content = io.BytesIO()
    scipy.io.savemat(content, {"odd": np.array([[3.0, 1]]), "second": np.zeros((2, 2))}, **options)
    found = find_array(content.getvalue(), None)
    assert found is not None
    assert found.tolist() == [[3, 1]]
