from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aqa.errors import AqaWarning, RunError
from aqa.evaluation.commentary_metrics import measure_commentary
from aqa.evaluation.compare_commentary import (
    Written,
    compare_commentary,
    read_writers,
    read_written,
)
from aqa.files import write_rows
from aqa.report.caption_tables import caption_tables

WORDS = ("a", "back", "dive", "with", "clear", "splash", "knees", "bent", "and", "pike")


def written(rng: np.random.Generator, ids: list[str], kept: float) -> Written:
    """Texts of 12 words that the ids alone decide, of which a share is written rightly."""
    true, said = [], []
    for i in ids:
        words = np.random.default_rng(int(i[1:])).choice(WORDS, 12)
        true.append(" ".join(words))
        said.append(" ".join(w if rng.uniform() < kept else "twist" for w in words))
    return Written(Path("run"), tuple(ids), tuple(true), tuple(said))


@pytest.fixture
def writers(rng: np.random.Generator) -> dict[str, dict[str, Written]]:
    """Two heads on two splits, of which half the test videos are the same."""
    splits = {"1": [f"v{i}" for i in range(20)], "2": [f"v{i}" for i in range(10, 30)]}
    return {
        head: {split: written(rng, ids, kept) for split, ids in splits.items()}
        for head, kept in (("good", 0.9), ("bad", 0.6))
    }


def test_means_and_differences_are_those_of_the_splits(writers) -> None:
    found = compare_commentary(writers, resamples=200)
    assert found.videos == 30
    expected = {
        head: [measure_commentary(one.true, one.said, resamples=0).values for one in own.values()]
        for head, own in writers.items()
    }
    for name in ("bleu_1", "bleu_4", "cider"):
        means = {head: np.mean([each[name] for each in e]) for head, e in expected.items()}
        assert found.heads["good"].values[name] == pytest.approx(means["good"])
        difference = found.pairs["good", "bad"]
        assert difference.values[name] == pytest.approx(means["good"] - means["bad"])
        low, high = difference.intervals[name]
        assert 0 < low < difference.values[name] < high


def test_a_difference_is_paired(writers, rng: np.random.Generator) -> None:
    """Two that write the same differ by 0 in every resample, wide as their own intervals are."""
    found = compare_commentary({"one": writers["bad"], "other": writers["bad"]}, resamples=100)
    assert found.pairs["one", "other"].intervals["cider"] == [0, 0]
    low, high = found.heads["one"].intervals["cider"]
    assert high - low > 0.5


def test_one_head_has_no_pairs_and_none_no_table(writers) -> None:
    alone = compare_commentary({"good": writers["good"]}, resamples=10)
    assert list(alone.heads) == ["good"]
    assert "a less b" not in caption_tables(alone)
    assert compare_commentary({}) is None


def test_another_truth_is_refused(writers) -> None:
    changed = replace(writers["bad"]["2"], true=("x", *writers["bad"]["2"].true[1:]))
    with pytest.raises(
        RunError, match=r"different commentary, such as that of v10; run `aqa eval`"
    ):
        compare_commentary({**writers, "bad": {**writers["bad"], "2": changed}})


def test_tables_show_every_metric_within_80_columns(writers, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = caption_tables(compare_commentary(writers, resamples=50))
    assert "mean of 2 splits, 30 test videos" in " ".join(text.split())
    for title in ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "CIDEr"):
        assert text.count(title) == 2  # of the heads, and of the pair
    assert max(map(len, text.splitlines())) <= 80


def test_only_test_videos_with_a_commentary_are_read(tmp_path: Path) -> None:
    def row(i: str, part: str, true: str) -> dict[str, str]:
        return {
            "video_id": i,
            "part": part,
            "commentary": true,
            "predicted_commentary": f"of {i}",
        }

    rows = [row("b", "test", "bb"), row("a", "test", "aa"), row("c", "test", " . ")]
    write_rows(tmp_path / "predictions.csv", [*rows, row("d", "train", "dd")])
    assert read_written(tmp_path) == Written(tmp_path, ("a", "b"), ("aa", "bb"), ("of a", "of b"))
    write_rows(tmp_path / "predictions.csv", [row("c", "test", "")])
    assert read_written(tmp_path) is None


def test_predictions_of_before_are_to_be_made_again(tmp_path: Path) -> None:
    write_rows(
        tmp_path / "predictions.csv",
        [{"video_id": "a", "part": "test", "predicted_commentary": "a dive"}],
    )
    with pytest.warns(AqaWarning, match="not compared: .*run `aqa eval` again"):
        assert read_writers({"mtl": {"1": tmp_path}}, ["1"]) == {}
