"""Which device networks run on, and by which kernels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from aqa.errors import AqaError, WrongUsageError


def pick_device(name: str) -> torch.device:
    """`auto` is the GPU where there is one; a device that is not there is an error.

    `WrongUsageError` for a name that is none of a device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first_line = str(error).partition("\n")[0].rstrip(".")
        unknown = first_line.startswith(("Expected one of", "Invalid device"))
        why = "" if unknown else f": {first_line}"
        there = ", ".join(("cpu", *_gpus()))
        kind = WrongUsageError if unknown else AqaError
        raise kind(f"device {name!r} is not available here{why}; there are {there}") from None
    return device


def pick_devices(names: str) -> tuple[str, ...]:
    """The devices of a list such as `cuda:0,cuda:1`; one may stand there twice.

    `auto` is every GPU, or the CPU where there is none; `cuda:all` every GPU. `cuda` is the first.
    `AqaError` for one that is not there.
    """
    every = _gpus()
    if names == "auto":
        return every if len(every) > 1 else ("cuda",) if every else ("cpu",)
    if names == "cuda:all":
        if not every:
            raise AqaError("device 'cuda:all' is not available here: there is no GPU")
        return every
    found = tuple(name.strip() for name in names.split(","))
    if len(found) == 1:
        pick_device(found[0])
        return found
    there = ("cpu", *every)
    for name in found:  # a GPU is not touched: its worker does that
        if name not in (*there, *(["cuda"] if every else [])):
            raise AqaError(
                f"device {name!r} is not available here, of {names!r}; there are {', '.join(there)}"
            )
    return found


def _gpus() -> tuple[str, ...]:
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return tuple(f"cuda:{number}" for number in range(n_gpus))


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
