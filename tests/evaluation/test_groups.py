from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from aqa.annotations.manifest import Manifest, Video
from aqa.errors import AqaError
from aqa.evaluation.groups import measure_groups
from aqa.evaluation.score_rows import measure_rows, part_rows, spans


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
    assert measure_rows(rows, manifest).values["relative_l2"] == pytest.approx(100 * np.mean(each))


def test_groups_and_their_averages(evaluated) -> None:
    rows, manifest = evaluated
    found = measure_groups(rows, manifest, "action")
    parts = {"dive": slice(0, 12), "vault": slice(12, 22), "ski": slice(22, 30)}
    assert list(found) == ["all", *sorted(parts), "mean of actions", "Fisher z of actions"]
    assert found["all"] == measure_rows(rows, manifest)
    rho = []
    for action, chosen in parts.items():
        true, pred = values(rows, chosen)
        rho.append(scipy.stats.spearmanr(true, pred).statistic)
        assert found[action].n == len(true)
        assert found[action].values["spearman"] == pytest.approx(rho[-1])
    assert found["mean of actions"].values["spearman"] == pytest.approx(np.mean(rho))
    fisher = np.tanh(np.mean(np.arctanh(rho)))
    assert found["Fisher z of actions"].values["spearman"] == pytest.approx(fisher)
    assert "mse" not in found["Fisher z of actions"].values
    for name in ("mean of actions", "Fisher z of actions"):
        low, high = found[name].intervals["spearman"]
        assert low < found[name].values["spearman"] < high
        assert found[name].counts["groups"] == found[name].counts["spearman_groups"] == 3


def with_action(
    evaluated: tuple[list[dict], Manifest], scores: list[float], predicted: list[float]
) -> tuple[list[dict], Manifest]:
    """The same with test videos of one more action."""
    rows, manifest = evaluated
    ids = [f"x{k}" for k in range(len(scores))]
    more = [Video(i, None, s, action="new") for i, s in zip(ids, scores, strict=True)]
    rows = [*rows, *part_rows("test", ids, scores, predicted)]
    return rows, Manifest([*manifest, *more], manifest.path)


def test_a_group_without_a_correlation_is_left_out_of_its_average_and_named(evaluated) -> None:
    found = measure_groups(*with_action(evaluated, [3.0], [5.0]), "action")
    counts = found["mean of actions"].counts
    assert (counts["groups"], counts["spearman_groups"], counts["mse_groups"]) == (4, 3, 4)
    assert (counts["spearman_undefined"], counts["mse_undefined"]) == (["new"], [])
    each = [found[name].values["mse"] for name in ("dive", "vault", "ski", "new")]
    assert found["mean of actions"].values["mse"] == pytest.approx(np.mean(each))


def test_a_perfect_group_has_no_z_and_costs_the_others_nothing(evaluated) -> None:
    before = measure_groups(*evaluated, "action")["Fisher z of actions"]
    rows, manifest = with_action(evaluated, [3.0, 5.0, 9.0], [1.0, 2.0, 3.0])
    found = measure_groups(rows, manifest, "action")
    assert found["new"].values["spearman"] == pytest.approx(1)
    after = found["Fisher z of actions"]
    assert after.values["spearman"] == pytest.approx(before.values["spearman"])
    assert after.counts["spearman_undefined"] == ["new"]
    assert found["mean of actions"].counts["spearman_undefined"] == []


def test_small_groups_have_values_and_no_intervals(evaluated) -> None:
    found = measure_groups(*with_action(evaluated, [3.0, 5.0, 9.0], [1.0, 3.0, 2.0]), "action")
    assert found["new"].values["spearman"] == pytest.approx(0.5)
    assert found["new"].intervals["spearman"] is None
    assert found["ski"].intervals["spearman"] is not None
    # An average over a group that has none has none; one that leaves that group out has.
    assert found["mean of actions"].intervals["spearman"] is None
    perfect = measure_groups(*with_action(evaluated, [3.0, 5.0], [1.0, 3.0]), "action")
    assert perfect["Fisher z of actions"].intervals["spearman"] is not None


def test_each_group_draws_its_own_videos(rng: np.random.Generator) -> None:
    """Were the same places drawn in every group, errors of alike groups would not average out."""
    scores, noise = rng.uniform(0, 100, 12), rng.normal(scale=30, size=12)
    videos = [
        Video(f"{action}{k}", None, float(score), action=action)
        for action in ("one", "two")
        for k, score in enumerate(scores)
    ]
    predicted = np.tile(scores + noise, 2).tolist()
    rows = part_rows("test", [v.id for v in videos], [v.score for v in videos], predicted)
    found = measure_groups(rows, Manifest(videos, Path("m.csv")), "action")
    of_one, of_mean = (np.ptp(found[name].intervals["mse"]) for name in ("one", "mean of actions"))
    assert of_mean < 0.85 * of_one  # by theory 1 / sqrt(2)


def test_labels_that_no_video_has_are_named(evaluated) -> None:
    rows, manifest = evaluated
    with pytest.raises(AqaError, match=r"m\.csv: no test video has a value in the column type"):
        measure_groups(rows, manifest, "type")
