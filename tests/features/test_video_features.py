"""Which frames of its file a clip's feature shows, and when."""

from __future__ import annotations

import numpy as np
import pytest

from aqa.features.clips import Clip
from aqa.features.video_features import VideoFeatures


def video(fps: float) -> VideoFeatures:
    clips = [Clip(-16, 0), Clip(-6, 10), Clip(10, 26), Clip(24, 40), Clip(40, 56)]
    return VideoFeatures(np.zeros((5, 2), np.float32), clips, n_frames=30, offset=100, fps=fps)


def test_frames_are_the_files_without_padding() -> None:
    shown = [video(25.0).frames(number) for number in range(5)]
    assert shown == [(100, 100), (100, 110), (110, 126), (124, 130), (130, 130)]


def test_seconds_are_known_where_the_rate_is() -> None:
    assert video(25.0).seconds(110) == pytest.approx(4.4)
    assert video(float("nan")).seconds(110) is None
