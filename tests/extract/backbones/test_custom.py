"""The door: a backbone of someone else, by file or installed, through extraction and back."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from aqa.annotations.manifest import Video
from aqa.errors import AqaError, UnknownNameError, WrongUsageError
from aqa.extract.backbones import BackboneSpec, custom, load_backbone
from aqa.extract.backbones.backbone import ClipNet
from aqa.extract.backbones.custom import of_object
from aqa.extract.backbones.load import save_tuned
from aqa.extract.checkpoints.records import WeightsError
from aqa.extract.encode import Encoder
from aqa.extract.inference import PrepackedConvolution, agree, optimise
from aqa.extract.preprocess import Preprocess
from aqa.extract.rebuild import rebuild_backbone
from aqa.extract.run import extract
from aqa.features.store import FeatureStore, StoreError
from aqa.plugins import PluginError

SOURCE = """
from torch import nn
from aqa.extract.backbones import BackboneSpec
from aqa.extract.preprocess import Preprocess

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 6, 3)

    def forward(self, x):
        return self.conv(x).relu().mean((2, 3, 4))

def make():
    preprocess = Preprocess(resize=(24, 32), crop=(24, 24), scale=1 / 255)
    return BackboneSpec(net=Net(), preprocess=preprocess, clip_length=8, shape=6)

def trained():
    import torch
    spec = make()
    nn.init.constant_(spec.net.conv.weight, 0.1)
    return BackboneSpec(spec.net, spec.preprocess, 8, 6, has_weights=True)

def reads(weights):
    import torch
    spec = trained()
    if weights is not None:
        spec.net.conv.weight.data.fill_(torch.load(weights, weights_only=True)["fill"])
    return spec

def broken():
    return Net()
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.py"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def videos(numbered_video: Callable[..., Path]) -> list[Video]:
    return [Video(f"v{n}", numbered_video(n, f"v{n}.avi"), 1.0) for n in (20, 8)]


def test_a_file_is_a_backbone_with_its_name_and_origin(net: Path) -> None:
    backbone = load_backbone(str(net), "random")
    assert (backbone.name, backbone.layer, backbone.shape) == ("net", "output", (6,))
    assert (backbone.clip_length, backbone.preprocess.crop) == (8, (24, 24))
    assert not backbone.training
    assert backbone.origin is not None
    assert backbone.origin.name == f"{net}:make"
    same, other = (load_backbone(f"{net}:make", "random", seed=seed) for seed in (0, 1))
    assert same.weights == backbone.weights
    assert same.weights.sha256 != other.weights.sha256
    assert load_backbone(f"{net}:trained").name == "net-trained"


def test_weights_are_read_as_data_and_strictly_unless_the_function_reads_them(
    net: Path, tmp_path: Path
) -> None:
    state = load_backbone(str(net), "random").net.state_dict()
    torch.save({"module." + key: value + 1 for key, value in state.items()}, tmp_path / "w.pth")
    loaded = load_backbone(str(net), tmp_path / "w.pth")
    torch.testing.assert_close(loaded.net.conv.weight, state["conv.weight"] + 1)
    assert loaded.weights.name == "w.pth"
    torch.save({"conv.weight": state["conv.weight"]}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"w\.pth: not weights of .*net.py: missing: conv.bias"):
        load_backbone(str(net), tmp_path / "w.pth")
    torch.save({"fill": 0.5}, tmp_path / "w.pth")
    assert load_backbone(f"{net}:reads", tmp_path / "w.pth").net.conv.weight.eq(0.5).all()
    assert load_backbone(f"{net}:reads").net.conv.weight.eq(0.1).all()


def test_a_function_that_fails_is_told_of_in_one_line() -> None:
    def bad() -> None:
        raise ZeroDivisionError("no layers")

    with pytest.raises(PluginError, match=r"bad fails: ZeroDivisionError: no layers$"):
        of_object(bad).make(None, 0)


def test_an_object_without_a_name_is_custom() -> None:
    assert of_object(object()).name == "custom"


def test_what_is_refused(net: Path, tmp_path: Path) -> None:
    (tmp_path / "c3d.py").write_text(SOURCE)
    for name, arguments, error, told in (
        (str(net), {}, WrongUsageError, "brings no weights: give a checkpoint file with --weights"),
        (str(net), {"weights": "none.pth"}, WeightsError, "none.pth: no such weights file"),
        (f"{net}:trained", {"layer": "fc6"}, UnknownNameError, "unknown layer of net-trained"),
        (f"{net}:trained", {"preprocess": "caffe"}, AqaError, "states its one preprocessing"),
        (f"{net}:broken", {}, PluginError, "gives a Net, not an aqa.extract.backbones.BackboneS"),
        (f"{net}:mak", {}, PluginError, "has no mak; did you mean 'make'"),
        (str(tmp_path / "c3d.py"), {}, PluginError, "c3d is the name of a backbone of aqa"),
        ("nett", {}, UnknownNameError, "unknown backbone 'nett'"),
    ):
        with pytest.raises(error, match=told):
            load_backbone(name, **arguments)


