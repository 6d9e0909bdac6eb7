"""Everything that a training goes on from, as tensors: weights, optimizer, the head's arrays."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from aqa.models.heads.base import part_of, under

if TYPE_CHECKING:
    from aqa.workflows.finetune.trainer import FineTuner


def take(tuner: FineTuner) -> dict[str, Tensor]:
    """The tensors of a training at this moment, by name."""
    head = {k: torch.from_numpy(np.array(v)) for k, v in tuner.adapter.head.state().items()}
    scaler = {k: torch.tensor(v) for k, v in tuner.scaler.state_dict().items()}
    moments = {
        f"{key}.{name}": value
        for name, parameter in tuner.joint.named_parameters()
        for key, value in tuner.optimizer.state[parameter].items()
    }
    return {
        **under("backbone", tuner.joint.backbone.state_dict()),
        **under("head", head),
        **under("optimizer", moments),
        **under("scaler", scaler),
    }


def restore(tuner: FineTuner, tensors: Mapping[str, Tensor]) -> None:
    """Set the training's weights and optimizer; the head's own arrays are left as they are."""
    tuner.joint.backbone.load_state_dict(part_of("backbone", tensors))
    adapter = copy.deepcopy(tuner.adapter)
    adapter.head.restore(head_arrays(tensors))
    tuner.joint.net.load_state_dict(adapter.module.state_dict())
    moments = part_of("optimizer", tensors)
    for name, parameter in tuner.joint.named_parameters():
        tuner.optimizer.state[parameter] = {
            key.partition(".")[0]: value.to(parameter.device)
            for key, value in moments.items()
            if key.partition(".")[2] == name
        }
    scaler = part_of("scaler", tensors)
    if scaler:
        tuner.scaler.load_state_dict({key: value.item() for key, value in scaler.items()})


def head_arrays(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """The head's fitted arrays among the tensors, as `Head.restore` takes them."""
    return {key: value.numpy() for key, value in part_of("head", tensors).items()}
