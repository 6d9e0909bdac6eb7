"""What clips are compared with is made of training videos, and its margin of held-out ones."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.manifest import Manifest, Video
from aqa.features.clips import Clip
from aqa.models.examples import Examples
from aqa.models.feedback import Claims
from aqa.models.heads.base import Explanation, Head, HeadError
from aqa.workflows.clip_reference import FOLDS, Unseen, clip_reference

LEGACY = Path(__file__).parents[1] / "legacy"
N, CLIPS = 30, 6


class Store:
    """Videos of six clips in memory, the last of them padding."""

    def __init__(self, features: dict[str, np.ndarray]):
        self.features, self.blank = features, None

    def __getitem__(self, video_id: str) -> np.ndarray:
        return self.features[video_id]

    def clips(self, video_id: str) -> list[Clip]:
        return [Clip(16 * i, 16 * i + 16) for i in range(CLIPS)]

    def n_frames(self, video_id: str) -> int:
        return 16 * (CLIPS - 1)

    def frame_range(self, video_id: str) -> tuple[int, int]:
        return (0, 16 * (CLIPS - 1))

    def fps(self, video_id: str) -> float:
        return 25.0


class Adds(Head):
    """A clip adds its first feature; `learned` are the ids that it was fitted on."""

    learned: tuple[str, ...] = ()
    base: float | None = 50.0

    @property
    def gives(self) -> tuple[Any, ...]:
        return ("clips",)

    def fit_examples(self, train: Examples, *rest: Any, **more: Any) -> Adds:
        return self

    def predict_examples(self, examples: Examples) -> np.ndarray:
        return np.zeros(len(examples))

    def explain(self, examples: Examples, *, align: str = "index") -> Explanation:
        values = np.asarray(examples.features[0][:, 0], float)
        asked.append((self.learned, examples.ids[0]))
        return Explanation(values, values < 0, 0.0, "points", {}, self.base)


asked: list[tuple[tuple[str, ...], str]] = []


def videos(told: bool, named: bool = True) -> tuple[Manifest, Store, list[str]]:
    """told: whether faulty clips add less than others."""
    rng = np.random.default_rng(0)
    features, made = {}, []
    for i in range(N):
        faulty = np.flatnonzero(rng.random(CLIPS - 1) < 0.3)
        added = rng.normal(scale=0.3, size=(CLIPS, 2)) + 5 * np.arange(CLIPS)[:, None]
        if told:
            added[faulty] -= 3
        added[-1] = 1000  # padding
        features[f"v{i}"] = added
        row = {"faulty_clips": ";".join(map(str, faulty))} if named else {}
        made.append(Video(id=f"v{i}", path=None, score=1.0, type="AB"[i % 2], row=row))
    return Manifest(made, Path("m.csv")), Store(features), [video.id for video in made]


def refit(ids: Any) -> Adds:
    head = Adds()
    head.learned = tuple(ids)
    return head


def test_a_margin_is_learned_of_videos_that_no_fit_has_seen() -> None:
    manifest, store, ids = videos(told=True)
    asked.clear()
    found = clip_reference(Adds(), ids, manifest, store, refit)
    assert found.calls_faulty
    assert found.told.f1 > 0.9 > 0.6 > found.told.f1_of_all
    assert 0.5 < found.margin < 3
    assert {name: one.videos for name, one in found.types.items()} == {"": 30, "A": 15, "B": 15}
    fits = {learned for learned, _ in asked if learned}
    assert len(fits) == FOLDS
    out = [set(ids) - set(learned) for learned in fits]
    assert sorted(v for fold in out for v in fold) == sorted(ids)  # each is held out once


def test_padding_is_no_part_of_it() -> None:
    manifest, store, ids = videos(told=True)
    found = clip_reference(Adds(), ids, manifest, store, refit)
    assert max(max(one.good) for one in found.types.values()) < 30


def test_what_is_not_told_is_not_called_faulty() -> None:
    manifest, store, ids = videos(told=False)
    found = clip_reference(Adds(), ids, manifest, store, refit)
    assert found.margin is not None
    assert not found.calls_faulty


def never(ids: Any) -> Head:
    raise AssertionError


def test_without_hand_labels_nothing_is_called_faulty() -> None:
    manifest, store, ids = videos(told=True, named=False)
    found = clip_reference(Adds(), ids, manifest, store, never, always=False)
    assert found.untold.startswith("m.csv: no column faulty_clips")
    assert (found.margin, found.told) == (None, None)
    assert found.claims == Claims(None, 0, "the head was fitted with --no-ranges")
    manifest, store, ids = videos(told=True)
    few = clip_reference(Adds(), ids[:8], manifest, store, never)
    assert "8 training videos are too few" in few.untold
    sound = [i for i in ids if not manifest.by_id[i].row["faulty_clips"]]
    assert (
        "no training video has a faulty clip"
        in clip_reference(Adds(), sound, manifest, store, never).untold
    )


def test_what_stands_out_is_chosen_on_good_videos_whether_faults_are_named_or_not() -> None:
    named, store, ids = videos(told=True)
    # The fewer faults, the higher the score.
    for video in named:
        object.__setattr__(video, "score", 90.0 - 10 * len(video.row["faulty_clips"].split(";")))
    unnamed = Manifest([replace(video, row={}) for video in named], Path("m.csv"))
    asked.clear()
    found = clip_reference(Adds(), ids, unnamed, store, refit)
    assert found.margin is None
    assert found.claims == clip_reference(Adds(), ids, named, store, refit).claims
    assert found.claims.videos >= N // 4
    fits = {learned for learned, _ in asked if learned}
    assert len(fits) == FOLDS


def test_where_it_cannot_be_fitted_on_two_thirds_nothing_is_said_outright() -> None:
    def fails(ids: Any) -> Head:
        raise HeadError("a type is missing")

    manifest, store, ids = videos(told=True)
    found = clip_reference(Adds(), ids, manifest, store, fails)
    why = "the head cannot be fitted on two thirds of its training videos (a type is missing)"
    assert (found.untold, found.claims) == ("a type is missing", Claims(None, 0, why))


def test_held_out_videos_do_instead_of_folds() -> None:
    manifest, store, ids = videos(told=True, named=False)
    unseen = Unseen(refit(ids[:15]), ids[:15], ids[15:])
    asked.clear()
    found = clip_reference(Adds(), ids, manifest, store, never, unseen)
    assert found.claims.videos >= 15 // 4
    assert {learned for learned, _ in asked} == {(), tuple(ids[:15])}


def test_a_head_whose_values_are_no_points_has_none() -> None:
    manifest, store, ids = videos(told=True)
    head = Adds()
    head.base = None
    assert clip_reference(head, ids, manifest, store, refit) is None


class Mute(Adds):
    """Cannot explain on the store at hand, as `score-estimation` without a blank clip."""

    def explain(self, examples: Examples, *, align: str = "index") -> Explanation:
        self.cannot_explain("the store does not hold the response to a blank clip")


def test_a_head_that_cannot_explain_on_this_store_has_none() -> None:
    manifest, store, ids = videos(told=True)
    assert clip_reference(Mute(), ids, manifest, store, refit) is None


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "stores").mkdir()
    shutil.copy(LEGACY / "manifest.csv", tmp_path)
    shutil.copy(LEGACY / "stores" / "vectors.h5", tmp_path / "stores")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_keeps_it_and_feedback_needs_no_training_video(
    place: Path, run_aqa: Callable[..., Result]
) -> None:
    run_aqa("fit", "--head", "average", "-p", "epochs=3", "--split", "1")
    kept = json.loads((place / "runs/average/split-1/run.json").read_text())["clip_reference"]
    assert kept["types"][""]["videos"] > 1
    with (place / "manifest.csv").open(newline="") as file:
        test = next(row["video_id"] for row in csv.DictReader(file) if row["split_1"] == "test")
    said = run_aqa("feedback", test, "--head", "average").output
    assert "training videos" in said
    total = next(line for line in said.splitlines() if line.startswith("base "))
    assert " = score " in total
    assert "\nmodel: average (" in said
    shown = json.loads(run_aqa("feedback", test, "--head", "average", "--json").output)
    total = shown["total"]
    assert total["base"] + total["clips"] + total["padding"] == pytest.approx(
        total["score"], abs=1e-3
    )
    assert shown["model"]["runs"][0]["training_videos"] == kept["types"][""]["videos"]
    assert all(clip["average"] is not None for clip in shown["clips"])