def test_a_store_of_it_resumes_by_the_same_source_alone(
    net: Path, tmp_path: Path, videos: list[Video]
) -> None:
    store = tmp_path / "net.h5"
    extract(videos[:1], load_backbone(f"{net}:trained"), store)
    moved = tmp_path / "elsewhere" / "net.py"
    moved.parent.mkdir()
    moved.write_text(SOURCE)
    summary = extract(videos, load_backbone(f"{moved}:trained"), store)
    assert (summary.reused, summary.done) == (["v20"], ["v8"])
    moved.write_text(SOURCE + "\n# changed\n")
    with pytest.raises(StoreError, match=r'origin\.sha256 is "[0-9a-f]{64}", not "[0-9a-f]{64}"'):
        extract(videos, load_backbone(f"{moved}:trained"), store)


def test_a_store_never_makes_us_run_the_file(
    net: Path, tmp_path: Path, videos: list[Video], monkeypatch: pytest.MonkeyPatch
) -> None:
    extract(videos, load_backbone(str(net), "random", seed=3), tmp_path / "net.h5")
    with FeatureStore.open(tmp_path / "net.h5") as store:
        spec = store.spec
    again = rebuild_backbone(spec, backbone=str(net))
    assert again.weights.sha256 == spec["weights"]["sha256"]
    monkeypatch.setattr(custom, "load_file", lambda *_: pytest.fail("the file was run"))
    told = rf"extracted by the file {net}:make; name it again, with --backbone {net}:make"
    with pytest.raises(AqaError, match=told):
        rebuild_backbone(spec)


def test_another_file_than_the_stores_is_refused(
    net: Path, tmp_path: Path, videos: list[Video]
) -> None:
    extract(videos, load_backbone(str(net), "random"), tmp_path / "net.h5")
    with FeatureStore.open(tmp_path / "net.h5") as store:
        spec = store.spec
    net.write_text(SOURCE + "\n# changed\n")
    with pytest.raises(AqaError, match=r"not the network that .*: origin\.sha256 is"):
        rebuild_backbone(spec, backbone=str(net))


def test_an_installed_backbone_goes_by_its_name(
    net: Path, tmp_path: Path, videos: list[Video], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("their-net", "net:trained", custom.GROUP)
    monkeypatch.setattr(custom, "installed", lambda group: {"their-net": point})
    backbone = load_backbone("their-net")
    assert (backbone.name, backbone.source) == ("their-net", "their-net")
    extract(videos, backbone, tmp_path / "s.h5")
    with FeatureStore.open(tmp_path / "s.h5") as store:
        rebuilt = rebuild_backbone(store.spec)
    assert rebuilt.origin == backbone.origin
    with pytest.raises(UnknownNameError, match="did you mean 'their-net'"):
        load_backbone("theirnet")


def test_fine_tuned_weights_of_it_are_loaded_as_they_were_trained(
    net: Path, tmp_path: Path
) -> None:
    backbone = load_backbone(f"{net}:reads")
    trained = ClipNet(backbone)
    trained.net.conv.weight.data.fill_(0.25)
    path = tmp_path / "backbone.safetensors"
    save_tuned(path, backbone, trained.net.state_dict(), ["a"], clip_length=12)
    loaded = load_backbone(backbone.source, path)
    assert loaded.net.conv.weight.eq(0.25).all()
    assert (loaded.clip_length, loaded.weights.fitted_on) == (12, ("a",))
    with pytest.raises(WeightsError, match="fine-tuned weights of net-reads, not of net-trained"):
        load_backbone(f"{net}:trained", path)


class NormFirst(nn.Module):
    """Registers the batch norm after the convolution, and uses it before."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, 3, 3, padding="same")
        self.norm = nn.BatchNorm3d(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.norm(x)).relu().mean((2, 3, 4))


class ByHand(nn.Module):
    """Uses the weights of a convolution without calling it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv3d(x, self.conv.weight).mean((2, 3, 4))


@pytest.mark.parametrize("kind", [NormFirst, ByHand])
def test_a_network_that_speedups_would_change_goes_without_them(
    kind: type[nn.Module], rng: np.random.Generator
) -> None:
    made = kind().eval()
    if isinstance(made, NormFirst):
        made.norm.running_mean.fill_(0.5)
        made.norm.running_var.fill_(0.2)
        assert not agree(
            optimise(made, torch.device("cpu"), "float32"), made, torch.rand(1, 3, 4, 9, 9)
        )
    spec = BackboneSpec(
        made, Preprocess(resize=(9, 9), crop=(9, 9), scale=0.1), 4, 3, has_weights=True
    )
    backbone = custom.load(custom.of_object(spec), None)
    frames = rng.integers(0, 256, size=(2, 4, 9, 9, 3), dtype=np.uint8)
    with torch.no_grad():
        expected = backbone(backbone.preprocess.normalise(torch.from_numpy(frames)))
    encoder = Encoder(backbone, "cpu")
    torch.testing.assert_close(encoder(frames), expected, rtol=1e-3, atol=1e-4)
    packed = [m for m in encoder._net.modules() if isinstance(m, PrepackedConvolution)]
    assert len(packed) == (kind is NormFirst)
