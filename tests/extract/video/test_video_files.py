"""Files that people's tools fail on: every frame, in order, upright, in the right colours."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from aqa.extract.video.decode import VideoError, open_video
from aqa.extract.video.streams import FORMATS

Make = Callable[..., Path]
Textured = Callable[..., list[np.ndarray]]

# What a reference decoder gives: frames, height, width, rate, and the mean colour of the first.
TRICKY = {
    "tc-av1_video.mkv": (125, 360, 640, 25.0, (120.0, 129.1, 127.7)),
    "tc-h265_10bits.mp4": (30, 200, 200, 30.0, (113.8, 117.6, 125.4)),
    "decord-corrupted.mp4": (49, 720, 1280, 10.0, (122.2, 128.7, 128.5)),
    "ax-sample_with_invalid_nalu.mp4": (29, 720, 1080, 29.97, (151.5, 145.5, 147.1)),
    "decord-video_90.mov": (3, 568, 320, 30.0, (104.4, 93.8, 85.8)),
    "ax-sample_rotate_and_reflect.mp4": (30, 1080, 720, 29.97, (151.5, 145.5, 147.1)),
    "exo-sample.flv": (30, 720, 1080, 29.99, (151.5, 145.5, 147.1)),
    "ax-dolbyVision-hdr.MOV": (4, 1280, 720, 30.0, (164.8, 170.0, 170.4)),
    "ax-bear-vp9-odd-dimensions.webm": (30, 121, 161, 29.97, (143.8, 149.2, 148.3)),
}
DAMAGED = {
    "decord-corrupted.mp4": "damaged: frames 30, 32; 1 of them could not be decoded",
    "ax-sample_with_invalid_nalu.mp4": "damaged: frame 26; 1 of them could not be decoded",
}

# Container, codec and pixel format of interlaced video, and its encoder's options.
INTERLACED = {
    "h264.mp4": ("libx264", "yuv420p", {"flags": "+ildct+ilme", "crf": "4"}),
    "h264-paff.ts": ("libx264", "yuv420p", {"flags": "+ildct+ilme", "crf": "4"}),
    "mpeg2.mpg": ("mpeg2video", "yuv420p", {"flags": "+ildct+ilme", "qmax": "2", "b": "9M"}),
    "mpeg2-422.mxf": ("mpeg2video", "yuv422p", {"flags": "+ildct+ilme", "qmax": "2", "b": "20M"}),
    "dv.avi": ("dvvideo", "yuv420p", {}),
    "dv.dv": ("dvvideo", "yuv420p", {}),
}

# Colours as encoded -> as any decoder must show them: matrix and range of the stream.
WHITE, BLACK, RED, BLUE, GREY = (250,) * 3, (5,) * 3, (200, 30, 40), (20, 50, 220), (128,) * 3
MATRICES = {"BT.601": 5, "BT.709": 1, "BT.2020": 9}
RANGES = {"limited": 1, "full": 2}


def with_display_matrix(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """A copy of an .mp4 whose display matrix is (a, b, c, d)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4
    place = at + (52 if data[at] == 1 else 40)
    one = 1 << 16
    a, b, c, d = (one * value for value in matrix)
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    target = path.with_name(f"turned-{'_'.join(map(str, matrix))}.mp4")
    target.write_bytes(data)
    return target


def with_edit_list(path: Path, media_time: int) -> Path:
    """A copy of an .mp4 whose edit list begins so much later, in units of the media's time."""
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 4
    assert data[at] == 0
    assert int.from_bytes(data[at + 4 : at + 8], "big") == 1
    place = at + 12
    before = int.from_bytes(data[place : place + 4], "big")
    data[place : place + 4] = (before + media_time).to_bytes(4, "big")
    target = path.with_name(f"edited-{path.name}")
    target.write_bytes(data)
    return target


