"""C3D: strict loading of the three public layouts, and the network against a plain version."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from aqa.extract.backbones import backbone_names, get_architecture, load_backbone
from aqa.extract.backbones.c3d import C3D, LAYERS, PROFILES, _mmaction2_key
from aqa.extract.checkpoints.recognition import recognise
from aqa.extract.checkpoints.records import WeightsError

FILES = {
    "davidea": "c3d-sports1m-davidea.json",
    "mmaction2": "c3d-sports1m-mmaction2.json",
    "mtl-aqa": "c3d-conv-only-mtlaqa.json",
}
RENAMED = {"conv1a.conv.": "conv1.", "conv2a.conv.": "conv2."}


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """The network's own names, with small values so that all layers keep a signal."""
    generator = torch.Generator().manual_seed(1)
    expected = get_architecture("c3d").expected("fc7")
    return {
        key: torch.randn(shape, generator=generator) * 0.7 / max(shape[1:].numel(), 30) ** 0.5
        for key, shape in expected.items()
    }


def own_name(key: str) -> str:
    for old, new in RENAMED.items():
        key = key.replace(old, new)
    return key.replace(".conv.", ".")


@pytest.fixture(scope="module")
def checkpoints(
    state: dict[str, Tensor], shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """One set of weights in each of the published layouts."""
    folder = tmp_path_factory.mktemp("checkpoints")
    paths = {}
    for name, file in FILES.items():
        keys = json.loads((shared / "checkpoint_layouts" / file).read_text())["keys"]
        checkpoint = {
            key: state[own_name(key)] if own_name(key) in state else torch.zeros(shape)
            for key, shape in keys.items()
        }
        paths[name] = folder / f"{name}.pth"
        torch.save(checkpoint, paths[name])
    return paths


@pytest.fixture(scope="module")
def clip() -> Tensor:
    return torch.rand(1, 3, 16, 112, 112, generator=torch.Generator().manual_seed(2))


def plain_c3d(state: dict[str, Tensor], x: Tensor) -> dict[str, Tensor]:
    """The network of Tran et al., written out, channels-first and out of place."""

    def conv(name: str, x: Tensor) -> Tensor:
        return F.relu(F.conv3d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1))

    layers = {}
    x = F.max_pool3d(conv("conv1", x), (1, 2, 2), (1, 2, 2))
    x = F.max_pool3d(conv("conv2", x), 2, 2)
    x = F.max_pool3d(conv("conv3b", conv("conv3a", x)), 2, 2)
    x = F.max_pool3d(conv("conv4b", conv("conv4a", x)), 2, 2)
    layers["conv5b"] = x = conv("conv5b", conv("conv5a", x))
    x = F.max_pool3d(x, 2, 2, padding=(0, 1, 1))
    layers["pool5"] = x = x.reshape(len(x), 8192)
    for name in ("fc6", "fc7"):
        layers[name] = x = F.relu(F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"]))
    return layers


@torch.inference_mode()
def test_the_three_layouts_give_the_features_of_the_plain_network(
    checkpoints: dict[str, Path], state: dict[str, Tensor], clip: Tensor
) -> None:
    expected = plain_c3d(state, clip)
    for layout, layer in (
        ("davidea", "conv5b"),
        ("davidea", "fc7"),
        ("mmaction2", "fc6"),
        ("mmaction2", "pool5"),
        ("mtl-aqa", "pool5"),
    ):
        backbone = load_backbone("c3d", checkpoints[layout], layer)
        assert not backbone.training
        assert backbone.weights.layout == layout
        features = backbone(clip)
        assert features.shape == (1, *LAYERS[layer])
        assert features.std() > 1e-4
        torch.testing.assert_close(features, expected[layer], rtol=1e-4, atol=1e-5)


def test_preprocessing_goes_with_the_weights(checkpoints: dict[str, Path]) -> None:
    for layout, path in checkpoints.items():
        backbone = load_backbone("c3d", path, "pool5")
        assert backbone.preprocess == PROFILES[layout]
        assert len(backbone.weights.sha256) == 64
    chosen = load_backbone("c3d", checkpoints["davidea"], "pool5", preprocess="mtl-aqa")
    assert chosen.preprocess.scale == 1 / 255


def test_parameter_count(shared: Path) -> None:
    layout = shared / "checkpoint_layouts" / FILES["mmaction2"]
    published = json.loads(layout.read_text())["keys"].values()
    expected = get_architecture("c3d").expected("fc7").values()
    assert sum(s.numel() for s in expected) == sum(torch.Size(s).numel() for s in published)


def test_a_convolution_only_checkpoint_says_where_it_ends(checkpoints: dict[str, Path]) -> None:
    with pytest.raises(WeightsError, match=r"ends at pool5; ask for it with --layer pool5"):
        load_backbone("c3d", checkpoints["mtl-aqa"])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda s: s.pop("conv4a.bias"), r"missing: conv4a\.bias"),
        (lambda s: s.update(extra=torch.ones(1)), "unexpected: extra"),
        (
            lambda s: s.update({"conv1.weight": torch.ones(64, 3, 3, 3)}),
            r"misshapen: conv1\.weight \(64, 3, 3, 3\) instead of \(64, 3, 3, 3, 3\)",
        ),
        (lambda s: s.update(conv9=s.pop("conv1.bias")), r"missing: conv1\.bias; unexpected: conv9"),
    ],
)
def test_a_near_miss_is_refused(
    state: dict[str, Tensor], change: Callable[[dict[str, Tensor]], object], expected: str
) -> None:
    broken = dict(state)
    change(broken)
    with pytest.raises(WeightsError, match=r"w\.pth: not a checkpoint of c3d.*" + expected):
        recognise(get_architecture("c3d"), broken, Path("w.pth"))


