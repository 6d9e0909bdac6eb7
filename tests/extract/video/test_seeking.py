"""A part of a long file: the same frames as from the start, with few others decoded."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import Video
from aqa.extract.backbones import load_backbone
from aqa.extract.run import INDEX_FOLDER, extract
from aqa.extract.video import frame_index as indices
from aqa.extract.video.decode import open_video, read_frames
from aqa.extract.video.packets import StreamDecoder
from aqa.extract.video.sharing import Action, SharedReaders, in_file_order
from aqa.features.clips import ClipRule
from aqa.features.store import FeatureStore

Make = Callable[..., Path]
Textured = Callable[..., list[np.ndarray]]

SIZE = (48, 64)
# Container, codec, B-frames: those that cameras and broadcasters use.
FILES = {
    "h264.mp4": ("libx264", 2, {}),
    "h264-open.mp4": ("libx264", 2, {"x264-params": "open-gop=1"}),
    "h264.mkv": ("libx264", 2, {}),
    "h264.ts": ("libx264", 2, {}),
    "h264.flv": ("libx264", 2, {}),
    "h265.mp4": ("libx265", 2, {"x265-params": "log-level=none"}),
    "mpeg2.ts": ("mpeg2video", 2, {}),
    "mpeg2.mpg": ("mpeg2video", 2, {}),
    "mpeg4.avi": ("mpeg4", 0, {}),
    "mpeg4-b.avi": ("mpeg4", 2, {}),
    "vp8.webm": ("libvpx", None, {"auto-alt-ref": "1", "lag-in-frames": "16"}),
    "vp9.webm": ("libvpx-vp9", None, {}),
    "mjpeg.avi": ("mjpeg", None, {}),
}


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the frames that any decoder gives."""
    count = [0]
    frames = StreamDecoder.frames

    def counted(self: StreamDecoder):
        for frame in frames(self):
            count[0] += 1
            yield frame

    monkeypatch.setattr(StreamDecoder, "frames", counted)
    return count


@pytest.mark.parametrize("name", FILES)
def test_frames_of_a_part_are_those_of_the_whole(
    make_video: Make, textured: Textured, decoded: list[int], name: str
) -> None:
    codec, b_frames, options = FILES[name]
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = make_video(
        name, textured(90, SIZE), codec, pix_fmt=pix_fmt, b_frames=b_frames, options=options
    )
    whole = list(open_video(path).frames())
    assert len(whole) == 90
    for start, stop in ((1, 3), (40, 44), (59, 62), (60, 61), (88, None), (89, 95), (90, None)):
        source = open_video(path)
        part = list(source.frames(start, stop))
        expected = whole[start:stop]
        assert len(part) == len(expected)
        assert all((a == b).all() for a, b in zip(part, expected, strict=True)), (start, stop)
    if name not in ("mpeg4-b.avi", "mpeg2.mpg"):  # whose packets do not tell their times
        decoded[0] = 0
        list(open_video(path).frames(80, 82))
        assert decoded[0] < 40


def test_few_frames_are_decoded_for_actions_of_a_long_file(
    tmp_path: Path, make_video: Make, textured: Textured, decoded: list[int]
) -> None:
    """Key frames every 250 frames: less than three times the frames that are wanted."""
    pattern = textured(50, SIZE)
    path = make_video(
        "long.mp4",
        [pattern[i % 50] for i in range(4000)],
        gop=250,
        options={"sc_threshold": "0", "preset": "ultrafast"},
    )
    starts = np.random.default_rng(0).permutation(np.arange(60, 3800, 190))
    videos = [
        Video(str(start), path, 0.0, int(start), int(start) + 100) for start in starts.tolist()
    ]
    backbone = load_backbone("tiny3d")
    summary = extract(videos, backbone, tmp_path / "s.h5", ClipRule(16, 50), workers=0)
    wanted = 100 * len(videos)
    assert len(summary.done) == len(videos)
    assert wanted <= decoded[0] < 3 * wanted
    # The index lies beside the store, and serves the next run.
    assert len(list((tmp_path / INDEX_FOLDER).glob("*.npy"))) == 1
    decoded[0] = 0
    indices._memory.clear()
    extract(videos[:1], backbone, tmp_path / "t.h5", ClipRule(16, 50), workers=0)
    assert decoded[0] <= 250 + 100
    with FeatureStore.open(tmp_path / "s.h5") as store:
        assert store.frame_range(videos[0].id) == (videos[0].start_frame, videos[0].end_frame)


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_actions_without_key_frames_between_are_read_in_one_pass(
    tmp_path: Path, make_video: Make, textured: Textured, decoded: list[int], workers: int
) -> None:
    path = make_video("one-key.mp4", textured(300, SIZE), gop=1000, options={"sc_threshold": "0"})
    videos = [Video(str(start), path, 0.0, start, start + 20) for start in range(10, 290, 20)]
    summary = extract(
        videos, load_backbone("tiny3d"), tmp_path / "s.h5", ClipRule(16, 16), workers=workers
    )
    assert len(summary.done) == len(videos)
    assert decoded[0] < 300 + 20


