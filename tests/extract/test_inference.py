from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from aqa.errors import AqaWarning
from aqa.extract import inference
from aqa.extract.backbones import backbone_names, get_architecture
from aqa.extract.inference import PRECISIONS, Precision, PrepackedConvolution, optimise

TRANSFORMERS = ("videomae", "timesformer", "vjepa2", "video-swin", "dinov2", "clip")
CPU = torch.device("cpu")


def has_batch_norms(name: str) -> bool:
    """Whether a network, which is not c3d, is of convolutions and no transformer."""
    return name != "c3d" and not name.startswith(TRANSFORMERS)


@pytest.mark.parametrize("name", [*filter(has_batch_norms, backbone_names())])
def test_fusing_changes_no_feature(name: str) -> None:
    torch.manual_seed(0)
    architecture = get_architecture(name)
    net = architecture.build(architecture.default_layer).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    fast = optimise(net, CPU, "float32")
    assert not any(isinstance(m, nn.BatchNorm2d | nn.BatchNorm3d) for m in fast.modules())
    x = torch.rand(1, 3, 16, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(fast(x), net(x), rtol=1e-3, atol=1e-4)
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("kernel", [(3, 3, 3), (1, 3, 3), (3, 1, 1), (1, 1, 1), (3, 3)])
def test_prepacked_convolutions_give_what_plain_ones_give(
    kernel: tuple[int, ...], precision: Precision
) -> None:
    torch.manual_seed(0)
    build = nn.Conv3d if len(kernel) == 3 else nn.Conv2d
    padding = tuple(size // 2 for size in kernel)
    plain = nn.Sequential(
        build(8, 12, kernel, stride=2, padding=padding), build(12, 6, kernel, groups=2, bias=False)
    ).eval()
    fast = optimise(plain, CPU, precision)
    assert [type(module) for module in fast] == [PrepackedConvolution, PrepackedConvolution]
    plain = plain.to(PRECISIONS[precision])
    for n, size in ((1, 13), (2, 13), (1, 13), (1, 15), (2, 13)):  # a tail keeps its batch's layout
        x = torch.randn(n, 8, *[size] * len(kernel)).to(PRECISIONS[precision])
        with torch.inference_mode():
            torch.testing.assert_close(fast(x), plain(x))


def test_a_processor_without_bfloat16_of_its_own_still_computes_in_it() -> None:
    program = (
        "import torch; from aqa.extract.backbones import load_backbone as load\n"
        "from aqa.extract.inference import optimise; net = load('tiny3d').net\n"
        "net = optimise(net, torch.device('cpu'), 'bfloat16')\n"
        "x = torch.zeros(1, 3, 16, 64, 64, dtype=torch.bfloat16)\n"
        "with torch.inference_mode(): print(net(x).shape)"
    )
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    run = [sys.executable, "-c", program]
    ran = subprocess.run(run, env=environment, capture_output=True, text=True)
    assert ran.stdout.strip() == "torch.Size([1, 128])", ran.stderr


@pytest.mark.parametrize("padding", ["valid", "same", 1])
def test_paddings_that_are_named(padding: str | int) -> None:
    torch.manual_seed(0)
    plain = nn.Conv3d(3, 4, 3, padding=padding)
    x = torch.randn(1, 3, 6, 7, 8)
    with torch.inference_mode():
        torch.testing.assert_close(PrepackedConvolution(plain)(x), plain(x))


@pytest.mark.parametrize("broken", ["gone", "other arguments", "other values"])
def test_a_pytorch_with_other_private_functions_is_as_exact(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_arguments(weight: Tensor) -> Tensor:
        return weight

    def other_values(weight: Tensor, *settings: object) -> Tensor:
        return (2 * weight.to_dense()).to_mkldnn()

    functions = {"gone": None, "other arguments": other_arguments, "other values": other_values}
    monkeypatch.setattr(inference, "_REORDER", dict.fromkeys((4, 5), functions[broken]))
    inference.prepacking_works.cache_clear()
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv3d(3, 4, 3), nn.ReLU()).eval()
    try:
        with pytest.warns(AqaWarning, match="has other private functions"):
            fast = optimise(plain, CPU, "float32")
        assert type(optimise(plain, CPU, "float32")[0]) is nn.Conv3d  # warned of once
    finally:
        inference.prepacking_works.cache_clear()
    x = torch.randn(2, 3, 6, 7, 8)
    with torch.inference_mode():
        torch.testing.assert_close(fast(x), plain(x))


def test_trying_the_private_functions_draws_no_shared_random_number() -> None:
    inference.prepacking_works.cache_clear()
    before = torch.get_rng_state()
    assert inference.prepacking_works("float32")
    assert torch.equal(torch.get_rng_state(), before)


def test_what_one_dnn_does_not_compute_in_is_not_prepacked() -> None:
    net = nn.Sequential(nn.Conv3d(3, 4, 3))
    half, full = optimise(net, CPU, "float16"), optimise(net, CPU, "float32")
    assert [type(one) for one in half] == [nn.Conv3d]
    assert half[0].weight.dtype == torch.float16
    assert [type(one) for one in full] == [PrepackedConvolution]
