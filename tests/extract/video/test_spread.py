"""A clip that is spread over a whole video: exact, and without holding all of its frames."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import Video
from aqa.extract.augment import make_augmentations
from aqa.extract.clips_dataset import ClipVideos, EpochAugmentation
from aqa.extract.preprocess import Preprocess
from aqa.extract.video import clip_reader
from aqa.extract.video.clip_reader import ClipReader
from aqa.extract.video.decode import VideoError, VideoFile, open_video
from aqa.extract.video.rgb import RgbConverter
from aqa.features.clips import ClipRule

PREPROCESS = Preprocess(resize=(64, 64), crop=(64, 64), scale=1, mean=(0,) * 3, std=(1,) * 3)
RULE = ClipRule(spread=True)
NAMES = ("original", "drop", "mask", "end3", "flip+shift2")


@pytest.fixture
def video(numbered_video: Callable[..., Path]) -> Video:
    return Video("a", numbered_video(250), 1.0)


def clips_of(video: Video, names: tuple[str, ...] = ("original",)) -> list[np.ndarray]:
    reader = ClipReader(video, PREPROCESS, RULE, 4, names)
    items = [item for batch in reader for item in batch]
    assert [item.augmentation for item in items] == [*range(len(names))]
    assert reader.n_frames == len([*open_video(video.path).frames(video.start_frame or 0)])
    return [item.frames for item in items]


def expected_of(video: Video, names: tuple[str, ...]) -> list[np.ndarray]:
    """All frames held, and those of the clip taken."""
    found = []
    for one in make_augmentations(names, RULE, video.id, 0):
        frames = [one.change(f) for f in open_video(video.path).frames(video.start_frame or 0)]
        seen = [PREPROCESS.resize_and_crop(f) for f in frames if f is not None]
        (clip,) = one.rule.clips(len(seen))
        found.append(np.stack([seen[i] for i in one.rule.frames_of(clip)]))
    return found


@pytest.mark.parametrize("start", [None, 37])
def test_every_augmentation_shows_the_frames_of_its_rule(video: Video, start: int | None) -> None:
    """Of one that leaves out frames too, whose number nothing tells before."""
    part = replace(video, start_frame=start)
    for shown, expected in zip(clips_of(part, NAMES), expected_of(part, NAMES), strict=True):
        np.testing.assert_array_equal(shown, expected)


@pytest.mark.parametrize("counted", [None, 1, 249, 4000])
def test_a_video_that_is_longer_or_shorter_than_its_packets_say(
    video: Video, counted: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = expected_of(video, ("original",))
    read = ClipVideos([video], PREPROCESS, RULE, EpochAugmentation(), workers=0).read
    ((epoch, ranges),) = read([0], 3)
    opened = []
    original = clip_reader.open_video
    monkeypatch.setattr(VideoFile, "counted", counted)
    monkeypatch.setattr(
        clip_reader, "open_video", lambda *a, **k: opened.append(a) or original(*a, **k)
    )
    np.testing.assert_array_equal(clips_of(video), expected)
    assert len(opened) == 2
    ((again, ranges_again),) = read([0], 3)
    np.testing.assert_array_equal(again, epoch)
    np.testing.assert_array_equal(ranges_again, ranges)


@pytest.mark.parametrize("names", [("original",), ("original", "end3", "shift2")])
def test_frames_that_no_clip_shows_are_not_converted(
    video: Video, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are decoded, since others need them, but neither made RGB nor resized."""
    expected = expected_of(video, names)
    numbers = {
        i
        for one in make_augmentations(names, RULE, video.id, 0)
        for i in RULE.frames_of(one.rule.clips(250)[0])
    }
    converted = []
    convert = RgbConverter.__call__
    monkeypatch.setattr(
        RgbConverter, "__call__", lambda self, one: converted.append(one) or convert(self, one)
    )
    reader = ClipReader(video, PREPROCESS, RULE, 4, names)
    clips = [item.frames for batch in reader for item in batch]
    assert len(converted) == len(numbers) < 50
    assert reader.n_frames == 250
    np.testing.assert_array_equal(clips, expected)


def test_a_file_that_grows_meanwhile_is_refused(
    video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = iter((250, 249, 248, 247))
    frames = VideoFile.frames
    monkeypatch.setattr(VideoFile, "counted", 7)
    monkeypatch.setattr(
        VideoFile,
        "frames",
        lambda self, start=0, stop=None, shown=None: frames(self, 0, next(lengths)),
    )
    with pytest.raises(VideoError, match="another number of frames each time"):
        list(ClipReader(video, PREPROCESS, RULE, 1))
    with pytest.raises(VideoError, match=r"a: .*another number of frames each time"):
        list(ClipVideos([video], PREPROCESS, RULE, workers=0).read([0]))


def test_not_all_frames_are_held(video: Video) -> None:
    def peak(read: Callable[[], object]) -> int:
        read()  # the file's index, which stays
        tracemalloc.start()
        read()
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return held

    every = 250 * 64 * 64 * 3
    assert peak(lambda: clips_of(video)) < 0.3 * every
    augmented = ClipVideos([video], PREPROCESS, RULE, EpochAugmentation(end_shift=1), workers=0)
    assert peak(lambda: list(augmented.read([0], 1))) < 0.4 * every
    assert peak(lambda: expected_of(video, ("original",))) > every
