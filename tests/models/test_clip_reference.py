"""What clips are compared with, held against plain loops."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aqa.errors import RunError
from aqa.models.feedback.reference import (
    LEAST_OF_TYPE,
    MOST_PARTS,
    QUIET,
    Claims,
    ClipReference,
    Told,
    TypePoints,
    best_margin,
    best_quarter,
    claims_of,
    parts_of,
    summarise,
)

TOLD = Told(30, 0.7, 0.6, 0.65, 0.4, True)


def reference(**given) -> ClipReference:
    types = {
        "": TypePoints(20, (1.0, 2.0), (3.0, 4.0)),
        "A": TypePoints(8, (5.0, 6.0), (7.0, 8.0)),
    }
    return ClipReference(types, **given)


def test_parts_go_from_the_first_clip_to_the_last() -> None:
    assert parts_of(8, 8).tolist() == list(range(8))
    assert parts_of(10, 2).tolist() == [0] * 5 + [1] * 5
    assert parts_of(1, 8).tolist() == [0]
    for n in range(1, 30):
        found = parts_of(n, 7)
        assert (np.diff(found) >= 0).all()
        assert found[0] == 0
        assert n == 1 or found[-1] == 6


def test_a_type_is_summarised_part_by_part(rng: np.random.Generator) -> None:
    values = [rng.normal(size=n) for n in rng.integers(4, 9, 30)]
    values[3][0] = np.nan  # padding
    types = ["A"] * 12 + ["B"] * (LEAST_OF_TYPE - 1) + [""] * (18 - LEAST_OF_TYPE + 1)
    made = summarise(values, types)
    assert set(made) == {"", "A"}  # of B there are too few
    parts = int(np.median([len(one) for one in values]))
    for name, rows in (("", range(30)), ("A", range(12))):
        assert made[name].videos == len(rows)
        for part in range(parts):
            here = []
            for row in rows:
                n = len(values[row])
                for clip in range(n):
                    if round(clip / (n - 1) * (parts - 1)) == part:
                        here.append(values[row][clip])
            here = [value for value in here if not np.isnan(value)]
            assert made[name].mean[part] == pytest.approx(np.mean(here))
            assert made[name].good[part] == pytest.approx(np.quantile(here, 0.75))


def test_a_part_in_which_a_type_has_no_clip_is_that_of_all() -> None:
    short, long = [np.ones(2)] * 5, [np.arange(6.0)] * 7
    made = summarise(short + long, ["short"] * 5 + ["long"] * 7)
    assert len(made[""].mean) == 6
    assert made["short"].mean == (1.0, *made[""].mean[1:5], 1.0)


def test_long_videos_have_few_parts() -> None:
    assert len(summarise([np.arange(300.0)] * 3, [""] * 3)[""].mean) == MOST_PARTS


def test_the_margin_is_the_one_of_the_highest_f1(rng: np.random.Generator) -> None:
    for _ in range(20):
        below = rng.normal(loc=1, size=40)
        faulty = rng.random(40) < 1 / (1 + np.exp(-below))

        def f1(margin: float, below=below, faulty=faulty) -> float:
            said = below >= margin
            return 2 * (said & faulty).sum() / (said.sum() + faulty.sum())

        found = best_margin(below, faulty)
        assert found >= 0
        best = max(f1(margin) for margin in below)
        assert f1(found) == best or found == 0


def test_a_type_that_is_not_known_is_compared_with_all() -> None:
    for kind in ("B", "", None):
        found = reference().compare(2, kind)
        assert (found.type, found.videos, found.mean.tolist()) == ("", 20, [1, 2])
    found = reference().compare(3, "A")
    assert (found.type, found.videos) == ("A", 8)
    assert found.good.tolist() == [7, 7, 8]


def test_only_what_is_told_better_than_by_chance_is_called_faulty() -> None:
    assert reference(margin=1.0, told=TOLD).calls_faulty
    no_better = Told(30, 0.4, 1.0, 0.4, 0.4, False)
    assert not reference(margin=1.0, told=no_better).calls_faulty
    assert not reference(untold="nobody knows").calls_faulty


@pytest.mark.parametrize(
    "given", [{"margin": 1.5, "told": TOLD}, {"untold": "nobody knows", "claims": Claims(2.5, 9)}]
)
def test_a_record_holds_it_as_json(given) -> None:
    made = reference(**given)
    assert ClipReference.of(json.loads(json.dumps(made.to_dict())), "run") == made


@pytest.mark.parametrize(
    "record",
    [
        None,
        3,
        {},
        {"types": {}, "margin": None, "told": None, "untold": ""},
        {"types": [], "margin": None, "told": None, "untold": ""},
        reference().to_dict() | {"margin": "much"},
        reference().to_dict() | {"told": {"videos": 3}},
        reference().to_dict() | {"claims": {"margin": 3}},
        reference().to_dict() | {"claims": 3},
        reference().to_dict() | {"types": {"": {"videos": 3, "mean": [1], "good": []}}},
    ],
)
def test_a_record_that_is_none_is_one_line(record) -> None:
    with pytest.raises(RunError, match=r"runs/wd/split-1: .* cannot be read; fit the head again"):
        ClipReference.of(record, "runs/wd/split-1")


def test_the_range_holds_the_middle_four_fifths_of_each_part(rng: np.random.Generator) -> None:
    values = [rng.normal(size=3) for _ in range(200)]
    found = summarise(values, [""] * 200)[""]
    for part in range(3):
        here = np.array([one[part] for one in values])
        inside = (here >= found.low[part]) & (here <= found.high[part])
        assert inside.mean() == pytest.approx(0.8, abs=0.01)
        assert (here < found.low[part]).mean() == pytest.approx(0.1, abs=0.01)
    made = ClipReference({"": found})
    assert ClipReference.of(json.loads(json.dumps(made.to_dict())), "run") == made
    assert made.compare(3, "").high.tolist() == list(found.high)


def test_a_record_of_before_ranges_opens() -> None:
    record = reference(claims=Claims(None, 3)).to_dict()
    for one in record["types"].values():
        del one["low"], one["high"]
    del record["claims"]["why"]
    found = ClipReference.of(record, "run")
    assert found.compare(2, "").low is None
    assert "too few" in found.claims.missing


def test_a_record_of_before_claims_opens() -> None:
    record = reference(margin=1.0, told=TOLD).to_dict()
    del record["claims"]
    assert ClipReference.of(record, "run").claims is None


def test_the_best_quarter_is_that_of_each_type() -> None:
    scores = [*range(8), *range(100, 108), 50]
    types = ["A"] * 8 + ["B"] * 8 + ["C"]
    found = best_quarter(scores, types)
    assert np.flatnonzero(found).tolist() == [5, 6, 7, 13, 14, 15]  # C is held against all
    assert best_quarter([], []).tolist() == []


def test_most_good_videos_are_left_in_peace(rng: np.random.Generator) -> None:
    worst = rng.normal(5, 2, 2000)
    found = claims_of(worst[:1000])
    assert found.videos == 1000
    assert np.mean(worst[1000:] < found.margin) == pytest.approx(QUIET, abs=0.03)
    assert claims_of(worst[:4]) == Claims(None, 4)
    assert claims_of(np.full(9, -2.0)) == Claims(0.0, 9)  # never above the good ones
