"""What each of several processes takes, and how it comes together again."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist

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
