"""Averages over several scores of a video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aqa.annotations.manifest import Manifest, Video
from aqa.evaluation.result import Marks, Result
from aqa.evaluation.score_rows import measure_rows, part_rows, spans
from aqa.evaluation.summing_up import summed_up
from aqa.evaluation.target_means import target_means
from aqa.metrics import fisher_z

N = 20


@pytest.fixture
def manifest(rng: np.random.Generator) -> Manifest:
    rows = [
        {
            "score": str(k),
            "score_tes": f"{rng.uniform(0, 60):.2f}",
            "score_pcs": "" if k == N else f"{rng.uniform(0, 5):.2f}",
        }
        for k in range(N + 1)
    ]
    videos = [Video(f"v{k:02d}", None, float(k), row=row) for k, row in enumerate(rows)]
    return Manifest(videos, Path("m.csv"))


def answered(
    manifest: Manifest, rng: np.random.Generator, left_out: dict[str, str] | None = None
) -> tuple[list[Result], dict[tuple[str, str, str], Any]]:
    """Results and rows of one head of both targets."""
    results, tested = [], {}
    for target in ("pcs", "tes"):
        table = manifest.of_target(target)
        ids = [i for i in manifest.ids[:N] if i != (left_out or {}).get(target)]
        true = [table.by_id[i].score for i in ids]
        rows = part_rows("test", ids, true, [value + rng.normal(scale=2) for value in true])
        tested["svr", target, "1"] = rows
        measured = measure_rows(rows, table, 0)
        results.append(Result.of(measured, "scores", "svr", "1", target=target))
    return results, tested


def test_the_averages_are_those_of_the_single_targets(
    manifest: Manifest, rng: np.random.Generator
) -> None:
    results, tested = answered(manifest, rng)
    mean, z = target_means(results, tested, manifest)
    assert (mean.target, z.target) == ("mean of 2", "Fisher z of 2")
    for name in ("spearman", "mse", "med", "relative_l2"):
        each = [one.values[name] for one in results]
        assert mean.values[name] == pytest.approx(sum(each) / 2)
    both = [one.values["spearman"] for one in results]
    assert z.values["spearman"] == pytest.approx(float(fisher_z(both)))
    assert "mse" not in z.values
    assert mean.counts["targets"] == ["tes", "pcs"]  # as the columns stand


def test_resamples_draw_the_same_videos_of_each_target(
    manifest: Manifest, rng: np.random.Generator
) -> None:
    """By the plain loop: of two targets that err alike the mean spreads as each does."""
    results, tested = answered(manifest, rng)
    for target in ("pcs", "tes"):
        for k, row in enumerate(tested["svr", target, "1"]):
            row["predicted"] = row["score"] + k
    (mean, _) = target_means(results, tested, manifest)
    alone = measure_rows(tested["svr", "tes", "1"], manifest.of_target("tes"))
    assert mean.intervals["mse"] == pytest.approx(alone.intervals["mse"])


def test_no_interval_where_the_targets_were_tested_on_other_videos(
    manifest: Manifest, rng: np.random.Generator
) -> None:
    results, tested = answered(manifest, rng, {"pcs": "v03"})
    mean, _ = target_means(results, tested, manifest)
    assert mean.n == N
    assert set(mean.intervals.values()) == {None}
    assert mean.values["spearman"] is not None


def test_an_undefined_target_leaves_no_average(
    manifest: Manifest, rng: np.random.Generator
) -> None:
    results, tested = answered(manifest, rng)
    for row in tested["svr", "pcs", "1"]:
        row["predicted"] = 3.0
    mean, z = target_means(results, tested, manifest)
    assert mean.values["spearman"] is z.values["spearman"] is None
    assert mean.values["mse"] is not None


def test_one_target_has_no_average_and_a_plain_column_is_none_of_them(
    manifest: Manifest, rng: np.random.Generator
) -> None:
    results, tested = answered(manifest, rng)
    tested["svr", "difficulty", "1"] = tested.pop(("svr", "pcs", "1"))
    assert target_means(results, tested, manifest) == []


def test_what_leaked_of_one_target_is_said_of_the_average(
    manifest: Manifest, rng: np.random.Generator
) -> None:
    results, tested = answered(manifest, rng)
    marked = Result.of(
        measure_rows(tested["svr", "pcs", "1"], manifest.of_target("pcs"), 0),
        *("scores", "svr", "1"),
        marks=Marks(leak=("the head has learned from 2 of 20 test videos",)),
        target="pcs",
    )
    mean, _ = target_means([marked, results[1]], tested, manifest)
    assert mean.marks.leak == ("the head has learned from 2 of 20 test videos",)


def test_targets_stand_as_the_columns_do_and_averages_behind_them(
    manifest: Manifest, rng: np.random.Generator
) -> None:
    results, tested = answered(manifest, rng)
    found = summed_up(results, tested, manifest)
    assert [one.target for one in found.results] == [
        *("tes", "pcs", "mean of 2", "Fisher z of 2"),
    ]


def test_the_range_of_a_target_is_its_own(manifest: Manifest, rng: np.random.Generator) -> None:
    _, tested = answered(manifest, rng)
    pcs = manifest.of_target("pcs")
    known = [video.score for video in pcs if video.score == video.score]
    assert set(spans(tested["svr", "pcs", "1"], pcs)) == {max(known) - min(known)}
