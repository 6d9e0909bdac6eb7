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
