"""Points per degree: signs that are declared, intervals that hold the truth, old frames."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from aqa.models.examples import Examples
from aqa.models.heads.aspects import AspectsHead
from aqa.models.heads.base.sparse_linear import SparseLinear
from aqa.models.target_transforms import transformed

DEFINITION = "name = 'made'\n" + "".join(
    f"""
[[aspect]]
name = "{name}"
kind = "joint-bend"
points = ["hip", "knee", "ankle"]
over = ["start", "end"]
worse = "{worse}"
neutral = 0
says = "{name} of {{value}} {{unit}}"
"""
    for name, worse in (
        ("knee", "more"),
        ("noise", "more"),
        ("depth", "less"),
        ("tempo", "neither"),
    )
)
SLOPES = np.array([-0.2, 0.0, 0.1, 0.5])


def made(n: int, rng: np.random.Generator) -> Examples:
    """Scores that fall by 0.2 points per degree of the knee, and rise with depth and tempo."""
    vectors = rng.uniform(0, 40, (n, 4))
    scores = 50 + vectors @ SLOPES + rng.normal(scale=0.5, size=n)
    ids = tuple(f"v{k}" for k in range(n))
    return Examples(
        ids,
        [vector[None].astype(np.float32) for vector in vectors],
        scores,
        {"definition": [DEFINITION] * n, "difficulty": [2.0] * n},
    )


def test_slopes_and_intervals(rng: np.random.Generator) -> None:
    head = AspectsHead().fit_examples(made(80, rng))
    model = head.model_
    assert model.slopes_ == pytest.approx(SLOPES, abs=0.03)
    # Each interval is of 90 %, so one of four may just miss; it is never far off.
    assert (model.low_ - 0.02 <= SLOPES).all()
    assert (model.high_ + 0.02 >= SLOPES).all()
    assert ((model.low_ <= model.slopes_) & (model.slopes_ <= model.high_)).all()


def test_no_fault_adds_points(rng: np.random.Generator) -> None:
    """Where a fault goes with better scores by chance, its slope is 0 and not above."""
    examples = made(60, rng)
    turned = Examples(examples.ids, examples.features, -examples.scores, examples.columns)
    slopes = AspectsHead().fit_examples(turned).model_.slopes_
    assert slopes[0] == 0
    assert slopes[2] == 0
    assert slopes[3] < 0
    free = AspectsHead(signs=False).fit_examples(turned).model_.slopes_
    assert free[0] > 0.1


def test_without_a_penalty_it_is_least_squares(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(50, 3)), rng.normal(size=50)
    model = SparseLinear(penalty=0.0, resamples=2).fit(x, y, np.zeros(3, np.int64))
    expected = LinearRegression().fit(x, y)
    assert model.slopes_ == pytest.approx(expected.coef_, abs=1e-3)
    assert model.predict(x) == pytest.approx(expected.predict(x), abs=1e-3)


def test_what_an_aspect_costs_one_video(rng: np.random.Generator) -> None:
    examples = made(80, rng)
    head = AspectsHead(resamples=20).fit_examples(examples)
    bad = Examples(("bad",), [np.array([[40, 0, 40, 35]], np.float32)], np.array([np.nan]))
    first = head.aspect_points(bad)[0]
    assert (first.name, first.unit, first.value) == ("knee", "degrees", 40)
    assert first.good == pytest.approx(np.quantile([f[0, 0] for f in examples.features], 0.25))
    assert first.points == pytest.approx(first.slope * (40 - first.good))
    points = {one.name: one.points for one in head.aspect_points(bad)}
    assert points["depth"] > 0  # the deepest of all
    total = sum(points.values()) + head.model_.intercept_ + head.good_ @ head.model_.slopes_
    assert total == pytest.approx(float(head.predict_examples(bad)[0]))


def test_points_are_of_the_score_where_its_difficulty_is_known(rng: np.random.Generator) -> None:
    examples = made(40, rng)
    plain = AspectsHead(resamples=5).fit_examples(examples)
    timed = transformed(AspectsHead, {"resamples": 5, "difficulty": "multiply"})
    timed.fit_examples(examples)
    one, other = (head.aspect_points(examples[3]) for head in (plain, timed))
    assert [a.points for a in other] == pytest.approx([a.points for a in one], rel=1e-6)
    beside = transformed(AspectsHead, {"resamples": 5, "difficulty": "input"})
    named = [a.name for a in beside.fit_examples(examples).aspect_points(examples[3])]
    assert sorted(named) == ["depth", "knee", "noise", "tempo", "value 5"]


def test_a_saved_head_says_the_same(rng: np.random.Generator) -> None:
    examples = made(40, rng)
    head = AspectsHead(resamples=5).fit_examples(examples)
    again = AspectsHead(resamples=5).restore(head.state())
    assert again.aspect_points(examples[0]) == head.aspect_points(examples[0])
