"""Clips are pure functions of the frame count."""

from __future__ import annotations

import pytest

from aqa.errors import AqaError
from aqa.features.clips import Clip, ClipRule


def test_no_frame_is_lost_by_default() -> None:
    for n in range(1, 200):
        clips = ClipRule().clips(n)
        covered = {i for clip in clips for i in range(*clip)}
        assert covered >= set(range(n))
        assert all(clip.stop - clip.start == 16 for clip in clips)
        assert clips == sorted(set(clips))


def test_last_clip_is_moved_back_to_end_at_the_last_frame() -> None:
    assert ClipRule().clips(40) == [Clip(0, 16), Clip(16, 32), Clip(24, 40)]
    assert ClipRule().clips(32) == [Clip(0, 16), Clip(16, 32)]


def test_musdl_starts() -> None:
    starts = [clip.start for clip in ClipRule(stride=10).clips(103)]
    assert starts == [0, 10, 20, 30, 40, 50, 60, 70, 80, 87]


def test_a_video_shorter_than_a_clip_is_padded() -> None:
    assert ClipRule().clips(5) == [Clip(-11, 5)]
    assert ClipRule(pad="back").clips(5) == [Clip(0, 16)]


@pytest.mark.parametrize(
    ("rule", "n", "expected"),
    [
        (ClipRule(video_length=96), 103, (7, 103)),  # farabi2021: 96 of 103 frames, the last ones
        (ClipRule(video_length=144), 100, (-44, 100)),  # jain2020: zeros go in front
        (ClipRule(video_length=144, pad="back"), 100, (0, 144)),
        (ClipRule(video_length=144, pad="back"), 200, (56, 200)),
    ],
)
def test_frames_gives_every_video_as_many(rule: ClipRule, n: int, expected: tuple) -> None:
    clips = rule.clips(n)
    assert (clips[0].start, clips[-1].stop) == expected
    assert len(clips) == (rule.video_length or 0) // 16


@pytest.mark.parametrize(("n", "first"), [(200, 97), (103, 0), (60, -43)])
def test_004_cuts_six_clips_of_the_last_103_frames(n: int, first: int) -> None:
    """Black frames stand in front of a shorter video; six starts fit, a frame apart."""
    for shift in range(6):
        clips = ClipRule(video_length=103, tail="drop", shift=shift).clips(n)
        assert [clip.start for clip in clips] == [first + shift + 16 * k for k in range(6)]
        assert clips[-1].stop <= n


def test_blank_clips_are_those_outside_the_video() -> None:
    clips = ClipRule(video_length=48).clips(10)
    assert [clip.is_blank(10) for clip in clips] == [True, True, False]


def test_tails() -> None:
    assert ClipRule(tail="drop").clips(40) == [Clip(0, 16), Clip(16, 32)]
    assert ClipRule(tail="pad").clips(40) == [Clip(0, 16), Clip(16, 32), Clip(32, 48)]
    assert ClipRule(stride=30, tail="pad").clips(25) == [Clip(0, 16)]
    assert ClipRule(video_length=103, tail="drop").clips(103)[-1] == Clip(
        80, 96
    )  # parmar2019action: 6 clips


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"length": 0}, "length=0"),
        ({"stride": -1}, "stride=-1"),
        ({"video_length": 8}, "videos of 8 frames"),
        ({"pad": "left"}, "pad='left'"),
        ({"tail": "keep"}, "tail='keep'"),
    ],
)
def test_bad_rules_name_the_value(arguments: dict, named: str) -> None:
    with pytest.raises(AqaError, match=named):
        ClipRule(**arguments)


def test_an_empty_video_has_no_clips() -> None:
    with pytest.raises(AqaError, match="0 frames"):
        ClipRule().clips(0)
