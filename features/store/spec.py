"""The spec of a store: what made its features, and how two specs differ.

A spec is a JSON object. Its keys:

    backbone, layer     the network, and the layer whose response the features are
    weights             name, sha256, fitted_on: ids of the videos that the network learned from
    shape, dtype        of one clip's feature; float32 or float16
    clip_length         frames per clip
    stride              frames from the start of one clip to the start of the next
    frames              how many frames every video was given; null: as many as it has
    padding, tail       where padding goes in a short video; what becomes of the last frames
    preprocess          how frames became the network's input
    precision           of the network's arithmetic
    views, view_seed    names of the augmentations, the original first; the seed they were drawn by
    origin              source, name, sha256: where the code of someone else's network came from;
                        the key is absent for networks of this package

Stores of features that were computed elsewhere have null where nothing is known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aqa.errors import AqaError

Spec = dict[str, Any]
# Names under which the same weights, or the same source, may be known: they may differ.
_NOT_IDENTITY = ("weights.name", "weights.path", "weights.fitted_on", "origin.name")


class StoreError(AqaError):
    """A feature store that cannot be read, or that was made with other settings than asked for."""


def spec_differences(have: Spec, want: Spec) -> list[str]:
    """One line for each setting in which two specs differ, such as `stride is 16, not 8`."""
    flat_have, flat_want = _flat(have), _flat(want)
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


def augmentations_of(spec: Spec) -> tuple[str, ...]:
    """The names of the augmentations that a store holds; the first is the original."""
    return tuple(spec.get("views", ("original",)))


def _flat(spec: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under one key each: {"weights": {"name": 1}} -> {"weights.name": 1}."""
    flat: dict[str, Any] = {}
    for key, value in spec.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = list(value) if isinstance(value, tuple) else value
    return flat
