from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from nltk.translate.bleu_score import corpus_bleu

from aqa import metrics
from aqa.evaluation import commentary_metrics
from aqa.evaluation.commentary_metrics import (
    bleu_counts,
    cider,
    has_wordnet,
    measure_commentary,
    meteor,
)

WORDS = ("a", "back", "dive", "with", "clear", "splash", "knees", "bent", "and", "pike")


@pytest.fixture
def texts(rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Thirty texts of 1 to 20 words, and thirty that were written, which share words with them."""
    true = [[*rng.choice(WORDS, rng.integers(1, 21))] for _ in range(30)]
    said = [[w for w in words if rng.uniform() < 0.8] or ["a"] for words in true]
    for words in said:
        words[int(rng.integers(len(words)))] = "twist"
    return [" ".join(t) for t in true], [" ".join(s) for s in said]


def test_bleu_is_nltks(texts) -> None:
    true, said = texts
    found = measure_commentary(true, said, resamples=0)
    references, hypotheses = [[t.split()] for t in true], [s.split() for s in said]
    for order in (1, 2, 3, 4):
        weights = (1 / order,) * order
        expected = corpus_bleu(references, hypotheses, weights=weights)
        assert found.values[f"bleu_{order}"] == pytest.approx(expected, abs=1e-12)
    assert 0 < found.values["bleu_4"] < found.values["bleu_1"] < 1


@pytest.mark.parametrize(
    ("true", "said", "expected"),
    [
        ("a back dive", "a back dive", [1, 1, 1, 0]),
        ("a back dive", "", [0, 0, 0, 0]),
        ("a back dive", "the the the", [0, 0, 0, 0]),
        # Two of three words, and a text half as long: the brevity penalty is exp(-1).
        ("a back dive with bent knees", "a dive tucked", [2 / 3 * math.exp(-1), 0, 0, 0]),
        ("the dive", "the the the the", [0.25, 0, 0, 0]),
    ],
)
def test_bleu_by_hand(true: str, said: str, expected: list[float]) -> None:
    sums = np.array(bleu_counts(true.split(), said.split()), float)
    found = [float(metrics.bleu(sums, order)) for order in (1, 2, 3, 4)]
    assert found == pytest.approx(expected)


def test_the_resamples_are_corpora(texts) -> None:
    true, said = texts
    counts = np.array([bleu_counts(t.split(), s.split()) for t, s in zip(*texts, strict=True)])
    drawn = np.random.default_rng(0).integers(30, size=30)
    weight = np.bincount(drawn, minlength=30).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = corpus_bleu(
            [[true[i].split()] for i in drawn], [said[i].split() for i in drawn], (0.5, 0.5)
        )
    assert float(metrics.bleu(weight @ counts, 2)) == pytest.approx(expected)


def test_intervals_are_over_videos(texts) -> None:
    found = measure_commentary(*texts, resamples=200)
    for name, value in found.values.items():
        low, high = found.intervals[name]
        assert low < value < high
    assert found.n == 30


def test_cider_by_hand() -> None:
    """Of equal texts each order that a text has gives 1, of different ones 0."""
    references = [["a", "back", "dive"], ["the", "pike"]]
    assert cider(references, references) == pytest.approx([7.5, 5.0])
    assert cider(references, [["pike"], ["back"]]) == pytest.approx([0, 0])
    assert cider(references, [[], []]) == pytest.approx([0, 0])
    # "a" is in both texts and says nothing; "dive" is right, "x" is not, and no pair of words is.
    half = cider([["a", "dive"], ["a", "pike"]], [["dive", "x"], ["a", "pike"]])
    assert half[0] == pytest.approx(10 / 4 * math.log(2) ** 2 / (math.log(2) * math.hypot(
        math.log(2), math.log(2))))  # fmt: skip
    assert cider([["a", "dive"]], [["a", "dive"]]) == pytest.approx([0])


def test_cider_is_that_of_the_code_that_papers_use(texts) -> None:
    scorer = pytest.importorskip("pycocoevalcap.cider.cider_scorer")
    true, said = texts
    theirs = scorer.CiderScorer(n=4, sigma=6.0)
    for t, s in zip(true, said, strict=True):
        theirs += (s, [t])
    _, expected = theirs.compute_score()
    found = cider([t.split() for t in true], [s.split() for s in said])
    np.testing.assert_allclose(found, expected)


def test_videos_without_commentary_are_left_out() -> None:
    found = measure_commentary(["a dive", None, ""], ["a dive", "x", "y"], resamples=0)
    assert (found.n, found.values["bleu_2"]) == (1, 1.0)
    assert measure_commentary([None], ["x"]) is None


def test_meteor_is_measured_where_wordnet_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commentary_metrics, "has_wordnet", lambda: False)
    assert "meteor" not in measure_commentary(["a"], ["a"], resamples=0).values
    monkeypatch.setattr(commentary_metrics, "has_wordnet", lambda: True)
    monkeypatch.setattr(commentary_metrics, "meteor", lambda true, said: np.full(len(true), 0.5))
    assert measure_commentary(["a"], ["a"], resamples=0).values["meteor"] == 0.5


def test_meteor_of_equal_texts_is_nearly_one() -> None:
    if not has_wordnet():
        pytest.skip("nltk's WordNet is not on this machine")
    assert meteor([["a", "back", "dive"]], [["a", "back", "dive"]])[0] > 0.95