def test_what_is_extracted_of_shared_files_is_what_each_action_gives_alone(
    tmp_path: Path, make_video: Make, textured: Textured
) -> None:
    path = make_video("v.mp4", textured(200, SIZE), gop=40)
    other = make_video("w.mp4", textured(60, SIZE), gop=40)
    videos = [
        Video("late", path, 0.0, 150, 170),
        Video("other", other, 0.0),
        Video("early", path, 0.0, 20, 40),
        Video("overlapping", path, 0.0, 30, 50),
        Video("again", path, 0.0, 150, 170),
    ]
    backbone = load_backbone("tiny3d")
    for workers in (0, 3):
        together = tmp_path / f"s{workers}.h5"
        extract(videos, backbone, together, workers=workers)
        for video in videos:
            alone = tmp_path / f"{video.id}{workers}.h5"
            extract([video], backbone, alone, workers=0)
            with FeatureStore.open(together) as a, FeatureStore.open(alone) as b:
                np.testing.assert_array_equal(a[video.id], b[video.id])
                assert a.ids == ("early", "overlapping", "late", "again", "other")


def test_an_index_is_told_by_size_time_and_ends_of_the_file(
    tmp_path: Path, make_video: Make, textured: Textured
) -> None:
    path, folder = make_video("v.mp4", textured(50, SIZE)), tmp_path / "kept"
    index = indices.frame_index(path, folder)
    assert len(index) == 50
    assert index.fps == pytest.approx(25)
    assert index.keys_before(30)[0] == 24
    (kept,) = folder.iterdir()
    indices._memory.clear()
    again = indices.frame_index(path, folder)
    np.testing.assert_array_equal(again.times, index.times)
    np.testing.assert_array_equal(again.keys, index.keys)
    for damaged in (b"", b"nonsense", kept.read_bytes()[:-8]):
        kept.write_bytes(damaged)
        indices._memory.clear()
        assert len(indices.frame_index(path, folder)) == 50
    make_video("v.mp4", textured(40, SIZE))
    assert len(indices.frame_index(path, folder)) == 40
    assert len(list(folder.iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_passed_over(
    tmp_path: Path, make_video: Make, textured: Textured
) -> None:
    path = make_video("v.mp4", textured(30, SIZE))
    (tmp_path / "file").write_text("no folder")
    indices._memory.clear()
    assert len(list(open_video(path, tmp_path / "file" / "kept").frames(20, 25))) == 5


def test_the_order_of_actions() -> None:
    a, b = Path("a"), Path("b")
    actions = [Action(b), Action(a, 50, 60), Action(b), Action(a, 10, 20), Action(a, 50, 55)]
    assert in_file_order(actions) == [0, 3, 1, 4, 2]
    assert in_file_order([Action(b), Action(a), Action(b)]) == [0, 1, 2]


def test_an_action_that_fails_holds_up_no_other(make_video: Make, textured: Textured) -> None:
    path = make_video("v.mp4", textured(60, SIZE), gop=1000)
    shared = SharedReaders([Action(path, 5, 10), Action(path, 20, 25)], threads=2)
    got: list[int] = []
    thread = threading.Thread(
        target=lambda: got.append(len(list(open_video(path, shared=(shared, 1)).frames(20, 25))))
    )
    thread.start()
    shared.finish(0)  # as a reader does whose video could not be opened
    thread.join(timeout=30)
    assert got == [5]


def test_single_frames(make_video: Make, textured: Textured, decoded: list[int]) -> None:
    path = make_video("v.mp4", textured(60, SIZE), gop=10)
    whole = list(open_video(path).frames())
    decoded[0] = 0
    found = read_frames(path, [52, 55])
    assert decoded[0] < 25
    assert all((found[i] == whole[i]).all() for i in (52, 55))
    assert (read_frames(path, [70])[70] == whole[59]).all()


def test_deinterlacing_is_asked_for_and_stands_in_the_spec(
    tmp_path: Path, make_video: Make
) -> None:
    """Between the fields of a frame the picture moves: combs, which deinterlacing removes."""
    height, width = 96, 128
    frames = []
    for i in range(12):
        image = np.full((height, width, 3), 40, np.uint8)
        image[0::2, 4 * i + 10 : 4 * i + 50] = 220
        image[1::2, 4 * i + 18 : 4 * i + 58] = 220  # the later field
        frames.append(image)
    path = make_video("i.mp4", frames, options={"flags": "+ildct+ilme", "crf": "4"}, gop=4)

    def combs(image: np.ndarray) -> float:
        rows = image[..., 1].astype(int)
        return float(np.abs(rows[1:-1] * 2 - rows[:-2] - rows[2:]).mean())

    plain = list(open_video(path).frames())
    smooth = list(open_video(path, deinterlace=True).frames())
    assert len(smooth) == 12
    assert min(map(combs, plain)) > 1.8 * max(map(combs, smooth))
    for start, stop in ((0, 1), (5, 8), (11, 12), (7, None)):
        part = list(open_video(path, deinterlace=True).frames(start, stop))
        expected = smooth[start:stop]
        assert len(part) == len(expected)
        assert all((a == b).all() for a, b in zip(part, expected, strict=True))
    backbone = load_backbone("tiny3d")
    video = [Video("i", path, 0.0)]
    extract(video, backbone, tmp_path / "plain.h5")
    backbone.preprocess = dataclasses.replace(backbone.preprocess, deinterlace=True)
    extract(video, backbone, tmp_path / "smooth.h5")
    with (
        FeatureStore.open(tmp_path / "plain.h5") as a,
        FeatureStore.open(tmp_path / "smooth.h5") as b,
    ):
        assert "deinterlace" not in a.spec["preprocess"]
        assert b.spec["preprocess"]["deinterlace"] is True
        assert not np.array_equal(a["i"], b["i"])


def test_an_index_of_one_instant_has_no_rate() -> None:
    none = np.zeros(0, np.int64)
    one = indices.FrameIndex(np.array([7], np.int64), none, none, (1, 25))
    same = indices.FrameIndex(np.array([7, 7], np.int64), none, none, (1, 25))
    two = indices.FrameIndex(np.array([7, 9], np.int64), none, none, (1, 25))
    assert np.isnan(one.fps)
    assert np.isnan(same.fps)
    assert two.fps == 12.5


def test_times_that_stand_twice_are_no_index(
    make_video: Make, textured: Textured, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video("v.mp4", textured(20, SIZE))
    times, keys = indices._packet_times(path)
    assert times is not None
    assert len(indices.build_index(path)) == 20
    twice = np.append(times, times[-1])
    monkeypatch.setattr(indices, "_packet_times", lambda _: (twice, keys))
    assert not indices.build_index(path)
    monkeypatch.setattr(indices, "_packet_times", lambda _: (None, keys))
    assert not indices.build_index(path)


def test_frames_of_vp8_that_are_never_shown_are_not_counted(
    make_video: Make, textured: Textured
) -> None:
    options = {"auto-alt-ref": "1", "lag-in-frames": "16"}
    path = make_video("v.webm", textured(60, SIZE), "libvpx", options=options)
    times, _ = indices._packet_times(path)
    assert times is not None
    assert len(times) == 60
    assert len(indices.build_index(path)) == 60


def test_a_reader_that_waits_is_closed_once_no_action_needs_it(
    make_video: Make, textured: Textured
) -> None:
    path = make_video("v.mp4", textured(20, SIZE))
    shared = SharedReaders([Action(path, 0, 5), Action(path, 5, 10), Action(path, 10, 15)])
    reader, closed = shared.take(0), []
    reader.close = lambda: closed.append(True)  # type: ignore[method-assign]
    shared.give(0, reader)
    for number in range(3):
        assert closed == []
        shared.finish(number)
    assert closed == [True]
