"""The memory that a training needed at most."""

from __future__ import annotations

import sys

import torch


def reset_peak_memory(device: torch.device) -> None:
    """Measure a GPU's peak from here on."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> float | None:
    """The peak so far, in 10^9 bytes: of a GPU, or of the whole process; None where unknown."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 1e9, 3)
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9, 3)
