"""What watches heads being fitted: a callback that any logger can hang on to.

    class Printer(TrainingCallback):
        def epoch(self, row):
            print(row)

    with watched_by(Printer()):
        head.fit(features, scores)  # or aqa.fit(...), which fits whole runs

`aqa fit --log path/to/file.py` takes the one that is called CALLBACK in a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Row = Mapping[str, float]


class TrainingCallback:
    """Told of every run that is fitted; override what you need. This one does nothing.

    A run begins (`start`), trains networks one after the other (`network`, then `epoch` for each
    epoch), and ends (`end`). Heads that train no network have no epochs.
    """

    def start(self, run: str, params: Mapping[str, Any]) -> None:
        """A run is going to be fitted: its name, such as lstm/split-1, and its hyper-parameters."""

    def network(self, epochs: int) -> None:
        """A network is going to be trained for so many epochs at most.

        A head that was stopped by held-out videos trains another network on all of them.
        """

    def epoch(self, row: Row) -> None:
        """An epoch is over; row: its number from 1, losses and learning rate, as in history.csv."""

    def end(self, metrics: Mapping[str, float]) -> None:
        """The run is fitted: its metrics, such as train/spearman; none where it was stopped."""


class Callbacks(TrainingCallback):
    """Several callbacks, told one after the other."""

    def __init__(self, callbacks: Sequence[TrainingCallback]):
        self._callbacks = callbacks

    def start(self, run: str, params: Mapping[str, Any]) -> None:
        """See `TrainingCallback.start`."""
        for one in self._callbacks:
            one.start(run, params)

    def network(self, epochs: int) -> None:
        """See `TrainingCallback.network`."""
        for one in self._callbacks:
            one.network(epochs)

    def epoch(self, row: Row) -> None:
        """See `TrainingCallback.epoch`."""
        for one in self._callbacks:
            one.epoch(row)

    def end(self, metrics: Mapping[str, float]) -> None:
        """See `TrainingCallback.end`."""
        for one in self._callbacks:
            one.end(metrics)


_WATCHING: ContextVar[TrainingCallback | None] = ContextVar("watching", default=None)


@contextmanager
def watched_by(callback: TrainingCallback | None) -> Iterator[None]:
    """In here every network that is trained tells this callback; None: nobody is told."""
    token = _WATCHING.set(callback)
    try:
        yield
    finally:
        _WATCHING.reset(token)


def watching() -> TrainingCallback | None:
    """Who is told now."""
    return _WATCHING.get()


def tell_network(epochs: int) -> None:
    """Tell whoever watches that a network is going to be trained."""
    watching = _WATCHING.get()
    if watching is not None:
        watching.network(epochs)


def tell_epoch(row: Row) -> None:
    """Tell whoever watches that an epoch is over."""
    watching = _WATCHING.get()
    if watching is not None:
        watching.epoch(dict(row))