def test_classifiers_of_any_size_are_ignored(state: dict[str, Tensor]) -> None:
    with_classifier = state | {"fc8.weight": torch.ones(7, 4096)}
    layout = recognise(get_architecture("c3d"), with_classifier, Path("w.pth"))
    assert layout.name == "davidea"


def test_random_weights_are_seeded_recorded_and_keep_a_signal(clip: Tensor) -> None:
    first, again, other = (load_backbone("c3d", "random", "pool5", seed=s) for s in (0, 0, 1))
    assert first.weights == again.weights
    assert first.weights.sha256 != other.weights.sha256
    assert (first.weights.name, first.weights.seed) == ("random", 0)
    with torch.inference_mode():
        assert 1e-2 < first(clip).std() < 1e2


def test_default_weights_that_are_not_here_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AQA_CACHE", str(tmp_path))
    with pytest.raises(WeightsError) as caught:
        load_backbone("c3d")
    record = get_architecture("c3d").checkpoints[0]
    for part in (record.file, record.url, str(tmp_path / record.file), "AQA_OFFLINE", "Apache-2.0"):
        assert part in str(caught.value)


def test_unknown_names() -> None:
    with pytest.raises(KeyError, match=r"unknown backbone 'c3'; did you mean 'c3d'"):
        load_backbone("c3", "random")
    with pytest.raises(KeyError, match=r"unknown layer of c3d 'fc8'.*fc6"):
        load_backbone("c3d", "random", "fc8")
    assert "c3d" in backbone_names()


def test_the_names_in_mmaction2_files() -> None:
    names = {"conv1.weight", "conv2.bias", "conv3a.weight", "conv5b.bias", "fc6.weight", "fc7.bias"}
    assert {_mmaction2_key(name) for name in names} == {
        "conv1a.conv.weight",
        "conv2a.conv.bias",
        "conv3a.conv.weight",
        "conv5b.conv.bias",
        "fc6.weight",
        "fc7.bias",
    }


def test_maps_have_the_sizes_of_tran2015() -> None:
    """Convolutions keep them; every pooling halves them, the first one not in time."""
    sizes = {}
    with torch.device("meta"):
        net, clips = C3D("conv5b"), torch.empty(1, 3, 16, 112, 112)
    for name, module in net.named_children():
        module.register_forward_hook(
            lambda _, inputs, output, name=name: sizes.update({name: tuple(output.shape[1:])})
        )
    net(clips)
    assert sizes == {
        "conv1": (64, 16, 112, 112),
        "conv2": (128, 16, 56, 56),
        "conv3a": (256, 8, 28, 28),
        "conv3b": (256, 8, 28, 28),
        "conv4a": (512, 4, 14, 14),
        "conv4b": (512, 4, 14, 14),
        "conv5a": (512, 2, 7, 7),
        "conv5b": (512, 2, 7, 7),
    }
