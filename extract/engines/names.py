"""The engines by name, and whether the one that is an extra is installed."""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Mapping
from typing import Any, Literal, get_args

from aqa.errors import AqaError, AqaWarning

Engine = Literal["torch", "openvino"]
ENGINES: tuple[Engine, ...] = get_args(Engine)
# Engines whose features differ by no more than this, as a share of their length, may stand in for
# one another: batches and processors make such differences, too.
SAME = 1e-5
INSTALL = 'pip install "aqa-toolkit[openvino]"'


def openvino_version() -> str | None:
    """The installed version of OpenVINO; None where it is not installed. Imports nothing."""
    try:
        return importlib.metadata.version("openvino")
    except importlib.metadata.PackageNotFoundError:
        return None


def check_installed(engine: Engine, why: str) -> None:
    """`AqaError` where an engine is not installed. why: what asks for it, such as an option."""
    if engine == "openvino" and openvino_version() is None:
        raise AqaError(f"{why}: OpenVINO is not installed; install it with {INSTALL}")


def engine_for_new_videos(spec: Mapping[str, Any]) -> Engine:
    """The engine for new videos of a store with this spec: the one that made it.

    Where it is not installed PyTorch stands in, with a warning, if its features are the same but
    for rounding; else `AqaError`.
    """
    engine = engine_of(spec)
    if engine == "torch" or openvino_version() is not None:
        return engine
    made = f"the features of {spec['backbone']!r} were computed by OpenVINO"
    drift = spec["engine"]["drift"]
    if spec["precision"] == "float32" and drift <= SAME:
        warnings.warn(
            f"{made}, which is not installed: PyTorch stands in; its features differ by "
            f"{drift:.1g}",
            AqaWarning,
            stacklevel=2,
        )
        return "torch"
    raise AqaError(
        f"{made} in {spec['precision']}, which PyTorch computes otherwise: install OpenVINO with "
        f"{INSTALL}"
    )


def engine_of(spec: Mapping[str, Any]) -> Engine:
    """The engine that computed the features of a store with this spec."""
    record = spec.get("engine")
    name = "torch" if record is None else record["name"]
    if name not in ENGINES:
        raise AqaError(
            f"the record of the features of {spec['backbone']!r} tells of the engine {name!r}, not "
            f"{', '.join(ENGINES)}; extract the features and fit the head again"
        )
    engine: Engine = name
    return engine
