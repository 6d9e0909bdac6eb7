"""Made-up videos that any head can be fitted on: every clip tells the score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.models.examples import Examples
from aqa.models.heads.base import Head

DIM = 6
CLIP_LENGTH, STRIDE = 16, 8


def make_examples(head: type[Head], n: int, seed: int = 0) -> Examples:
    """`n` videos of the features and columns that a head takes, with scores around 60.

    Columns that need not be known, such as types, are left out. Vectors are (3 to 8 clips, 6), maps
    (clips, 6, 2, 3, 3), joints (60 to 80 frames, 3 joints).
    """
    rng = np.random.default_rng(seed)
    skill = rng.normal(size=n)
    make = movement if head.takes_joints else clips
    features = [make(one, rng).astype(np.float32) for one in skill]
    if head.takes == "maps":
        features = [np.tile(sequence[:, :, None, None, None], (2, 3, 3)) for sequence in features]
    scores = 60 + 15 * skill
    made = made_columns(scores, features)
    known = {name: made[name] for name in head.columns if name in made}
    ids = tuple(f"drawn-{i}" for i in range(n))
    blank = np.full(features[0].shape[1:], 0.25, np.float32)
    return Examples(ids, features, scores, known, (), blank)


def clips(skill: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """3 to 8 clips, each of which tells the skill, (clips, 6)."""
    row = [skill, -skill, 0, 1, 0.5 * skill, 0]
    shown = np.outer(np.ones(rng.integers(3, 9)), row)
    return np.asarray(shown + rng.normal(scale=0.1, size=DIM))


def movement(skill: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """60 to 80 frames of 3 joints; the better, the wider and the steadier two of them swing."""
    seconds = np.linspace(0, 1, rng.integers(60, 81))[:, None]
    swing = np.sin(2 * np.pi * (seconds * [0, 0, 1, 2, 1, 1] + [0, 0, 0, 0.2, 0.4, 0.6]))
    tremble = rng.normal(scale=0.1 * np.exp(-0.5 * skill), size=swing.shape)
    return np.asarray((4 + skill) * swing + tremble + 10)


def made_columns(
    scores: NDArray[np.float64], features: Sequence[NDArray[Any]]
) -> dict[str, list[Any]]:
    """Values, one per video, of the columns that some heads cannot do without."""
    starts = [STRIDE * np.arange(len(sequence)) for sequence in features]
    return {
        "judges": [(score / 12,) * 7 for score in scores],
        "attributes": [{"position": "ABC"[i % 3]} for i in range(len(scores))],
        "difficulty": [2.5] * len(scores),
        "execution": [score / 2.5 for score in scores],
        "action": ["diving"] * len(scores),
        "clips": [
            np.column_stack([first_frames, first_frames + CLIP_LENGTH]) for first_frames in starts
        ],
        "stages": [{"flight": STRIDE, "entry": int(first_frames[-1])} for first_frames in starts],
    }
