"""States on disk: other settings and damaged files are refused, and a folder is locked."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aqa.models.run_source import RunError
from aqa.workflows.finetune.states import TrainingState, TrainingStates


def test_a_state_of_other_settings_is_refused_with_both_values(tmp_path: Path) -> None:
    states = TrainingStates(tmp_path, {"recipe": {"lr_head": 1e-4}})
    states.save(TrainingState(2, {"x": torch.ones(1)}, [], {}))
    with pytest.raises(RunError, match=r"recipe.lr_head is 0.0001, not 0.001.*--restart"):
        TrainingStates(tmp_path, {"recipe": {"lr_head": 1e-3}}).newest()


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_state_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "epoch-1.safetensors").write_bytes(content)
    with pytest.raises(RunError, match=r"epoch-1.safetensors: not a state.*--restart"):
        TrainingStates(tmp_path, {}).newest()


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    states = TrainingStates(tmp_path / "s", {})
    with (
        states.locked(),
        pytest.raises(RunError, match="another process is training there"),
        TrainingStates(tmp_path / "s", {}).locked(),
    ):
        pass
    with states.locked():
        pass
