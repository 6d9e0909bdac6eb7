"""What runs a network: PyTorch or OpenVINO, which must be installed for most of this."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from torch import Tensor, nn

from aqa.annotations.manifest import Video, write_manifest
from aqa.cli import main
from aqa.errors import AqaError, AqaWarning
from aqa.extract import plan
from aqa.extract import run as extraction
from aqa.extract.backbones import load_backbone
from aqa.extract.backbones.backbone import Backbone
from aqa.extract.encode import Encoder, blank_response
from aqa.extract.engines import choice, names, trial
from aqa.extract.engines.names import engine_for_new_videos, engine_of, openvino_version
from aqa.extract.engines.openvino_net import OpenVinoNet, relative_distance
from aqa.extract.engines.trial import TimedRun, compare, first_clips
from aqa.extract.progress import ExtractionProgress
from aqa.extract.rebuild import rebuild_backbone
from aqa.extract.summary import ExtractionSummary
from aqa.extract.video.clip_reader import AugmentedClip
from aqa.extract.video_encoder import EncodingSettings
from aqa.features.clips import Clip, ClipRule
from aqa.features.store import FeatureStore
from aqa.workflows.new_videos import extractor_for

needs_openvino = pytest.mark.skipif(
    openvino_version() is None, reason="OpenVINO (extra openvino) is not installed"
)


@pytest.fixture(scope="module")
def tiny3d() -> Backbone:
    return load_backbone("tiny3d")


def clips_of_noise(backbone: Backbone, n: int, size: int = 64) -> NDArray[np.uint8]:
    shape = (n, backbone.clip_length, size, size, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@needs_openvino
@pytest.mark.parametrize("name", ["tiny3d", "r3d-18", "dinov2-s"])
def test_openvino_gives_the_features_of_pytorch(name: str) -> None:
    backbone = load_backbone(name, None if name == "tiny3d" else "random")
    clips = clips_of_noise(backbone, 3, 56)
    if name == "dinov2-s":
        clips = clips[:, :1]
    expected = Encoder(backbone, "cpu")(clips).numpy()
    for batch_size in (None, 2) if name == "tiny3d" else (2,):  # 2: the last batch is filled up
        encoder = Encoder(backbone, "auto", batch_size, engine="openvino")
        features = encoder(clips).numpy()
        assert (features.dtype, features.shape) == (np.float32, expected.shape)
        assert relative_distance(features, expected) < 1e-5
        assert (encoder.drift or 1.0) < 1e-5
    assert (encoder.device.type, encoder.batch_size) == ("cpu", 2)


@needs_openvino
def test_float32_is_forced_where_openvino_would_round(tiny3d: Backbone) -> None:
    """On processors with fast bfloat16 it takes that, if it is not told otherwise."""
    clips = clips_of_noise(tiny3d, 1)
    exact = Encoder(tiny3d, "cpu", engine="openvino")(clips).numpy()
    try:
        rounded = Encoder(tiny3d, "cpu", None, "bfloat16", "openvino")(clips).numpy()
    except AqaError as error:
        pytest.skip(str(error))
    assert 1e-4 < relative_distance(rounded, exact) < 0.1


@needs_openvino
def test_clips_of_another_length_are_converted_anew(tiny3d: Backbone) -> None:
    encoder = Encoder(tiny3d, "cpu", engine="openvino")
    clips = clips_of_noise(tiny3d, 1)
    for length in (16, 8, 16):
        part = clips[:, :length]
        expected = Encoder(tiny3d, "cpu")(part).numpy()
        assert relative_distance(encoder(part).numpy(), expected) < 1e-5


@needs_openvino
def test_what_openvino_cannot_do_is_refused(tiny3d: Backbone) -> None:
    with pytest.raises(AqaError, match="--device cuda: OpenVINO runs on the CPU; give --device"):
        Encoder(tiny3d, "cuda", engine="openvino")
    with pytest.raises(AqaError, match="float16: OpenVINO computes in float32 or bfloat16"):
        Encoder(tiny3d, "cpu", precision="float16", engine="openvino")

    class Sorted(nn.Module):
        """Looks at values while it is traced: the graph is of one input alone."""

        def forward(self, x: Tensor) -> Tensor:
            order = x.mean((0, 2, 3, 4)).tolist()
            return torch.full((len(x), 4), float(np.argmax(order))) + Tensor([next(numbers)])

    numbers = iter(range(1, 100))
    net = OpenVinoNet(Sorted(), "sorted", 1, "float32")
    with pytest.raises(AqaError, match=r"sorted: .*OpenVINO .* use --engine torch"):
        net(torch.zeros(1, 3, 4, 8, 8))


@needs_openvino
def test_nobody_is_told_that_openvino_is_used(tmp_path: Path) -> None:
    """Its packages would report it to a server, and note an id in the home folder."""
    program = (
        "import sys, torch; from aqa.extract.backbones import load_backbone as load\n"
        "from aqa.extract.engines.openvino_net import OpenVinoNet\n"
        "OpenVinoNet(load('tiny3d').net, 'tiny3d', 1, 'float32')(torch.zeros(1, 3, 8, 16, 16))\n"
        "loaded = [name for name, module in sys.modules.items() if module is not None]\n"
        "print([name for name in loaded if name.startswith('openvino_telemetry')])"
    )
    run = [sys.executable, "-c", program]
    ran = subprocess.run(
        run, env=os.environ | {"HOME": str(tmp_path)}, capture_output=True, text=True
    )
    assert ran.stdout.strip() == "[]", ran.stderr
    assert not (tmp_path / "intel").exists()


def test_an_engine_that_is_not_installed_names_its_remedy(
    tiny3d: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "openvino_version", lambda: None)
    with pytest.raises(AqaError, match=r"install it with pip install .aqa-toolkit\[openvino\]"):
        Encoder(tiny3d, "cpu", engine="openvino")
    spec: dict[str, Any] = {"backbone": "tiny3d", "precision": "float32"}
    assert engine_for_new_videos(spec) == "torch"
    spec["engine"] = {"name": "openvino", "drift": 4e-7}
    with pytest.warns(AqaWarning, match="PyTorch stands in; its features differ by 4e-07"):
        assert engine_for_new_videos(spec) == "torch"
    for change in ({"precision": "bfloat16"}, {"engine": {"name": "openvino", "drift": 2e-5}}):
        with pytest.raises(AqaError, match="install OpenVINO with pip"):
            engine_for_new_videos(spec | change)
    with pytest.raises(AqaError, match="tells of the engine 'other', not torch, openvino"):
        engine_of(spec | {"engine": {"name": "other", "drift": 0}})


Extraction = Callable[..., Result]


@pytest.fixture
def extracted(tmp_path: Path, numbered_video: Callable[..., Path]) -> Extraction:
    """Runs `aqa extract` on the first `n` of two videos into a store."""
    rows = [
        {"video_id": f"v{i}", "path": numbered_video(20, f"v{i}.avi").name, "score": 1}
        for i in range(2)
    ]
    write_manifest(tmp_path / "manifest.csv", rows)

    def invoke(store: str, *arguments: str, n: int = 2, code: int = 0) -> Result:
        write_manifest(tmp_path / "manifest.csv", rows[:n])
        whole = ["-C", str(tmp_path), "extract", "--backbone", "tiny3d", "--device", "cpu"]
        options = ["--store", str(tmp_path / store), *arguments]
        result = CliRunner().invoke(main, [*whole, *options], prog_name="aqa")
        assert result.exit_code == code, result.output
        return result

    return invoke


def spec_of(store: Path) -> dict[str, Any]:
    with FeatureStore.open(store) as opened:
        return dict(opened.spec)


@needs_openvino
def test_a_store_tells_its_engine_and_new_videos_get_the_same(
    extracted: Extraction, tmp_path: Path
) -> None:
    store = tmp_path / "a.h5"
    extracted("a.h5", "--engine", "openvino")
    spec = spec_of(store)
    assert spec["engine"]["name"] == "openvino"
    assert spec["engine"]["drift"] < 1e-5
    with FeatureStore.open(store) as opened:
        assert opened.provenance["openvino"] == openvino_version()
        stored = opened["v0"]
    assert rebuild_backbone(spec).name == "tiny3d"
    extractor = extractor_for(spec, device="auto")
    again = extractor.extract(Video("new", tmp_path / "v0.avi", 1.0)).features.features
    np.testing.assert_array_equal(again, stored)


@needs_openvino
def test_a_new_video_on_a_gpu_is_refused_with_a_remedy_that_there_is(
    extracted: Extraction, tmp_path: Path
) -> None:
    extracted("a.h5", "--engine", "openvino", n=1)
    with pytest.raises(AqaError, match=r"--device cuda: .* by OpenVINO, .* leave out --device; or"):
        extractor_for(spec_of(tmp_path / "a.h5"), device="cuda")


@needs_openvino
def test_a_plan_compares_the_engine_of_the_store(
    extracted: Extraction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "_TIMING", 0.01)
    extracted("a.h5", "--engine", "openvino", n=1)
    said = extracted("a.h5", "--plan", "--engine", "auto").stdout
    assert "network, openvino float32" in said
    assert "network, float32" not in said  # only what the store keeps to is timed
    assert "--engine openvino" in said
    mixed = extracted("a.h5", "--plan", "--batch-size", "1")
    assert "its features are by openvino, new ones are by torch: they differ by" in mixed.stderr
    assert "take              --batch-size 1 --precision float32" in mixed.stdout
    monkeypatch.setattr(choice, "compare", lambda ways, clips: _tried(ways, [1.0, 1.001]))
    said = extracted("a.h5", "--plan", code=1).stderr
    assert "engine is openvino, not torch" in said
    assert "Ask for --engine openvino" in said


@needs_openvino
def test_openvino_takes_the_cpu_where_there_is_a_gpu(
    extracted: Extraction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "pick_devices", lambda device: ("cuda:0",))
    extracted("a.h5", "--engine", "openvino", "--device", "auto", n=1)
    extracted("a.h5", "--engine", "auto", "--device", "auto")
    with FeatureStore.open(tmp_path / "a.h5") as opened:
        assert len(opened) == 2
        assert opened.provenance["device"] == "cpu"
    said = extracted("a.h5", "--engine", "openvino", "--device", "cuda", code=1).stderr
    assert "cuda:0: OpenVINO runs on the CPU; give --device cpu" in said


@needs_openvino
def test_processes_give_the_same_bytes_by_openvino(extracted: Extraction, tmp_path: Path) -> None:
    extracted("one.h5", "--engine", "openvino")
    extracted("two.h5", "--engine", "openvino", "--processes", "2")
    with (
        FeatureStore.open(tmp_path / "one.h5") as one,
        FeatureStore.open(tmp_path / "two.h5") as two,
    ):
        assert one.spec == two.spec
        for video in one.ids:
            np.testing.assert_array_equal(one[video], two[video])


@needs_openvino
def test_engines_mix_in_a_store_if_their_features_are_the_same(
    extracted: Extraction, tmp_path: Path
) -> None:
    extracted("a.h5", n=1)
    assert "engine" not in spec_of(tmp_path / "a.h5")
    said = extracted("a.h5", "--engine", "openvino").stderr
    assert "a.h5: its features are by torch, new ones are by openvino: they differ by" in said
    assert "engine" not in spec_of(tmp_path / "a.h5")
    assert "0 videos extracted" in extracted("a.h5", "--engine", "openvino").stdout


@needs_openvino
def test_engines_do_not_mix_where_their_features_differ(
    extracted: Extraction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extracted("a.h5", n=1)
    before = (tmp_path / "a.h5").read_bytes()
    monkeypatch.setattr(choice, "compare", lambda ways, clips: _tried(ways, [1.0, 1.001]))
    said = extracted("a.h5", "--engine", "openvino", code=1).stderr
    assert "engine is torch, not openvino" in said
    assert "differ by 0.001, more than 1e-05. Ask for --engine torch" in said
    assert (tmp_path / "a.h5").read_bytes() == before


def _tried(ways: Any, features: list[float]) -> dict[Any, TimedRun]:
    """What `compare` finds, for features of one number."""
    found = zip(ways, features, strict=True)
    return {name: TimedRun(1.0, np.full((1, 1), value)) for name, value in found}


@needs_openvino
@pytest.mark.parametrize("slow", ["torch", "openvino"])
def test_auto_takes_the_faster_engine_and_keeps_to_it(
    slow: str, extracted: Extraction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(ways: Any, clips: Any) -> dict[Any, TimedRun]:
        return {
            name: TimedRun(2.0 if name == slow else 1.0, np.ones((1, 1), np.float32))
            for name in ways
        }

    monkeypatch.setattr(choice, "compare", measured)
    fast = "openvino" if slow == "torch" else "torch"
    said = extracted("a.h5", "--engine", "auto", n=1).stderr
    assert f"engine: {fast}; torch takes {2 if slow == 'torch' else 1} seconds per clip" in said
    assert engine_of(spec_of(tmp_path / "a.h5")) == fast
    monkeypatch.setattr(choice, "compare", None)  # the store's is taken, unmeasured
    extracted("a.h5", "--engine", "auto")
    assert engine_of(spec_of(tmp_path / "a.h5")) == fast


def test_auto_says_where_there_is_nothing_to_choose(
    extracted: Extraction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "openvino_version", lambda: None)
    assert (
        "engine: torch; OpenVINO is not installed" in extracted("a.h5", "--engine", "auto").stderr
    )
    said = extracted("b.h5", "--engine", "auto", "--on", "ray", code=1).stderr
    assert "--engine auto measures this machine, not those of --on ray" in said


def test_auto_takes_pytorch_where_openvino_cannot_run_the_network(
    extracted: Extraction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(ways: Any, clips: Any) -> None:
        raise AqaError("tiny3d: OpenVINO cannot run this network")

    monkeypatch.setattr(choice, "openvino_version", lambda: "2026.4.1")
    monkeypatch.setattr(choice, "compare", refuse)
    said = extracted("a.h5", "--engine", "auto", n=1).stderr
    assert "engine: torch; tiny3d: OpenVINO cannot run this network" in said
    assert "engine" not in spec_of(tmp_path / "a.h5")


def test_clips_that_the_network_cannot_take_are_refused_in_plain_words_by_a_trial(
    numbered_video: Callable[..., Path], tmp_path: Path
) -> None:
    backbone = load_backbone("tiny3d")
    height, width = backbone.preprocess.crop
    backbone.net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * height * width, 128))
    settings = EncodingSettings(ClipRule(8, 8), precision="bfloat16")
    video = Video("v", numbered_video(20, "v.avi"), 1.0)
    chosen = choice.EngineChoice(*("torch", settings, backbone, tmp_path / "a.h5", [video], "cpu"))
    with pytest.raises(AqaError, match="tiny3d cannot take clips of 8 frames, it is made for 16"):
        chosen.check_precision("torch", ExtractionSummary(), ExtractionProgress())


def test_frames_of_a_size_that_the_network_cannot_take_are_refused_as_such() -> None:
    """As where a hub's `preprocessor_config.json` is of another network."""
    backbone = load_backbone("tiny3d")
    backbone.net = nn.Sequential(nn.Flatten(), nn.Linear(7, 128))
    told = "tiny3d cannot take 16 frames of 64 x 64, as its preprocessing gives them"
    with pytest.raises(AqaError, match=told):
        blank_response(Encoder(backbone, "cpu"), backbone, 16)


