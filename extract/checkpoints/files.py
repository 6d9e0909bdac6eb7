"""Checkpoint files: read as data, recognised by their keys, loaded strictly."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from aqa.errors import AqaError, listed
from aqa.files import replacing

State = dict[str, Tensor]
# What training code wraps a state dict in, and what it puts before every key.
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "backbone.")
# Under which a safetensors file of ours names, as JSON, the videos it was learned from.
_FITTED_ON = "fitted_on"


class WeightsError(AqaError):
    """A checkpoint that cannot be used; names the file and what is wrong with it."""


@dataclass(frozen=True)
class Weights:
    """Which weights a network carries.

    name: a file's name, `random`, or `shipped`. sha256: of the file, or of the tensors of random
    weights. path: where the file was. layout: the checkpoint layout it was recognised as.
    seed: of random weights. fitted_on: ids of the videos that they were fitted on, where known.
    """

    name: str
    sha256: str
    path: str | None = None
    layout: str | None = None
    seed: int | None = None
    fitted_on: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that somebody published.

    name: short, unique among all. backbone, layout: what it loads as. file: its name where it is
    published. url: of the file itself or, where `by_hand`, of the page that leads to it. sha256:
    the 64 hexadecimal digits or the first ones, where anybody states them; None: not known.
    licence: as far as it is known. pretraining: data it was trained on. classes: outputs of its
    classifier. clip_length: frames a clip to use it with.
    """

    name: str
    backbone: str
    layout: str
    file: str
    url: str
    pretraining: str
    classes: int | None
    clip_length: int
    licence: str | None = None
    sha256: str | None = None
    by_hand: bool = False


def read_state(path: Path) -> State:
    """Read the tensors of a checkpoint file, without wrappers and prefixes.

    Safetensors and PyTorch files; of the latter nothing but tensors and plain containers is
    ever built (`weights_only`). Raises `WeightsError`.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file")
    try:
        if path.suffix == ".safetensors":
            loaded = safetensors.torch.load_file(path)
        else:
            with warnings.catch_warnings():  # of pickle protocols: it loads or it is refused
                warnings.simplefilter("ignore")
                loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path}: refused, or not a checkpoint: only tensors in plain containers are read, "
            f"since anything else could run code ({_unpickling(error)}); "
            "save its state dict, or convert it to safetensors where you trust it"
        ) from None
    except Exception as error:  # the readers raise all sorts on files that are none
        cause = re.split(r"\n|\. ", str(error))[0]
        raise WeightsError(f"{path}: not a whole checkpoint file: {cause}") from None
    state = _without_prefixes(_unwrapped(loaded))
    problems = [k for k, v in state.items() if not isinstance(v, Tensor)]
    if problems or not state:
        raise WeightsError(
            f"{path}: not a state dict: {listed(problems, 8) or 'it holds no tensors'}"
        )
    broken = [k for k, v in state.items() if not torch.isfinite(v).all()]
    if broken:
        raise WeightsError(f"{path}: values that are not finite in {listed(broken, 8)}")
    return state


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
    with safetensors.safe_open(path, "pt") as file:
        text = (file.metadata() or {}).get(_FITTED_ON)
    try:
        ids = None if text is None else json.loads(text)
        if ids is not None and not (isinstance(ids, list) and all(isinstance(i, str) for i in ids)):
            raise TypeError("not a list of ids")
    except (ValueError, TypeError) as error:
        raise WeightsError(f"{path}: the videos that it was learned from: {error}") from None
    return None if ids is None else tuple(ids)


def _unpickling(error: Exception) -> str:
    """The cause within torch's page of advice, such as a function it would call."""
    found = re.search(r"(Unsupported|Trying to load)[^\n]*", str(error))
    text = found[0] if found else str(error).partition("\n")[0]
    return text.partition(" was not an allowed")[0]


def _unwrapped(loaded: Any) -> dict[str, Any]:
    while isinstance(loaded, Mapping):
        inner = next((loaded[w] for w in _WRAPPERS if isinstance(loaded.get(w), Mapping)), None)
        if inner is None:
            return {str(key): value for key, value in loaded.items()}
        loaded = inner
    return {type(loaded).__name__: loaded}


def _without_prefixes(state: dict[str, Any]) -> dict[str, Any]:
    for prefix in _PREFIXES:
        if any(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def sha256_of(path: Path) -> str:
    """The file's SHA-256, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def sha256_of_state(state: Mapping[str, Tensor]) -> str:
    """A SHA-256 of tensors' names and bytes."""
    digest = hashlib.sha256()
    for key in sorted(state):
        digest.update(key.encode())
        digest.update(state[key].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


# A batch norm's count of training steps: PyTorch did not save it before 0.4.1, eval mode never
# reads it, so a checkpoint without it is whole.
COUNTER = "num_batches_tracked"


def mismatches(state: Mapping[str, Tensor], expected: Mapping[str, torch.Size]) -> list[str]:
    """What keeps a checkpoint from being loaded: missing, extra and misshapen tensors."""
    missing = [key for key in expected if key not in state and not key.endswith(COUNTER)]
    extra = [key for key in state if key not in expected]
    misshapen = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(expected[key])}"
        for key in expected
        if key in state and state[key].shape != expected[key]
    ]
    found = (("missing", missing), ("unexpected", extra), ("misshapen", misshapen))
    return [f"{what}: {listed(keys, 8)}" for what, keys in found if keys]
