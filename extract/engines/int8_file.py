"""An int8 network in a file: what OpenVINO reads, and what tells whose network it is.

The file is of safetensors: `record`, a JSON object; `xml` and `weights`, OpenVINO's two parts as
bytes; `probe`, the features of a made clip, float32. Nothing in it is code, and it is read with
care, since it may come from someone else.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import prod
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from aqa.errors import AqaError
from aqa.features.store.network_file import NetworkFile
from aqa.files import write_bytes

FORMAT = 1
# The longest XML that is read: that of the networks of this package has up to a few megabytes.
_MOST_XML = 64 << 20
_MOST_LAYERS = 50_000
# The largest clips that a network takes, in values: 64 frames of 800 by 800 pixels are 123 million.
_MOST_VALUES = 1 << 27
# Operations that hold other graphs, or remember: none of ours has them. OpenVINO finds operations
# in small letters, too.
_REFUSED = {"tensoriterator", "loop", "if", "assign", "readvalue"}
# Bytes of a constant's values, by type.
_BYTES = {
    **{"boolean": 1, "i8": 1, "u8": 1, "i16": 2, "u16": 2, "f16": 2, "bf16": 2},
    **{"i32": 4, "u32": 4, "f32": 4, "i64": 8, "u64": 8, "f64": 8},
}


# What a damaged file is met with; `KeyError` is of types that NumPy has not, and of absent keys.
_UNREADABLE = (
    *(OSError, ValueError, TypeError, KeyError, RecursionError),
    safetensors.SafetensorError,
)


class Int8Error(AqaError):
    """A file that holds no int8 network, or the network of something else."""


@dataclass(frozen=True)
class Int8Record:
    """What a file tells of its network.

    backbone, weights: name of the float32 network and SHA-256 of its weights. shape: of what goes
    in, (1, 3, T, H, W). drift: relative L2 of its features from those in float32, on `n_checked`
    clips that it was not calibrated on. n_clips, videos: the clips that it was calibrated on, and
    the ids of their videos.
    """

    backbone: str
    weights: str
    shape: tuple[int, ...]
    drift: float
    n_checked: int
    n_clips: int
    videos: tuple[str, ...]
    format: int = field(default=FORMAT)


@dataclass(frozen=True)
class Int8Network:
    """A file's content. xml, weights: as OpenVINO reads them. probe: features of `probe_clip`."""

    record: Int8Record
    xml: bytes
    weights: bytes
    probe: NDArray[np.float32]


