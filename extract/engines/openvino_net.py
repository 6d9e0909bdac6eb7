"""A network that OpenVINO runs, on a CPU."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aqa.errors import AqaError, first_line
from aqa.extract.engines.names import check_installed

# What OpenVINO calls a precision, and how far its features may be from PyTorch's in float32. The
# precision is always told: left to itself, OpenVINO computes in bfloat16 wherever that is fast.
_PRECISIONS = {"float32": ("f32", 1e-3), "bfloat16": ("bf16", 0.1)}
# Its packages report that they are used to a server, unasked; without this module they cannot.
_TELEMETRY = "openvino_telemetry"


class OpenVinoNet:
    """An eval-mode network on the CPU: float32 (n, 3, T, H, W) -> float32 (n, *shape).

    It is converted at the first call, for clips of that shape and `batch_size` of them; where there
    are fewer, black ones fill the batch up. `AqaError` where it cannot be converted, or where
    its features are then others. drift: from PyTorch's in float32, of a clip of noise, as a share
    of their length; known after the first call.
    """

    def __init__(self, net: nn.Module, name: str, batch_size: int, precision: str):
        if precision not in _PRECISIONS:
            raise AqaError(
                f"--precision {precision}: OpenVINO computes in {' or '.join(_PRECISIONS)}; choose "
                "one of these, or --engine torch"
            )
        check_installed("openvino", "--engine openvino")
        self.drift = 0.0
        self._net, self._name = net, name
        self._batch_size, self._precision = batch_size, precision
        self._request: Any = None
        self._shape: tuple[int, ...] = ()
        self._lock = threading.Lock()

    def __call__(self, x: Tensor) -> Tensor:
        """The features of at most `batch_size` clips."""
        clips = np.zeros((self._batch_size, *x.shape[1:]), np.float32)
        clips[: len(x)] = x.numpy()
        with self._lock:  # a request is of one caller at a time
            if clips.shape != self._shape:
                self._convert(clips.shape)
            features = self._infer(clips)
        return torch.from_numpy(features[: len(x)])

    def _infer(self, clips: NDArray[np.float32]) -> NDArray[np.float32]:
        self._request.infer([clips], share_inputs=True)
        return np.array(self._request.get_output_tensor().data, np.float32)

    def _convert(self, shape: tuple[int, ...]) -> None:
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            expected = self._net(noise).numpy()  # fails in its own words for clips it cannot take
        try:
            model = converted(self._net, noise)
            self._request = compiled(model, self._precision).create_infer_request()
            features = self._infer(noise.numpy())
        except AqaError:
            raise
        except Exception as error:  # of many types, as the step that fails
            raise AqaError(
                f"{self._name}: OpenVINO cannot run this network "
                f"({first_line(error)}); use --engine torch"
            ) from None
        self.drift = relative_distance(features, expected)
        if not self.drift <= _PRECISIONS[self._precision][1]:
            raise AqaError(
                f"{self._name}: in {self._precision} OpenVINO gives other features than PyTorch in "
                f"float32, a relative difference of {self.drift:.1e}; use --engine torch"
            )
        self._shape = shape


def relative_distance(features: NDArray[Any], expected: NDArray[Any]) -> float:
    """The length of the difference, as a share of the length of what is expected."""
    distance = np.linalg.norm(features - expected)
    return float(distance / max(float(np.linalg.norm(expected)), 1e-12))


def converted(net: nn.Module, example: Tensor) -> Any:
    """The network as OpenVINO's model, for clips of the example's shape."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # what tracing fixes is fixed: one shape; and it is checked
        traced = torch.jit.trace(net, example, check_trace=False)
        model = openvino().convert_model(traced, example_input=example)
    model.reshape(list(example.shape))
    return model


def compiled(model: Any, precision: str) -> Any:
    """A model of OpenVINO, ready to run; precision: of what is not int8 in it."""
    hint = _PRECISIONS[precision][0]
    core = openvino().Core()
    if hint == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise AqaError(
            "--precision bfloat16: OpenVINO has none on this processor; use float32, or --engine "
            "torch"
        )
    settings = {
        "INFERENCE_PRECISION_HINT": hint,
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": "1",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "ENABLE_CPU_PINNING": False,  # several processes would be tied to the same cores
    }
    return core.compile_model(model, "CPU", settings)


def openvino() -> Any:
    """The module, which tells nobody that it is used, and logs errors alone."""
    sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type]
    import openvino as module

    logging.getLogger("openvino").setLevel(logging.ERROR)
    return module
