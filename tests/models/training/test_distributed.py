"""What each of several processes takes, and how it comes together again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist

from aqa.errors import AqaError
from aqa.models.training import distributed
from aqa.models.training.distributed import ProcessGroup, join_processes

CPU = torch.device("cpu")


@pytest.mark.parametrize(("size", "n"), [(1, 5), (2, 5), (3, 8), (3, 2)])
def test_items_are_shared_out_and_come_back_in_order(size: int, n: int, monkeypatch) -> None:
    items = list(range(n))
    groups = [ProcessGroup(CPU, rank, size) for rank in range(size)]
    shares = [list(group.share(items)) for group in groups]
    assert sorted(item for share in shares for item in share) == items
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert shares[0][:2] == items[::size][:2]  # every `size`-th

    def gathered(into: list, own: list) -> None:
        assert own in shares
        into[:] = shares

    monkeypatch.setattr(dist, "all_gather_object", gathered)
    for group, share in zip(groups, shares, strict=True):
        assert group.gather(share) == items
    assert [group.first for group in groups] == [rank == 0 for rank in range(size)]


def test_without_torchrun_a_process_is_alone() -> None:
    with join_processes("cpu") as group:
        assert (group.device, group.rank, group.size) == (CPU, 0, 1)
        assert group.from_first("kept") == "kept"


def connected(monkeypatch, failing: Callable[[int, int], bool]) -> tuple[list, list[int]]:
    """Two threads as the processes, and how often each tried; an attempt of a rank can fail."""
    usual, tried = dist.ProcessGroupGloo, [0, 0]

    def group(store: dist.Store, rank: int, size: int, timeout: timedelta) -> object:
        tried[rank] += 1
        if failing(tried[rank], rank):
            raise RuntimeError("no connection\nand more of it")
        return usual(store, rank, size, timeout)

    monkeypatch.setattr(dist, "ProcessGroupGloo", group)
    monkeypatch.setattr(distributed, "_CONNECTING", timedelta(seconds=1))
    store = dist.HashStore()
    with ThreadPoolExecutor(2) as threads:
        both = [
            threads.submit(distributed._connected_by_gloo, store, rank, 2, timedelta(seconds=99))
            for rank in range(2)
        ]
        return [one.exception() or one.result() for one in both], tried


def test_where_one_process_finds_no_connection_all_try_again(monkeypatch) -> None:
    groups, tried = connected(monkeypatch, lambda attempt, rank: (attempt, rank) == (1, 0))
    assert tried == [2, 2]
    sums = [torch.ones(2), torch.full((2,), 2.0)]
    for work in [group.allreduce([own]) for group, own in zip(groups, sums, strict=True)]:
        work.wait()
    assert [own.tolist() for own in sums] == [[3, 3], [3, 3]]
    assert all(group.options._timeout == timedelta(seconds=99) for group in groups)


def test_processes_that_never_find_each_other_end_with_the_reason(monkeypatch) -> None:
    answers, tried = connected(monkeypatch, lambda attempt, rank: True)
    assert tried == [distributed._TRIES] * 2
    for error in answers:
        assert isinstance(error, AqaError)
        assert "in 10 attempts: no connection; is the network" in str(error)
