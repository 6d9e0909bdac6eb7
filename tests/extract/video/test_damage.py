"""What is said of damaged and truncated videos, and that it is said to every caller."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import write_manifest
from aqa.extract.video import video_file
from aqa.extract.video.cut import is_cut
from aqa.extract.video.damage import ranges
from aqa.extract.video.decode import open_video
from aqa.extract.video.packets import StreamDecoder

Make = Callable[..., Path]
Textured = Callable[..., list[np.ndarray]]

FAST = {"movflags": "+faststart"}
# Name, codec, how it is encoded -> what is said once frames 36 to 41 are noise.
SPOILT = {
    "mpeg4.avi": ("mpeg4", {}, "damaged: frames 36 to 41; 6 of them could not be decoded"),
    "mpeg4.mp4": ("mpeg4", {}, "damaged: frames 36 to 41; 6 of them could not be decoded"),
    "mjpeg.avi": ("mjpeg", {}, "damaged: frames 36 to 41; 6 of them could not be decoded"),
    "h264.mp4": ("libx264", {"b_frames": 0}, "damaged: frames 36 to 46; 11 of them could not be"),
    "h264.ts": ("libx264", {"b_frames": 0}, "damaged: frames 34, 36 to 40; 5 of them could not"),
    "ffv1.mkv": ("ffv1", {}, "damaged: frames are missing at frame 36"),
    "vp9.mkv": ("libvpx-vp9", {}, "damaged: frames are missing at frame 36"),
}


def said(path: Path, start: int = 0, stop: int | None = None) -> tuple[int, list[str]]:
    source = open_video(path)
    return len(list(source.frames(start, stop))), source.warnings()


@pytest.mark.parametrize("name", SPOILT)
def test_bad_packets_are_skipped_and_the_damage_is_told_by_number(
    make_video: Make, textured: Textured, spoilt: Callable[..., Path], name: str
) -> None:
    codec, options, expected = SPOILT[name]
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = make_video(name, textured(60), codec, pix_fmt=pix_fmt, **options)
    assert said(path) == (60, [])
    n_frames, warnings = said(spoilt(path, range(36, 42)))
    assert 36 <= n_frames < 60
    assert len(warnings) == 1
    assert warnings[0].startswith(expected)


def test_frames_behind_lost_ones_keep_their_numbers(
    make_video: Make, textured: Textured, spoilt: Callable[..., Path]
) -> None:
    frames = textured(60)
    path = spoilt(make_video("v.mp4", frames, "mpeg4"), range(36, 42))
    source = open_video(path)
    (seen,) = source.frames(50, 51)
    assert np.abs(seen.astype(int) - frames[50]).mean() < 12
    assert source.warnings() == []  # nothing is wrong with these
    assert said(path, 30, 40) == (
        6,
        [
            "damaged: frames 36 to 39; 4 of them could not be decoded; those up to the next key "
            "frame may be wrong"
        ],
    )


@pytest.mark.parametrize("part", [(0, None), (30, 40), (45, 200)])
def test_large_frames_are_decoded_ahead_with_the_same_result(
    make_video: Make,
    textured: Textured,
    spoilt: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    part: tuple[int, int | None],
) -> None:
    path = spoilt(make_video("v.mp4", textured(60), b_frames=0), range(36, 42))

    def read() -> tuple[list[bytes], list[str], set[str]]:
        threads: set[str] = set()
        decode = StreamDecoder._decode

        def noting(self, packet):  # type: ignore[no-untyped-def]
            threads.add(threading.current_thread().name)
            return decode(self, packet)

        with monkeypatch.context() as patch:
            patch.setattr(StreamDecoder, "_decode", noting)
            source = open_video(path)
            frames = [frame.tobytes() for frame in source.frames(*part)]
        return frames, source.warnings(), threads

    frames, warnings, threads = read()
    monkeypatch.setattr(video_file, "_LARGE", 96 * 128 - 1)
    again, said_again, other_threads = read()
    assert (again, said_again) == (frames, warnings)
    assert len(warnings) > 0
    assert threads == {threading.current_thread().name}
    assert not other_threads <= threads


@pytest.mark.parametrize(
    ("name", "codec", "container_options"),
    [
        ("v.mp4", "libx264", FAST),
        ("v.avi", "mpeg4", {}),
        ("v.mkv", "libx264", {}),
        ("v.webm", "libvpx-vp9", {}),
        ("v.flv", "libx264", {}),
        ("v.ts", "libx264", {}),
    ],
)
def test_a_file_that_was_cut_off_ended_early(
    make_video: Make,
    textured: Textured,
    name: str,
    codec: str,
    container_options: dict[str, str],
) -> None:
    path = make_video(name, textured(60), codec, container_options=container_options)
    assert is_cut(path) is None
    assert said(path) == (60, [])
    data = path.read_bytes()
    path.write_bytes(data[: 6 * len(data) // 10 + 1])
    n_frames, warnings = said(path)
    assert 10 < n_frames < 60
    (line,) = [line for line in warnings if not line.startswith("damaged: frame")]
    assert line.startswith(f"ended early: {n_frames} ")
    assert ("of 60 frames" in line) == (path.suffix in (".mp4", ".avi"))
    # What was asked for is there: nothing ended.
    assert said(path, 2, 8) == (6, [])
    assert said(path, 5, 200)[1][-1].endswith("of 195 frames could be read")


def test_a_whole_file_with_fewer_frames_than_asked_for(
    make_video: Make, textured: Textured
) -> None:
    path = make_video("v.mp4", textured(20))
    assert said(path, 0, 30) == (20, ["ended early: 20 of 30 frames could be read"])
    assert said(path, 15, 30) == (5, ["ended early: 5 of 15 frames could be read"])
    assert said(path, 15, 20) == (5, [])


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([3], "3"),
        ([36, 37, 38], "36 to 38"),
        ([1, 2, 5, 9, 10], "1 to 2, 5, 9 to 10"),
        (range(0, 40, 2), "0, 2, 4, 6, 8, 10, 12, 14, and 12 more ranges"),
    ],
)
def test_ranges(numbers: list[int], text: str) -> None:
    assert ranges(numbers) == text


@pytest.fixture
def videos(
    tmp_path: Path, make_video: Make, textured: Textured, spoilt: Callable[..., Path]
) -> Path:
    """A folder with a manifest: sound videos, a damaged one, and one that cannot be read."""
    sound = make_video("sound.mp4", textured(60), "mpeg4")
    damaged = spoilt(sound, range(36, 42))
    (tmp_path / "empty.mp4").write_bytes(b"")
    paths = {"sound": sound, "damaged": damaged, "empty": tmp_path / "empty.mp4", "again": sound}
    rows = [
        {"video_id": name, "path": path.name, "score": i, "split_1": "train"}
        for i, (name, path) in enumerate(paths.items())
    ]
    write_manifest(tmp_path / "manifest.csv", rows)
    return tmp_path


def aqa(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aqa", *arguments], cwd=folder, capture_output=True, text=True
    )


def test_extract_warns_of_damaged_videos_and_of_no_others(videos: Path) -> None:
    process = aqa(videos, "extract", "--backbone", "tiny3d")
    warnings = [line for line in process.stderr.splitlines() if line.startswith("warning")]
    assert process.returncode == 1, process.stderr
    assert "failed: empty: " in process.stderr
    assert process.stdout.count("\n") == 1
    assert "3 videos extracted" in process.stdout
    (line,) = warnings
    assert line.startswith("warning: damaged: ")
    assert "spoilt-sound.mp4: damaged: frames 36 to 41; " in line


def test_score_and_feedback_warn_too_and_a_bad_file_stops_no_other(videos: Path) -> None:
    rows = [
        {"video_id": str(i), "path": "sound.mp4", "score": i, "split_1": "train"} for i in range(4)
    ]
    write_manifest(videos / "manifest.csv", rows)
    assert aqa(videos, "extract", "--backbone", "tiny3d").returncode == 0
    fitted = aqa(videos, "fit", "--head", "wd", "-p", "epochs=1", "-p", "device=cpu")
    assert fitted.returncode == 0, fitted.stderr
    scored = aqa(videos, "score", "--json", "sound.mp4", "bad\udcff.mp4", "spoilt-sound.mp4")
    found = json.loads(scored.stdout)
    assert scored.returncode == 1
    assert [row["video"] for row in found["scores"]] == ["sound.mp4", "spoilt-sound.mp4"]
    (learned_from,) = found["scores"][0]["warnings"]
    assert learned_from.startswith("the head has learned from this very video (0, 1, 2")
    assert found["scores"][1]["warnings"][0].startswith("damaged: frames 36 to 41")
    assert len(found["failed"]) == 1
    assert "warning: spoilt-sound.mp4: damaged: frames 36 to 41" in scored.stderr
    text = aqa(videos, "score", "sound.mp4", "bad\udcff.mp4")
    assert text.returncode == 1
    assert "sound.mp4" in text.stdout
    assert "no such video" in text.stderr
    explained = aqa(videos, "feedback", "spoilt-sound.mp4", "--head", "wd", "--json")
    assert json.loads(explained.stdout)["warnings"][0].startswith("spoilt-sound.mp4: damaged: ")
    assert "warning: spoilt-sound.mp4: damaged: frames 36 to 41" in explained.stderr
