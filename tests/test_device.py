"""The kernels that training, answering and extraction share."""

import contextlib
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from aqa.device import deterministic_kernels, pick_devices
from aqa.errors import AqaError
from aqa.models.examples import Examples
from aqa.models.heads import get_head

CUDNN, MATMUL = torch.backends.cudnn, torch.backends.cuda.matmul


def kernels() -> tuple[bool, ...]:
    """Deterministic, and which TF32 is allowed."""
    return CUDNN.deterministic, CUDNN.benchmark, CUDNN.allow_tf32, MATMUL.allow_tf32


STRICT = (True, False, False, False)


@pytest.fixture(autouse=True)
def _loose() -> Iterator[None]:
    """As a program that trades digits for speed leaves them."""
    before = CUDNN.allow_tf32, MATMUL.allow_tf32
    CUDNN.allow_tf32 = MATMUL.allow_tf32 = True
    yield
    CUDNN.allow_tf32, MATMUL.allow_tf32 = before


def test_kernels_are_strict_inside_and_as_before_behind():
    before = kernels()
    with contextlib.suppress(KeyError), deterministic_kernels():
        assert kernels() == STRICT
        raise KeyError
    assert kernels() == before != STRICT


def test_a_decorated_function_runs_under_them_each_time():
    seen = deterministic_kernels()(kernels)
    assert [seen(), seen()] == [STRICT] * 2
    assert kernels() != STRICT


@pytest.mark.parametrize("name", ["lstm", "siamese"])
def test_a_head_is_trained_and_answers_under_them(name: str, monkeypatch: pytest.MonkeyPatch):
    seen = []

    def spied(self: torch.nn.Module, *args: Tensor) -> Tensor:
        seen.append((self.training, kernels()))
        return forward(self, *args)

    head = get_head(name)(epochs=2, hidden=3, validation=0.3)
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(3, 4)) for _ in range(12)]
    y = rng.permutation(np.linspace(50, 80, 12))
    forward = torch.nn.LSTM.forward
    monkeypatch.setattr(torch.nn.LSTM, "forward", spied)
    head.fit(x, y)
    assert {training for training, _ in seen} == {True, False}
    n = len(seen)
    head.predict(x) if name == "lstm" else head.similarity(
        Examples.of(x), np.array([0]), np.array([1])
    )
    assert len(seen) > n
    assert {used for _, used in seen} == {STRICT}


@pytest.mark.parametrize(
    ("n_gpus", "names", "found"),
    [
        (0, "auto", ("cpu",)),
        (0, "cpu", ("cpu",)),
        (0, "cpu,cpu", ("cpu", "cpu")),
        (1, "auto", ("cuda",)),
        (1, "cuda:all", ("cuda:0",)),
        (3, "auto", ("cuda:0", "cuda:1", "cuda:2")),
        (3, "cuda:all", ("cuda:0", "cuda:1", "cuda:2")),
        (3, "cuda:2, cuda:0", ("cuda:2", "cuda:0")),
        (3, "cuda,cuda:1", ("cuda", "cuda:1")),
    ],
)
def test_lists_of_devices(
    monkeypatch: pytest.MonkeyPatch, n_gpus: int, names: str, found: tuple[str, ...]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: n_gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: n_gpus)
    assert pick_devices(names) == found


@pytest.mark.parametrize(
    ("n_gpus", "names", "text"),
    [
        (0, "cuda:all", "'cuda:all' is not available here: there is no GPU"),
        (0, "cpu,cuda", "'cuda' is not available here, of 'cpu,cuda'"),
        (0, "gpu", "^device 'gpu' is not available here; there are cpu$"),
        (2, "cuda:0,cuda:2", "'cuda:2' is not available here.* there are cpu, cuda:0, cuda:1$"),
    ],
)
def test_devices_that_are_not_there(
    monkeypatch: pytest.MonkeyPatch, n_gpus: int, names: str, text: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: n_gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: n_gpus)
    with pytest.raises(AqaError, match=text):
        pick_devices(names)
