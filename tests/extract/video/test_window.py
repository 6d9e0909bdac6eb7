from __future__ import annotations

import itertools

import numpy as np
import pytest

from aqa.extract.video.window import Cutter
from aqa.features.clips import ClipRule


def pictures(n: int) -> list[np.ndarray]:
    return [np.full((2, 3, 3), i + 1, np.uint8) for i in range(n)]


@pytest.mark.parametrize("tail", ["shift", "drop", "pad"])
@pytest.mark.parametrize("pad", ["front", "back"])
def test_the_stream_gives_the_clips_of_the_rule(pad: str, tail: str) -> None:
    for length, stride, frames, shift, n in itertools.product(
        (1, 4), (1, 3, 4, 9), (None, 4, 10, 23), (0, 2), (1, 3, 4, 5, 11, 24, 40)
    ):
        rule = ClipRule(length, stride, frames, pad, tail, shift)  # type: ignore[arg-type]
        video = pictures(n)
        cutter = Cutter(rule)
        cut = [cut for picture in video for cut in cutter.push(picture)] + cutter.finish()
        assert [clip for clip, _ in cut] == rule.clips(n)
        assert cutter.n_frames == n
        for clip, shown in cut:
            expected = [i + 1 if 0 <= i < n else 0 for i in range(*clip)]
            if shown is None:
                assert not any(expected)
            else:
                assert shown[:, 0, 0, 0].tolist() == expected


def test_a_clip_comes_as_soon_as_it_is_whole_and_no_more_is_held() -> None:
    cutter = Cutter(ClipRule(stride=4))
    for i, picture in enumerate(pictures(200)):
        came = [clip for clip, _ in cutter.push(picture)]
        assert came == ([(i - 15, i + 1)] if i >= 15 and (i - 15) % 4 == 0 else [])
        assert len(cutter._held) <= 16


def test_an_empty_video_gives_no_clips() -> None:
    assert Cutter(ClipRule()).finish() == []
