"""What a fitted head saves: arrays by name, and texts as arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

State = dict[str, NDArray[Any]]
T = TypeVar("T")


def under(owner: str, arrays: Mapping[str, T]) -> dict[str, T]:
    """The arrays under the name of what they belong to, `owner.`; `part_of` undoes it."""
    return {f"{owner}.{name}": array for name, array in arrays.items()}


def part_of(owner: str, arrays: Mapping[str, T]) -> dict[str, T]:
    """The arrays that `under` put under this owner, by their own names again."""
    prefix = f"{owner}."
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def pack_texts(texts: Sequence[str]) -> NDArray[np.uint8]:
    """Texts as an array, since a saved model holds nothing else; `unpack_texts` undoes it."""
    return np.frombuffer(json.dumps(list(texts)).encode(), np.uint8)


def unpack_texts(array: NDArray[np.uint8]) -> list[str]:
    """The texts of `pack_texts`."""
    texts: list[str] = json.loads(array.tobytes())
    return texts
