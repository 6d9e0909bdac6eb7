"""`aqa fit` keeps the athletes that the manifest names apart in all that it holds out."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.manifest import Manifest, write_manifest
from aqa.annotations.splits import Split
from aqa.annotations.video_groups import VideoGroups, video_groups
from aqa.errors import AqaWarning
from aqa.models.saved.record import RECORD
from aqa.models.trust.likeness import likeness
from aqa.workspace import run_folder

QUICK = ("--split", "1", "-p", "epochs=2", "-p", "device=cpu", "--no-ranges")


def label(manifest: Path, **labels: Callable[[int], str]) -> None:
    """Write a column of each name into a manifest, of labels made of the videos' numbers."""
    with manifest.open(newline="", encoding="utf-8") as file:
        rows: list[dict[str, object]] = [
            {**row, **{name: of(int(row["video_id"][1:])) for name, of in labels.items()}}
            for row in csv.DictReader(file)
        ]
    write_manifest(manifest, rows)


@pytest.fixture
def workspace(evaluated_runs: Path, tmp_path: Path) -> Path:
    """48 videos with made features, without their runs."""
    for name in ("manifest.csv", "stores"):
        copy = shutil.copytree if name == "stores" else shutil.copy
        copy(evaluated_runs / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def fitted(
    workspace: Path, run_aqa: Callable[..., Result]
) -> Callable[..., tuple[dict[str, Any], str]]:
    """Labels the videos by their number, fits wd, and gives what it held out and what it says."""

    def fit(**labels: Callable[[int], str]) -> tuple[dict[str, Any], str]:
        label(workspace / "manifest.csv", **labels)
        said = run_aqa("-C", str(workspace), "fit", "--head", "wd", *QUICK).output
        record = json.loads((run_folder(workspace / "runs", "wd", "1") / RECORD).read_text())
        return record["held_out"], said

    return fit


def test_the_run_says_whom_it_held_out(fitted: Callable[..., Any]) -> None:
    held, said = fitted(athlete=lambda k: f"a{k // 4}", performance=lambda k: f"p{k // 2}")
    assert (held["kept_apart"], held["shared"]) == (["performance", "athlete"], [])
    assert len(held["videos"]) == 4  # 15 % of 32 are five
    assert len({int(i[1:]) // 4 for i in held["videos"]}) == 1
    assert "warning" not in said


def test_without_labels_the_seed_draws_as_before(fitted: Callable[..., Any]) -> None:
    held, _ = fitted()
    order = np.random.default_rng(0).permutation(32)[:5]
    assert held == {
        "videos": [f"v{k + 16}" for k in sorted(order.tolist())], "kept_apart": [], "shared": [],
    }  # fmt: skip


def test_a_single_athlete_is_said_in_one_line(fitted: Callable[..., Any]) -> None:
    held, said = fitted(athlete=lambda k: "Ann")
    assert held["shared"] == ["athlete"]
    assert said.count("warning") == 1
    assert "split 1: the column athlete connects all 32 training videos" in said


def test_events_are_given_up_before_athletes(fitted: Callable[..., Any]) -> None:
    held, said = fitted(
        athlete=lambda k: f"a{k // 4}", event=lambda k: "trained" if k >= 16 else "tested"
    )
    assert (held["kept_apart"], held["shared"]) == (["athlete"], ["event"])
    assert "warning" not in said


def test_labels_that_connect_videos_join_their_groups(workspace: Path) -> None:
    label(
        workspace / "manifest.csv",
        athlete=lambda k: f"a{k // 2}",
        performance=lambda k: f"p{(k + 1) // 4}",
    )
    manifest = Manifest.read(workspace / "manifest.csv")
    ids = ("v16", "v17", "v18", "v19", "v24", "v40")
    groups = video_groups(Split("", ids), manifest)
    assert groups.kept_apart == ("performance", "athlete")
    numbers = groups.of(ids)
    assert numbers is not None
    assert len(set(numbers[:4])) == 1  # 17 and 18 show one performance; each has a fellow athlete
    assert len(set(numbers[3:])) == 3
    assert VideoGroups().of(ids) is None


def athletes(rng: np.random.Generator, n: int, each: int) -> list[np.ndarray]:
    """Videos of `n` athletes who look alike in all their videos."""
    looks = 3 * rng.normal(size=(n, 1, 20))
    videos = (looks + rng.normal(size=(n, each, 20))).astype(np.float32)
    return [*videos.reshape(-1, 1, 20)]


def test_a_new_athlete_is_not_unlike_the_others() -> None:
    rng = np.random.default_rng(5)
    videos, groups = athletes(rng, 30, 6), np.repeat(np.arange(30), 6)
    plain, kept = likeness(videos), likeness(videos, groups=groups)
    assert plain is not None
    assert kept is not None
    others = athletes(rng, 60, 2)
    refused = [np.mean([bool(one.unlike(video)) for video in others]) for one in (plain, kept)]
    assert refused[1] <= 0.05
    assert refused[1] < refused[0] / 2


def test_one_athlete_in_most_videos_is_said() -> None:
    videos = athletes(np.random.default_rng(5), 2, 30)
    with pytest.warns(AqaWarning, match="more than half of the training videos are of one athlete"):
        found = likeness(videos, groups=np.arange(60) // 50)
    plain = likeness(videos)
    assert found is not None
    assert plain is not None
    assert found.limit == plain.limit
