"""A training that can be killed: its whole state after an epoch, in one file without pickle."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import safetensors
import safetensors.torch
from torch import Tensor

from aqa.features.store import spec_differences
from aqa.files import replacing
from aqa.models.run_source import RunError

_RECORD = "aqa_training"


@dataclass(frozen=True)
class TrainingState:
    """Where a training stands after an epoch.

    tensors: weights, the optimizer's moments, the head's arrays. history: a row for each epoch so
    far, with that of 0 before training. notes: what else a restart must know.
    """

    epoch: int
    tensors: Mapping[str, Tensor]
    history: list[dict[str, Any]]
    notes: Mapping[str, Any]


class TrainingStates:
    """The states of one training, in a folder of its own: epoch-0.safetensors, ....

    settings: what the training depends on; states of others are refused with both values.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]):
        self.folder, self._settings = folder, json.loads(json.dumps(settings))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other trainings out of the folder; `RunError` where one is at work in it."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(self.folder.with_name(f".{self.folder.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise RunError(
                f"{self.folder}: another process is training there; wait for it, or name another "
                "folder with --runs"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _path(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch}.safetensors"

    def _epochs(self) -> list[int]:
        names = [re.fullmatch(r"epoch-(\d+)\.safetensors", p.name) for p in self.folder.glob("*")]
        return sorted(int(name[1]) for name in names if name)

    def newest(self) -> TrainingState | None:
        """The last state, if there is one; `RunError` where it is of other settings."""
        epochs = self._epochs()
        return self.read(epochs[-1]) if epochs else None

    def read(self, epoch: int) -> TrainingState:
        """The state after an epoch."""
        path = self._path(epoch)
        try:
            with safetensors.safe_open(path, "pt") as file:
                record = json.loads(file.metadata()[_RECORD])
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            settings, history, notes = (record[k] for k in ("settings", "history", "notes"))
        except (safetensors.SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{path}: not a state of a training that this version reads ({error}); "
                "begin anew with --restart"
            ) from None
        check_settings(path, settings, self._settings)
        return TrainingState(epoch, tensors, history, notes)

    def save(self, state: TrainingState, keep: Collection[int] = ()) -> None:
        """Write a state in one step; then drop the others but those of the epochs in `keep`."""
        record = {
            "settings": self._settings,
            "history": state.history,
            "notes": dict(state.notes),
        }
        tensors = {key: value.detach().cpu().contiguous() for key, value in state.tensors.items()}
        with replacing(self._path(state.epoch)) as temporary:
            metadata = {"format": "pt", _RECORD: json.dumps(record)}
            safetensors.torch.save_file(tensors, temporary, metadata)
        for epoch in self._epochs():
            if epoch != state.epoch and epoch not in keep:
                self._path(epoch).unlink()

    def clear(self) -> None:
        """Drop them all."""
        shutil.rmtree(self.folder, ignore_errors=True)


def check_settings(path: Path, have: Mapping[str, Any], want: Mapping[str, Any]) -> None:
    """Raise `RunError` naming both values of every setting in which a training differs."""
    differences = spec_differences(dict(have), json.loads(json.dumps(want)))
    if differences:
        raise RunError(
            f"{path} is of a training with other settings: {'; '.join(differences)}. Ask for the "
            "same settings, begin anew with --restart, or name another folder with --runs"
        )
