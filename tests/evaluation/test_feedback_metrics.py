from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from aqa.evaluation.feedback_metrics import measure_feedback
from aqa.evaluation.resampling import resample_counts


def test_feedback_as_scikit_learn_evaluates_it():
    rng = np.random.default_rng(1)
    truth = [rng.random(int(n)) < 0.3 for n in rng.integers(3, 9, 40)]
    said = [t ^ (rng.random(len(t)) < 0.2) for t in truth]
    found = measure_feedback(truth, said, resamples=200).to_dict()
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        np.concatenate(truth), np.concatenate(said), average="binary"
    )
    assert (found["precision"], found["recall"], found["f1"]) == pytest.approx(
        (precision, recall, f1)
    )
    assert found["n"] == 40
    assert found["clips"] == sum(map(len, truth))
    assert found["precision_interval"][0] < precision < found["precision_interval"][1]


def test_intervals_draw_videos_with_all_their_clips():
    rng = np.random.default_rng(1)
    truth = [rng.random(int(n)) < 0.5 for n in rng.integers(3, 9, 12)]
    said = [t ^ (rng.random(len(t)) < 0.3) for t in truth]
    found = measure_feedback(truth, said, resamples=50, seed=4)
    samples = []
    for count in next(resample_counts(12, 50, 4)).astype(int):
        drawn = [k for k, times in enumerate(count) for _ in range(times)]
        t, s = (np.concatenate([each[k] for k in drawn]) for each in (truth, said))
        samples.append(metrics.recall_score(t, s))
    np.testing.assert_allclose(found.intervals["recall"], np.quantile(samples, [0.025, 0.975]))


def test_feedback_that_never_blames_has_no_precision():
    found = measure_feedback([np.array([True, False])], [np.array([False, False])]).values
    assert found["precision"] is None
    assert found["recall"] == 0
    assert found["f1"] == 0
