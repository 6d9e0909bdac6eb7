"""Makes a network as fast as PyTorch's means allow, with the same features.

Batch norms are fused into the convolutions, memory is channels-last; on a CPU, the weights of
convolutions are prepacked for oneDNN, and glibc's malloc is tuned to keep the memory that it has.
What each of these brings is measured in `benchmarks/`.
"""

from __future__ import annotations

import copy
import ctypes
import functools
import itertools
import sys
import warnings
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from aqa.errors import AqaWarning

Precision = Literal["float32", "bfloat16", "float16", "int8"]
# What PyTorch computes in; int8 is OpenVINO's alone, see `aqa.extract.engines.calibration`.
PRECISIONS: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

# PyTorch's own functions, by the dimensions of the input. They are private: a version of it may
# have others, or none; see `prepacking_works`.
_REORDER: dict[int, Callable[..., Tensor] | None] = {
    4: getattr(torch._C._nn, "mkldnn_reorder_conv2d_weight", None),
    5: getattr(torch._C._nn, "mkldnn_reorder_conv3d_weight", None),
}


def optimise(
    net: nn.Module, device: torch.device, precision: Precision, probe: Tensor | None = None
) -> nn.Module:
    """A copy of an eval-mode network, ready to run on a device in a precision.

    probe: a clip, float32 (1, 3, T, H, W), for a network of which nothing is known: what makes it
    fail, or changes its features, is then left out. Without one, the network must register each
    batch norm right after its convolution, as all of this package do.
    """
    fast = fused(net, probe).to(device, PRECISIONS[precision]).eval()
    for parameter in fast.parameters():
        if parameter.ndim == 5:
            parameter.data = parameter.data.to(memory_format=torch.channels_last_3d)
    if device.type != "cpu":
        return fast
    tune_malloc()
    if not _can_prepack(precision):
        return fast
    if probe is None:
        prepack_convolutions(fast)
        return fast
    packed = copy.deepcopy(fast)
    prepack_convolutions(packed)
    return packed if agree(packed, fast, probe.to(PRECISIONS[precision])) else fast


def fused(net: nn.Module, probe: Tensor | None) -> nn.Module:
    """A copy with its batch norms fused, unless that changes the features of the probe."""
    fast = fuse_batch_norms(net)
    return fast if probe is None or agree(fast, net, probe) else copy.deepcopy(net)


@torch.no_grad()
def agree(fast: nn.Module, plain: nn.Module, clip: Tensor, tolerance: float = 1e-2) -> bool:
    """Whether two networks give the same features of a clip, up to rounding.

    tolerance: the largest difference, as a share of the largest feature.
    """
    expected = plain(clip).float()
    try:
        difference = (fast(clip).float() - expected).abs().max()
    except (RuntimeError, AttributeError, TypeError, AssertionError):
        return False
    return bool(difference <= tolerance * expected.abs().max())


def _can_prepack(precision: Precision) -> bool:
    """Whether oneDNN computes in this precision on this processor; PyTorch itself always does."""
    if not torch.backends.mkldnn.is_available() or precision == "float16":
        return False
    return processor_has(precision) and prepacking_works(precision)


def processor_has(precision: Precision) -> bool:
    """Whether oneDNN has a precision on this processor; False where PyTorch cannot tell."""
    try:
        if precision == "bfloat16":
            return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
        return precision == "float32" or bool(torch.ops.mkldnn._is_mkldnn_fp16_supported())
    except AttributeError:
        return False


@functools.cache
def prepacking_works(precision: Precision) -> bool:
    """Whether this PyTorch has what `PrepackedConvolution` calls, and it computes what it should.

    Warns where not: features are the same then, and come more slowly.
    """
    generator = torch.Generator().manual_seed(0)
    for build, ndim in ((nn.Conv2d, 4), (nn.Conv3d, 5)):
        # Without memory, it draws none of the random numbers that all share. `skip_init` would do
        # the same, and import SymPy, which takes a second.
        plain: nn.Conv2d | nn.Conv3d = build(8, 8, 3, padding=1, device="meta").eval()
        for name, empty in list(plain.named_parameters()):
            drawn = torch.randn(empty.shape, generator=generator).to(PRECISIONS[precision])
            setattr(plain, name, nn.Parameter(drawn, requires_grad=False))
        x = torch.randn(1, 8, *[6] * (ndim - 2), generator=generator).to(PRECISIONS[precision])
        if not agree(PrepackedConvolution(plain), plain, x):
            warnings.warn(
                f"PyTorch {torch.__version__} has other private functions for laying out weights "
                "than this version of aqa knows: networks run more slowly on this CPU",
                AqaWarning,
                stacklevel=2,
            )
            return False
    return True


def fuse_batch_norms(net: nn.Module) -> nn.Module:
    """A copy of an eval-mode network whose batch norms are fused into their convolutions.

    A batch norm belongs to the convolution that its module registers right before it; that all
    backbones of this package keep to this is tested.
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


def prepack_convolutions(net: nn.Module) -> None:
    """Replace the convolutions of a network by `PrepackedConvolution`, in place."""
    for module in list(net.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d | nn.Conv3d) and child.padding_mode == "zeros":
                setattr(module, name, PrepackedConvolution(child))


class PrepackedConvolution(nn.Module):
    """A convolution whose weights lie as oneDNN wants them; for inference on a CPU.

    PyTorch lays them out anew at each call, and gives the small float32 maps of a single clip
    to an algorithm of its own that takes up to three times as long. The best layout depends on the
    shape of the input; that of a larger batch serves the smaller one at the end of a video.
    """

    def __init__(self, convolution: nn.Conv2d | nn.Conv3d):
        super().__init__()
        self.plain = convolution
        self.settings = (
            _padding(convolution),
            list(convolution.stride),
            list(convolution.dilation),
            convolution.groups,
        )
        self.shape = torch.Size((0,))  # of the input that the layout is for
        self.packed: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *) -> (N, C', *), as the plain convolution gives."""
        if len(x) > self.shape[0] or x.shape[1:] != self.shape[1:]:
            weight = self.plain.weight.detach().to_mkldnn()
            reorder = _REORDER[x.ndim]
            assert reorder is not None  # see `prepacking_works`
            self.packed = reorder(weight, *self.settings, list(x.shape))
            self.shape = x.shape
        run = torch.ops.mkldnn._convolution_pointwise
        features: Tensor = run(x, self.packed, self.plain.bias, *self.settings, "none", [], "")
        return features


def _padding(convolution: nn.Conv2d | nn.Conv3d) -> list[int]:
    """The padding on both sides; `same` is even for odd kernels, and refused for others."""
    if convolution.padding == "valid":
        return [0] * len(convolution.kernel_size)
    if convolution.padding == "same":
        spans = zip(convolution.kernel_size, convolution.dilation, strict=True)
        return [(size - 1) * dilation // 2 for size, dilation in spans]
    return list(convolution.padding)  # type: ignore[arg-type]


@functools.cache
def tune_malloc() -> None:
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
