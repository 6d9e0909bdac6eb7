"""States of a training on disk, so that a killed one goes on: one file per epoch, no pickle."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from aqa.features.store import spec_differences
from aqa.files import replacing, taken_lock
from aqa.models.run_source import RunError
from aqa.models.saved.old_names import present_params
from aqa.temporaries import clean_folder

_RECORD = "aqa_training"


@dataclass(frozen=True)
class TrainingState:
    """Everything that a training goes on from after an epoch.

    tensors: weights, the optimizer's moments, the head's arrays. history: one row per epoch so
    far; epoch 0 is before training. notes: what else a restart must know.
    """

    epoch: int
    tensors: Mapping[str, Tensor]
    history: list[dict[str, Any]]
    notes: Mapping[str, Any]


class TrainingStates:
    """The states of one training, in a folder of its own: epoch-0.safetensors, ....

    settings: what the training depends on; a state of other settings is refused, with both values.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]):
        self.folder, self._settings = folder, json.loads(json.dumps(settings))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other trainings out of the folder; `RunError` where one is running in it."""
        lock = taken_lock(self.folder)
        if lock is None:
            raise RunError(
                f"{self.folder}: another process is training there; wait for it, or name another "
                "folder with --runs"
            )
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
        """The last saved state, or None; `RunError` where it is of other settings."""
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
        except (
            *(safetensors.SafetensorError, OSError, ValueError, KeyError, TypeError),
            RecursionError,
        ) as error:
            raise RunError(
                f"{path}: not a state of a training that this version reads ({error}); "
                "begin anew with --restart"
            ) from None
        check_settings(path, settings, self._settings)
        return TrainingState(epoch, tensors, history, notes)

    def save(self, state: TrainingState, keep: Collection[int] = ()) -> None:
        """Write a state in one step; then delete the others, except those of epochs in `keep`."""
        record = {
            "settings": self._settings,
            "history": state.history,
            "notes": dict(state.notes),
        }
        tensors = {key: value.detach().cpu().contiguous() for key, value in state.tensors.items()}
        metadata = {"format": "pt", _RECORD: json.dumps(record)}
        with replacing(self._path(state.epoch)) as temporary:
            safetensors.torch.save_file(tensors, temporary, metadata)
        for epoch in self._epochs():
            if epoch != state.epoch and epoch not in keep:
                self._path(epoch).unlink()

    def clear(self) -> None:
        """Delete all states, and their folder where nothing else lies in it."""
        with suppress(OSError):
            for epoch in self._epochs():
                self._path(epoch).unlink(missing_ok=True)
            clean_folder(self.folder)
            self.folder.rmdir()


def check_settings(path: Path, have: Mapping[str, Any], want: Mapping[str, Any]) -> None:
    """Raise `RunError` with both values of every setting that differs."""
    differences = spec_differences(_present(have), _present(json.loads(json.dumps(want))))
    if differences:
        raise RunError(
            f"{path} is of a training with other settings: {'; '.join(differences)}. Ask for the "
            "same settings, begin anew with --restart, or name another folder with --runs"
        )


def _present(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as this version names them; earlier ones named what is done to the target too.

    `refit` and `average_weights` are left out: training end to end does without them, and earlier
    settings lack them.
    """
    present_settings = dict(settings)
    if "params" in present_settings:
        params = present_params(str(present_settings["head"]), present_settings["params"])
        # What heads have been given since, where it changes nothing.
        neutral = {
            **{"difficulty": "none", "scale": "all", "lr_factor": 0.5, "beta": 0.0},
            **{"balance_classes": True, "pair_margin": 1.0},
        }
        present_settings["params"] = {
            k: v
            for k, v in params.items()
            if neutral.get(k) != v and k not in ("refit", "average_weights")
        }
    return present_settings
