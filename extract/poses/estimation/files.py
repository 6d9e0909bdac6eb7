"""The files that estimated joints are written to, and what each was made of.

A .npz of `joints`, float32 (frames, 33, 3): x and y in pixels and a confidence of 0 to 1; of
`names`; of `fps`, frames per second of the video; and of `made`, a JSON text on how. `aqa extract
--backbone pose` reads it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError
from aqa.extract.poses.estimation.blazepose import JOINTS
from aqa.features.arrays import load_arrays
from aqa.files import replacing

# Readers refuse larger arrays that shrink much, as joints of a few frames of a long file would.
_MOST_COMPRESSED = 32 << 20


def write_estimate(
    path: Path, joints: NDArray[np.float64], made: dict[str, Any], fps: float
) -> None:
    """Write the joints of a video, in one step."""
    places = joints.astype(np.float32)
    save = np.savez_compressed if places.nbytes <= _MOST_COMPRESSED else np.savez
    told = np.array([json.dumps(made)])
    with replacing(path) as temporary, temporary.open("wb") as file:
        save(file, joints=places, names=np.array(JOINTS), fps=np.array([fps]), made=told)


def made_of(path: Path) -> dict[str, Any] | None:
    """What a file of joints was made of; None where it is none of ours."""
    try:
        arrays = load_arrays(path)
        made = json.loads(str(arrays["made"][0])) if isinstance(arrays, dict) else None
    except (AqaError, KeyError, IndexError, ValueError, RecursionError):
        return None
    return made if isinstance(made, dict) else None
