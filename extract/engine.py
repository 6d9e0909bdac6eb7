"""A network as fast as PyTorch's own means make it, and the same features.

Batch normalisation is folded into the convolutions, memory is channels-last, and glibc is told to
keep the memory it has. What each of these brings is measured in `benchmarks/`.
"""

from __future__ import annotations

import copy
import ctypes
import functools
import itertools
import sys
from typing import Literal

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Precision = Literal["float32", "bfloat16", "float16"]
PRECISIONS: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def prepare(net: nn.Module, device: torch.device, precision: Precision) -> nn.Module:
    """A copy of an eval-mode network, ready to run on a device in a precision."""
    fast = folded(net).to(device, PRECISIONS[precision])
    for parameter in fast.parameters():
        if parameter.ndim == 5:
            parameter.data = parameter.data.to(memory_format=torch.channels_last_3d)
    if device.type == "cpu":
        keep_memory()
    return fast.eval()


def folded(net: nn.Module) -> nn.Module:
    """A copy of an eval-mode network whose batch norms are folded into their convolutions.

    A batch norm belongs to the convolution that its module registers right before it; that all
    backbones keep to this is tested.
    """
    net = copy.deepcopy(net)
    for module in list(net.modules()):
        for (name, convolution), (norm_name, norm) in itertools.pairwise(
            list(module.named_children())
        ):
            if isinstance(convolution, nn.Conv2d | nn.Conv3d) and isinstance(
                norm, nn.BatchNorm2d | nn.BatchNorm3d
            ):
                setattr(module, name, fuse_conv_bn_eval(convolution, norm))
                setattr(module, norm_name, nn.Identity())
    return net


@functools.cache
def keep_memory() -> None:
    """Let glibc keep freed memory for the next clip, instead of faulting it in again each time.

    The activations of one clip are tens of megabytes, which it would map and unmap.
    """
    if sys.platform != "linux":
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(-4, 0)  # M_MMAP_MAX: no allocation is a mapping of its own
        libc.mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD: free memory that is not given back
    except (OSError, AttributeError):
        pass  # another C library, which has no such habit
