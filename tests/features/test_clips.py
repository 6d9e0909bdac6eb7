"""Clips are pure functions of the frame count."""

from __future__ import annotations

import pytest

from aqa.errors import AqaError
from aqa.features.clips import Clip, ClipRule, parse_sampling


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
        ({"stride": 0}, "stride=0"),
        ({"shift": -1}, "shift=-1"),
        ({"stride": -1}, "stride=-1"),
        ({"video_length": 8}, r"videos of 8 frames .--frames. are shorter than one clip of 16"),
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


def test_padding_begins_where_the_video_ends() -> None:
    """Both ends: a clip that touches the video's first or last frame is not blank."""
    blank = [Clip(start, start + 4).is_blank(10) for start in (-5, -4, -3, 9, 10, 11)]
    assert blank == [True, True, False, False, True, True]


def test_a_video_as_long_as_asked_for_is_not_padded() -> None:
    for pad in ("front", "back"):
        assert ClipRule(video_length=16, pad=pad).clips(16) == [Clip(0, 16)]
        assert ClipRule(pad=pad).clips(1)[0].stop == (1 if pad == "front" else 16)


def test_a_shift_leaves_one_clip() -> None:
    assert ClipRule(shift=5).clips(18) == [Clip(2, 18)]
    assert ClipRule(shift=2).clips(18) == [Clip(2, 18)]
    assert ClipRule(shift=1).clips(18) == [Clip(1, 17), Clip(2, 18)]


@pytest.mark.parametrize("n", [1, 9, 15, 16, 17, 40, 63, 64, 65, 130, 301])
@pytest.mark.parametrize("tail", ["shift", "drop", "pad"])
def test_every_fourth_frame(n: int, tail: str) -> None:
    rule = ClipRule(16, 64, tail=tail, window=64)  # type: ignore[arg-type]
    clips = rule.clips(n)
    for clip in clips:
        shown = rule.frames_of(clip)
        assert len(shown) == 16
        if n >= 64:
            assert shown == list(range(clip.start, clip.stop, 4))
        elif n >= 16:  # all of a video that is shorter, at its own step
            assert shown == [k * n // 16 for k in range(16)]
        else:
            assert shown == list(range(n - 16, n))
    if tail == "shift":
        assert clips[-1].stop == n


def test_a_window_with_a_fixed_number_of_frames_keeps_its_step_in_the_padding() -> None:
    rule = ClipRule(4, 16, video_length=32, window=16)
    assert rule.clips(20) == [Clip(-12, 4), Clip(4, 20)]
    assert rule.frames_of(Clip(-12, 4)) == [-12, -8, -4, 0]


@pytest.mark.parametrize("text", ["16", "16x0", "x4", "16x", "16of8", "0x4", "16 of 50", "-1x4"])
def test_a_sampling_that_is_none(text: str) -> None:
    with pytest.raises(AqaError, match="sampling"):
        parse_sampling(text)


def test_a_window_is_no_shorter_than_its_clip_and_not_the_whole_video() -> None:
    for rule in ({"window": 8}, {"window": 32, "spread": True}):
        with pytest.raises(AqaError, match="window="):
            ClipRule(**rule)  # type: ignore[arg-type]
