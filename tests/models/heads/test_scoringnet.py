"""Difficulty and execution from key fragments, and their fusion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aqa.models.examples import Examples
from aqa.models.heads import make_head
from aqa.models.heads.base import HeadError
from aqa.models.heads.base.key_fragments import key_clips
from aqa.models.heads.kfs import KFSHead
from aqa.models.heads.lstm import LSTMHead
from aqa.models.heads.scoringnet import ScoringNetHead

QUICK = {"epochs": 40, "hidden": 8, "lr": 0.02, "validation": 0.0, "device": "cpu"}
NAMED = {"difficulty_stages": "flight", "execution_stages": "flight,entry"}
CLIPS = np.array([(s, s + 4) for s in range(0, 40, 4)])  # their middles are 2, 6, ..., 38
STAGES = {"flight": 8, "entry": 24}


class Dives:
    """In flight the features tell the difficulty, at the entry the execution; before, noise."""

    def __init__(self, n: int = 30):
        rng = np.random.default_rng(0)
        self.difficulty, self.execution = rng.uniform(2, 4, n), rng.uniform(10, 30, n)
        self.y = self.difficulty * self.execution
        self.x = []
        for hard, done in zip(self.difficulty - 3, self.execution / 10 - 2, strict=True):
            x = rng.normal(scale=0.05, size=(10, 3))
            x[:2] = rng.normal(scale=3, size=(2, 3))
            x[2:6, 0] += hard
            x[6:, 1] += done
            self.x.append(x.astype(np.float32))

    def columns(self, rows: slice = slice(None)) -> dict[str, Any]:
        n = len(self.y[rows])
        return {
            "clips": [CLIPS] * n,
            "stages": [STAGES] * n,
            "difficulty": self.difficulty[rows].tolist(),
            "execution": [None] * n,
            "action": ["diving"] * n,
        }


@pytest.fixture(scope="module")
def dives() -> Dives:
    return Dives()


@pytest.fixture(scope="module")
def head(dives: Dives) -> ScoringNetHead:
    rows = slice(22)
    return ScoringNetHead(**QUICK, **NAMED).fit(dives.x[rows], dives.y[rows], **dives.columns(rows))


def asked(head: ScoringNetHead, n: int) -> dict[str, Any]:
    every = {"clips": [CLIPS] * n, "stages": [STAGES] * n}
    return {name: every[name] for name in head.answer_columns}


def test_it_predicts_parts_and_their_product(head: ScoringNetHead, dives: Dives) -> None:
    x, columns = dives.x[22:], asked(head, 8)
    assert head.gives == ("parts",)
    parts = head.parts(Examples.of(x, **columns))
    assert np.corrcoef(parts["difficulty"], dives.difficulty[22:])[0, 1] > 0.8
    assert np.corrcoef(parts["execution"], dives.execution[22:])[0, 1] > 0.8
    product = parts["difficulty"] * parts["execution"]
    np.testing.assert_array_equal(head.predict(x, **columns), product)


def test_what_lies_outside_key_fragments_is_not_read(head: ScoringNetHead, dives: Dives) -> None:
    x = [own.copy() for own in dives.x]
    for own in x:
        own[:2] = 7
    columns = asked(head, 30)
    np.testing.assert_array_equal(head.predict(x, **columns), head.predict(dives.x, **columns))
    for own in x:
        own[7:] = 7
    changed, before = (
        head.parts(Examples.of(x, **columns)),
        head.parts(Examples.of(dives.x, **columns)),
    )
    np.testing.assert_array_equal(changed["difficulty"], before["difficulty"])
    assert (changed["execution"] != before["execution"]).all()


@pytest.mark.parametrize(
    ("action", "rule", "expected"),
    [
        ("diving", "action", "product"),
        ("sync_diving_3m", "action", "product"),
        ("gym_vault", "action", "sum"),
        ("diving", "sum", "sum"),
        (None, "product", "product"),
    ],
)
def test_the_rule(dives: Dives, action: str | None, rule: str, expected: str) -> None:
    columns = dives.columns() | {"action": [action] * 30}
    quick = QUICK | {"epochs": 1}
    head = ScoringNetHead(**quick, **NAMED, rule=rule).fit(dives.x, dives.y, **columns)
    assert head.chosen["rule"] == expected
    given = {"difficulty": [2.0, 3.0, None], "execution": [None, 5.0, None]}
    true = head.true_parts(Examples.of(dives.x[:3], [30.0, 60.0, 50.0], **given))
    implied = 15.0 if expected == "product" else 28.0
    np.testing.assert_array_equal(true["difficulty"], [2, 3, np.nan])
    np.testing.assert_array_equal(true["execution"], [implied, 5, np.nan])
    parts = head.parts(Examples.of(dives.x, **asked(head, 30)))
    fused = parts["difficulty"] + parts["execution"]
    if expected == "product":
        fused = parts["difficulty"] * parts["execution"]
    np.testing.assert_array_equal(head.predict(dives.x, **asked(head, 30)), fused)


def test_key_fragments_from_a_fitted_kfs(dives: Dives) -> None:
    columns = dives.columns()
    own = {"clips": columns["clips"], "stages": columns["stages"]}
    kfs = KFSHead(**QUICK).fit(dives.x, dives.y, **own)
    quick = QUICK | {"epochs": 2}
    head = ScoringNetHead(**quick, **NAMED).fit(
        dives.x, dives.y, start=kfs, **(columns | {"stages": [{}] * 30})
    )
    assert head.answer_columns == ("clips",)
    restored = ScoringNetHead(**quick, **NAMED).restore(head.state())
    np.testing.assert_array_equal(
        restored.predict(dives.x, clips=own["clips"]), head.predict(dives.x, clips=own["clips"])
    )
    by_hand = ScoringNetHead(**quick, **NAMED).fit(dives.x, dives.y, **columns)
    assert not np.array_equal(
        by_hand.predict(dives.x, **own), by_hand.predict([x[::-1].copy() for x in dives.x], **own)
    )
    other = own["clips"][0] * 2
    with pytest.raises(HeadError, match="clips every 4 frames, these come every 8"):
        head.fit(dives.x, dives.y, start=kfs, **(columns | {"clips": [other] * 30}))
    with pytest.raises(HeadError, match="key_fragments=false reads whole videos"):
        ScoringNetHead(key_fragments=False).fit(dives.x, dives.y, start=kfs, **columns)


def test_augmentations_are_learned_from_at_the_frames_of_the_stages(
    dives: Dives, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a view that starts 2 frames later, clips 1 to 4 are of the flight, frames 8 to 23."""
    seen: list[list[int]] = []
    fit = LSTMHead.fit_examples

    def spied(self: LSTMHead, train: Examples, *args: Any, **options: Any) -> LSTMHead:
        seen.append([len(x) for view in (train.features, *train.views) for x in view[:1]])
        return fit(self, train, *args, **options)

    monkeypatch.setattr(LSTMHead, "fit_examples", spied)
    views = [[x[:9] for x in dives.x], [x[:3] for x in dives.x]]
    cuts = [[CLIPS[:9] + 2, CLIPS[:3] + 21]] * 30  # the second has but the end of the flight
    head = ScoringNetHead(**QUICK | {"epochs": 1}, **NAMED)
    head.fit(dives.x, dives.y, views=views, view_clips=cuts, **dives.columns())
    assert seen == [[4, 4, 1], [8, 8, 3]]  # of difficulty, of execution
    with pytest.raises(HeadError, match="give the frames of these as view_clips"):
        head.fit(dives.x, dives.y, views=views, **dives.columns())


