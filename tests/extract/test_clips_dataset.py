"""Videos to train on: the clips of an extraction, flipped and shifted by (seed, epoch, id)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import Video
from aqa.extract.clips_dataset import ClipVideos, EpochAugmentation
from aqa.extract.preprocess import Preprocess
from aqa.extract.video.clip_reader import ClipReader
from aqa.extract.video.decode import VideoError
from aqa.features.clips import ClipRule

PREPROCESS = Preprocess(resize=(48, 64), crop=(8, 8), interpolation="nearest")


@pytest.fixture
def videos(numbered_video: Callable[..., Path]) -> list[Video]:
    return [Video(f"v{n}", numbered_video(n, f"v{n}.avi"), 1.0) for n in (40, 16, 9)]


def dataset(
    videos: list[Video], augment: EpochAugmentation | None = None, **rule: int
) -> ClipVideos:
    return ClipVideos(videos, PREPROCESS, ClipRule(**rule), augment, workers=2)


@pytest.mark.parametrize("rule", [{}, {"video_length": 48}])
def test_they_are_the_clips_of_an_extraction(videos: list[Video], rule: dict) -> None:
    order = [2, 0, 1, 0]
    shown = list(dataset(videos, EpochAugmentation(), **rule).read(order))
    assert len(shown) == 4
    for number, (clips, frames) in zip(order, shown, strict=True):
        reader = ClipReader(videos[number], PREPROCESS, ClipRule(**rule), 100)
        ((*cut,),) = reader
        black = np.zeros((16, 8, 8, 3), np.uint8)
        expected = [black if c.frames is None else c.frames for c in cut]
        np.testing.assert_array_equal(clips.numpy(), np.stack(expected))
        assert [tuple(own) for own in frames] == [c.clip for c in cut]


def test_an_epoch_flips_and_shortens_by_the_seed_alone(videos: list[Video]) -> None:
    augment = EpochAugmentation(seed=3)
    made = dataset(videos[:1], augment, video_length=32)
    plain = next(made.read([0]))[0].numpy()
    seen = set()
    for epoch in range(1, 13):
        flipped, shift, _ = augment.draw("v40", epoch)
        seen.add((flipped, shift))
        clips, frames = next(made.read([0], epoch))
        clips = clips.numpy()
        np.testing.assert_array_equal(clips, next(made.read([0], epoch))[0].numpy())
        assert clips[-1, -1, 0, 0, 0] == 39 - shift  # the number of the last frame
        # Which frames a clip is of follows the shift: red tells each one's number.
        for clip, (start, stop) in zip(clips, frames, strict=True):
            assert clip[:, 0, 0, 0].tolist() == list(range(start, stop))
        green = clips[0, 0, 0, :, 1]
        expected = plain[0, 0, 0, :, 1]
        np.testing.assert_array_equal(green, expected[::-1] if flipped else expected)
    assert {flipped for flipped, _ in seen} == {True, False}
    assert {shift for _, shift in seen} <= set(range(6))
    assert len(seen) > 5
    assert EpochAugmentation(flip=False, end_shift=0).draw("v40", 1) == (False, 0, 0)


def test_an_epoch_starts_later_by_the_seed_alone(videos: list[Video]) -> None:
    augment = EpochAugmentation(flip=False, end_shift=0, start_shift=5)
    made = dataset(videos, augment, stride=8)
    seen = set()
    for epoch in range(1, 30):
        ((clips, frames),) = made.read([0], epoch)
        start = augment.draw("v40", epoch).start_shift
        seen.add(start)
        starts = [*range(start, 25, 8)]
        starts += [24] if starts[-1] < 24 else []
        assert frames[:, 0].tolist() == starts
        for clip, (first, stop) in zip(clips.numpy(), frames, strict=True):
            assert clip[:, 0, 0, 0].tolist() == list(range(first, stop))
        ((_, short),) = made.read([1], epoch)
        assert short.tolist() == [[0, 16]]
    assert seen == set(range(6))
    # What earlier versions drew is drawn as before.
    older = EpochAugmentation(seed=3)
    for epoch in range(5):
        newer = EpochAugmentation(seed=3, start_shift=4).draw("v40", epoch)
        assert newer[:2] == older.draw("v40", epoch)[:2]


def test_a_spread_clip_spans_what_an_epoch_shows(videos: list[Video]) -> None:
    augment = EpochAugmentation(flip=False, end_shift=5)
    made = dataset(videos, augment, spread=True)
    for epoch in range(1, 6):
        ((clips, frames),) = made.read([0], epoch)
        stop = 40 - augment.draw("v40", epoch).end_shift
        assert frames.tolist() == [[0, stop]]
        assert clips[0, :, 0, 0, 0].tolist() == [k * stop // 16 for k in range(16)]
    ((clips, frames),) = made.read([2])
    assert frames.tolist() == [[0, 9]]
    assert clips[0, :, 0, 0, 0].tolist() == [k * 9 // 16 for k in range(16)]


def test_a_clip_is_always_left(videos: list[Video]) -> None:
    augment = EpochAugmentation(end_shift=30)
    shifts = [augment.draw("v16", epoch).end_shift for epoch in range(9)]
    assert max(shifts) > 5
    for epoch in range(9):
        ((clips, frames),) = dataset(videos[1:2], augment).read([0], epoch)
        assert frames.tolist() == [[0, 16]]
        assert clips[:, :, 0, 0, 0].tolist() == [list(range(16))]


def test_frames_are_kept_as_far_as_there_is_room(
    videos: list[Video], monkeypatch: pytest.MonkeyPatch
) -> None:
    augment, order = EpochAugmentation(), [0, 1, 2]
    plain = [list(dataset(videos, augment).read(order, epoch)) for epoch in (1, 2)]
    room = (40 + 9) * 8 * 8 * 3
    made = ClipVideos(videos, PREPROCESS, ClipRule(), augment, workers=0, cache=room)
    decoded = []
    frames = ClipReader.__iter__

    def counted(self):  # type: ignore[no-untyped-def]
        decoded.append(self.video.id)
        return frames(self)

    monkeypatch.setattr(ClipReader, "__iter__", counted)
    for epoch in (1, 2):
        shown = list(made.read(order, epoch))
        assert all(a.equal(b) for (a, _), (b, _) in zip(shown, plain[epoch - 1], strict=True))
    assert sorted(decoded) == ["v16", "v16", "v40", "v9"]


def test_what_cannot_be_read_is_told_by_id(tmp_path: Path, videos: list[Video]) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    videos += [
        Video("broken", tmp_path / "broken.mp4", 1.0),
        Video("absent", tmp_path / "absent.mp4", 1.0),
        Video("short", videos[0].path, 1.0, start_frame=10, end_frame=60),
    ]
    made = dataset(videos)
    failed, warnings = made.check(range(len(videos)))
    assert [video_id for video_id, _ in failed] == ["broken", "absent"]
    assert "broken.mp4: not a video" in failed[0][1]
    (warning,) = warnings
    assert warning.startswith("short: ")
    assert "ended early: 30 of 50" in warning
    with pytest.raises(VideoError, match=r"absent: .*no such video"):
        list(made.read([0, 4]))


def test_what_is_drawn_stays_what_it_was() -> None:
    """An interrupted fine-tuning that goes on shows what it would have shown."""
    augment = EpochAugmentation(seed=3)
    assert [augment.draw("v40", epoch)[:2] for epoch in range(1, 9)] == [
        *((False, 1), (False, 2), (False, 3), (False, 3)),
        *((True, 1), (True, 3), (True, 2), (True, 4)),
    ]
    shifts = {EpochAugmentation().draw("v", epoch)[1] for epoch in range(100)}
    assert shifts == {0, 1, 2, 3, 4, 5}


def test_as_many_frames_go_as_are_drawn(videos: list[Video]) -> None:
    augment = EpochAugmentation(flip=False, seed=3)
    for epoch in range(1, 9):
        ((clips, frames),) = dataset(videos[:1], augment).read([0], epoch)
        stop = 40 - augment.draw("v40", epoch)[1]
        assert frames[-1].tolist() == [stop - 16, stop]
        assert clips[-1, :, 0, 0, 0].tolist() == list(range(stop - 16, stop))
