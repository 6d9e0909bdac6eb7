"""A network as fast as PyTorch's own means make it, and the same features.

Batch normalisation is folded into the convolutions, memory is channels-last; on a CPU, weights are
laid out for oneDNN once, and glibc is told to keep the memory it has. What each of these brings is
measured in `benchmarks/`.
"""

from __future__ import annotations

import copy
import ctypes
import functools
import itertools
import sys
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Precision = Literal["float32", "bfloat16", "float16"]
PRECISIONS: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

_REORDER: dict[int, Callable[..., Tensor]] = {
    4: torch._C._nn.mkldnn_reorder_conv2d_weight,
    5: torch._C._nn.mkldnn_reorder_conv3d_weight,
}


def prepare(net: nn.Module, device: torch.device, precision: Precision) -> nn.Module:
    """A copy of an eval-mode network, ready to run on a device in a precision."""
    fast = folded(net).to(device, PRECISIONS[precision]).eval()
    for parameter in fast.parameters():
        if parameter.ndim == 5:
            parameter.data = parameter.data.to(memory_format=torch.channels_last_3d)
    if device.type == "cpu":
        keep_memory()
        if _packs(precision):
            pack(fast)
    return fast


def _packs(precision: Precision) -> bool:
    """Whether oneDNN computes in this precision on this processor; PyTorch itself always does."""
    if not torch.backends.mkldnn.is_available() or precision == "float16":
        return False
    return precision == "float32" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


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


def pack(net: nn.Module) -> None:
    """Replace the convolutions of a network by `PackedConv`, in place."""
    for module in list(net.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d | nn.Conv3d):
                setattr(module, name, PackedConv(child))


class PackedConv(nn.Module):
    """A convolution whose weights lie as oneDNN wants them; for inference on a CPU.

    PyTorch's own lays them out anew at each call, and gives the small float32 maps of a single clip
    to an algorithm of its own that takes up to three times as long. The best layout depends on the
    input's shape; that of a larger batch serves the smaller one at a video's end.
    """

    def __init__(self, convolution: nn.Conv2d | nn.Conv3d):
        super().__init__()
        self.plain = convolution
        self.how = (
            list(convolution.padding),
            list(convolution.stride),
            list(convolution.dilation),
            convolution.groups,
        )
        self.shape = torch.Size((0,))  # that the layout is for
        self.packed: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *) -> (N, C', *), as the plain convolution gives."""
        if len(x) > self.shape[0] or x.shape[1:] != self.shape[1:]:
            weight = self.plain.weight.detach().to_mkldnn()
            self.packed = _REORDER[x.ndim](weight, *self.how, list(x.shape))
            self.shape = x.shape
        run = torch.ops.mkldnn._convolution_pointwise
        features: Tensor = run(x, self.packed, self.plain.bias, *self.how, "none", [], "")
        return features


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