def differences(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> list[float]:
    """The mean difference of each frame from the one that was encoded."""
    return [
        float(np.abs(a.astype(int) - b.astype(int)).mean())
        for a, b in zip(found, expected, strict=True)
    ]


@pytest.mark.parametrize("name", TRICKY)
def test_real_files_that_tools_fail_on(shared: Path, name: str) -> None:
    n_frames, height, width, fps, colour = TRICKY[name]
    source = open_video(shared / "data" / "videos" / "tricky" / name)
    frames = list(source.frames())
    assert len(frames) == n_frames
    assert {frame.shape for frame in frames} == {(height, width, 3)}
    assert {frame.dtype for frame in frames} == {np.dtype(np.uint8)}
    assert source.fps == pytest.approx(fps, abs=0.01)
    np.testing.assert_allclose(frames[0].mean(axis=(0, 1)), colour, atol=0.5)
    said = DAMAGED.get(name)
    assert [line.partition("; those")[0] for line in source.warnings()] == ([said] if said else [])


@pytest.mark.parametrize("name", INTERLACED)
def test_interlaced_frames_are_decoded_whole(
    make_video: Make, textured: Textured, name: str
) -> None:
    codec, pix_fmt, options = INTERLACED[name]
    size = (576, 720) if codec == "dvvideo" or name.endswith("mxf") else (96, 128)
    frames = textured(7, size)
    path = make_video(name, frames, codec, pix_fmt=pix_fmt, options=options)
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).interlaced_frame
    source = open_video(path)
    found = list(source.frames())
    assert source.warnings() == []
    assert max(differences(found, frames)) < 5


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("av1.mkv", "libsvtav1", "yuv420p"),
        ("vp9.webm", "libvpx-vp9", "yuv420p"),
        ("h265.mp4", "libx265", "yuv420p10le"),
        ("h264-444.mkv", "libx264", "yuv444p"),
        ("mjpeg.avi", "mjpeg", "yuvj420p"),
        ("ffv1.mkv", "ffv1", "yuv420p"),
        ("mpeg4.avi", "mpeg4", "yuv420p"),
    ],
)
def test_every_codec_gives_every_frame_in_order(
    make_video: Make, textured: Textured, name: str, codec: str, pix_fmt: str
) -> None:
    frames = textured(25)
    path = make_video(name, frames, codec, pix_fmt=pix_fmt)
    source = open_video(path)
    found = list(source.frames())
    assert source.warnings() == []
    assert source.fps == pytest.approx(25, abs=0.01)
    errors = differences(found, frames)
    assert max(errors) < 12
    assert max(errors) < np.median(differences(found[1:], frames[:-1]))  # the right one, in order


def test_a_variable_rate_drops_and_repeats_nothing(make_video: Make, textured: Textured) -> None:
    times = [0, 33, 67, 100, 500, 520, 540, 2000, 2010, 4000]
    source = open_video(make_video("vfr.mkv", textured(10), times=times))
    found = list(source.frames())
    assert max(differences(found, textured(10))) < 8
    assert source.warnings() == []


def test_an_edit_list_hides_the_first_frames(make_video: Make, textured: Textured) -> None:
    frames = textured(30)
    path = make_video("v.mp4", frames, b_frames=2)
    with av.open(str(path)) as container:
        base = container.streams.video[0].time_base
    edited = with_edit_list(path, round(5 / 25 / base))
    source = open_video(edited)
    found = list(source.frames())
    assert max(differences(found, frames[5:])) < 8
    assert source.warnings() == []  # nothing is missing, whatever the count of samples is
    assert max(differences(list(open_video(edited).frames(10, 12)), frames[15:17])) < 8


