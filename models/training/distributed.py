"""The processes that train one network together: those of `torchrun`, or this one alone."""

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

# The others wait for the first process while it writes results, which can take hours. Of a
# process that dies, torchrun ends the others.
_PATIENCE = timedelta(days=7)


@dataclass(frozen=True)
class ProcessGroup:
    """rank: which of `size` processes this one is; the first, 0, writes the files."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes and tells."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This process's items, every `size`-th."""
        return items[self.rank :: self.size]

    def gather(self, items: Sequence[T]) -> list[T]:
        """What all processes have, in the order that `share` was taken from."""
        if self.size == 1:
            return list(items)
        shares: list[Any] = [None] * self.size
        dist.all_gather_object(shares, list(items))
        longest = max(len(share) for share in shares)
        return [share[i] for i in range(longest) for share in shares if i < len(share)]

    def from_first(self, value: T) -> T:
        """The first process's value."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]


@contextmanager
def join_processes(device: str) -> Iterator[ProcessGroup]:
    """The group that `torchrun` started this process in, or one of this process alone.

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
