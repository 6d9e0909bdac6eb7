"""What the place of a video in its dataset's list tells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import Manifest, Video
from aqa.annotations.splits import Split
from aqa.evaluation.neighbours import COUNTS, neighbour_means


def listed(scores: dict[str, float], actions: dict[str, str] | None = None) -> Manifest:
    videos = [Video(i, None, score, action=(actions or {}).get(i)) for i, score in scores.items()]
    return Manifest(videos, Path("m.csv"))


def by_hand(manifest: Manifest, train: list[str], video: str, count: int) -> float:
    """The mean of the `count` nearest training videos of the same action, the earlier first."""
    alike = [v.id for v in manifest if v.action == manifest.by_id[video].action]
    at = alike.index(video)
    others = [i for i in alike if i in train and i != video]
    others.sort(key=lambda i: abs(alike.index(i) - at))
    return float(np.mean([manifest.by_id[i].score for i in others[:count]]))


def test_it_is_the_naive_loop(rng: np.random.Generator) -> None:
    """Two actions that are listed one within the other, one of events and one without."""
    ids = [f"v{k:02d}" for k in range(90)]
    actions = {i: "ab"[k % 3 == 0] for k, i in enumerate(ids)}
    events = {i: 10 * rng.normal() for i in "abcdefghi"}
    scores = {
        i: float(rng.normal() + (events["abcdefghi"[k // 10]] if actions[i] == "a" else 0))
        for k, i in enumerate(ids)
    }
    manifest = listed(scores, actions)
    test = sorted(map(str, rng.choice(ids, 20, replace=False)))
    train = [i for i in ids if i not in test]
    found = neighbour_means(Split("1", tuple(train), test=tuple(test)), manifest)
    for action in "ab":
        own = [i for i in train if actions[i] == action]
        errors = [
            np.mean([(by_hand(manifest, train, i, count) - scores[i]) ** 2 for i in own])
            for count in COUNTS
        ]
        best = COUNTS[int(np.argmin(errors))]
        for i in [*own, *(j for j in test if actions[j] == action)]:
            assert found[i] == pytest.approx(by_hand(manifest, train, i, best))
    assert set(found) == set(ids)


def test_neighbours_of_an_event_tell_its_level(rng: np.random.Generator) -> None:
    scores = {f"v{k}": 50 + 20 * (k // 12 % 2) + float(rng.normal()) for k in range(96)}
    test = tuple(f"v{k}" for k in range(96) if k % 12 in (3, 6, 9))
    split = Split("1", tuple(i for i in scores if i not in test), test=test)
    found = neighbour_means(split, listed(scores))
    assert np.corrcoef([found[i] for i in test], [scores[i] for i in test])[0, 1] > 0.8


def test_test_scores_are_not_looked_at() -> None:
    scores = {f"v{k}": float(k * k % 7) for k in range(12)}
    split = Split("1", tuple(f"v{k}" for k in range(8)), test=tuple(f"v{k}" for k in range(8, 12)))
    other = {i: 1000.0 if i in split.test else score for i, score in scores.items()}
    assert neighbour_means(split, listed(scores)) == neighbour_means(split, listed(other))


def test_an_action_without_two_training_videos_gets_the_mean_of_all() -> None:
    scores = {"a": 1.0, "b": 2.0, "c": 6.0, "d": 9.0, "e": 9.0}
    manifest = listed(scores, {"a": "x", "b": "x", "c": "y", "d": "y", "e": "z"})
    found = neighbour_means(Split("1", ("a", "b", "c"), test=("d", "e")), manifest)
    assert found == {"a": 2.0, "b": 1.0, **dict.fromkeys("cde", 3.0)}
