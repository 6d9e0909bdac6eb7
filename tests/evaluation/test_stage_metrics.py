from __future__ import annotations

import numpy as np
import pytest

from aqa.evaluation.stage_metrics import measure_stages


def test_frames_and_starts_are_counted(rng: np.random.Generator) -> None:
    n_frames = [20, 30, 25]
    true, found = (
        [np.array([0, *np.sort(rng.integers(0, n, 2))]) for n in n_frames] for _ in range(2)
    )
    measured = measure_stages(("before", "flight", "entry"), true, found, n_frames)
    hits, frames = np.zeros(3), np.zeros(3)
    for one, other, n in zip(true, found, n_frames, strict=True):
        for frame in range(n):
            stage = sum(frame >= start for start in one) - 1
            frames[stage] += 1
            hits[stage] += stage == sum(frame >= start for start in other) - 1
    result = measured.pop("all")
    assert result.values["accuracy"] == pytest.approx(hits.sum() / frames.sum())
    assert result.counts["frames"] == frames.sum() == 75
    errors = np.abs(np.array(true) - np.array(found))
    assert result.values["start_error"] == pytest.approx(errors[:, 1:].mean())
    for i, (name, stage) in enumerate(measured.items()):
        assert name == ("before", "flight", "entry")[i]
        assert stage.values["accuracy"] == pytest.approx(hits[i] / frames[i])
        assert stage.counts["frames"] == frames[i]
        assert stage.values["start_error"] == (pytest.approx(errors[:, i].mean()) if i else None)
