"""Where and with what features are computed, as a store records it."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from aqa.extract.backbones.backbone import Backbone
from aqa.extract.checkpoints.cache import read_note
from aqa.extract.encode import Encoder
from aqa.extract.engines.int8_file import read_int8
from aqa.extract.engines.names import Engine, openvino_version
from aqa.extract.video.decode import decoder_name
from aqa.features.store.network_file import NetworkFile


def provenance(encoder: Encoder) -> dict[str, Any]:
    """Where and with what features are computed; called after the first clip."""
    device = encoder.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return {
        "device": str(device),
        "device_name": name or platform.machine(),
        "torch": torch.__version__,
        "decoder": decoder_name(),
        "opencv": cv2.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        **({} if encoder.drift is None else _engine(encoder)),
    }


def _engine(encoder: Encoder) -> dict[str, Any]:
    return {encoder.engine: openvino_version(), "engine_drift": encoder.drift}


def engine_record(
    engine: Engine, made: Sequence[Mapping[str, Any]], int8: NetworkFile | None = None
) -> dict[str, Any] | None:
    """The engine as a spec carries it, `provenance` of each place; None for PyTorch.

    int8: the file of its network, where that is the precision.
    """
    if engine == "torch":
        return None
    record = {"name": engine, "drift": max(one["engine_drift"] for one in made)}
    if int8 is None:
        return record
    network = read_int8(int8).record
    return {
        **record,
        "file": int8.path.name,
        "sha256": int8.sha256,
        "calibrated_on": list(network.videos),
        "calibration_clips": network.n_clips,
    }


def joined(made: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One provenance of several: values that differ stand beside one another."""
    keys = dict.fromkeys(key for one in made for key in one)
    values = {key: list(dict.fromkeys(one[key] for one in made if key in one)) for key in keys}
    return {
        key: found[0] if len(found) == 1 else ", ".join(map(str, found))
        for key, found in values.items()
    }


def published(backbone: Backbone) -> dict[str, Any]:
    """Where weights from the cache came from, as it is recorded beside their file."""
    path = backbone.weights.path
    note = read_note(Path(path)) if path else None
    return {"checkpoint": note} if note and note.get("sha256") == backbone.weights.sha256 else {}
