"""A head with its target transforms is one estimator, as scikit-learn has them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, KFold

from aqa.models.examples import Examples
from aqa.models.heads.base import HeadError
from aqa.models.heads.mtl import MTLHead
from aqa.models.heads.svr import SVRHead
from aqa.models.heads.usdl import USDLHead
from aqa.models.target_transforms import DifficultyTransform, TransformedHead

QUICK = {"epochs": 3, "width_1": 4, "width_2": 4, "device": "cpu"}


@pytest.fixture
def videos(rng: np.random.Generator) -> Examples:
    """40 videos whose score is what they show times their difficulty."""
    shown, difficulty = rng.uniform(10, 28, 40), rng.uniform(1.5, 4, 40)
    x = [np.tile([own / 10, 1.0], (3, 1)) for own in shown]
    return Examples.of(x, shown * difficulty, difficulty=difficulty.tolist())


def test_a_grid_search_varies_it_and_the_head(videos: Examples) -> None:
    head = TransformedHead(SVRHead(kernel="linear", folds=2))
    grid = {"difficulty": ["none", "multiply"], "head__C": [0.001, 10.0]}
    search = GridSearchCV(head, grid, cv=KFold(3), scoring="neg_mean_squared_error")
    search.fit(videos, videos.scores)
    assert search.best_params_ == {"difficulty": "multiply", "head__C": 10.0}
    assert search.best_estimator_.head_.C == 10.0
    predicted = search.predict(videos)
    assert np.abs(predicted - videos.scores).mean() < 1


def test_with_nothing_to_do_it_is_the_head_itself(videos: Examples) -> None:
    head = TransformedHead(SVRHead()).fit_examples(videos)
    alone = SVRHead().fit_examples(videos)
    np.testing.assert_array_equal(head.predict_examples(videos), alone.predict_examples(videos))
    assert head.columns == alone.columns == ()


def test_the_head_that_it_is_given_stays_unfitted(videos: Examples) -> None:
    given = SVRHead()
    head = TransformedHead(given, difficulty="multiply").fit_examples(videos)
    assert not hasattr(given, "support_vectors_")
    assert head.params == {**given.params, "difficulty": "multiply", "scale": "all"}
    with pytest.raises(HeadError, match="SVRHead is not fitted"):
        TransformedHead(given, difficulty="multiply").predict_examples(videos)


def test_quantiles_go_back_to_points(videos: Examples) -> None:
    head = TransformedHead(USDLHead(**QUICK), difficulty="multiply").fit_examples(videos)
    assert head.gives == ("quantiles",)
    inner = head.head_.quantiles(videos, [0.1, 0.9])
    expected = inner * np.array(videos.columns["difficulty"])[:, None]
    np.testing.assert_array_equal(head.quantiles(videos, [0.1, 0.9]), expected)


def test_attributes_are_the_heads(videos: Examples) -> None:
    attributes = [{"position": "AB"[i % 2]} for i in range(40)]
    told = Examples.of(videos.features, videos.scores, attributes=attributes, **videos.columns)
    quick = {"epochs": 2, "hidden": 4, "device": "cpu"}
    head = TransformedHead(MTLHead(**quick), difficulty="input").fit_examples(told)
    assert head.gives == ("attributes",)
    assert {own["position"] for own in head.attributes(told)} <= {"A", "B"}


def test_one_difficulty_of_all_training_videos_does_not_blow_up(videos: Examples) -> None:
    """Thirty times 3.1 deviate by 8.9e-16 of rounding; a test dive of 3.2 must not lie 1e14 off."""
    alike = Examples.of(videos.features, videos.scores, difficulty=[3.1] * 40)
    transform = DifficultyTransform("input").fit(alike)
    (shown,) = transform.show(Examples.of(videos.features[:1], difficulty=[3.2])).features
    assert shown[0, -1] == pytest.approx(0.1, abs=1e-6)


def test_other_values_are_refused(videos: Examples) -> None:
    with pytest.raises(HeadError, match="scale=each is not one of all, action"):
        TransformedHead(SVRHead(), scale="each").fit_examples(videos)
