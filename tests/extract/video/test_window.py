from __future__ import annotations

import itertools

import numpy as np
import pytest

from aqa.extract.video.window import ClipWindow, SpreadWindow
from aqa.features.clips import ClipRule


def frames_numbered(n: int) -> list[np.ndarray]:
    return [np.full((2, 3, 3), i + 1, np.uint8) for i in range(n)]


@pytest.mark.parametrize("tail", ["shift", "drop", "pad"])
@pytest.mark.parametrize("pad", ["front", "back"])
def test_the_stream_gives_the_clips_of_the_rule(pad: str, tail: str) -> None:
    for length, stride, frames, shift, end_shift, n in itertools.product(
        (1, 4), (1, 3, 4, 9), (None, 4, 10, 23), (0, 2), (0, 3), (1, 3, 4, 5, 11, 24, 40)
    ):
        rule = ClipRule(length, stride, frames, pad, tail, shift, end_shift)  # type: ignore[arg-type]
        shown_frames = max(n - end_shift, min(n, length))
        video = frames_numbered(n)
        window = ClipWindow(rule)
        cut = [cut for frame in video for cut in window.push(frame)] + window.finish()
        assert [clip for clip, _ in cut] == rule.clips(n)
        assert window.n_frames == n
        for clip, shown in cut:
            expected = [i + 1 if 0 <= i < shown_frames else 0 for i in range(*clip)]
            if shown is None:
                assert not any(expected)
            else:
                assert shown[:, 0, 0, 0].tolist() == expected


@pytest.mark.parametrize("tail", ["shift", "drop", "pad"])
def test_the_stream_gives_the_spread_frames_of_the_rule(tail: str) -> None:
    for window, stride, frames, shift, end_shift, n in itertools.product(
        (4, 6, 11), (3, 11), (None, 5, 23), (0, 2), (0, 3), (1, 3, 5, 10, 11, 24, 40)
    ):
        rule = ClipRule(4, stride, frames, "front", tail, shift, end_shift, window=window)  # type: ignore[arg-type]
        shown_frames = max(n - end_shift, min(n, 4))
        stream = ClipWindow(rule)
        cut = [cut for frame in frames_numbered(n) for cut in stream.push(frame)]
        cut += stream.finish()
        assert [clip for clip, _ in cut] == rule.clips(n)
        for clip, shown in cut:
            numbers = [clip.start + k * (clip.stop - clip.start) // 4 for k in range(4)]
            expected = [i + 1 if 0 <= i < shown_frames else 0 for i in numbers]
            if shown is None:
                assert not any(expected)
            else:
                assert shown[:, 0, 0, 0].tolist() == expected


def test_a_clip_comes_as_soon_as_it_is_whole_and_no_more_is_held() -> None:
    window = ClipWindow(ClipRule(stride=4))
    for i, frame in enumerate(frames_numbered(200)):
        came = [clip for clip, _ in window.push(frame)]
        assert came == ([(i - 15, i + 1)] if i >= 15 and (i - 15) % 4 == 0 else [])
        assert len(window._held) <= 16


def spread_values(start: int, stop: int) -> list[int]:
    """Sixteen frame numbers over a range, at steps that differ by one at most."""
    values = [start + k * (stop - start) // 16 for k in range(16)]
    assert np.ptp(np.diff(values)) <= 1
    return values


@pytest.mark.parametrize("n", [1, 3, 16, 40, 103])
def test_a_spread_clip_spans_a_video_of_known_length(n: int) -> None:
    window = ClipWindow(ClipRule(16, video_length=32, end_shift=1, spread=True))
    came = [made for frame in frames_numbered(n) for made in window.push(frame)]
    ((clip, shown),) = came + window.finish()
    stop = max(n - 1, min(n, 16))
    assert clip == (stop - 32, stop)
    assert shown is not None
    expected = [max(i + 1, 0) for i in spread_values(*clip)]
    assert shown[:, 0, 0, 0].tolist() == expected


@pytest.mark.parametrize("n", [1, 3, 16, 40, 103])
def test_a_spread_clip_spans_all_of_a_video_of_which_only_its_frames_are_held(n: int) -> None:
    window = SpreadWindow(ClipRule(16, shift=2, end_shift=1, spread=True), n)
    assert not any(window.push(frame) for frame in frames_numbered(n))
    assert not window.missed
    ((clip, shown),) = window.finish()
    stop = max(n - 1, min(n, 16))
    assert clip == (min(2, max(stop - 16, 0)), stop)
    assert shown is not None
    assert shown[:, 0, 0, 0].tolist() == [i + 1 for i in spread_values(*clip)]
    assert sum(frame.size > 0 for frame in window._held.values()) == len({*spread_values(*clip)})


@pytest.mark.parametrize("expected", [1, 39, 41, 500])
def test_a_wrong_guess_of_the_length_is_noticed(expected: int) -> None:
    window = SpreadWindow(ClipRule(16, spread=True), expected)
    for frame in frames_numbered(40):
        window.push(frame)
    assert window.missed
    assert window.n_frames == 40
    assert window.finish() == []


def test_frames_left_out_at_the_end_are_the_only_ones_held_longer() -> None:
    window = ClipWindow(ClipRule(4, 4, end_shift=2))
    came = [[clip for clip, _ in window.push(frame)] for frame in frames_numbered(11)]
    assert came == [[], [], [], [], [], [(0, 4)], [], [], [], [(4, 8)], []]
    assert [clip for clip, _ in window.finish()] == [(5, 9)]
    assert len(window._held) == 6


def test_an_empty_video_gives_no_clips() -> None:
    assert ClipWindow(ClipRule()).finish() == []
    window = SpreadWindow(ClipRule(spread=True), 1)
    assert window.finish() == []
    assert not window.missed
