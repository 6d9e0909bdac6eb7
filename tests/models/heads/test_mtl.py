from __future__ import annotations

import numpy as np
import pytest
import torch

from aqa.models.examples import Examples
from aqa.models.heads.base import HeadError
from aqa.models.heads.mtl import MTLHead

QUICK = {"epochs": 30, "device": "cpu", "hidden": 32, "lr": 0.01}


@pytest.fixture(scope="module")
def attributes(performances) -> list[dict[str, str]]:
    """The type as a position; every third video does not say whether it is an armstand."""
    return [
        {"position": label} | ({"armstand": "no"} if i % 3 else {})
        for i, label in enumerate(performances.type)
    ]


@pytest.fixture(scope="module")
def fitted(performances, attributes) -> MTLHead:
    return MTLHead(**QUICK).fit(performances.x, performances.y, attributes=attributes)


def test_the_loss_is_that_of_the_naive_loop(fitted, rng: np.random.Generator) -> None:
    outputs = rng.normal(size=(4, 5))  # the score, positions A, B, C, armstand no
    targets = np.array([[1.0, 0, -1], [2.0, 2, 0], [0.5, -1, 0], [0.0, 1, 0]])
    error = outputs[:, 0] - targets[:, 0]
    expected = np.mean(error**2) + np.mean(np.abs(error))
    for start, stop, column in ((1, 4, 1), (4, 5, 2)):
        entropies = []
        for row, number in zip(outputs, targets[:, column].astype(int), strict=True):
            if number >= 0:
                p = np.exp(row[start:stop]) / np.exp(row[start:stop]).sum()
                entropies.append(-np.log(p[number]))
        expected += np.mean(entropies)
    found = fitted._loss(torch.tensor(outputs), torch.tensor(targets))
    assert found.item() == pytest.approx(expected)


def test_a_batch_that_knows_no_attribute_learns_the_score(fitted) -> None:
    targets = torch.tensor([[1.0, -1, -1]])
    assert fitted._loss(torch.zeros(1, 5), targets).item() == pytest.approx(2.0)


def test_it_tells_score_and_attributes(fitted, performances, attributes) -> None:
    assert fitted.gives == ("attributes",)
    assert fitted.classes == {"position": ["A", "B", "C"], "armstand": ["no"]}
    said = fitted.attributes(Examples.of(performances.x))
    right = [own["position"] == t["position"] for own, t in zip(said, attributes, strict=True)]
    assert np.mean(right) > 0.9
    assert np.corrcoef(fitted.predict(performances.x), performances.y)[0, 1] > 0.9


def test_saved_it_tells_the_same(fitted, performances) -> None:
    restored = MTLHead(**QUICK).restore(fitted.state())
    assert restored.attributes(Examples.of(performances.x)) == fitted.attributes(
        Examples.of(performances.x)
    )


def test_the_score_alone_needs_no_attributes(performances) -> None:
    head = MTLHead(**QUICK, classify=False).fit(performances.x, performances.y)
    assert head.classes == {}
    assert head.attributes(Examples.of(performances.x[:2])) == [{}, {}]


def test_a_class_that_only_validation_videos_have_is_no_class(performances, attributes) -> None:
    strange = [{"position": "Z"}] * 15
    validation = performances.x[45:], performances.y[45:], {"attributes": strange}
    head = MTLHead(**QUICK | {"epochs": 1}).fit(
        performances.x[:45], performances.y[:45], validation, attributes=attributes[:45]
    )
    assert head.classes["position"] == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (None, "no training video has any of the attributes position, armstand, .* classify=false"),
        ([{}] * 60, "no training video has any of the attributes"),
        ([{"position": "A"}] * 59, "59 values of attributes for 60 videos"),
    ],
)
def test_without_attributes_there_is_nothing_to_tell(performances, given, problem: str) -> None:
    with pytest.raises(HeadError, match=problem):
        MTLHead(**QUICK).fit(performances.x, performances.y, attributes=given)
