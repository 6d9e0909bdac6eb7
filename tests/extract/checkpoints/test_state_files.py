"""Checkpoint files are data: strictly checked, and nothing in them is ever run."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from aqa.extract.checkpoints.layouts import mismatches
from aqa.extract.checkpoints.records import WeightsError
from aqa.extract.checkpoints.state_files import read_state

STATE = {"conv1.weight": torch.ones(2, 3), "conv1.bias": torch.zeros(2)}


class Malicious:
    """Unpickling it would create a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def same(state: dict[str, Tensor]) -> bool:
    return state.keys() == STATE.keys() and all(torch.equal(state[k], STATE[k]) for k in STATE)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model_state_dict": state},
        lambda state: {f"module.{k}": v for k, v in state.items()},
        lambda state: {"state_dict": {f"module.backbone.{k}": v for k, v in state.items()}},
    ],
)
def test_wrappers_and_prefixes_are_taken_off(tmp_path: Path, wrap: Callable) -> None:
    torch.save(wrap(STATE), tmp_path / "w.pth")
    assert same(read_state(tmp_path / "w.pth"))


def test_formats(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(STATE, tmp_path / "w.safetensors")
    assert same(read_state(tmp_path / "old.pth"))
    assert same(read_state(tmp_path / "w.safetensors"))


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    torch.save({"w": torch.ones(1), "x": Malicious(trap)}, tmp_path / "zip.pth")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Malicious(trap)))
    for name in ("zip.pth", "plain.pkl"):
        with pytest.raises(WeightsError, match="could run code"):
            read_state(tmp_path / name)
    assert not trap.exists()


@pytest.mark.parametrize("cut", [0, 10, 300])
def test_truncated_files(tmp_path: Path, cut: int) -> None:
    torch.save(STATE, tmp_path / "w.pth")
    save_file(STATE, tmp_path / "w.safetensors")
    for name in ("w.pth", "w.safetensors"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[: min(cut, path.stat().st_size - 8)])
        with pytest.raises(WeightsError, match=name):
            read_state(path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"a": 3}, "not a state dict: a"),
        ({}, "holds no tensors"),
        ([1, 2], "not a state dict: list"),
        ({"a": torch.tensor([1.0, float("nan")])}, "not finite in a"),
    ],
)
def test_what_is_no_state_dict(tmp_path: Path, content: Any, problem: str) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=problem):
        read_state(tmp_path / "w.pth")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such weights file"):
        read_state(tmp_path / "absent.pth")


def test_mismatches_list_everything() -> None:
    expected = {"a": torch.Size([2]), "b": torch.Size([3]), "c": torch.Size([4])}
    state = {"a": torch.ones(2), "b": torch.ones(5), "d": torch.ones(1)}
    assert mismatches(state, expected) == [
        "missing: c",
        "unexpected: d",
        "misshapen: b (5,) instead of (3,)",
    ]


def itself() -> dict[str, Any]:
    loop: dict[str, Any] = {}
    loop["state_dict"] = loop
    return loop


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (itself(), "not a state dict: a dictionary in itself"),
        ({"w": torch.ones(3).to(torch.float8_e4m3fn)}, r"w \(float8_e4m3fn\)"),
        ({"w": torch.ones(3, device="meta")}, r"w \(without data, on meta\)"),
        ({"w": torch.ones(3).to_sparse()}, r"w \(sparse or nested\)"),
        ({"w": torch.ones(3, dtype=torch.complex64)}, r"w \(complex64\)"),
        ({10**300: 1}, "not a state dict: int"),
        ({"a\nb": 1}, r"not a state dict: 'a\\nb'"),
    ],
    ids=range(7),
)
def test_tensors_that_are_no_plain_arrays(tmp_path: Path, content: Any, problem: str) -> None:
    path = tmp_path / "w.pth"
    try:
        torch.save(content, path)
    except RuntimeError:
        pytest.skip("this PyTorch makes no such tensor")
    with pytest.raises(WeightsError, match=problem) as caught:
        read_state(path)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore")  # quantised tensors are deprecated
def test_quantised_tensors(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"w": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)}, path)
    with pytest.raises(WeightsError, match=r"w \(quantised\)|not a checkpoint"):
        read_state(path)


def test_one_number_for_many_is_read(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1).expand(10**10)}, tmp_path / "w.pth")
    assert read_state(tmp_path / "w.pth")["w"].shape == (10**10,)


def test_eight_bit_floats_of_safetensors(tmp_path: Path) -> None:
    save_file({"w": torch.ones(3).to(torch.float8_e5m2)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="float8_e5m2"):
        read_state(tmp_path / "w.safetensors")


def test_an_archive_that_says_it_is_larger_than_the_file(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save(STATE, path)
    data = path.read_bytes()
    at = data.index(b"PK\x01\x02") + 24
    path.write_bytes(data[:at] + (2**31).to_bytes(4, "little") + data[at + 4 :])
    with pytest.raises(WeightsError, match="not a whole checkpoint file"):
        read_state(path)
