"""From rows to clips, and the command that stores them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from aqa.cli import main
from aqa.errors import AqaError
from aqa.features.clips import Clip
from aqa.features.elsewhere import RowTiming, cut
from aqa.features.store import FeatureStore
from aqa.features.video_features import of_store


def test_rows_are_clips_of_known_length() -> None:
    timed = cut({"a": np.zeros((3, 2)), "b": np.zeros(2)}, RowTiming(25, clip_length=32, stride=16))
    assert timed["a"].clips == [Clip(0, 32), Clip(16, 48), Clip(32, 64)]
    assert timed["a"].n_frames == 64
    assert (timed["b"].clips, timed["b"].features.shape) == ([Clip(0, 32)], (1, 2))


def test_windows_of_frames_become_clips() -> None:
    frames = np.array([[0.0, 1], [2, 1], [4, 1], [6, 5], [8, 5]])
    timed = cut({"a": frames}, RowTiming(window=2))["a"]
    assert timed.clips == [Clip(0, 2), Clip(2, 4), Clip(3, 5)]
    assert timed.features.tolist() == [[1, 1, 1, 0], [5, 3, 1, 2], [7, 5, 1, 0]]
    assert timed.n_frames == 5
    short = cut({"a": frames[:1]}, RowTiming(window=4))["a"]
    assert short.features.tolist() == [[0, 1, 0, 0]]
    with pytest.raises(AqaError, match=r"a: shape \(2,\); --window needs \(frames, columns\)"):
        cut({"a": np.zeros(2)}, RowTiming(window=2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fps": 0}, "--fps 0 is no number of frames per second"),
        ({"fps": float("nan")}, "--fps nan is no number"),
        ({"fps": 25}, "--fps needs --clip-length"),
        ({"stride": 2}, "--stride needs --clip-length"),
        ({"clip_length": 0}, "--clip-length 0 is not from 1 to 4096 frames"),
        ({"window": 5000}, "--window 5000 is not from 1 to 4096 frames"),
        ({"window": 5, "clip_length": 5}, "give one of them"),
    ],
)
def test_settings_that_mean_nothing(settings: dict[str, float], message: str) -> None:
    with pytest.raises(AqaError, match=message):
        RowTiming(**settings)


def run(folder: Path, *words: object) -> str:
    result = CliRunner().invoke(main, ["store", "import", "-C", str(folder), *map(str, words)])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_store_knows_seconds(tmp_path: Path) -> None:
    features = tmp_path / "swin"
    features.mkdir()
    for name in ("1", "2"):
        np.save(features / f"{name}.npy", np.ones((3, 4), np.float32))
    words = (features, "--clip-length", 32, "--stride", 16, "--fps", 25)
    assert "seconds" not in run(tmp_path, *words)
    with FeatureStore.open(tmp_path / "stores" / "swin.h5") as store:
        assert (store.spec["clip_length"], store.spec["stride"]) == (32, 16)
        assert store.verify() == []
        video = of_store(store, "2")
    assert video.frames(1) == (16, 48)
    assert video.seconds(video.frames(1)[1]) == 48 / 25


def test_kinematics_become_a_store(tmp_path: Path) -> None:
    folder = tmp_path / "kinematics"
    folder.mkdir()
    lines = ("   ".join(f"{k + row:.6f}" for k in range(76)) for row in range(70))
    (folder / "Suturing_B001.txt").write_text("\n".join(lines))
    run(tmp_path, folder, "--window", 30, "--stride", 15, "--fps", 30)
    with FeatureStore.open(tmp_path / "stores" / "kinematics.h5") as store:
        assert store["Suturing_B001"].shape == (4, 152)
        assert store.clips("Suturing_B001")[-1] == Clip(40, 70)
        assert store.verify() == []


def test_without_times_it_says_so(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", a=np.ones((2, 3)))
    assert "seconds are not known: --clip-length and --fps" in run(tmp_path, tmp_path / "f.npz")
    np.savez(tmp_path / "g.npz", a=np.ones((1, 3)))
    assert "seconds" not in run(tmp_path, tmp_path / "g.npz")
