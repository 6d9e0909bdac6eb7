"""Extraction: resuming, failures, blank padding, and the same bytes whatever happened."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from aqa.annotations.manifest import Video
from aqa.errors import AqaError
from aqa.extract.backbones.architecture import Architecture
from aqa.extract.backbones.backbone import Backbone
from aqa.extract.backbones.load import load
from aqa.extract.checkpoints.layouts import Layout
from aqa.extract.encode import Encoder
from aqa.extract.preprocess import Preprocess
from aqa.extract.progress import ExtractionProgress
from aqa.extract.run import extract, make_spec
from aqa.features.clips import ClipRule
from aqa.features.store import FeatureStore, StoreError

PREPROCESS = Preprocess(resize=(48, 64), crop=(8, 8), interpolation="nearest")


class MeanRed(nn.Module):
    """The mean red of a clip, and its largest value: tells which frames it was shown."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        red = x[:, 0].flatten(1)
        return torch.stack([red.mean(1), red.amax(1)], 1)


@pytest.fixture
def backbone() -> Backbone:
    architecture = Architecture(
        name="red",
        build=lambda layer: MeanRed(),
        layers={"out": (2,)},
        default_layer="out",
        layouts=(Layout("red", "these tests", "out", profiles=("red",)),),
        profiles={"red": PREPROCESS},
    )
    return load(architecture, "random")


@pytest.fixture
def videos(numbered_video: Callable[..., Path]) -> list[Video]:
    lengths = (40, 16, 9, 33)
    return [Video(f"v{i}", numbered_video(n, f"v{i}.avi"), 1.0) for i, n in enumerate(lengths)]


class Lines(ExtractionProgress):
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.finished = 0

    def line(self, text: str) -> None:
        self.lines.append(text)

    def video(self, n_clips: int) -> None:
        self.finished += 1


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("batch_size", [1, 2, 50])
def test_features_are_those_of_the_clips_frames(
    tmp_path: Path, backbone: Backbone, videos: list[Video], workers: int, batch_size: int
) -> None:
    path = tmp_path / "s.h5"
    summary = extract(videos, backbone, path, workers=workers, batch_size=batch_size)
    assert summary.done == ["v0", "v1", "v2", "v3"]
    assert summary.n_clips == 3 + 1 + 1 + 3
    with FeatureStore.open(path) as store:
        assert store["v0"].tolist() == [[7.5, 15], [23.5, 31], [31.5, 39]]
        assert store["v1"].tolist() == [[7.5, 15]]
        assert store["v2"].tolist() == [[36 / 16, 8]]  # nine frames and seven black ones
        assert store.clips("v2") == [(-7, 9)]
        assert store.fps("v0") == 25.0
        assert store.blank.tolist() == [0, 0]
        assert store.spec == make_spec(backbone, ClipRule(), [2])


def test_padding_clips_get_the_stored_blank_response(
    tmp_path: Path, videos: list[Video], backbone: Backbone
) -> None:
    backbone.preprocess = Preprocess(resize=(48, 64), crop=(8, 8), mean=(5.0, 0.0, 0.0))
    extract(videos[1:3], backbone, tmp_path / "s.h5", ClipRule(video_length=48))
    with FeatureStore.open(tmp_path / "s.h5") as store:
        assert store.blank.tolist() == [-5, -5]
        assert store["v1"].tolist() == [[-5, -5], [-5, -5], [2.5, 10]]


def test_a_range_of_frames(tmp_path: Path, backbone: Backbone, videos: list[Video]) -> None:
    part = [Video("a", videos[0].path, 1.0, start_frame=10, end_frame=26)]
    extract(part, backbone, tmp_path / "s.h5")
    with FeatureStore.open(tmp_path / "s.h5") as store:
        assert store["a"].tolist() == [[17.5, 25]]
        assert store.frame_range("a") == (10, 26)


