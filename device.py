"""Which device networks run on."""

from __future__ import annotations

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
