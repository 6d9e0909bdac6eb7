"""Files of fine-tuned weights, which say what they were trained on and what they have seen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
from torch import Tensor

from aqa.errors import AqaError
from aqa.extract.checkpoints.layouts import Layout
from aqa.extract.checkpoints.records import WeightsError
from aqa.extract.checkpoints.state_files import save_fitted
from aqa.extract.preprocess import Preprocess

_KEY = "aqa_tuned"


@dataclass(frozen=True)
class FineTuned:
    """What a file of fine-tuned weights says of itself, beside its tensors.

    backbone, layout: as whose weights it is loaded; its tensors have the names of that layout.
    layer: where the network ends. clip_length: frames per clip, spread: whether over the whole
    video, window: over how many frames of it, and preprocess: how they were prepared, in training.
    config: the `config.json` of the hub that the network was built by, if it was. Which videos it
    has learned from, or was chosen by, `read_fitted_on` tells.
    """

    backbone: str
    layout: str
    layer: str
    clip_length: int
    preprocess: Preprocess
    spread: bool = False
    window: int | None = None
    config: Mapping[str, Any] | None = None


def read_fine_tuned(path: Path) -> FineTuned | None:
    """What a checkpoint file says of its fine-tuning; None where it was not fine-tuned here."""
    if path.suffix != ".safetensors" or not path.is_file():
        return None
    try:
        with safetensors.safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(_KEY)
    except (safetensors.SafetensorError, OSError):
        return None  # what is wrong with the file, reading its tensors tells
    if text is None:
        return None
    try:
        record = json.loads(text)
        preprocess = Preprocess.from_dict(record.pop("preprocess"))
        found = FineTuned(preprocess=preprocess, **record)
        if not all(isinstance(t, str) for t in (found.backbone, found.layout, found.layer)):
            raise ValueError("backbone, layout and layer are not texts")
        if not isinstance(found.clip_length, int) or not 0 < found.clip_length < 1 << 20:
            raise ValueError(f"{found.clip_length!r} frames per clip")
        if not isinstance(found.spread, bool):
            raise ValueError(f"spread is {found.spread!r}")
        if found.window is not None and (
            not isinstance(found.window, int) or not found.clip_length <= found.window < 1 << 20
        ):
            raise ValueError(f"a window of {found.window!r} frames")
        if found.config is not None and not isinstance(found.config, dict):
            raise ValueError("its config is no object")
        return found
    except (
        *(AqaError, ValueError, TypeError, KeyError, AttributeError),
        *(RecursionError, OverflowError),
    ) as error:
        raise WeightsError(
            f"{path}: what it says of its fine-tuning cannot be read: {error}"
        ) from None


def save_fine_tuned(
    path: Path,
    record: FineTuned,
    layout: Layout,
    state: Mapping[str, Tensor],
    fitted_on: Sequence[str],
) -> None:
    """Write fine-tuned weights in one step.

    layout: whose names the tensors get. state: of the network, by its own names. fitted_on: the
    ids of all the videos that the weights have learned from.
    """
    notes: dict[str, Any] = {
        "backbone": record.backbone,
        "layout": record.layout,
        "layer": record.layer,
        "clip_length": record.clip_length,
        "preprocess": record.preprocess.to_dict(),
    }
    if record.spread:
        notes["spread"] = True
    if record.window is not None:
        notes["window"] = record.window
    if record.config is not None:
        notes["config"] = dict(record.config)
    save_fitted(path, layout.taken_apart(state), fitted_on, {_KEY: json.dumps(notes)})