def test_a_precision_that_is_no_faster_is_warned_of_before_it_starts(
    extracted: Extraction, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = {"float32": 0.25, "bfloat16": 0.5}

    def measured(ways: Any, clips: Any) -> dict[Any, TimedRun]:
        assert list(ways) == ["float32", "bfloat16"]
        assert len(clips) == 2
        return {name: TimedRun(times[name], np.ones((1, 1), np.float32)) for name in ways}

    monkeypatch.setattr(choice, "compare", measured)
    slow = "warning: --precision bfloat16 is no faster than float32 on this processor, and less "
    told = "exact: 0.5 seconds per clip, float32 0.25; leave out --precision"
    said = extracted("a.h5", "--precision", "bfloat16", "--quiet", n=1).stderr
    assert slow + told in said.partition("bound by")[0]
    times["bfloat16"] = 0.2
    assert "warning" not in extracted("a.h5", "--precision", "bfloat16").stderr
    monkeypatch.setattr(choice, "compare", None)  # nothing is measured where nothing is to do
    extracted("a.h5", "--precision", "bfloat16")
    extracted("b.h5", "--precision", "float32")
    monkeypatch.setattr(choice, "processor_has", lambda precision: False)  # it takes too long
    told = "float16 is no faster than float32 on this processor, and less exact: it takes"
    assert told in extracted("c.h5", "--precision", "float16", n=1).stderr
    assert told not in extracted("c.h5", "--precision", "float16", n=1).stderr


def test_a_trial_decodes_no_more_of_a_video_than_it_shows(
    tiny3d: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> Iterator[list[AugmentedClip]]:
        black = np.zeros((16, 8, 8, 3), np.uint8)
        yield [AugmentedClip(0, Clip(0, 16), None), AugmentedClip(0, Clip(16, 32), black)]
        yield [AugmentedClip(0, Clip(32, 48), black)]
        pytest.fail("went on")

    monkeypatch.setattr(trial, "ClipReader", read)
    settings = EncodingSettings(ClipRule(16, 16))
    clips = first_clips([Video("v", Path("v.avi"), 1.0)], tiny3d, settings)
    assert clips is not None
    assert clips.shape == (2, 16, 8, 8, 3)


def test_ways_are_timed_in_turn_on_the_first_clips_that_can_be_read(
    tiny3d: Backbone, numbered_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_SECONDS", 0.0)
    videos = [Video("gone", Path("gone.avi"), 1.0), Video("v", numbered_video(40, "v.avi"), 1.0)]
    settings = EncodingSettings(ClipRule(16, 16))
    clips = first_clips(videos, tiny3d, settings)
    assert clips is not None
    assert clips.shape[:2] == (2, 16)
    assert first_clips(videos[:1], tiny3d, settings) is None
    calls: list[str] = []

    class Timed(Encoder):
        def __call__(self, frames: Any) -> Tensor:
            calls.append(self.precision)
            return super().__call__(frames)

    ways = {
        name: (lambda name=name: Timed(tiny3d, "cpu", 2, name)) for name in ("float32", "bfloat16")
    }
    timed = compare(ways, clips)
    assert calls == ["float32", "bfloat16"] * 3  # to warm up, and two rounds
    assert all(one.seconds > 0 for one in timed.values())
    assert 0 < relative_distance(timed["bfloat16"].features, timed["float32"].features) < 0.1
