from __future__ import annotations

import itertools

import numpy as np
import pytest

from aqa.extract.video.window import ClipWindow
from aqa.features.clips import ClipRule


def frames_numbered(n: int) -> list[np.ndarray]:
    return [np.full((2, 3, 3), i + 1, np.uint8) for i in range(n)]


@pytest.mark.parametrize("tail", ["shift", "drop", "pad"])
@pytest.mark.parametrize("pad", ["front", "back"])
def test_the_stream_gives_the_clips_of_the_rule(pad: str, tail: str) -> None:
    for length, stride, frames, shift, n in itertools.product(
        (1, 4), (1, 3, 4, 9), (None, 4, 10, 23), (0, 2), (1, 3, 4, 5, 11, 24, 40)
    ):
        rule = ClipRule(length, stride, frames, pad, tail, shift)  # type: ignore[arg-type]
        video = frames_numbered(n)
        window = ClipWindow(rule)
        cut = [cut for frame in video for cut in window.push(frame)] + window.finish()
        assert [clip for clip, _ in cut] == rule.clips(n)
        assert window.n_frames == n
        for clip, shown in cut:
            expected = [i + 1 if 0 <= i < n else 0 for i in range(*clip)]
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


def test_an_empty_video_gives_no_clips() -> None:
    assert ClipWindow(ClipRule()).finish() == []
