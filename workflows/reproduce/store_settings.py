"""Whether a store's features were made by the options of `aqa extract` that a table declares."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from aqa.features.clips import parse_sampling
from aqa.features.store.spec import Spec, augmentations_of

# Option -> the key of a spec that it sets, and what the key is where the option is left out: of
# those that have one value then, whatever the backbone.
_TEXTS = {"--backbone": "backbone", "--layer": "layer", "--tail": "tail"}
_NUMBERS = {"--clip-length": "clip_length", "--stride": "stride", "--frames": "frames"}
_LEFT_OUT: Mapping[str, Any] = {"frames": None, "tail": "shift"}


def store_differences(spec: Spec, options: str) -> list[str]:
    """One line for each setting that is another than these options make, `frames is null, not 96`.

    Nothing is said of features that were computed elsewhere, which tell no preprocessing, and of
    joints. Weights are not compared: the options name none.
    """
    if spec.get("preprocess") is None or spec.get("backbone") == "pose":
        return []
    words = shlex.split(options)
    given = dict(zip(words[::2], words[1::2], strict=True))
    wanted: dict[str, Any] = {key: given[name] for name, key in _TEXTS.items() if name in given}
    wanted |= {key: int(given[name]) for name, key in _NUMBERS.items() if name in given}
    if "--sampling" in given:
        wanted["clip_length"], wanted["window"] = parse_sampling(given["--sampling"])
    differing = [
        f"{key} is {json.dumps(spec.get(key))}, not {json.dumps(value)}"
        for key, value in {**_LEFT_OUT, **wanted}.items()
        if spec.get(key) != value
    ]
    asked = given.get("--augmentations", "original").split(",")
    lacking = [name for name in asked if name not in augmentations_of(spec)]
    return differing + ([f"augmentations lack {', '.join(lacking)}"] if lacking else [])
