"""What training videos look like, and which videos do not."""

from __future__ import annotations

import numpy as np
import pytest

from aqa.errors import RunError
from aqa.models.trust.likeness import Likeness, likeness


def videos(rng: np.random.Generator, n: int, dim: int = 30) -> list[np.ndarray]:
    """Clips of videos that differ along three directions, and a little along all."""
    axes = np.random.default_rng(7).normal(size=(3, dim))
    made = []
    for _ in range(n):
        center = rng.normal(size=3) @ axes + 0.1 * rng.normal(size=dim)
        made.append((center + 0.05 * rng.normal(size=(rng.integers(4, 9), dim))).astype(np.float32))
    return made


@pytest.fixture
def learned(rng: np.random.Generator) -> Likeness:
    found = likeness(videos(rng, 80))
    assert found is not None
    return found


def test_videos_of_the_same_kind_are_alike(learned: Likeness, rng: np.random.Generator) -> None:
    unlike = [bool(learned.unlike(one)) for one in videos(rng, 300)]
    assert np.mean(unlike) <= 0.03


@pytest.mark.parametrize("shift", [np.eye(30)[0] * 8, np.full(30, 1.5)])
def test_videos_elsewhere_are_unlike(
    learned: Likeness, rng: np.random.Generator, shift: np.ndarray
) -> None:
    for one in videos(rng, 20):
        said = learned.unlike(one + shift)
        assert said.startswith("unlike the training videos (")
        assert said.endswith("do not trust this score")


def test_it_is_the_same_after_saving(learned: Likeness, rng: np.random.Generator) -> None:
    again = Likeness.of(learned.to_bytes(), "runs/x")
    for one in videos(rng, 5):
        assert again.distance(one) == pytest.approx(learned.distance(one), rel=1e-9)
    assert (again.limit, again.reach) == (learned.limit, learned.reach)


def test_distances_are_those_of_the_formula(learned: Likeness, rng: np.random.Generator) -> None:
    one = videos(rng, 1)[0]
    moved = (one.astype(float).mean(0) - learned.center) / learned.scale
    along = [moved @ direction for direction in learned.directions]
    left = moved - sum(a * d for a, d in zip(along, learned.directions, strict=True))
    wanted = np.mean([(a / s) ** 2 for a, s in zip(along, learned.spread, strict=True)])
    wanted = np.sqrt(wanted + np.mean(left**2) / learned.rest)
    assert learned.distance(one) == pytest.approx(wanted)


def test_too_few_or_maps_or_gaps_are_not_learned(rng: np.random.Generator) -> None:
    some = videos(rng, 40)
    assert likeness(some[:19]) is None
    assert likeness([one[:, :, None] for one in some]) is None
    some[3][0, 0] = np.nan
    assert likeness(some) is None


@pytest.mark.parametrize("data", [b"", b"\x00" * 40, b"{}"])
def test_a_damaged_file_is_one_line(data: bytes) -> None:
    with pytest.raises(RunError, match="runs/x: what the training videos look like cannot be read"):
        Likeness.of(data, "runs/x")
