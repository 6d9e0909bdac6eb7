"""Who watches fitting: the history that grows, a bar on the terminal, and loggers."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aqa.errors import AqaError, WrongUsageError
from aqa.growing_table import GrowingTable
from aqa.models.training.callback import Callbacks, Row, TrainingCallback, watched_by, watching
from aqa.plugins import is_file, load_file

if TYPE_CHECKING:
    from tqdm import tqdm

# What a file is asked for where --log names no other.
CALLBACK = "CALLBACK"
_TENSORBOARD = "tensorboard:"


class GrowingHistory(TrainingCallback):
    """Writes each epoch into a table that can be read while the head is fitted.

    Its column `network` counts the networks that the head trains.
    """

    def __init__(self, table: GrowingTable):
        self._table = table
        self._network = 0

    def network(self, epochs: int) -> None:
        """See `TrainingCallback.network`."""
        self._network += 1

    def epoch(self, row: Row) -> None:
        """See `TrainingCallback.epoch`."""
        self._table.add({"network": self._network, **row})


class TrainingBar(TrainingCallback):
    """Draws on standard error, where that is a terminal: epochs, the loss, and the time left.

    The time left is of the most epochs there can be: fitting may stop before.
    """

    def __init__(self) -> None:
        self._hidden = not sys.stderr.isatty()
        self._run = ""
        self._bar: tqdm | None = None

    def start(self, run: str, params: Mapping[str, Any]) -> None:
        """See `TrainingCallback.start`."""
        self._run = run

    def network(self, epochs: int) -> None:
        """See `TrainingCallback.network`."""
        from tqdm import tqdm

        self._close()
        self._bar = tqdm(
            total=epochs, desc=self._run, unit="epoch", leave=False, disable=self._hidden
        )

    def epoch(self, row: Row) -> None:
        """See `TrainingCallback.epoch`."""
        if self._bar is not None:
            losses = (f"{k} {v:.4g}" for k, v in row.items() if k not in ("epoch", "lr"))
            self._bar.set_postfix_str(", ".join(losses), refresh=False)
            self._bar.update()

    def end(self, metrics: Mapping[str, float]) -> None:
        """See `TrainingCallback.end`."""
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class TensorBoardLog(TrainingCallback):
    """Writes what TensorBoard shows: a curve per run, of losses, learning rate and metrics.

    folder: of all runs; each has one of its own name in it, and a later fit adds to it.
    """

    def __init__(self, folder: Path):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise AqaError(
                f"--log {_TENSORBOARD}{folder}: TensorBoard is not installed; pip install "
                "'aqa-toolkit[tensorboard]'"
            ) from None
        self._make = SummaryWriter
        self._folder = folder
        self._writer: Any = None
        self._step = 0

    def start(self, run: str, params: Mapping[str, Any]) -> None:
        """See `TrainingCallback.start`."""
        self._step = 0
        self._writer = self._make(str(self._folder / run))
        for name, value in params.items():
            self._writer.add_text(f"params/{name}", f"`{value}`")

    def epoch(self, row: Row) -> None:
        """See `TrainingCallback.epoch`; steps count on where another network is trained."""
        self._step += 1
        for name, value in row.items():
            if name != "epoch" and math.isfinite(value):
                self._writer.add_scalar(name, value, self._step)
        self._writer.flush()

    def end(self, metrics: Mapping[str, float]) -> None:
        """See `TrainingCallback.end`."""
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, self._step)
        self._writer.close()


def check_log(text: str) -> None:
    """Raise `AqaError` for a --log text that means no logger, before anything is fitted."""
    _maker_of(text)


def logger_of(text: str) -> TrainingCallback:
    """The callback that a --log text means: tensorboard:FOLDER, or a Python file, which is run."""
    return _maker_of(text)()


def _maker_of(text: str) -> Callable[[], TrainingCallback]:
    if text.startswith(_TENSORBOARD) and len(text) > len(_TENSORBOARD):
        board = TensorBoardLog(Path(text.removeprefix(_TENSORBOARD)))
        return lambda: board
    if not is_file(text):
        raise WrongUsageError(
            f"--log {text}: use tensorboard:FOLDER, or path/to/file.py with a {CALLBACK}"
        )
    found, _ = load_file(text, CALLBACK)
    if isinstance(found, type) and issubclass(found, TrainingCallback):
        return found
    if not isinstance(found, TrainingCallback):
        raise AqaError(
            f"--log {text}: its {CALLBACK} is no aqa.models.training.callback.TrainingCallback"
        )
    return lambda: found


def watchers(logs: Sequence[str], bar: bool) -> list[TrainingCallback]:
    """The callbacks of --log texts, and a bar where one is wanted."""
    return [*(logger_of(text) for text in logs), *([TrainingBar()] if bar else [])]


class ToldRun:
    """A run that is being fitted, and what is told of it at its end."""

    def __init__(self, callback: TrainingCallback):
        self._callback = callback
        self.metrics: dict[str, float] = {}

    @contextmanager
    def training(self) -> Iterator[None]:
        """In here networks are those of the run itself, and not of another fit on a part of it."""
        with watched_by(self._callback):
            yield

    def measured(self, values: Mapping[str, Mapping[str, float | None]]) -> None:
        """What is told at the end: part -> metric -> value."""
        self.metrics = {
            f"{part}/{name}": value
            for part, metrics in values.items()
            for name, value in metrics.items()
            if value is not None
        }


@contextmanager
def told_run(
    folder: Path, params: Mapping[str, Any], callbacks: Sequence[TrainingCallback]
) -> Iterator[ToldRun]:
    """Tells the callbacks, and whoever watches already, of a run; and lets its history grow.

    folder: where the run will lie. The history grows in history-split-1.csv beside split-1, and is
    removed when the run, which has it, is saved; of a fit that was stopped it stays.
    """
    table = GrowingTable(folder.with_name(f"history-{folder.name}.csv"))
    outer = watching()
    every = [GrowingHistory(table), *callbacks, *([outer] if outer is not None else [])]
    callback = Callbacks(every)
    told = ToldRun(callback)
    with watched_by(None):
        callback.start(f"{folder.absolute().parent.name}/{folder.name}", params)
        try:
            yield told
        finally:
            callback.end(told.metrics)
    table.remove()