@pytest.mark.parametrize(
    ("starts", "stages", "expected"),
    [
        ([0, 8, 24], [1], [2, 3, 4, 5]),
        ([0, 8, 24], [1, 2], [2, 3, 4, 5, 6, 7, 8, 9]),
        ([0, 9, 10], [1], [2]),  # no middle lies in it: the nearest to frame 9
        ([0, 15, 15], [1], [3]),
        ([0, 39, 40], [2], [9]),
    ],
)
def test_key_clips(starts: list[int], stages: list[int], expected: list[int]) -> None:
    assert key_clips(np.array(starts), CLIPS, stages).tolist() == expected


@pytest.mark.parametrize(
    ("params", "columns", "problem"),
    [
        ({}, {"difficulty": None}, "30 of 30 videos have no difficulty .* column diff"),
        ({}, {"difficulty": [None] + [3.0] * 29}, r"1 of 30 .* no difficulty \(row 0\)"),
        ({}, {"difficulty": [0.0] + [3.0] * 29}, r"1 of 30 .* no execution \(row 0\)"),
        ({}, {"stages": None}, "no video has stages"),
        ({}, {"clips": None}, "told by each video's `clips`"),
        ({}, {"action": ["ski"] * 30}, "holds ski: .* -p rule=product or -p rule=sum"),
        ({}, {"action": ["vault"] + ["diving"] * 29}, "no one rule .* diving, vault"),
        ({}, {"action": None}, r"holds \(none\)"),
        (
            {"difficulty_stages": "takeoff,flight"},
            {},
            "no stage takeoff; the stages are before, flight, entry; choose .* -p difficulty_st",
        ),
        ({"rule": "mean"}, {}, "rule=mean is not one of action, product, sum"),
    ],
)
def test_what_is_refused(dives: Dives, params: dict, columns: dict, problem: str) -> None:
    head = ScoringNetHead(**(QUICK | NAMED | params))
    with pytest.raises(HeadError, match=problem):
        head.fit(dives.x, dives.y, **(dives.columns() | columns))


@pytest.mark.parametrize("params", [{"difficulty": "multiply"}, {"scale": "action"}])
def test_it_takes_difficulty_and_action_by_itself(dives: Dives, params: dict) -> None:
    wrapped = make_head("scoringnet", QUICK | NAMED | params)
    with pytest.raises(HeadError, match=r"takes the \w+ by itself"):
        wrapped.fit(dives.x, dives.y, **dives.columns())


def test_the_margin_is_as_large_beside_each_part(dives: Dives) -> None:
    head = ScoringNetHead(**(QUICK | {"epochs": 1}), **NAMED, loss="ranking", margin=3.0)
    head.fit(dives.x, dives.y, **dives.columns())
    for part, branch in head.branches_.items():
        spread = (dives.difficulty if part == "difficulty" else dives.execution).std()
        assert branch.margin / spread == pytest.approx(3 / dives.y.std())


def test_a_new_video_without_stages(head: ScoringNetHead, dives: Dives) -> None:
    with pytest.raises(HeadError, match=r"1 of 1 videos have .*: row 0 \(flight, entry\);"):
        head.predict(dives.x[:1], clips=[CLIPS], stages=[{}])


def test_it_keeps_its_own_defaults_where_those_of_lstm_are_of_whole_videos() -> None:
    assert (ScoringNetHead().standardise, ScoringNetHead().validation) == (True, 0.15)