@pytest.mark.parametrize(
    "matrix",
    [(a, b, c, d) for a, d in ((1, 1), (-1, 1), (1, -1), (-1, -1)) for b, c in ((0, 0),)]
    + [(0, b, c, 0) for b in (1, -1) for c in (1, -1)],
)
def test_every_turn_and_mirror_of_the_display_matrix(
    make_video: Make, matrix: tuple[int, int, int, int]
) -> None:
    image = np.full((48, 64, 3), 60, np.uint8)
    image[:16, :16] = 240  # a bright corner, top left
    path = with_display_matrix(make_video("flat.mp4", [image] * 3), matrix)
    first = next(open_video(path).frames())
    a, b, c, d = matrix
    corner = np.array([[a, c], [b, d]]) @ [-1, -1]  # from the middle: right, down
    rows = first[: first.shape[0] // 4] if corner[1] < 0 else first[-first.shape[0] // 4 :]
    cell = rows[:, : first.shape[1] // 5] if corner[0] < 0 else rows[:, -first.shape[1] // 5 :]
    assert first.shape == ((48, 64, 3) if a else (64, 48, 3))
    assert cell.mean() > 180
    assert first.mean() < 90


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("span", RANGES)
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
def test_colours_are_those_of_the_streams_matrix_and_range(
    make_video: Make, matrix: str, span: str, pix_fmt: str
) -> None:
    colours = (WHITE, BLACK, RED, BLUE, GREY)
    image = np.repeat(np.array(colours, np.uint8)[None], 64, axis=0).repeat(32, axis=1)
    said = {"colorspace": MATRICES[matrix], "color_range": RANGES[span]}
    path = make_video("c.mkv", [image] * 2, pix_fmt=pix_fmt, options={"crf": "2"}, colours=said)
    first = next(open_video(path).frames())
    for number, colour in enumerate(colours):
        seen = first[16:48, 32 * number + 10 : 32 * number + 22].mean(axis=(0, 1))
        np.testing.assert_allclose(seen, colour, atol=3)


def test_the_picture_of_an_audio_file_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=8000)
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        image = np.zeros((48, 64, 3), np.uint8)
        packets = cover.encode(av.VideoFrame.from_ndarray(image, format="rgb24"))
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        samples.sample_rate = 8000
        container.mux(sound.encode(samples))
        container.mux(packets + cover.encode() + sound.encode())
    with pytest.raises(VideoError, match=r"song\.m4a: no video in it .*still picture"):
        open_video(path)


def test_of_several_streams_the_largest_is_read_and_told(
    tmp_path: Path, textured: Textured
) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = []
        for height, width in ((48, 64), (96, 128)):
            stream = container.add_stream("libx264", rate=25)
            stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
            streams.append((stream, textured(5, (height, width))))
        for number in range(5):
            for stream, frames in streams:
                frame = av.VideoFrame.from_ndarray(frames[number], format="rgb24")
                frame.pts = number
                container.mux(stream.encode(frame))
        for stream, _ in streams:
            container.mux(stream.encode())
    source = open_video(path)
    assert {frame.shape for frame in source.frames()} == {(96, 128, 3)}
    assert source.warnings() == ["2 video streams: read was stream 1, the largest (128x96)"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.mp4", "ffconcat version 1.0\nfile good.mp4\n"),
        ("list.ffconcat", "ffconcat version 1.0\nfile '{good}'\n"),
        ("play.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\ngood.ts\n#EXT-X-ENDLIST\n"),
        ("play.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{good}\n#EXT-X-ENDLIST\n"),
        (
            "call.sdp",
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
            "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        ),
        ("frame%03d.png", "x"),
    ],
)
def test_other_files_that_a_text_names_are_never_opened(
    make_video: Make, textured: Textured, name: str, text: str
) -> None:
    good = make_video("good.mp4", textured(3))
    make_video("good.ts", textured(3))
    path = good.with_name(name)
    path.write_text(text.format(good=good))
    with pytest.raises(VideoError, match="not a video"):
        open_video(path)


def test_addresses_are_no_files(tmp_path: Path) -> None:
    for name in ("http://127.0.0.1:9/x.mp4", "concat:a|b", "file:x"):
        with pytest.raises(VideoError, match="no such video"):
            open_video(Path(name))
    path = tmp_path / "a:b.mp4"
    path.write_bytes(b"x")
    with pytest.raises(VideoError, match="not a video"):
        open_video(path)


def test_a_name_that_is_no_text(make_video: Make, textured: Textured) -> None:
    path = make_video("v.mp4", textured(3))
    odd = Path(str(path.parent) + "/bad\udcff.mp4")
    try:
        path.rename(odd)
    except OSError:
        pytest.skip("this file system takes no such name")
    assert len(list(open_video(odd).frames())) == 3


def test_every_format_that_may_be_opened_is_one_of_ffmpeg() -> None:
    known = {name for one in av.formats_available for name in one.split(",")}
    assert set(FORMATS) <= known
    assert len(set(FORMATS)) == len(FORMATS)
    playlists = {"hls", "dash", "concat", "sdp", "rtsp", "image2", "imf", "webm_dash_manifest"}
    assert not playlists & set(FORMATS)
