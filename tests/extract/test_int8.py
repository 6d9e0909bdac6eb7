"""int8: a network that is calibrated on the user's videos and lies beside the store."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from click.testing import Result

from aqa.annotations.manifest import Manifest, Video
from aqa.errors import AqaError
from aqa.extract.backbones import load_backbone
from aqa.extract.encode import Encoder
from aqa.extract.engines import calibration, trial
from aqa.extract.engines.calibration import calibrating_videos, quantised
from aqa.extract.engines.int8_file import Int8Error, check_xml, read_int8
from aqa.extract.engines.names import openvino_version
from aqa.extract.parallel.messages import Ready, WorkerJob
from aqa.extract.parallel.ray_worker import RayWorker
from aqa.extract.parallel.recipe import NetworkRecipe
from aqa.extract.parallel.sent_file import SentFile
from aqa.extract.video_encoder import EncodingSettings
from aqa.features.clips import ClipRule
from aqa.features.store import FeatureStore, StoreError
from aqa.features.store.network_file import NetworkFile, network_of
from aqa.features.store.spec import spec_problems

needs_int8 = pytest.mark.skipif(
    openvino_version() is None or find_spec("nncf") is None,
    reason="OpenVINO or nncf (extra openvino) is not installed",
)
FIT = ("-p", "epochs=3", "-p", "device=cpu")
INT8 = ("--backbone", "tiny3d", "--engine", "openvino", "--precision", "int8", "--device", "cpu")


def spec_of(store: Path) -> dict[str, Any]:
    with FeatureStore.open(store) as opened:
        return dict(opened.spec)


def network_in(store: Path) -> NetworkFile:
    network = network_of(spec_of(store), store)
    assert network is not None
    return network


def features_of(store: Path) -> dict[str, Any]:
    with FeatureStore.open(store) as opened:
        return {video: opened[video] for video in opened.ids}


def made_video(number: int, *parts: str) -> Video:
    return Video(f"v{number}", None, 1.0, splits=dict(enumerate(parts)))  # type: ignore[arg-type]


# What it is calibrated on -------------------------------------------------------------------------


def test_training_videos_of_every_split_are_taken_evenly() -> None:
    videos = [made_video(i, "train", "test" if i % 3 == 0 else "train") for i in range(90)]
    chosen = calibrating_videos(videos)
    assert chosen.is_clean
    assert len(chosen.videos) == 60
    assert all("test" not in video.splits.values() for video in chosen.videos)
    numbers = [int(video.id[1:]) for video in chosen.videos[:20]]
    assert numbers == sorted(numbers)
    assert (numbers[0], numbers[-1]) == (1, 89)


def test_where_every_video_is_tested_those_of_fewest_splits_are_taken() -> None:
    videos = [made_video(i, "test", "test" if i % 2 else "train") for i in range(12)]
    chosen = calibrating_videos(videos)
    assert not chosen.is_clean
    assert {int(video.id[1:]) % 2 for video in chosen.videos} == {0}
    assert calibrating_videos([made_video(i) for i in range(3)]).is_clean


def test_of_a_long_video_clips_are_kept_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "_MOST_KEPT", 4)
    for n, places in ((4, [0, 1, 2, 3]), (5, [0, 2, 4]), (20, [0, 8, 16])):
        kept = calibration._thinned(np.full(1, i, np.uint8) for i in range(n))
        assert [int(one[0]) for one in kept] == places


# The file -----------------------------------------------------------------------------------------

LAYER = (
    '<net><layers><layer type="{}" version="{}"><data offset="{}" size="8" element_type="f32" '
    'shape="2"/></layer></layers></net>'
)
CONSTANT = LAYER.format("Const", "opset1", 8)


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (LAYER.format("Const", "extension", 0), "'Const' of 'extension'"),
        (LAYER.format("If", "opset8", 0), "'If' of 'opset8'"),
        (LAYER.format("Const", "opset1", 9), "outside its 16 bytes"),
        (LAYER.format("Const", "opset1", -1), "place or length is '-1'"),
        (LAYER.format("tensoriterator", "opset1", 0), "'tensoriterator' of 'opset1'"),
        # Lengths whose product, in 64 bits, is 0.
        (CONSTANT.replace('"2"', '"4294967296, 4294967296"'), "constant of shape 4294967296, 42"),
        (CONSTANT.replace("f32", "string"), "constant of type 'string'"),
        (CONSTANT.replace("<data", "<mean"), "values outside of operations, in 'mean'"),
        ('<!DOCTYPE net [<!ENTITY a "b">]><net/>', "declares something of its own"),
        ("<html/>", "'html', not of a network"),
        ("<net>", "XML"),
        ("<net/>", "without operations"),
        ("<net>" + "<a>" * 40 + "</a>" * 40 + "</net>", "nested too deeply"),
    ],
)
def test_what_is_no_plain_graph_is_refused(xml: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_xml(xml.encode(), 16)
    check_xml(CONSTANT.encode(), 16)


@pytest.mark.parametrize(
    "name", ["../a.safetensors", "/a.safetensors", "a", "", None, "a/b.safetensors"]
)
def test_a_spec_names_a_network_in_its_own_folder(name: str | None) -> None:
    engine = {"name": "openvino", "drift": 0.02, "sha256": "0" * 64, "file": name}
    spec = {"shape": [4], "dtype": "float32", "weights": {}, "engine": engine}
    assert "engine is" in spec_problems(spec)[0]
    assert spec_problems({**spec, "engine": {**engine, "file": "c3d-int8-0.safetensors"}}) == []


# Extraction ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def short_trials() -> Iterator[None]:
    """Whether int8 is faster than float32 is timed for seconds, and nothing here depends on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial, "_SECONDS", 0.0)
        yield