def probe_clip(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A made clip, the same everywhere: smooth stripes, float32 `shape`, about as frames are."""
    _, _, *size = shape
    grid = np.indices(size).sum(0).astype(np.float64)
    stripes = [np.sin(grid / (5.0 + 4 * channel) + channel) for channel in range(3)]
    return np.stack(stripes)[None].astype(np.float32)


def write_int8(path: Path, network: Int8Network) -> NetworkFile:
    """Write a network in one step."""
    parts: dict[str, NDArray[Any]] = {
        "record": _as_array(json.dumps(asdict(network.record)).encode()),
        "xml": _as_array(network.xml),
        "weights": _as_array(network.weights),
        "probe": np.ascontiguousarray(network.probe, np.float32),
    }
    data = safetensors.numpy.save(parts)
    write_bytes(path, data)
    return NetworkFile(path, hashlib.sha256(data).hexdigest())


def read_int8(file: NetworkFile) -> Int8Network:
    """The network in a file; `Int8Error` where it holds none, `StoreError` where it is another."""
    path, data = file.path, file.read()
    try:
        parts = safetensors.numpy.load(data)
        if set(parts) != {"record", "xml", "weights", "probe"}:
            raise ValueError(f"it holds {sorted(parts)}"[:100])
        xml, weights = _as_bytes(parts["xml"]), _as_bytes(parts["weights"])
        check_xml(xml, len(weights))
        record = _record(json.loads(_as_bytes(parts["record"])))
        probe = parts["probe"]
        if probe.dtype != np.float32 or not np.isfinite(probe).all():
            raise ValueError("its probe is not finite float32")
    except _UNREADABLE as error:
        what = "unknown or absent: " if isinstance(error, KeyError) else ""
        reason = what + " ".join(str(error).split())[:200]
        raise Int8Error(
            f"{path}: holds no int8 network ({reason}); bring the file back, or remove it and "
            "extract into a new store"
        ) from None
    return Int8Network(record, xml, weights, probe)


def _as_array(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)


def _as_bytes(part: NDArray[Any]) -> bytes:
    if part.dtype != np.uint8 or part.ndim != 1:
        raise ValueError("a part that is no bytes")
    return part.tobytes()


def _record(told: Mapping[str, Any]) -> Int8Record:
    record = Int8Record(**{**told, "shape": tuple(told["shape"]), "videos": tuple(told["videos"])})
    counts = (*record.shape, record.n_checked, record.n_clips, record.format)
    if not all(type(n) is int and 0 < n < 1 << 20 for n in counts):
        raise ValueError("its record has counts that are none")
    if record.format != FORMAT:
        raise ValueError(f"format {record.format}; this aqa reads format {FORMAT}")
    if len(record.shape) != 5 or record.shape[:2] != (1, 3) or prod(record.shape) > _MOST_VALUES:
        raise ValueError(f"it takes clips of shape {record.shape}")
    if not isinstance(record.drift, float) or not 0 <= record.drift < 1:
        raise ValueError(f"its drift is {record.drift!r}")
    texts = (record.backbone, record.weights, *record.videos)
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise ValueError("its record has names that are no printable texts")
    return record


def check_xml(xml: bytes, n_weights: int) -> None:
    """`ValueError` unless it is a plain graph of OpenVINO's own operations.

    No entities, no operations of extensions, none that hold other graphs, and no constant that lies
    outside the weights, which have `n_weights` bytes, or has more values than bytes for them.
    """
    if len(xml) > _MOST_XML:
        raise ValueError(f"XML of {len(xml)} bytes")
    n_layers, path = 0, list[str]()

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal n_layers
        if not path and name != "net":
            raise ValueError(f"XML of {name[:40]!r}, not of a network")
        path.append(name)
        if len(path) > 32:
            raise ValueError("XML that is nested too deeply")
        if name == "layer":
            n_layers += 1
            kind, version = attributes.get("type", ""), attributes.get("version", "")
            if n_layers > _MOST_LAYERS:
                raise ValueError(f"more than {_MOST_LAYERS} operations")
            if kind.lower() in _REFUSED or not re.fullmatch(r"opset[0-9]{1,2}", version):
                raise ValueError(f"an operation {kind[:40]!r} of {version[:40]!r}")
        if "offset" in attributes:
            if name != "data":  # such as means that OpenVINO would subtract
                raise ValueError(f"values outside of operations, in {name[:40]!r}")
            _check_constant(attributes, n_weights)

    def refuse(*_: Any) -> None:
        raise ValueError("XML that declares something of its own")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: path.pop()
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise ValueError(f"its XML: {error}") from None
    if n_layers == 0:
        raise ValueError("a network without operations")


def _check_constant(attributes: Mapping[str, str], n_weights: int) -> None:
    """OpenVINO multiplies lengths in 64 bits, so that a product may come out small."""
    offset, size = (_count(attributes.get(key, "")) for key in ("offset", "size"))
    if offset + size > n_weights:
        raise ValueError(f"a constant that lies outside its {n_weights} bytes of weights")
    kind, shape = attributes.get("element_type", ""), attributes.get("shape", "").strip()
    if kind not in _BYTES:
        raise ValueError(f"a constant of type {kind[:40]!r}")
    lengths = [_count(text.strip()) for text in shape.split(",")] if shape else []
    if prod(lengths) * _BYTES[kind] > size:
        raise ValueError(f"a constant of shape {shape[:40]} in {size} bytes")


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise ValueError(f"a constant whose place or length is {text[:40]!r}")
    return int(text)
