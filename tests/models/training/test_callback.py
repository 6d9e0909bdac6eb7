"""A callback is told of every network and epoch, and training goes on as without one."""

from __future__ import annotations

import numpy as np

from aqa.models.heads import get_head
from aqa.models.training.callback import Callbacks, TrainingCallback, watched_by, watching


class Kept(TrainingCallback):
    def __init__(self) -> None:
        self.networks: list[int] = []
        self.rows: list[dict[str, float]] = []

    def network(self, epochs: int) -> None:
        self.networks.append(epochs)

    def epoch(self, row) -> None:
        self.rows.append(dict(row))


def fitted(rng_seed: int = 0):
    rng = np.random.default_rng(rng_seed)
    features = [rng.normal(size=(3, 4)) for _ in range(20)]
    head = get_head("lstm")(epochs=3, hidden=4, device="cpu")
    return head.fit(features, rng.uniform(20, 90, 20))


def test_it_is_told_what_the_history_holds_as_it_comes() -> None:
    first, second = Kept(), Kept()
    with watched_by(Callbacks([first, second])):
        head = fitted()
    told = [{k: v for k, v in row.items() if k != "fit"} for row in head.history_]
    assert first.rows == second.rows == told
    assert first.networks == [3, head.best_epoch_]  # by held-out videos, then on all
    assert watching() is None


def test_nothing_changes_where_it_watches() -> None:
    with watched_by(Kept()):
        watched = fitted()
    alone = fitted()
    assert watched.history_ == alone.history_
    for name, value in alone.state().items():
        np.testing.assert_array_equal(watched.state()[name], value)
