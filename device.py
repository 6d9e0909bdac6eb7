"""Which device networks run on, and by which kernels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from aqa.errors import AqaError


def pick_device(name: str) -> torch.device:
    """`auto` is the GPU where there is one; a device that is not there is an error."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first_line = str(error).partition("\n")[0]
        raise AqaError(f"device {name!r} is not available here: {first_line}") from None
    return device


@contextmanager
def deterministic_kernels() -> Iterator[None]:
    """On a GPU, the same algorithms in every run, and float32 of all its digits (no TF32).

    A `with` block or a decorator; on a CPU it changes nothing. Extraction, training and answering
    all run under it. Sums that CUDA makes by atomic additions, such as the gradient of an index,
    are not covered: their last digits may differ between two runs.
    """
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=False
        ):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
