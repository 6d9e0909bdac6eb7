"""A network whose arithmetic is int8, which OpenVINO runs on a CPU."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aqa.errors import AqaError, first_line
from aqa.extract.engines.int8_file import Int8Error, Int8Network, probe_clip, read_int8
from aqa.extract.engines.names import check_installed
from aqa.extract.engines.openvino_net import compiled, openvino, relative_distance
from aqa.features.store.network_file import NetworkFile

# How far the features of the made clip may be from those where the network was made, at least.
_SAME = 0.01


class Int8Net:
    """The int8 network of a file: float32 (n, 3, T, H, W) -> float32 (n, *shape), clip by clip.

    name, weights: of the backbone and the SHA-256 of its weights, whose network it must be. drift:
    of its features from those in float32, as it was measured when the network was made.
    """

    def __init__(self, file: NetworkFile, name: str, weights: str):
        check_installed("openvino", "--precision int8")
        network = read_int8(file)
        record = network.record
        if (record.backbone, record.weights) != (name, weights):
            raise Int8Error(
                f"{file.path}: the int8 network of {record.backbone} with other weights than those "
                f"of {name} here; extract into a new store"
            )
        self.drift, self._shape, self._path = record.drift, record.shape, file.path
        self._lock = threading.Lock()
        self._request = _request(network, str(file.path))

    def __call__(self, x: Tensor) -> Tensor:
        """The features of clips, one after the other."""
        if tuple(x.shape[1:]) != self._shape[1:]:
            raise AqaError(
                f"{self._path}: the int8 network takes clips of shape {self._shape[1:]}, not "
                f"{tuple(x.shape[1:])}; extract into a new store"
            )
        with self._lock:  # a request is of one caller at a time
            features = [run(self._request, clip) for clip in x.split(1)]
        return torch.from_numpy(np.concatenate(features))


def run(request: Any, clip: Tensor) -> NDArray[np.float32]:
    """The features of one clip, float32 (1, *shape)."""
    request.infer([np.ascontiguousarray(clip.numpy(), np.float32)], share_inputs=True)
    return np.array(request.get_output_tensor().data, np.float32)


def _request(network: Int8Network, name: str) -> Any:
    """What runs the network; `AqaError` where it computes otherwise than where it was made."""
    try:
        model = openvino().Core().read_model(network.xml, network.weights)
        shape = tuple(model.input().shape)
        if len(model.inputs) != 1 or len(model.outputs) != 1 or shape != network.record.shape:
            raise ValueError(f"it takes {shape}, not {network.record.shape}")
        request = compiled(model, "float32").create_infer_request()
        probe = run(request, torch.from_numpy(probe_clip(shape)))
    except AqaError:
        raise
    except Exception as error:  # of many types, as the step that fails
        raise Int8Error(
            f"{name}: OpenVINO cannot run the int8 network in it "
            f"({first_line(error)[:200]}); install the version that the store's provenance "
            "names, or extract into a new store"
        ) from None
    if probe.shape != network.probe.shape:
        raise Int8Error(f"{name}: gives {probe.shape}, not {network.probe.shape}; bring it back")
    distance = relative_distance(probe, network.probe)
    if not distance <= max(_SAME, network.record.drift):
        raise Int8Error(
            f"{name}: this processor computes the int8 network otherwise than the one that it was "
            f"made on: features of a made clip differ by {distance:.1%}; extract on one kind of "
            "processor, or in float32"
        )
    return request
