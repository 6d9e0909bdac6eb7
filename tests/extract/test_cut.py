from __future__ import annotations

import itertools

import numpy as np
import pytest

from aqa.extract.cut import Cutter
from aqa.features.clips import ClipRule


def pictures(n: int) -> list[np.ndarray]:
    return [np.full((2, 3, 3), i + 1, np.uint8) for i in range(n)]


@pytest.mark.parametrize("tail", ["shift", "drop", "pad"])
@pytest.mark.parametrize("pad", ["front", "back"])
def test_the_stream_gives_the_clips_of_the_rule(pad: str, tail: str) -> None:
    for length, stride, frames, n in itertools.product(
        (1, 4), (1, 3, 4, 9), (None, 4, 10, 23), (1, 3, 4, 5, 11, 24, 40)
    ):
        rule = ClipRule(length, stride, frames, pad, tail)  # type: ignore[arg-type]
        video = pictures(n)
        cutter = Cutter(iter(video), rule)
        cut = list(cutter)
        assert [clip for clip, _ in cut] == rule.clips(n)
        assert cutter.n_frames == n
        for clip, shown in cut:
            expected = [i + 1 if 0 <= i < n else 0 for i in range(*clip)]
            if shown is None:
                assert not any(expected)
            else:
                assert shown[:, 0, 0, 0].tolist() == expected


def test_a_clip_comes_as_soon_as_it_is_whole() -> None:
    def endless():  # type: ignore[no-untyped-def]
        for i in itertools.count():
            yield np.full((1, 1, 3), i % 256, np.uint8)

    clips = itertools.islice(Cutter(endless(), ClipRule()), 100)
    assert len(list(clips)) == 100


def test_no_more_than_a_clip_is_held() -> None:
    cutter = Cutter(iter(pictures(200)), ClipRule(stride=1))
    for _ in cutter:
        assert len(cutter._held) <= 16


def test_an_empty_video_gives_no_clips() -> None:
    assert list(Cutter(iter([]), ClipRule())) == []
