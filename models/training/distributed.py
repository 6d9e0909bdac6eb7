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
from torch.distributed.distributed_c10d import PrefixStore, Store

from aqa.device import pick_device
from aqa.errors import AqaError, first_line

T = TypeVar("T")

# The others wait while the first process writes results, which can take hours. When one process
# dies, torchrun ends the others.
_PATIENCE = timedelta(days=7)
# Gloo can miss the connection that both sides wait for (seen in one of ten starts, torch 2.13), and
# then waits in vain for as long as it may.
_CONNECTING = timedelta(seconds=10)
_TRIES = 10
_GLOO = "retried_gloo"


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
    if not hasattr(dist.Backend, _GLOO.upper()):
        dist.Backend.register_backend(_GLOO, _connected_by_gloo, devices=["cpu"])
    dist.init_process_group("nccl" if picked.type == "cuda" else _GLOO, timeout=_PATIENCE)
    try:
        yield ProcessGroup(picked, dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def _connected_by_gloo(
    store: Store, rank: int, size: int, timeout: timedelta
) -> dist.ProcessGroupGloo:
    """The processes' connection by Gloo; where one of them finds none, all of them try again."""
    store.set_timeout(timeout)
    for attempt in range(_TRIES):
        here = PrefixStore(f"attempt {attempt}", store)
        _said_by_all(here, "came", "", rank, size)  # some load their network longer than others
        group, trouble = None, ""
        try:
            group = dist.ProcessGroupGloo(here, rank, size, _CONNECTING)
        except RuntimeError as error:
            trouble = first_line(error) or type(error).__name__
        troubles = [text for text in _said_by_all(here, "trouble", trouble, rank, size) if text]
        if group and not troubles:
            # Older versions of torch have the private one alone.
            set_timeout = getattr(group, "set_timeout", None) or group._set_default_timeout
            set_timeout(timeout)
            return group
    raise AqaError(
        f"the {size} processes were not connected in {_TRIES} attempts: {troubles[0]}; is the "
        "network interface right that Gloo takes (environment variable GLOO_SOCKET_IFNAME)?"
    )


def _said_by_all(store: Store, key: str, own: str, rank: int, size: int) -> list[str]:
    """What every process says under `key`, as soon as the last has said it."""
    store.set(f"{key} {rank}", own)
    return [store.get(f"{key} {other}").decode() for other in range(size)]
