"""The processes that train one network together: those that `torchrun` started, or just one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from aqa.device import pick_device

T = TypeVar("T")

# The others wait while the first process writes results, which can take hours. When one process
# dies, torchrun ends the others.
_PATIENCE = timedelta(days=7)


@dataclass(frozen=True)
class ProcessGroup:
    """This process among those that train together.

    rank: its number, from 0 to `size` - 1; process 0 writes the files. device: what it computes on.
    """

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes files and prints."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This process's share of the items: every `size`-th, from its rank on."""
        return items[self.rank :: self.size]

    def gather(self, items: Sequence[T]) -> list[T]:
        """The items of all processes, in the order that they had before `share`."""
        if self.size == 1:
            return list(items)
        shares: list[Any] = [None] * self.size
        dist.all_gather_object(shares, list(items))
        longest = max(len(share) for share in shares)
        return [share[i] for i in range(longest) for share in shares if i < len(share)]

    def from_first(self, value: T) -> T:
        """The value that the first process has."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]


@contextmanager
def join_processes(device: str) -> Iterator[ProcessGroup]:
    """The processes that `torchrun` started with this one, or this one alone.

    device: as `pick_device` takes it; under torchrun every process of a machine gets its own GPU.
    """
    if not dist.is_torchelastic_launched():
        yield ProcessGroup(pick_device(device))
        return
    picked = pick_device(device)
    if picked.type == "cuda":
        picked = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(picked)
    dist.init_process_group("nccl" if picked.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield ProcessGroup(picked, dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
