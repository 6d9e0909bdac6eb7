"""How an update's videos are shared out over processes and micro-batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aqa.models.training.distributed import ProcessGroup
from aqa.workflows.finetune.data import micro_batches


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_every_video_counts_once_over_all_micro_batches(size: int, accumulate: int, n: int) -> None:
    groups = [ProcessGroup(torch.device("cpu"), rank, size) for rank in range(size)]
    batches = [micro_batches(range(n), accumulate, group) for group in groups]
    each = [(i, p.weight / len(p.videos)) for own in batches for p in own for i in p.videos]
    weights = np.zeros(n)
    for video, weight in each:
        weights[video] += weight
    np.testing.assert_allclose(weights, 1 / n)
    assert all(own for own in batches)
