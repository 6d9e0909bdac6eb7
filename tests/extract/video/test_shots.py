"""Cuts: found where they are, not where light or the camera changes; clips of single shots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.manifest import Video, write_manifest
from aqa.errors import AqaError
from aqa.extract.preprocess import Preprocess
from aqa.extract.video.clip_reader import ClipReader
from aqa.extract.video.decode import VideoError, open_video
from aqa.extract.video.shots import colours_of, difference, with_cuts
from aqa.extract.video.window import ClipWindow, ShotWindow
from aqa.features.clips import Clip, ClipRule
from aqa.features.store import FeatureStore
from aqa.workflows.demo.filming import draw
from aqa.workflows.demo.sampling import sample_dive


def _cuts(frames: Sequence[np.ndarray]) -> list[int]:
    shown = list(with_cuts(frames))
    assert all(a is one.frame for a, one in zip(frames, shown, strict=True))
    return [i for i, one in enumerate(shown) if one.first]


@pytest.fixture(scope="module")
def dive() -> list[np.ndarray]:
    return list(draw(sample_dive(0, 0)))


@pytest.fixture(scope="module")
def other() -> list[np.ndarray]:
    return list(draw(sample_dive(0, 3)))


def _shot(rng: np.random.Generator, n: int, colour: Sequence[int]) -> list[np.ndarray]:
    """Frames of one picture over which the camera pans."""
    wide = np.clip(rng.normal(colour, 12, (48, 64 + 2 * n, 3)), 0, 255).astype(np.uint8)
    return [np.ascontiguousarray(wide[:, 2 * i : 2 * i + 64]) for i in range(n)]


def test_the_difference_is_how_far_colours_are_moved() -> None:
    one = np.full((40, 60, 3), 50, np.uint8)
    other = one.copy()
    other[:, 30:] = (152, 50, 50)  # half of the picture, one of three colours, by 0.4
    assert difference(colours_of(one), colours_of(one)) == 0
    assert difference(colours_of(one), colours_of(other)) == pytest.approx(0.4 / 2 / 3)


def test_joined_dives_are_parted(dive: list[np.ndarray], other: list[np.ndarray]) -> None:
    assert _cuts([*dive[:60], *other[20:60], *dive[60:]]) == [60, 100]
    assert _cuts([*dive, *other]) == [len(dive)]


def test_one_dive_is_one_shot(dive: list[np.ndarray], other: list[np.ndarray]) -> None:
    assert _cuts(dive) == []  # a panning camera, a splash
    assert _cuts(other) == []


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_flash_is_no_cut(dive: list[np.ndarray], length: int) -> None:
    frames = list(dive[:60])
    for i in range(30, 30 + length):
        frames[i] = np.clip(frames[i].astype(int) + 120, 0, 255).astype(np.uint8)
    assert _cuts(frames) == []


def test_short_videos(dive: list[np.ndarray], other: list[np.ndarray]) -> None:
    for n in (0, 1, 2, 5):
        assert _cuts(dive[:n]) == []
    assert _cuts([*dive[:1], *other[:4]]) == [1]


def test_real_files_of_one_shot(shared: Path) -> None:
    for name in ("tricky/tc-av1_video.mkv", "tricky/exo-sample.flv", "v_GGSY1Qvo990.mp4"):
        frames = list(open_video(shared / "data/videos" / name).frames(0, 150))
        assert _cuts(frames) == [], name
    # One frame of the shot before was left in it.
    assert _cuts(list(open_video(shared / "data/videos/054.avi").frames())) == [1]


def test_a_shot_window_cuts_each_shot_as_a_video_of_its_own() -> None:
    rule = ClipRule(length=4, stride=3)
    lengths = (9, 2, 4, 6)
    window, made = ShotWindow(ClipRule(length=4, stride=3, cuts="split")), []
    wanted: list[Clip] = []
    number = 0
    for shot, n in enumerate(lengths):
        made += window.cut() if shot else []
        alone, clips = ClipWindow(rule), []
        for _ in range(n):
            frame = np.full((2, 2, 3), number, np.uint8)
            number += 1
            made += window.push(frame)
            clips += alone.push(frame)
        start = number - n
        if n >= 4:
            clips += alone.finish()
            wanted += [Clip(clip.start + start, clip.stop + start) for clip, _ in clips]
    made += window.finish()
    assert [clip for clip, _ in made] == wanted
    assert all(frames[:, 0, 0, 0].tolist() == [*range(*clip)] for clip, frames in made)
    assert (window.short, window.n_frames) == ([Clip(9, 11)], sum(lengths))


def test_a_short_video_of_one_shot_is_padded_as_ever() -> None:
    window = ShotWindow(ClipRule(length=8, cuts="split"))
    window.push(np.ones((2, 2, 3), np.uint8))
    ((clip, frames),) = window.finish()
    assert clip == Clip(-7, 1)
    assert frames is not None
    assert frames.shape == (8, 2, 2, 3)


@pytest.mark.parametrize(
    "more", [{"spread": True}, {"video_length": 32}, {"tail": "pad"}, {"shift": 2}]
)
def test_what_does_not_go_with_single_shots(more: dict[str, object]) -> None:
    with pytest.raises(AqaError, match="cuts=split"):
        ClipRule(cuts="split", **more)  # type: ignore[arg-type]


def test_the_reader_warns_or_splits(
    write_video: Callable[..., Path], rng: np.random.Generator
) -> None:
    first, second = _shot(rng, 20, (60, 90, 160)), _shot(rng, 12, (180, 120, 40))
    video = Video("v", write_video("v.avi", [*first, *second]), 1.0)
    small = Preprocess(resize=(8, 8), crop=(8, 8))

    def read(**rule: object) -> tuple[list[Clip], tuple[str, ...]]:
        reader = ClipReader(video, small, ClipRule(length=8, stride=8, **rule), 4)  # type: ignore[arg-type]
        return [item.clip for batch in reader for item in batch], reader.warnings

    clips, warnings = read()
    assert clips == ClipRule(length=8, stride=8).clips(32)
    assert warnings == (
        "another shot begins with frame 20; clips that show two are kept (--cuts split parts them)",
    )
    clips, warnings = read(cuts="split")
    assert clips == [(0, 8), (8, 16), (12, 20), (20, 28), (24, 32)]
    assert warnings == ()
    short = Video("s", write_video("s.avi", [*first[:5], *second]), 1.0)
    video = short
    clips, warnings = read(cuts="split")
    assert clips == [(5, 13), (9, 17)]
    assert warnings == ("shots that are shorter than a clip are left out: frames 0 to 5",)
    video = Video("t", write_video("t.avi", [*first[:5], *second[:6]]), 1.0)
    with pytest.raises(VideoError, match="no shot is as long as a clip"):
        read(cuts="split")


def test_a_store_says_that_it_keeps_to_shots(
    write_video: Callable[..., Path],
    rng: np.random.Generator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_aqa: Callable[..., Result],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video("v.avi", [*_shot(rng, 20, (60, 90, 160)), *_shot(rng, 18, (180, 120, 40))])
    write_manifest(Path("manifest.csv"), [{"video_id": "v", "path": "v.avi", "score": 1.0}])
    extract = ("extract", "--backbone", "tiny3d", "--quiet")
    assert "another shot begins with frame 20" in run_aqa(*extract).stderr
    with FeatureStore.open(Path("stores/tiny3d.h5")) as store:
        assert "cuts" not in store.spec
    run_aqa(*extract, "--cuts", "split", "--store", "shots.h5")
    with FeatureStore.open(Path("shots.h5")) as store:
        assert store.spec["cuts"] == "split"
        assert store.clips("v") == [(0, 16), (4, 20), (20, 36), (22, 38)]
        assert store.verify() == []
    told = run_aqa(*extract, "--cuts", "split", code=1).stderr
    assert "cuts" in told
