"""What tests of every head share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from aqa.models.heads import get_head


@pytest.fixture(scope="session")
def learned_from() -> Callable[[str, np.ndarray], dict[str, list]]:
    """Makes values, by scores, of the columns that a head of this name cannot learn without."""

    def make(name: str, y: np.ndarray) -> dict[str, list]:
        made = {
            "judges": [(score / 12,) * 7 for score in y],
            "attributes": [{"position": "ABC"[i % 3]} for i in range(len(y))],
            "difficulty": [2.5] * len(y),
            "action": ["diving"] * len(y),
        }
        return {column: made[column] for column in get_head(name).columns if column in made}

    return make
