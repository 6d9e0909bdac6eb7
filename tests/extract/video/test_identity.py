"""A video that took another's place is noticed, whatever its size is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import Video
from aqa.extract.backbones import load_backbone
from aqa.extract.run import extract
from aqa.extract.video import identity
from aqa.extract.video.decode import decoder_name
from aqa.extract.video.identity import content_of, size_of, sizes_before
from aqa.features.store import FeatureStore


def replace_byte(path: Path, place: int) -> None:
    """Another file of the same size, at another time."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(1, 1 + place))


def test_small_files_are_hashed_whole(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(rng.bytes(3_000_000))
    before = content_of(path)
    assert before is not None
    assert before.startswith("blake2b:")
    assert len(before) < 96
    copy = tmp_path / "w.mp4"
    copy.write_bytes(path.read_bytes())
    assert content_of(copy) == before
    for place in (0, 1_234_567, 2_999_999):
        replace_byte(path, place)
        assert content_of(path) != before
        replace_byte(path, place)


def test_large_files_by_their_ends_and_samples(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "_WHOLE", 1_000_000)
    monkeypatch.setattr(identity, "_END", 10_000)
    monkeypatch.setattr(identity, "_SAMPLE", 20_000)
    path = tmp_path / "v.mp4"
    path.write_bytes(rng.bytes(1_500_000))
    before = content_of(path)
    assert before is not None
    assert before.startswith("blake2b-sampled:")
    for place in (0, 9_999, 1_499_999, 60_000, 800_000):
        replace_byte(path, place)
        assert content_of(path) != before, place
        replace_byte(path, place)
    path.write_bytes(path.read_bytes() + b"x")
    assert content_of(path) != before


def test_a_folder_is_its_numbered_images(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.png").write_bytes(bytes([i] * 10))
    before = content_of(folder), size_of(folder)
    assert before[1] == 30
    for name in (".DS_Store", ".0.png", "notes.txt", "Thumbs.db"):
        (folder / name).write_bytes(b"something")
    assert (content_of(folder), size_of(folder)) == before
    (folder / "1.png").write_bytes(bytes([9] * 10))
    assert content_of(folder) != before[0]
    assert content_of(tmp_path / "absent") is None


def test_sizes_that_older_versions_noted(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "0.png").write_bytes(b"0123456789")
    assert sizes_before(folder) == {10}
    (folder / "notes.txt").write_bytes(b"abc")
    assert sizes_before(folder) == {10, 13}
    assert sizes_before(folder / "notes.txt") == {3}
    assert sizes_before(tmp_path / "absent") == set()


def test_a_replaced_file_of_the_same_size_is_refused(
    tmp_path: Path, numbered_video: Callable[..., Path]
) -> None:
    path, store = numbered_video(40), tmp_path / "s.h5"
    video, backbone = [Video("v", path, 0.0)], load_backbone("tiny3d")
    extract(video, backbone, store)
    assert extract(video, backbone, store).reused == ["v"]
    with FeatureStore.open(store) as opened:
        assert opened.content("v") == content_of(path)
        assert opened.decoders == (decoder_name(),)
        assert opened.provenance["decoder"] == decoder_name()
        assert "decoder" not in opened.spec
    replace_byte(path, path.stat().st_size // 2)
    ((video_id, reason),) = extract(video, backbone, store).failed
    assert video_id == "v"
    assert "the same size and other content" in reason


def test_a_store_extended_with_another_decoder_warns(
    tmp_path: Path, numbered_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, backbone = tmp_path / "s.h5", load_backbone("tiny3d")
    first = Video("a", numbered_video(20, "a.avi"), 0.0)
    second = Video("b", numbered_video(20, "b.avi"), 0.0)
    with monkeypatch.context() as patch:
        patch.setattr("aqa.extract.video.decode.decoder_name", lambda: "PyAV 1, FFmpeg 0.1")
        assert extract([first], backbone, store).warnings == []
    assert extract([first], backbone, store).warnings == []  # nothing is decoded
    (warning,) = extract([first, second], backbone, store).warnings
    assert "decoded by PyAV 1, FFmpeg 0.1, new ones are by" in warning
    with FeatureStore.open(store) as opened:
        assert opened.decoder("a") == "PyAV 1, FFmpeg 0.1"
        assert opened.decoder("b") == decoder_name()
