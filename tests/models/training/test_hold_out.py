"""Which videos are held out: those of before without groups, and whole groups where there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import KFold

from aqa.errors import AqaWarning
from aqa.models.examples import Examples
from aqa.models.heads import get_head
from aqa.models.heads.base import comparing, ranking
from aqa.models.heads.base.ridge import places_in_folds
from aqa.models.training.hold_out import folds, grouped_parts, held_out_groups

N, SEED = 40, 3
TYPES = ["ABC"[i % 3] for i in range(N)]
PAIRS = np.array([(i, (7 * i + 3) % N) for i in range(N) if i != (7 * i + 3) % N])
GOOD = (np.arange(N) % 4 == 0).astype(float)
# Whoever has no fellow is drawn as he was before groups were known.
ALONE = (None, np.arange(N)[::-1].copy())
FIVES = np.arange(N) // 5

Groups = np.ndarray | None
DRAWS: dict[str, Callable[[Groups], np.ndarray]] = {
    "network": lambda g: get_head("lstm")(seed=SEED, validation=0.2).hold_out(N, groups=g)[1],
    "stages": lambda g: get_head("kfs")(seed=SEED, validation=0.2).hold_out(N, groups=g)[1],
    "classes": lambda g: get_head("lstm")(seed=SEED, validation=0.2, loss="logistic").hold_out(
        N, GOOD, g
    )[1],
    "types": lambda g: comparing.hold_out(TYPES, 0.2, SEED, g),
    "pairs": lambda g: ranking.hold_out(PAIRS, 0.2, SEED, g)[0],
}


@pytest.mark.parametrize("groups", ALONE, ids=("unknown", "each by itself"))
def test_without_groups_the_draws_are_those_of_before(groups: Groups) -> None:
    order = np.random.default_rng(SEED).permutation(N)
    by_type = order[np.argsort(np.asarray(TYPES)[order], kind="stable")]
    rng = np.random.default_rng(SEED)
    bad, good = (rng.permutation(np.flatnonzero(label == GOOD)) for label in (0, 1))
    wanted = {
        "network": order[:8],
        "stages": order[:8],
        "classes": np.concatenate([bad[:6], good[:2]]),
        "types": by_type[((np.arange(8) + 0.5) * N / 8).astype(int)],
        "pairs": np.random.default_rng(SEED).permutation(np.unique(PAIRS))[:8],
    }
    assert {name: draw(groups).tolist() for name, draw in DRAWS.items()} == {
        name: sorted(numbers.tolist()) for name, numbers in wanted.items()
    }
    before = KFold(5, shuffle=True, random_state=SEED).split(np.zeros(N))
    for (kept, out), (kept_before, out_before) in zip(
        folds(N, 5, SEED, groups), before, strict=True
    ):
        np.testing.assert_array_equal(kept, kept_before)
        np.testing.assert_array_equal(out, out_before)
    np.testing.assert_array_equal(places_in_folds(N, SEED, groups), order)


@pytest.mark.parametrize("name", DRAWS)
def test_groups_are_held_out_whole(name: str) -> None:
    out = DRAWS[name](FIVES)
    assert len(out) in (5, 10)  # as near to eight as fives allow
    assert {*FIVES[out]}.isdisjoint(np.delete(FIVES, out))
    np.testing.assert_array_equal(out, DRAWS[name](FIVES))
    assert list(out) == sorted(out)


def test_both_classes_are_on_either_side() -> None:
    # One in five athletes is good, always: chance would hold out bad ones alone.
    targets = (FIVES < 2).astype(float)
    head = get_head("lstm")(validation=0.2, loss="logistic")
    for seed in range(20):
        kept, out = head.set_params(seed=seed).hold_out(N, targets, FIVES)
        assert {*targets[kept]} == {*targets[out]} == {0.0, 1.0}
        assert {*FIVES[out]}.isdisjoint(FIVES[kept])


def test_types_have_their_shares_as_far_as_groups_allow() -> None:
    kinds = np.repeat([0, 1], N // 2)  # groups of one type each
    for seed in range(10):
        out = held_out_groups(FIVES, 10, seed, kinds=kinds)
        assert out is not None
        assert np.bincount(kinds[out]).tolist() == [5, 5]


@pytest.mark.parametrize("draw", [*DRAWS.values(), lambda g: folds(N, 5, SEED, g)[0][1]])
def test_a_single_group_is_parted_and_that_is_said(draw: Callable[[Groups], np.ndarray]) -> None:
    with pytest.warns(AqaWarning, match="videos of one athlete or performance are learned from"):
        out = draw(np.zeros(N, int))
    assert out.tolist() == draw(None).tolist()


def test_a_class_that_one_athlete_has_is_on_both_sides_and_that_is_said() -> None:
    head = get_head("lstm")(validation=0.2, loss="logistic")
    with pytest.warns(AqaWarning, match="no whole groups of videos can be held out to stop by"):
        kept, out = head.hold_out(N, (FIVES == 0).astype(float), FIVES)
    assert len(kept) + len(out) == N


def test_a_ranking_is_stopped_by_two_videos_or_more() -> None:
    groups = np.minimum(np.arange(N) // 13, 3)  # three athletes of 13 videos, and one of a single
    head = get_head("lstm")(validation=0.1, loss="ranking")
    for seed in range(5):
        kept, out = head.set_params(seed=seed).hold_out(N, groups=groups)
        assert len(out) in (13, 14)
        assert {*groups[out]}.isdisjoint(groups[kept])


def test_folds_are_of_whole_groups_and_hold_each_video_once() -> None:
    for several in (2, 3, 8):
        groups = np.arange(N) % several
        found = folds(N, 5, SEED, groups)
        assert len(found) == min(5, several)
        assert sorted(np.concatenate([out for _, out in found])) == [*range(N)]
        assert all({*groups[kept]}.isdisjoint(groups[out]) for kept, out in found)
        places = places_in_folds(N, SEED, groups)
        assert len({*zip(groups.tolist(), places.tolist(), strict=True)}) == several
    assert grouped_parts(None, 5, SEED) is None


# scoringnet and lstm-svr have heads within that hold videos out.
HOLD_OUT: dict[str, dict[str, object]] = {
    "average": {}, "kfs": {}, "siamese": {}, "score-estimation": {}, "core": {}, "t2cr": {},
    "rica2": {}, "lstm-svr": {"hidden": 4}, "scoringnet": {"key_fragments": False, "hidden": 4},
}  # fmt: skip


def examples_for(name: str) -> Examples:
    """Videos in groups of five, with what a head learns from."""
    rng = np.random.default_rng(0)
    columns = {
        "type": TYPES, "difficulty": [2.0] * N, "execution": [8.0 + i / 9 for i in range(N)],
        "action": ["diving"] * N, "stages": [{"start": 0, "flight": 8}] * N,
        "clips": [np.array([(4 * k, 4 * k + 4) for k in range(4)])] * N,
    }  # fmt: skip
    known = {key: value for key, value in columns.items() if key in get_head(name).columns}
    x = rng.normal(size=(N, 4, 6)).astype(np.float32)
    return Examples.of(x, rng.normal(60, 9, N), groups=[f"athlete {k}" for k in FIVES], **known)


@pytest.mark.parametrize("name", HOLD_OUT)
def test_no_head_learns_from_an_athlete_whom_it_holds_out(name: str) -> None:
    settings = {"epochs": 1, "device": "cpu", "refit": False, **HOLD_OUT[name]}
    head = get_head(name)(**settings).fit_examples(examples_for(name))
    branches = [*getattr(head, "branches_", {}).values()]
    for one in branches or [getattr(head, "lstm_", head)]:
        assert len(one.held_out) in (5, 10)
        assert {*FIVES[one.held_out]}.isdisjoint(np.delete(FIVES, one.held_out))


@pytest.mark.parametrize(
    ("name", "settings", "module", "pairs"),
    [
        ("svr", {}, "base.vector_svr", None),
        ("svr", {}, "base.vector_ranking", PAIRS),
        ("s3d", {"bounds": "fractions"}, "base.vector_svr", None),
        ("s3d", {"bounds": "fractions", "regressor": "linear"}, "s3d", None),
        ("pose-dct", {}, "base.vector_svr", None),
        ("aspects", {}, "base.sparse_linear", None),
    ],
)
def test_constants_are_chosen_on_athletes_that_a_fold_has_not_seen(
    name: str,
    settings: dict[str, str],
    module: str,
    pairs: np.ndarray | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parted: list[tuple[np.ndarray, np.ndarray]] = []

    def recorded(*arguments: Any) -> list[tuple[np.ndarray, np.ndarray]]:
        parted.extend(found := folds(*arguments))
        return found

    monkeypatch.setattr(f"aqa.models.heads.{module}.folds", recorded)
    get_head(name)(**settings).fit_examples(replace(examples_for(name), pairs=pairs))
    assert len(parted) == 5
    assert all({*FIVES[kept]}.isdisjoint(FIVES[out]) for kept, out in parted)
