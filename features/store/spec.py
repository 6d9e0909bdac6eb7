"""The spec of a store: what made its features, and how two specs differ.

A spec is a JSON object. Its keys:

    backbone, layer     the network, and the layer whose response the features are
    weights             name, sha256, fitted_on: ids of the videos that the network learned from
    shape, dtype        of one clip's feature; float32 or float16
    clip_length         frames per clip
    stride              frames from the start of one clip to the start of the next
    frames              how many frames every video was given; null: as many as it has
    padding, tail       where padding goes in a short video; what becomes of the last frames
    spread              true: a clip's frames are spread evenly over the whole video; the key is
                        absent for clips of frames that follow one another
    window              how many frames of the video a clip covers, over which its frames are spread
                        evenly; the key is absent for clips of frames that follow one another
    preprocess          how frames became the network's input
    precision           of the network's arithmetic
    engine              name: what ran the network, openvino; drift: how far its features are from
                        PyTorch's in float32, as a share of their length; the key is absent for
                        PyTorch. file, sha256: of the int8 network beside the store; calibrated_on:
                        ids of the videos that it was calibrated on; calibration_clips: how many
    views, view_seed    names of the augmentations, the original first; the seed they were drawn by
    origin              source, name, sha256: where the code of someone else's network came from;
                        the key is absent for networks of this package
    aspects, definition names of measured aspects, a number each, and the TOML that declares them;
                        the keys are absent for other features
    made_up             what the features are made up of, where they are of no video; else absent

Stores of features that were computed elsewhere have null where nothing is known.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aqa.errors import AqaError

Spec = dict[str, Any]
# Names under which the same weights, or the same source, may be known: they may differ.
_NOT_IDENTITY = (
    *("weights.name", "weights.path", "weights.fitted_on", "origin.name"),
    "engine.drift",  # processors differ in it
    *("engine.file", "engine.calibrated_on", "engine.calibration_clips"),  # engine.sha256 tells
)
# What the absence of a key stands for.
_ABSENT = {"engine.name": "torch"}


class StoreError(AqaError):
    """A feature store that cannot be read, or that was made with other settings than asked for."""


def spec_differences(have: Spec, want: Spec) -> list[str]:
    """One line for each setting in which two specs differ, such as `stride is 16, not 8`."""
    flat_have, flat_want = _ABSENT | _flat(have), _ABSENT | _flat(want)
    return [
        f"{key} is {json.dumps(flat_have.get(key))}, not {json.dumps(flat_want.get(key))}"
        for key in dict.fromkeys([*flat_have, *flat_want])
        if key not in _NOT_IDENTITY and flat_have.get(key) != flat_want.get(key)
    ]


def check_spec(path: Path, have: Spec, want: Spec) -> None:
    """Raise `StoreError` with both values of every setting in which the specs differ.

    path: the store that `have` is the spec of.
    """
    differences = spec_differences(have, want)
    if differences:
        raise StoreError(
            f"{path} was made with other settings: {'; '.join(differences)}. "
            "Ask for the same settings, or name another file with --store"
        )


def made_up(spec: Mapping[str, Any]) -> str | None:
    """What the features are made up of, as `random numbers`; None for those of videos."""
    told: str | None = spec.get("made_up")
    return told


def augmentations_of(spec: Spec) -> tuple[str, ...]:
    """The names of the augmentations that a store holds; the first is the original."""
    return tuple(spec.get("views", ("original",)))


def spec_problems(spec: Any) -> list[str]:
    """What is wrong with the structure of a spec that was read from a file, one line each.

    Keys may be missing, but for those that no reader does without; those there are of their types.
    """
    if not isinstance(spec, dict):
        return ["it is no JSON object"]
    problems = [f"{key} is missing" for key in ("shape", "dtype", "weights") if key not in spec]
    for name, (fits, expected) in _EXPECTED.items():
        owner, _, key = name.rpartition(".")
        held = spec.get(owner) if owner else spec
        if isinstance(held, dict) and key in held and not fits(held[key]):
            problems.append(f"{name} is {json.dumps(held[key])[:60]}, not {expected}")
    return problems


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31


def _is_seed(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _or_null(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_shape(value: Any) -> bool:
    return (
        isinstance(value, list)
        and 1 <= len(value) <= 8
        and all(map(_is_count, value))
        and math.prod(value) < 2**31
    )


def _is_engine(value: Any) -> bool:
    if not isinstance(value, dict) or not _is_text(value.get("name")):
        return False
    drift = value.get("drift")
    if not isinstance(drift, int | float) or isinstance(drift, bool) or not 0 <= drift < math.inf:
        return False
    return not {"sha256", "file"} & value.keys() or _is_network(value)


def _is_network(value: dict[str, Any]) -> bool:
    """Whether a file is named, in the folder of the store."""
    name = value.get("file")
    return (
        _is_text(value.get("sha256"))
        and isinstance(name, str)
        and re.fullmatch(r"[A-Za-z0-9_-]{1,150}\.safetensors", name) is not None
        and _is_texts(value.get("calibrated_on", []))
    )


def _is_origin(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_text(value.get(k)) for k in ("source", "name"))


_COUNT = (_or_null(_is_count), "null or a whole number, 1 or more")
_TEXT = (_or_null(_is_text), "null or a text")
# Key -> whether a value fits, and what is expected.
_EXPECTED: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "backbone": (_is_text, "a text"),
    "layer": _TEXT,
    "weights": (lambda value: isinstance(value, dict), "an object"),
    "weights.name": _TEXT,
    "weights.sha256": _TEXT,
    "weights.path": _TEXT,
    "weights.seed": (_or_null(_is_seed), "null or a whole number"),
    "weights.fitted_on": (_or_null(_is_texts), "null or a list of ids"),
    "shape": (_is_shape, "a list of whole numbers, 1 or more"),
    "dtype": (lambda value: value in ("float32", "float16"), "float32 or float16"),
    "clip_length": (_or_null(lambda value: _is_count(value) and value <= 4096), _COUNT[1]),
    "stride": _COUNT,
    "frames": _COUNT,
    "padding": _TEXT,
    "tail": _TEXT,
    "spread": (lambda value: isinstance(value, bool), "true or false"),
    "window": _COUNT,
    "preprocess": (_or_null(lambda value: isinstance(value, dict)), "null or an object"),
    "precision": _TEXT,
    "views": (lambda value: _is_texts(value) and bool(value), "a list of names"),
    "view_seed": (_or_null(_is_seed), "null or a whole number"),
    "engine": (_or_null(_is_engine), "null, or name and drift, and file and sha256 of a network"),
    "origin": (_or_null(_is_origin), "null, or source, name and sha256"),
    "made_up": _TEXT,
    "joints": (_or_null(_is_texts), "null or a list of names"),
    "aspects": (_or_null(_is_texts), "null or a list of names"),
    "definition": _TEXT,
}


def _flat(spec: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under one key each: {"weights": {"name": 1}} -> {"weights.name": 1}."""
    flat: dict[str, Any] = {}
    for key, value in spec.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = list(value) if isinstance(value, tuple) else value
    return flat
