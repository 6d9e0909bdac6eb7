from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import Video
from aqa.errors import AqaError
from aqa.extract.augment import AUGMENTATIONS, DROPPED, check_augmentations, make_augmentations
from aqa.extract.preprocess import Preprocess
from aqa.extract.video.clip_reader import ClipReader
from aqa.features.clips import Clip, ClipRule


def augmented(name: str, frames: list[np.ndarray], video_id: str = "v", seed: int = 0) -> list:
    (augmentation,) = make_augmentations([name], ClipRule(), video_id, seed)
    return [augmentation.change(frame) for frame in frames]


@pytest.fixture
def frames(rng: np.random.Generator) -> list[np.ndarray]:
    return [rng.integers(0, 200, size=(96, 128, 3), dtype=np.uint8) for _ in range(60)]


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_are_drawn_by_seed_and_video_alone(
    name: str, frames: list[np.ndarray]
) -> None:
    first, again = augmented(name, frames), augmented(name, frames)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert all(f is None or (f.dtype == np.uint8 and f.ndim == 3) for f in first)
    if name in ("bright", "zoom", "drop"):
        for other in (augmented(name, frames, seed=1), augmented(name, frames, video_id="x")):
            assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_what_each_augmentation_does(frames: list[np.ndarray]) -> None:
    frame = frames[0]
    np.testing.assert_array_equal(augmented("flip", [frame])[0], frame[:, ::-1])
    height, width, _ = augmented("zoom", [frame])[0].shape
    assert 0.7 < height / 96 < 1
    assert 0.7 < width / 128 < 1
    gain = augmented("bright", [np.full((2, 2, 3), 100, np.uint8)])[0][0, 0, 0] / 100
    assert 0.6 <= gain <= 1.4
    dark = augmented("equalize", [frame // 8])[0]
    assert int(dark.max()) - int(dark.min()) > 200
    kept = sum(f is not None for f in augmented("drop", frames * 20))
    assert abs(kept / (len(frames) * 20) - (1 - DROPPED)) < 0.03


def test_the_mask_keeps_what_moves() -> None:
    frames = []
    for i in range(30):
        frame = np.full((64, 96, 3), 90, np.uint8)
        frame[20:40, 2 * i : 2 * i + 10] = 230
        frames.append(frame)
    last = augmented("mask", frames)[-1]
    assert last[20:40, 58:68].min() > 200
    assert last[50:].max() == 0


def test_all_augmentations_come_from_one_decoding(numbered_video: Callable[..., Path]) -> None:
    video = Video("v", numbered_video(40), 1.0)
    preprocess = Preprocess(resize=(48, 64), crop=(8, 8), interpolation="nearest")
    names = check_augmentations(["shift3", "flip"])
    items = [i for b in ClipReader(video, preprocess, ClipRule(), 4, names) for i in b]
    clips = [[item.clip for item in items if item.augmentation == v] for v in range(3)]
    assert names == ("original", "shift3", "flip")
    assert clips[0] == clips[2] == [Clip(0, 16), Clip(16, 32), Clip(24, 40)]
    assert clips[1] == [Clip(3, 19), Clip(19, 35), Clip(24, 40)]
    for item in items:
        assert item.frames is not None
        assert item.frames[:, 0, 0, 0].tolist() == list(range(*item.clip))
        assert item.frames[0, 0, 0, 1] == (0 if item.augmentation == 2 else 200)


def test_joined_augmentations_change_pixels_and_clips(numbered_video: Callable[..., Path]) -> None:
    video = Video("v", numbered_video(40), 1.0)
    preprocess = Preprocess(resize=(48, 64), crop=(8, 8), interpolation="nearest")
    names = check_augmentations(["end2", "flip+end3", "shift1+end2"])
    items = [i for b in ClipReader(video, preprocess, ClipRule(), 4, names) for i in b]
    clips = [[item.clip for item in items if item.augmentation == v] for v in range(4)]
    assert clips[1] == [Clip(0, 16), Clip(16, 32), Clip(22, 38)]
    assert clips[2] == [Clip(0, 16), Clip(16, 32), Clip(21, 37)]
    assert clips[3] == [Clip(1, 17), Clip(17, 33), Clip(22, 38)]
    for item in items:
        assert item.frames is not None
        assert item.frames[:, 0, 0, 0].tolist() == list(range(*item.clip))
        assert item.frames[0, 0, 0, 1] == (0 if item.augmentation == 2 else 200)


@pytest.mark.parametrize("name", ["shift1+shift2", "flip+flip", "original+flip", "end1+end5"])
def test_what_cannot_be_joined_is_refused(name: str) -> None:
    with pytest.raises(AqaError, match=r"such as flip\+end3"):
        check_augmentations([name])


def test_unknown_augmentations_are_named() -> None:
    with pytest.raises(AqaError, match=r"unknown augmentation 'ends1'; did you mean 'end1'"):
        check_augmentations(["flip+ends1"])
    with pytest.raises(AqaError, match=r"unknown augmentation 'flop'; did you mean 'flip'"):
        check_augmentations(["flop"])


def test_zoom_keeps_the_middle() -> None:
    rows, columns = np.mgrid[:200, :240]
    frame = np.stack([rows, columns, rows], 2).astype(np.uint8)
    cut = augmented("zoom", [frame])[0]
    top, left = int(cut[0, 0, 0]), int(cut[0, 0, 1])
    below, right = 199 - int(cut[-1, -1, 0]), 239 - int(cut[-1, -1, 1])
    assert min(top, left) > 0
    assert 0 <= below - top <= 1
    assert 0 <= right - left <= 1


@pytest.mark.parametrize(
    ("video_id", "seed", "bright", "zoom", "dropped"),
    [
        ("v", 0, [127, 190], (944, 1889), [2, 19, 22, 28, 33, 40, 41, 53, 56]),
        ("054", 7, [78, 117], (786, 1571), [21, 59]),
    ],
)
def test_what_is_drawn_stays_what_it_was(
    video_id: str, seed: int, bright: list[int], zoom: tuple[int, int], dropped: list[int]
) -> None:
    """A store that is extended gets the same augmentations as the videos in it."""
    grey = np.full((1, 2, 3), [[[100] * 3, [150] * 3]], np.uint8)
    assert augmented("bright", [grey], video_id, seed)[0][0, :, 0].tolist() == bright
    large = np.zeros((1000, 2000, 3), np.uint8)
    assert augmented("zoom", [large], video_id, seed)[0].shape[:2] == zoom
    kept = augmented("drop", [grey] * 60, video_id, seed)
    assert [i for i, frame in enumerate(kept) if frame is None] == dropped


def test_the_first_frame_is_never_dropped() -> None:
    for k in range(60):
        assert augmented("drop", [np.zeros((1, 1, 3), np.uint8)], f"v{k}")[0] is not None


def test_brightness_is_one_gain_that_leaves_black_black() -> None:
    ramp = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 256, 3)
    seen = augmented("bright", [ramp], video_id="w")[0][0, :, 0].astype(int)
    assert seen[0] == 0
    gain = seen[100] / 100
    np.testing.assert_allclose(seen, np.minimum(np.arange(256) * gain, 255), atol=2.6)
