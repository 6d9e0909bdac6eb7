"""Decoding: every frame once, in order, upright, RGB; and what is said of files that are none."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from aqa.extract.video.decode import (
    ImageFolder,
    VideoError,
    VideoFile,
    open_video,
    read_frames,
    size_of,
)


def numbers(frames: list[np.ndarray]) -> list[int]:
    return [int(frame[0, 0, 0]) for frame in frames]


def test_every_frame_comes_once_in_rgb(numbered_video: Callable[..., Path]) -> None:
    source = open_video(numbered_video(40))
    frames = list(source.frames())
    assert numbers(frames) == list(range(40))
    assert (source.fps, source.promised) == (25.0, 40)
    assert frames[7].dtype == np.uint8
    assert frames[7].shape == (48, 64, 3)
    assert frames[7][0, 0].tolist() == [7, 200, 100]
    assert frames[7][-1, -1].tolist() == [7, 0, 0]


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [(5, 9, [5, 6, 7, 8]), (37, None, [37, 38, 39]), (38, 60, [38, 39]), (50, None, [])],
)
def test_a_range_of_frames(
    numbered_video: Callable[..., Path], start: int, stop: int | None, expected: list[int]
) -> None:
    assert numbers(list(open_video(numbered_video(40)).frames(start, stop))) == expected


def test_numbers_past_the_end_give_the_last_frame(numbered_video: Callable[..., Path]) -> None:
    frames = read_frames(numbered_video(8), [8, 2, 7, 7, 40])
    assert sorted(frames) == [2, 7, 8, 40]
    assert numbers([frames[i] for i in (2, 7, 8, 40)]) == [2, 7, 7, 7]


def test_single_frames_are_those_of_their_numbers(numbered_video: Callable[..., Path]) -> None:
    frames = read_frames(numbered_video(8, "w.avi"), [0, 5])
    assert {number: int(frame[0, 0, 0]) for number, frame in frames.items()} == {0: 0, 5: 5}


@pytest.mark.parametrize("fps", [7.0, 12.5, 24000 / 1001, 30000 / 1001, 60000 / 1001, 240.0])
def test_odd_rates(write_video: Callable[..., Path], fps: float) -> None:
    source = open_video(write_video("x.avi", [np.zeros((16, 16, 3), np.uint8)] * 30, fps))
    assert len(list(source.frames())) == 30
    assert source.fps == pytest.approx(fps, rel=1e-4)


def test_odd_sizes(tmp_path: Path) -> None:
    path = tmp_path / "odd.avi"
    motion_jpeg = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), cv2.CAP_OPENCV_MJPEG, motion_jpeg, 25.0, (51, 37))
    assert writer.isOpened()
    for _ in range(3):
        writer.write(np.full((37, 51, 3), 9, np.uint8))
    writer.release()
    assert [frame.shape for frame in open_video(path).frames()] == [(37, 51, 3)] * 3


def test_grey_video(tmp_path: Path) -> None:
    path = tmp_path / "grey.avi"
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter.fourcc(*"FFV1"), 25.0, (64, 48), isColor=False
    )
    assert writer.isOpened()
    for _ in range(3):
        writer.write(np.full((48, 64), 77, np.uint8))
    writer.release()
    (frame, *_) = open_video(path).frames()
    assert frame.shape == (48, 64, 3)
    assert np.abs(frame.astype(int) - 77).max() <= 1


def rotated(path: Path, source: Path) -> None:
    """Copy an .mp4 with the display matrix of a phone held upright: a quarter turn clockwise."""
    data = bytearray(source.read_bytes())
    at = data.index(b"tkhd") + 4
    matrix = at + (52 if data[at] == 1 else 40)
    one = 1 << 16
    data[matrix : matrix + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 48 * one, 0, 1 << 30)
    path.write_bytes(data)


def test_a_rotated_phone_video_is_turned_upright(tmp_path: Path) -> None:
    flat, turned = tmp_path / "flat.mp4", tmp_path / "turned.mp4"
    writer = cv2.VideoWriter(str(flat), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (64, 48))
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:24] = 250  # bright on top
    for _ in range(4):
        writer.write(frame)
    writer.release()
    rotated(turned, flat)
    first = next(iter(open_video(turned).frames()))
    assert first.shape == (64, 48, 3)
    assert first[:, 36:].mean() > 200  # what was on top is now on the right
    assert first[:, :12].mean() < 50


@pytest.mark.parametrize("content", [b"", b"not a video at all" * 100])
def test_files_that_are_no_video(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=rf"x\.mp4: not a video .*\({len(content)} bytes\)"):
        VideoFile(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"absent\.mp4: no such video"):
        open_video(tmp_path / "absent.mp4")


class TestImageFolder:
    def write(self, folder: Path, names: list[str]) -> Path:
        folder.mkdir(exist_ok=True)
        for value, name in enumerate(names):
            cv2.imwrite(str(folder / name), np.full((10, 12, 3), value, np.uint8))
        return folder

    def test_numbers_give_the_order(self, tmp_path: Path) -> None:
        folder = self.write(tmp_path / "f", ["img_9.png", "img_10.png", "img_11.png"])
        (folder / "notes.txt").write_text("x")
        source = open_video(folder)
        assert source.promised == 3
        assert np.isnan(source.fps)
        assert numbers(list(source.frames())) == [0, 1, 2]
        assert numbers(list(source.frames(1, 2))) == [1]

    def test_the_last_number_of_a_name_counts_and_hidden_files_do_not(self, tmp_path: Path) -> None:
        folder = self.write(tmp_path / "f", ["9_of_1.png", "8_of_2.png", "7_of_3.png"])
        (folder / "._9_of_4.png").write_bytes(b"what a Mac leaves on a foreign disk")
        before = size_of(folder)
        (folder / ".DS_Store").write_bytes(b"x" * 99)
        source = open_video(folder)
        assert source.promised == 3
        assert numbers(list(source.frames())) == [0, 1, 2]
        assert size_of(folder) == before == sum(f.stat().st_size for f in folder.glob("[789]*"))

    @pytest.mark.parametrize(
        ("names", "problem"),
        [
            ([], "without numbered images"),
            (["a.png"], "without numbered images"),
            (["1.png", "01.png"], "have the same number"),
            (["1.png", "2.png", "5.png"], "2 of the images 1 to 5 are missing"),
        ],
    )
    def test_folders_that_are_no_video(
        self, tmp_path: Path, names: list[str], problem: str
    ) -> None:
        with pytest.raises(VideoError, match=problem):
            ImageFolder(self.write(tmp_path / "f", names))

    def test_a_broken_image_is_named(self, tmp_path: Path) -> None:
        folder = self.write(tmp_path / "f", ["1.png", "2.png"])
        (folder / "2.png").write_bytes(b"broken")
        with pytest.raises(VideoError, match=r"2\.png: not an image"):
            list(open_video(folder).frames())

    @pytest.mark.parametrize("name", ["2.jpg", "2.png"])
    @pytest.mark.parametrize("share", [0.4, 0.9, 0.999])
    def test_an_image_that_ends_early_is_named(
        self, tmp_path: Path, rng: np.random.Generator, name: str, share: float
    ) -> None:
        folder = self.write(tmp_path / "f", ["1.png"])
        _, encoded = cv2.imencode(Path(name).suffix, rng.integers(0, 256, (64, 64, 3), np.uint8))
        # A thumbnail before the picture, with an end of its own.
        thumbnail = b"\xff\xe1\x00\x06\xff\xda\xff\xd9"
        data = encoded.tobytes()
        data = data[:2] + thumbnail + data[2:] if name.endswith(".jpg") else data
        (folder / name).write_bytes(data)
        assert len(list(open_video(folder).frames())) == 2
        (folder / name).write_bytes(data + b"a camera's own \xff\xd8\xff\xda without an end")
        assert len(list(open_video(folder).frames())) == 2
        (folder / name).write_bytes(data[: int(share * len(data))])
        with pytest.raises(VideoError, match=rf"{name}: the file ends early"):
            list(open_video(folder).frames())


def test_real_videos(shared: Path) -> None:
    for name, size, n in (("054.avi", (240, 320, 3), 103), ("v_GGSY1Qvo990.mp4", None, None)):
        source = open_video(shared / "data" / "videos" / name)
        frames = [frame.shape for frame in source.frames()]
        assert len(frames) == (n or source.promised)
        assert len(set(frames)) == 1
        if size:
            assert frames[0] == size


def test_a_file_without_a_frame(tmp_path: Path) -> None:
    path = tmp_path / "v.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    with pytest.raises(VideoError, match=r"v\.mkv: "):
        read_frames(path, [0])


def test_decoded_frames_are_counted(numbered_video: Callable[..., Path]) -> None:
    source = open_video(numbered_video(9))
    assert source.n_decoded == 0
    assert len(list(source.frames())) == 9
    assert source.n_decoded == 9


def test_a_pipe_is_no_video(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "v.mp4")
    with pytest.raises(VideoError, match=r"v\.mp4: no regular file"):
        open_video(tmp_path / "v.mp4")