@pytest.fixture(scope="module")
def int8_dives(drawn_dives: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight drawn dives in int8, with a fitted wd; tests take copies, or add other stores."""
    from click.testing import CliRunner

    from aqa.cli import main

    folder = tmp_path_factory.mktemp("int8") / "dives"
    shutil.copytree(drawn_dives, folder)
    for command in (
        ["extract", *INT8],
        ["fit", "--head", "wd", *FIT],
    ):
        result = CliRunner().invoke(main, ["-C", str(folder), *command])
        assert result.exit_code == 0, result.output
        if command[0] == "extract":
            said = result.stderr
            assert "int8: calibrated on " in said
            assert "features of " in said
            assert "test or validation" not in said
    return folder


@pytest.fixture
def aqa_on(int8_dives: Path, run_aqa: Callable[..., Result]) -> Callable[..., Result]:
    return lambda *arguments, code=0: run_aqa("-C", str(int8_dives), *arguments, code=code)


@needs_int8
def test_a_store_tells_its_network_and_how_far_that_is_off(
    int8_dives: Path, aqa_on: Callable[..., Result]
) -> None:
    store = int8_dives / "stores/tiny3d.h5"
    engine, network = spec_of(store)["engine"], network_in(store)
    record = read_int8(network).record
    assert 0.0005 < engine["drift"] == record.drift < 0.25
    assert spec_of(store)["precision"] == "int8"
    tested = {v.id for v in Manifest.read(int8_dives / "manifest.csv") if v.splits["1"] == "test"}
    assert len(engine["calibrated_on"]) == 5
    assert not tested & set(engine["calibrated_on"])
    assert record.shape == (1, 3, 16, 64, 64)
    assert f"network in {network.path.name}, calibrated on clips of 5 videos" in " ".join(
        aqa_on("store", "info", str(store)).stdout.split()
    )


@needs_int8
def test_its_features_are_those_of_the_network_wherever_they_are_computed(
    int8_dives: Path, aqa_on: Callable[..., Result], tmp_path: Path
) -> None:
    """In processes, in shares, merged elsewhere: the same bytes, by the same network."""
    store = int8_dives / "stores/tiny3d.h5"
    expected = features_of(store)
    said = [
        aqa_on("extract", *INT8, "--shard", f"{k}/2", "--store", f"stores/part-{k}.h5", *more)
        for k, more in ((1, ()), (2, ("--processes", "2")))
    ]
    assert all("int8: takes the network in" in one.stderr for one in said)
    merged = tmp_path / "elsewhere" / "all.h5"
    parts = [str(int8_dives / f"stores/part-{k}.h5") for k in (1, 2)]
    aqa_on("store", "merge", *parts, "-o", str(merged))
    assert network_in(merged).read() == network_in(store).read()
    for video, features in features_of(merged).items():
        np.testing.assert_array_equal(features, expected[video])
    network_in(merged).path.unlink()
    absent = "no such file: it holds the int8 network"
    assert absent in aqa_on("store", "verify", str(merged), code=1).stderr
    third = tmp_path / "third" / "all.h5"
    assert absent in aqa_on("store", "merge", str(merged), "-o", str(third), code=1).stderr
    assert not third.exists()


@needs_int8
def test_new_videos_are_encoded_by_the_same_network_also_from_a_pack(
    int8_dives: Path, aqa_on: Callable[..., Result], run_aqa: Callable[..., Result], tmp_path: Path
) -> None:
    video = tmp_path / "new.mp4"
    shutil.copy(int8_dives / "videos/dive_0003.mp4", video)
    scored = json.loads(aqa_on("score", str(video), "--head", "wd", "--json").stdout)
    aqa_on("feedback", str(video), "--head", "wd", "--type", "107B")
    aqa_on("report", str(video), "--head", "wd", "-o", str(tmp_path / "page.html"))
    aqa_on("pack", str(int8_dives / "runs/wd"), "-o", str(tmp_path / "wd.aqa"))
    packed = run_aqa("score", str(video), "--model", str(tmp_path / "wd.aqa"), "--json")
    assert json.loads(packed.stdout)["scores"][0]["score"] == scored["scores"][0]["score"]


@needs_int8
def test_a_network_that_is_gone_or_another_stops_what_needs_it(
    int8_dives: Path, run_aqa: Callable[..., Result], tmp_path: Path
) -> None:
    folder = tmp_path / "dives"
    shutil.copytree(int8_dives, folder)
    store, video = folder / "stores/tiny3d.h5", str(folder / "videos/dive_0003.mp4")
    before, network = store.read_bytes(), network_in(store).path
    shutil.copy(video, tmp_path / "new.mp4")
    data = network.read_bytes()
    network.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    told = "not the int8 network that the features were computed by"
    assert told in run_aqa("-C", str(folder), "extract", *INT8, code=1).stderr
    new = str(tmp_path / "new.mp4")
    assert told in run_aqa("-C", str(folder), "score", new, "--head", "wd", code=1).output
    pack = ("pack", str(folder / "runs/wd"), "-o", str(tmp_path / "x.aqa"))
    assert told in run_aqa(*pack, code=1).stderr
    network.unlink()
    for command in (("extract", *INT8), ("score", new, "--head", "wd")):
        said = run_aqa("-C", str(folder), *command, code=1).output
        assert f"{network.name}: no such file" in said
        assert "copy it there from beside the store" in said
    assert store.read_bytes() == before


@needs_int8
def test_int8_never_mixes_with_another_precision(
    int8_dives: Path, drawn_dives: Path, aqa_on: Callable[..., Result], tmp_path: Path
) -> None:
    plain = ("extract", "--backbone", "tiny3d", "--device", "cpu")
    said = aqa_on(*plain, code=1).stderr
    assert "precision is int8, not float32. Go on with --engine openvino --precision int8" in said
    other = str(tmp_path / "f32.h5")
    (tmp_path / "ids.txt").write_text("dive_0001\n")
    aqa_on(*plain, "--store", other, "--only", str(tmp_path / "ids.txt"))
    assert (
        "precision is float32, not int8"
        in aqa_on("extract", *INT8, "--store", other, code=1).stderr
    )
    said = aqa_on(
        "store",
        "merge",
        other,
        str(int8_dives / "stores/tiny3d.h5"),
        "-o",
        str(tmp_path / "m.h5"),
        code=1,
    ).stderr
    assert 'precision is "int8", not "float32"' in said


@needs_int8
def test_what_int8_cannot_do_is_refused_in_one_line(
    int8_dives: Path, aqa_on: Callable[..., Result], tmp_path: Path
) -> None:
    store = ("--store", str(tmp_path / "a.h5"))
    for engine in ("torch", "auto"):
        said = aqa_on("extract", *INT8, "--engine", engine, *store, code=2).stderr
        assert "only OpenVINO computes in it, on a CPU; give --engine openvino" in said
    assert (
        "one clip at a time" in aqa_on("extract", *INT8, "--batch-size", "2", *store, code=1).stderr
    )
    assert "--plan does not time int8" in aqa_on("extract", *INT8, "--plan", code=2).stderr
    run = str(int8_dives / "runs/wd/split-1")
    said = aqa_on("export", run, "-o", str(tmp_path / "wd.onnx"), code=1).stderr
    assert "exported files compute in float32" in said
    assert not (tmp_path / "a.h5").exists()


def test_without_nncf_a_line_says_what_to_install(
    drawn_dives: Path,
    run_aqa: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calibration, "check_installed", lambda *_: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    store = ("--store", str(tmp_path / "a.h5"))
    said = run_aqa("-C", str(drawn_dives), "extract", *INT8, *store, code=1).stderr
    assert 'nncf is not installed; install it with pip install "aqa-toolkit[openvino]"' in said


@needs_int8
def test_a_ray_worker_gets_the_network(int8_dives: Path, tmp_path: Path) -> None:
    network = network_in(int8_dives / "stores/tiny3d.h5")
    elsewhere = NetworkFile(Path("/no/such/place") / network.path.name, network.sha256)
    settings = EncodingSettings(
        ClipRule(16, 16), precision="int8", engine="openvino", int8=elsewhere
    )
    sent = SentFile(str(elsewhere.path), network.sha256, network.path.read_bytes)
    job = WorkerJob(NetworkRecipe.of(load_backbone("tiny3d")), settings, "cpu", 1)
    _, ready = RayWorker(job, None, None, sent).ready()
    assert isinstance(ready, Ready), ready
    with FeatureStore.open(int8_dives / "stores/tiny3d.h5") as store:
        np.testing.assert_array_equal(ready.blank, store.blank)


@needs_int8
def test_a_file_is_read_with_care(int8_dives: Path, tmp_path: Path) -> None:
    network = network_in(int8_dives / "stores/tiny3d.h5")
    parts = safetensors.numpy.load(network.read())

    def broken(**changes: Any) -> NetworkFile:
        path = tmp_path / "n.safetensors"
        kept = {name: value for name, value in {**parts, **changes}.items() if value is not None}
        data = safetensors.numpy.save(kept)
        path.write_bytes(data)
        return NetworkFile(path, calibration.sha256_of(path))

    as_array = lambda text: np.frombuffer(text.encode(), np.uint8)  # noqa: E731
    record = json.loads(parts["record"].tobytes())
    for changes, why in (
        ({"xml": None}, "it holds"),
        ({"xml": parts["probe"]}, "no bytes"),
        ({"weights": parts["weights"][:100]}, "outside its 100 bytes"),
        ({"record": as_array("[]")}, "holds no int8 network"),
        ({"record": as_array("{}")}, "unknown or absent: 'shape'"),
        ({"record": as_array(json.dumps({**record, "backbone": "\x1b[2J"}))}, "no printable"),
        ({"record": as_array(json.dumps({**record, "shape": [1, 3, 99, 9999, 9999]}))}, "clips of"),
        ({"record": as_array(json.dumps({**record, "drift": 2.0}))}, "its drift is 2.0"),
        ({"record": as_array(json.dumps({**record, "shape": [1, 3, 9]}))}, "clips of shape"),
        ({"record": as_array(json.dumps({**record, "format": 2}))}, "reads format 1"),
        ({"probe": np.full(3, np.nan, np.float32)}, "not finite"),
    ):
        with pytest.raises(Int8Error, match=why):
            read_int8(broken(**changes))
    odd = b'{"xml": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}'
    data = len(odd).to_bytes(8, "little") + odd + b"ab"
    (tmp_path / "n.safetensors").write_bytes(data)
    with pytest.raises(Int8Error, match="holds no int8 network"):
        read_int8(NetworkFile(tmp_path / "n.safetensors", hashlib.sha256(data).hexdigest()))
    (tmp_path / "n.safetensors").write_bytes(b"no")
    with pytest.raises(StoreError, match="SHA-256"):
        read_int8(NetworkFile(tmp_path / "n.safetensors", network.sha256))
    tiny3d = load_backbone("tiny3d")

    def encoder(file: NetworkFile) -> Encoder:
        return Encoder(tiny3d, "cpu", precision="int8", engine="openvino", int8=file)

    far = parts["probe"] + np.float32(3)
    with pytest.raises(Int8Error, match="this processor computes the int8 network otherwise"):
        encoder(broken(probe=far))
    with pytest.raises(Int8Error, match="OpenVINO cannot run the int8 network"):
        encoder(
            broken(
                xml=np.frombuffer(
                    parts["xml"].tobytes().replace(b'type="ReLU"', b'type="Rel0"'), np.uint8
                )
            )
        )
    other = as_array(json.dumps({**record, "weights": "0" * 64}))
    with pytest.raises(Int8Error, match="of tiny3d with other weights"):
        encoder(broken(record=other))
    with pytest.raises(AqaError, match=r"takes clips of shape \(3, 16, 64, 64\)"):
        encoder(network)(np.zeros((1, 8, 64, 64, 3), np.uint8))


@needs_int8
def test_a_network_that_is_far_off_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = load_backbone("tiny3d")
    rng = np.random.default_rng(0)
    clips = rng.integers(0, 256, (3, 16, 64, 64, 3), np.uint8)
    network = quantised(backbone, clips[:2], clips[2:], ["a"])
    assert (network.record.n_clips, network.record.n_checked) == (2, 1)
    assert sys.modules["openvino_telemetry"] is None  # nobody is told that nncf is used
    monkeypatch.setattr(calibration, "_FAR", 1e-6)
    with pytest.raises(AqaError, match="features of tiny3d are then others"):
        quantised(backbone, clips[:2], clips[2:], ["a"])
