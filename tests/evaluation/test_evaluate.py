from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from aqa.annotations.manifest import Manifest, Video
from aqa.errors import AqaError
from aqa.evaluation.evaluate import evaluate_groups, evaluate_rows, part_rows, spans


@pytest.fixture
def evaluated(rng: np.random.Generator) -> tuple[list[dict], Manifest]:
    """30 test videos of three actions whose scores have unlike ranges, and others."""
    scores = np.r_[rng.uniform(0, 100, 12), rng.uniform(10, 16, 10), rng.uniform(0, 50, 8)]
    actions = ["dive"] * 12 + ["vault"] * 10 + ["ski"] * 8
    videos = [
        Video(f"v{k}", None, float(score), action=action)
        for k, (score, action) in enumerate(zip(scores, actions, strict=True))
    ]
    others = [Video("low", None, 5.0, action="vault"), Video("high", None, 17.0, action="vault")]
    predicted = scores + rng.normal(size=30)
    rows = part_rows("test", [v.id for v in videos], scores.tolist(), predicted.tolist())
    return rows, Manifest([*videos, *others], Path("m.csv"))


def values(rows: list[dict], chosen: slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
    own = rows[chosen]
    return np.array([r["score"] for r in own]), np.array([r["predicted"] for r in own])


def test_relative_l2_is_by_the_range_of_the_videos_action(evaluated) -> None:
    rows, manifest = evaluated
    assert spans(rows, manifest)[12] == 12.0  # of all of the manifest's vaults
    ranges = {
        action: np.ptp([v.score for v in manifest if v.action == action])
        for action in ("dive", "vault", "ski")
    }
    each = [
        ((row["predicted"] - row["score"]) / ranges[manifest.by_id[row["video_id"]].action]) ** 2
        for row in rows
    ]
    assert evaluate_rows(rows, manifest)["relative_l2"] == pytest.approx(100 * np.mean(each))


def test_groups_and_their_averages(evaluated) -> None:
    rows, manifest = evaluated
    found = {result["group"]: result for result in evaluate_groups(rows, manifest, "action")}
    parts = {"dive": slice(0, 12), "vault": slice(12, 22), "ski": slice(22, 30)}
    assert list(found) == ["all", *sorted(parts), "mean of actions", "Fisher z of actions"]
    assert found["all"]["mse"] == evaluate_rows(rows, manifest)["mse"]
    rho = []
    for action, chosen in parts.items():
        true, pred = values(rows, chosen)
        rho.append(scipy.stats.spearmanr(true, pred).statistic)
        assert found[action]["n"] == len(true)
        assert found[action]["spearman"] == pytest.approx(rho[-1])
    assert found["mean of actions"]["spearman"] == pytest.approx(np.mean(rho))
    fisher = np.tanh(np.mean(np.arctanh(rho)))
    assert found["Fisher z of actions"]["spearman"] == pytest.approx(fisher)
    assert "mse" not in found["Fisher z of actions"]
    for name in ("mean of actions", "Fisher z of actions"):
        low, high = found[name]["spearman_interval"]
        assert low < found[name]["spearman"] < high
        assert found[name]["groups"] == found[name]["spearman_groups"] == 3


def test_a_group_without_a_correlation_is_left_out_of_its_average(evaluated) -> None:
    rows, manifest = evaluated
    alone = Video("x", None, 3.0, action="one")
    rows = [*rows, *part_rows("test", ["x"], [3.0], [5.0])]
    found = evaluate_groups(rows, Manifest([*manifest, alone], manifest.path), "action")
    averages = {result["group"]: result for result in found}["mean of actions"]
    assert (averages["groups"], averages["spearman_groups"], averages["mse_groups"]) == (4, 3, 4)
    each = [r["mse"] for r in found if r["group"] in ("dive", "vault", "ski", "one")]
    assert averages["mse"] == pytest.approx(np.mean(each))


def test_labels_that_no_video_has_are_named(evaluated) -> None:
    rows, manifest = evaluated
    with pytest.raises(AqaError, match=r"m\.csv: no test video has a value in the column type"):
        evaluate_groups(rows, manifest, "type")
