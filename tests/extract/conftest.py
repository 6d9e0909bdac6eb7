from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest
import torch
from torch import Tensor

from aqa.extract.backbones import get_architecture

State = dict[str, Tensor]
Maker = Callable[[Mapping[str, Sequence[int]]], State]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def make_state() -> Maker:
    """Shapes -> tensors of normal values with std 0.03; variances are 0.02 to 0.1.

    They are windows of one random pool, each row 7 further on than the last: files of a network
    with 80 million weights are then of a few hundred kB.
    """

    def make(shapes: Mapping[str, Sequence[int]]) -> State:
        generator = torch.Generator().manual_seed(0)
        pool = torch.randn(60_000, generator=generator) * 0.03
        positive = (pool.abs() * 3).clamp(0.02, 0.1)
        state = {}
        for key, shape in shapes.items():
            start = int(torch.randint(10_000, (), generator=generator))
            rows, row = shape[:1] or (1,), math.prod(shape[1:])
            if key.endswith("num_batches_tracked"):
                state[key] = torch.zeros((), dtype=torch.long)
                continue
            source = positive if key.endswith("running_var") else pool
            if row > 40_000:  # a table of places
                source = source.repeat(row // 40_000 + 1)
            windows = source[start:].unfold(0, row, 7)[: rows[0]]
            state[key] = windows.unflatten(1, shape[1:]) if len(shape) > 1 else windows[:, 0]
        return state

    return make


@pytest.fixture
def published_state(make_state: Maker) -> Callable[..., State]:
    """A backbone's checkpoint in its first layout's own names, without counters."""

    def make(name: str) -> State:
        architecture = get_architecture(name)
        layout = architecture.layouts[0]
        expected = architecture.expected(layout.last_layer)
        shapes = {layout.key(key): tuple(shape) for key, shape in expected.items()}
        return make_state({k: v for k, v in shapes.items() if "num_batches" not in k})

    return make
