"""Network heads that learn two classes by a logistic loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.metrics import log_loss, roc_auc_score

from aqa.errors import HeadError
from aqa.models.examples import Examples
from aqa.models.heads.average import AverageHead
from aqa.models.heads.gdlt import GDLTHead
from aqa.models.heads.lstm import LSTMHead
from aqa.models.heads.svr import SVRHead
from aqa.models.training.losses import logistic, make_loss


def _examples(n: int = 40, bad: int = 30, seed: int = 0) -> Examples:
    """Videos of which the first `bad` are bad; the first feature tells the class."""
    rng = np.random.default_rng(seed)
    good = np.arange(n) >= bad
    features = [rng.normal(size=(4, 6)).astype(np.float32) for _ in range(n)]
    for sequence, one in zip(features, good, strict=True):
        sequence[:, 0] += 2.0 * one - 1.0
    return Examples.of(features, good.astype(float))


def test_the_loss_is_scikit_learns_log_loss_weighted_by_class() -> None:
    rng = np.random.default_rng(0)
    logits, good = rng.normal(size=20), rng.random(20) < 0.3
    ours = logistic(torch.tensor(logits), torch.tensor(good.astype(float)), (0.5, 2.0))
    weight = np.where(good, 2.0, 0.5)
    theirs = log_loss(good, expit(logits), sample_weight=weight) * weight.sum() / 20
    assert float(ours) == pytest.approx(theirs)
    plain = make_loss("logistic", 1.0, 1.0)(torch.tensor(logits), torch.tensor(good.astype(float)))
    assert float(plain) == pytest.approx(log_loss(good, expit(logits)))


@pytest.mark.parametrize("head", [AverageHead, LSTMHead])
def test_a_head_answers_with_probabilities_that_tell_the_classes(head: type) -> None:
    train, test = _examples(), _examples(seed=1)
    fitted = head(loss="logistic", epochs=15, lr=0.003).fit_examples(train)
    said = fitted.predict_examples(test)
    assert fitted.says_probability
    assert ((said > 0) & (said < 1)).all()
    assert roc_auc_score(test.scores, said) > 0.9
    again = head(loss="logistic", epochs=15, lr=0.003).restore(fitted.state())
    assert np.array_equal(again.predict_examples(test), said)


def test_held_out_videos_are_of_both_classes() -> None:
    head = LSTMHead(loss="logistic", validation=0.15)
    targets = np.r_[np.zeros(37), np.ones(3)]
    kept, out = head.hold_out(40, targets)
    assert sorted([*kept, *out]) == list(range(40))
    assert (int((targets[out] == 0).sum()), int(targets[out].sum())) == (6, 1)
    assert len(head.hold_out(4, np.array([0.0, 0.0, 0.0, 1.0]))[1]) == 0  # one is too few to part
    assert len(LSTMHead(loss="logistic", validation=0.0).hold_out(40, targets)[1]) == 0


def test_balanced_classes_weigh_the_same_and_a_network_starts_without_a_lean() -> None:
    scores = np.r_[np.zeros(30), np.ones(10)]
    head = LSTMHead(loss="logistic")
    head.learn_scores(scores)
    bad, good = head.class_weights_
    assert 30 * bad == pytest.approx(10 * good) == pytest.approx(20)
    assert head.start_target(scores) == pytest.approx(0.0)
    plain = LSTMHead(loss="logistic", balance_classes=False)
    plain.learn_scores(scores)
    assert plain.class_weights_ == (1.0, 1.0)
    assert expit(plain.start_target(scores)) == pytest.approx(0.25)


def test_training_goes_on_with_the_weights_of_the_classes() -> None:
    """As `aqa finetune` does, resumed or from a run: on the head that it restores."""
    fitted = AverageHead(loss="logistic", epochs=1).fit_examples(_examples())
    again = AverageHead(loss="logistic").restore(fitted.state())
    logits, good = torch.linspace(-1, 1, 8), torch.tensor([0.0, 1.0] * 4)
    expected = logistic(logits, good, (40 / 60, 40 / 20))
    assert float(again.objective(1.0)(logits, good)) == pytest.approx(float(expected))


def test_an_explanation_adds_up_to_the_log_odds() -> None:
    train = _examples()
    fitted = AverageHead(loss="logistic", epochs=2).fit_examples(train)
    one = train.select([35])
    explanation = fitted.explain(one)
    assert explanation.of == "log-odds"
    assert explanation.base is not None
    total = explanation.base + explanation.values.sum()
    assert expit(total) == pytest.approx(float(fitted.predict_examples(one)[0]), abs=1e-5)


@pytest.mark.parametrize(
    ("head", "scores", "said"),
    [
        (LSTMHead(loss="logistic"), np.arange(40.0), "told as 0 and 1"),
        (LSTMHead(loss="logistic"), np.ones(40), "all 40 training videos are of one of them"),
        (LSTMHead(loss="logistic", centre_scores=True), None, "no scores to centre"),
        (LSTMHead(loss="logistic", label="incremental"), None, "does not learn classes by it"),
        (GDLTHead(loss="logistic"), None, "loss=logistic is not one of mse, l1"),
    ],
)
def test_what_cannot_be_learned_is_refused(head: LSTMHead, scores: np.ndarray, said: str) -> None:
    train = _examples()
    given = train if scores is None else Examples.of(train.features, scores)
    with pytest.raises(HeadError, match=said):
        head.fit_examples(given)


def test_validation_videos_of_one_class_cannot_stop_training() -> None:
    train = _examples()
    with pytest.raises(HeadError, match="loss=logistic tells two classes, and the validation"):
        LSTMHead(loss="logistic", epochs=1).fit_examples(train, train.select(range(5)))


def test_heads_say_whether_they_learn_classes_so() -> None:
    assert [h.takes_logistic for h in (LSTMHead(), AverageHead(), GDLTHead(), SVRHead())] == [
        *(True, True, False, False)
    ]
    assert not LSTMHead(label="incremental").takes_logistic
    assert not LSTMHead().says_probability
