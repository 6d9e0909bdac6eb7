"""Checkpoint files, read as data and never run; files of weights that were learned here."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from aqa.errors import listed
from aqa.extract.checkpoints.layouts import State
from aqa.extract.checkpoints.records import WeightsError
from aqa.files import replacing

# What training code wraps a state dict in: of a file with several, the first. V-JEPA 2's has two
# encoders; its own evaluations read the target encoder.
_WRAPPERS = (
    *("state_dict", "model_state_dict", "model", "model_state", "module"),
    *("target_encoder", "encoder"),
)
# What training code, and the hub's classes with a task, put before every key.
_PREFIXES = (
    *("module.", "backbone.", "model."),
    *("videomae.", "timesformer.", "vjepa2.", "dinov2.", "dinov2_with_registers."),
)
# How deep a state dict may lie: one that holds itself has no end.
_MOST_WRAPPERS = 8
# The key in the metadata of our safetensors files with the ids of the videos learned from, as JSON.
_FITTED_ON = "fitted_on"


def read_state(path: Path) -> State:
    """Read the tensors of a checkpoint file, without wrappers and prefixes.

    Safetensors and PyTorch files; of the latter nothing but tensors and plain containers is
    ever built (`weights_only`). Raises `WeightsError`.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file")
    try:
        # A download that is checked before it gets its name ends in .part.
        if path.name.removesuffix(".part").endswith(".safetensors"):
            loaded = safetensors.torch.load_file(path)
        else:
            _check_archive(path)
            with warnings.catch_warnings():  # of pickle protocols: it loads or it is refused
                warnings.simplefilter("ignore")
                loaded = torch.load(path, map_location="cpu", weights_only=True)
    except WeightsError:
        raise
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path}: refused, or not a checkpoint: only tensors in plain containers are read, "
            f"since anything else could run code ({_unpickling(error)}); "
            "save its state dict, or convert it to safetensors where you trust it"
        ) from None
    except Exception as error:  # the readers raise all sorts on files that are none
        cause = re.split(r"\n|\. ", str(error))[0]
        raise WeightsError(f"{path}: not a whole checkpoint file: {cause}") from None
    state = without_prefixes(_unwrapped(loaded))
    others = [k for k, v in state.items() if not isinstance(v, Tensor)]
    if others or not state:
        raise WeightsError(
            f"{path}: not a state dict: {listed(others, 8) or 'it holds no tensors'}"
        )
    check_tensors(path, state)
    return state


def _check_archive(path: Path) -> None:
    """Refuse, before it is read, an archive with a program, or larger than its file inside."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        held = sum(info.file_size for info in archive.infolist())
        names = archive.namelist()
    if any(name.endswith("/constants.pkl") for name in names):
        raise WeightsError(
            f"{path}: a TorchScript archive, which holds a program and not tensors alone, as "
            "OpenAI's own files of CLIP do; take the same weights as a state dict or from the hub"
        )
    if held > path.stat().st_size:
        raise ValueError(f"its parts say they are of {held} bytes")


# Of the numbers that networks are published in; none of 8 bits, which takes scales beside them.
_PLAIN = (
    *(torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.bool),
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
)


def check_tensors(path: Path, state: Mapping[str, Tensor]) -> None:
    """Refuse tensors that are no plain arrays of finite numbers, with `WeightsError`.

    Refused are those without data, sparse or quantised ones, 8-bit floats and complex numbers.
    """
    odd = [f"{key} ({kind})" for key, tensor in state.items() if (kind := _odd(tensor))]
    if odd:
        raise WeightsError(
            f"{path}: tensors that are no plain arrays of numbers: {listed(odd)}; save them as "
            "float32 on the CPU"
        )
    broken = [k for k, v in state.items() if not torch.isfinite(_stored(v)).all()]
    if broken:
        raise WeightsError(f"{path}: values that are not finite in {listed(broken, 8)}")


def _stored(tensor: Tensor) -> Tensor:
    """The numbers of a tensor as the file holds them, be its shape of many times as many."""
    storage = tensor.untyped_storage()
    if tensor.numel() * tensor.element_size() <= storage.nbytes():
        return tensor
    return torch.empty(0, dtype=tensor.dtype).set_(storage)


def _odd(tensor: Tensor) -> str:
    """What a tensor is that is no plain array, or ""."""
    if tensor.is_quantized:
        return "quantised"
    if tensor.layout != torch.strided or tensor.is_nested:
        return "sparse or nested"
    if tensor.device.type != "cpu":
        return f"without data, on {tensor.device.type}"
    if tensor.dtype not in _PLAIN:
        return str(tensor.dtype).removeprefix("torch.")
    return ""


def save_fitted(
    path: Path,
    state: Mapping[str, Tensor],
    fitted_on: Collection[str],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write weights that were learned here, in one step, with what `read_fitted_on` reads.

    The same weights and notes give the same bytes. fitted_on: the ids of all the videos that they
    have learned from. metadata: more to write.
    """
    tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    notes = {"format": "pt", _FITTED_ON: json.dumps(sorted(fitted_on)), **(metadata or {})}
    data = safetensors.torch.save(tensors, notes)
    with replacing(path) as temporary:
        temporary.write_bytes(_in_order(data))


def _in_order(data: bytes) -> bytes:
    """A safetensors file whose metadata, which the library shuffles, are sorted."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text = text.ljust(-8 * (-len(text) // 8))  # as the format has it, so that tensors are aligned
    return len(text).to_bytes(8, "little") + text + data[end:]


def read_fitted_on(path: Path) -> tuple[str, ...] | None:
    """The ids of the videos that a file says its weights were learned from; None: it does not."""
    if path.suffix != ".safetensors":
        return None
    try:
        with safetensors.safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(_FITTED_ON)
        ids = None if text is None else json.loads(text)
        if ids is not None and not (isinstance(ids, list) and all(isinstance(i, str) for i in ids)):
            raise TypeError("not a list of ids")
    except (ValueError, TypeError, RecursionError, OSError, safetensors.SafetensorError) as error:
        raise WeightsError(f"{path}: the videos that it was learned from: {error}") from None
    return None if ids is None else tuple(ids)


def _unpickling(error: Exception) -> str:
    """The cause within torch's page of advice, such as a function it would call."""
    cause = re.search(r"(Unsupported|Trying to load)[^\n]*", str(error))
    text = cause[0] if cause else str(error).partition("\n")[0]
    return text.partition(" was not an allowed")[0]


def _unwrapped(loaded: Any) -> dict[str, Any]:
    for _ in range(_MOST_WRAPPERS):
        if not isinstance(loaded, Mapping):
            break
        inner = next((loaded[w] for w in _WRAPPERS if isinstance(loaded.get(w), Mapping)), None)
        if inner is None:
            return {_named(key): value for key, value in loaded.items()}
        loaded = inner
    return {"a dictionary in itself" if isinstance(loaded, dict) else _named(loaded): loaded}


def _named(key: Any) -> str:
    """A key of a state dict; of one that is no printable text, what it is."""
    if not isinstance(key, str):
        return type(key).__name__
    return key if key.isprintable() else ascii(key)


def without_prefixes(state: dict[str, Any]) -> dict[str, Any]:
    """A state dict without what training code puts before every key."""
    for prefix in _PREFIXES:
        if any(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def sha256_of_state(state: Mapping[str, Tensor]) -> str:
    """A SHA-256 of tensors' names and bytes."""
    digest = hashlib.sha256()
    for key in sorted(state):
        digest.update(key.encode())
        digest.update(state[key].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
