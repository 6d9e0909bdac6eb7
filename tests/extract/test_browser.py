"""Copies of videos for pages."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from aqa.extract.video.browser import browser_video, jpeg
from aqa.extract.video.source import VideoError


def decoded(data: bytes) -> list[np.ndarray]:
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]


def test_every_frame_of_the_range_is_kept(write_video: Callable[..., Path]) -> None:
    path = write_video("grey.avi", [np.full((48, 64, 3), 8 * n, np.uint8) for n in range(30)])
    copy = browser_video(path, 5, 25)
    frames = decoded(copy.data)
    assert len(frames) == copy.n_frames == 20
    levels = [float(frame.mean()) for frame in frames]
    assert levels == pytest.approx([8 * n for n in range(5, 25)], abs=3)


def test_times_are_those_of_the_copy(numbered_video: Callable[..., Path]) -> None:
    copy = browser_video(numbered_video(30), 5, 25)
    assert copy.fps == 25
    assert [copy.seconds(frame) for frame in (0, 5, 15, 99)] == [0, 0, 0.4, 0.8]


def test_sizes_are_even_and_limited(write_video: Callable[..., Path], rng) -> None:
    frame = rng.integers(0, 255, (102, 130, 3), dtype=np.uint8)
    copy = browser_video(write_video("odd.avi", [frame] * 3), height=51)
    assert (copy.width, copy.height) == (64, 50)
    assert decoded(copy.data)[0].shape == (50, 64, 3)


def test_a_folder_of_images_without_a_rate_plays_too(tmp_path: Path, rng) -> None:
    for number in range(4):
        image = rng.integers(0, 255, (33, 47, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    copy = browser_video(tmp_path)
    assert (copy.fps, copy.n_frames, copy.width, copy.height) == (25.0, 4, 46, 32)


def test_no_frame_is_an_error_that_names_the_file(numbered_video: Callable[..., Path]) -> None:
    path = numbered_video(5)
    with pytest.raises(VideoError, match=r"video\.avi: no frame from 9 on"):
        browser_video(path, 9)


def test_a_jpeg_is_small(rng) -> None:
    data = jpeg(rng.integers(0, 255, (240, 320, 3), dtype=np.uint8), 60)
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (60, 80, 3)