def test_failures_stop_nothing_and_are_all_told(
    tmp_path: Path, backbone: Backbone, videos: list[Video]
) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    videos[1:1] = [
        Video("broken", tmp_path / "broken.mp4", 1.0),
        Video("absent", tmp_path / "absent.mp4", 1.0),
        Video("imported", None, 1.0),
        Video("past", videos[0].path, 1.0, start_frame=90),
        Video("short", videos[0].path, 1.0, start_frame=10, end_frame=60),
    ]
    progress = Lines()
    summary = extract(videos, backbone, tmp_path / "s.h5", progress=progress)
    assert summary.done == ["v0", "short", "v1", "v2", "v3"]
    reasons = dict(summary.failed)
    assert "broken.mp4: not a video" in reasons["broken"]
    assert "absent.mp4: no such" in reasons["absent"]
    assert "no path" in reasons["imported"]
    assert "no frame could be read from frame 90; the file says it has 40" in reasons["past"]
    (warning,) = summary.warnings
    assert "ended early: 30 of 50 frames" in warning
    assert len(progress.lines) == 5
    assert progress.finished == 9


def test_resuming_reuses_and_ends_with_the_same_bytes(
    tmp_path: Path, backbone: Backbone, videos: list[Video], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, path = tmp_path / "whole.h5", tmp_path / "s.h5"
    extract(videos, backbone, whole)
    encode = Encoder.__call__
    calls = iter(range(100))

    def interrupted(self: Encoder, frames: np.ndarray) -> torch.Tensor:
        if next(calls) == 4:
            raise KeyboardInterrupt
        return encode(self, frames)

    monkeypatch.setattr(Encoder, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        extract(videos, backbone, path, batch_size=1)
    monkeypatch.undo()
    summary = extract(videos, backbone, path)
    assert summary.reused == ["v0"]
    assert summary.done == ["v1", "v2", "v3"]
    assert whole.stat().st_size == path.stat().st_size
    with FeatureStore.open(whole) as a, FeatureStore.open(path) as b:
        assert {i: a[i].tobytes() for i in a} == {i: b[i].tobytes() for i in b}


def test_a_store_tells_where_it_was_made_not_where_it_went_on(
    tmp_path: Path, backbone: Backbone, videos: list[Video], monkeypatch: pytest.MonkeyPatch
) -> None:
    extract(videos[:1], backbone, tmp_path / "s.h5")
    with FeatureStore.open(tmp_path / "s.h5") as store:
        made = store.provenance
    assert made["device"] == "cpu"
    assert (made["torch"], made["numpy"]) == (torch.__version__, np.__version__)
    monkeypatch.setattr(
        "aqa.extract.executors.provenance", lambda device: made | {"device": "elsewhere"}
    )
    extract(videos, backbone, tmp_path / "s.h5")
    extract(videos, backbone, tmp_path / "new.h5")
    with FeatureStore.open(tmp_path / "s.h5") as store:
        assert store.provenance == made
    with FeatureStore.open(tmp_path / "new.h5") as store:
        assert store.provenance["device"] == "elsewhere"


def test_a_failed_video_is_tried_again(
    tmp_path: Path, backbone: Backbone, videos: list[Video], numbered_video: Callable[..., Path]
) -> None:
    late = Video("late", tmp_path / "late.avi", 1.0)
    assert extract([late, *videos], backbone, tmp_path / "s.h5").failed
    numbered_video(20, "late.avi")
    summary = extract([late, *videos], backbone, tmp_path / "s.h5")
    assert (summary.done, len(summary.reused)) == (["late"], 4)


def test_another_range_of_a_stored_video_is_refused(
    tmp_path: Path, backbone: Backbone, videos: list[Video]
) -> None:
    extract(videos[:1], backbone, tmp_path / "s.h5")
    other = [Video("v0", videos[0].path, 1.0, start_frame=3)]
    ((_, reason),) = extract(other, backbone, tmp_path / "s.h5").failed
    assert "holds its frames (0, None), the manifest says (3, None)" in reason


def test_another_file_of_a_stored_video_is_refused(
    tmp_path: Path, backbone: Backbone, videos: list[Video]
) -> None:
    extract(videos[:1], backbone, tmp_path / "s.h5")
    other = [Video("v0", videos[1].path, 1.0)]
    ((_, reason),) = extract(other, backbone, tmp_path / "s.h5").failed
    assert "holds features of another file" in reason


def test_another_rule_is_refused_and_nothing_is_touched(
    tmp_path: Path, backbone: Backbone, videos: list[Video]
) -> None:
    extract(videos, backbone, tmp_path / "s.h5")
    before = (tmp_path / "s.h5").read_bytes()
    with pytest.raises(StoreError, match="stride is 16, not 8"):
        extract(videos, backbone, tmp_path / "s.h5", ClipRule(stride=8))
    assert (tmp_path / "s.h5").read_bytes() == before


def test_features_that_are_not_finite_fail_their_video(
    tmp_path: Path, backbone: Backbone, videos: list[Video]
) -> None:
    class Divides(MeanRed):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) / (x[:, :1, 0, 0, 0] - 16)

    backbone.net = Divides()
    summary = extract(videos, backbone, tmp_path / "s.h5", batch_size=1)
    assert [video_id for video_id, _ in summary.failed] == ["v0", "v3"]
    assert "overflow" in summary.failed[0][1]


def test_a_device_that_is_not_there(tmp_path: Path, backbone: Backbone) -> None:
    with pytest.raises(AqaError, match="'cuda:77' is not available"):
        extract([], backbone, tmp_path / "s.h5", device="cuda:77")
    with pytest.raises(AqaError, match="'gpu' is not available"):
        extract([], backbone, tmp_path / "s.h5", device="gpu")


def test_out_of_memory_halves_the_batch(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    encoder = Encoder(backbone, "cpu", batch_size=8)
    frames = rng.integers(0, 255, size=(11, 4, 8, 8, 3), dtype=np.uint8)
    expected = encoder(frames).numpy()
    forward, sizes = encoder._forward, []

    def small(batch: np.ndarray) -> torch.Tensor:
        sizes.append(len(batch))
        if len(batch) > 3:
            raise torch.cuda.OutOfMemoryError
        return forward(batch)

    monkeypatch.setattr(encoder, "_forward", small)
    np.testing.assert_array_equal(encoder(frames).numpy(), expected)
    assert sizes == [8, 4, 2, 2, 2, 2, 2, 1]
    sizes.clear()
    monkeypatch.setattr(encoder, "_forward", lambda batch: small(batch.repeat(3, axis=0))[:1])
    np.testing.assert_allclose(encoder(frames[:3]).numpy(), expected[:3], rtol=1e-5)
    assert sizes == [6, 3, 3, 3]  # clips of three times the size: two at once are too many


@pytest.mark.gpu
def test_the_gpu_gives_the_features_of_the_cpu(tmp_path: Path, shared: Path) -> None:
    from aqa.extract.backbones import load_backbone

    video = [Video("054", shared / "data" / "videos" / "054.avi", 1.0)]
    features = {}
    for device in ("cpu", "cuda"):
        store = tmp_path / f"{device}.h5"
        extract(video, load_backbone("c3d", "random"), store, device=device)
        features[device] = FeatureStore.open(store)["054"]
    difference = np.linalg.norm(features["cuda"] - features["cpu"])
    assert difference < 2e-3 * np.linalg.norm(features["cpu"])


def test_the_spec_of_a_store_of_before_is_made_again_word_for_word(root: Path) -> None:
    from aqa.extract.backbones import load_backbone
    from aqa.extract.rebuild import rule_of

    with FeatureStore.open(root / "tests" / "legacy" / "stores" / "extracted.h5") as store:
        spec = store.spec
    network, names = load_backbone("tiny3d"), spec["views"]
    again = make_spec(network, rule_of(spec), network.shape, names, spec["view_seed"])
    assert json.dumps(again) == json.dumps(spec)
