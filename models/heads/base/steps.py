"""The steps that an action consists of: from the manifest's columns to numbers of their names."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.dive_steps import steps_of_dive
from aqa.errors import AqaWarning, HeadError, listed

StepSource = Literal["auto", "steps", "type", "stages", "none"]
Steps = list[tuple[str, ...]]
# Where the steps are looked for, first to last.
SOURCES: tuple[StepSource, ...] = ("steps", "type", "stages")
WHOLE = "action"
NONE, UNKNOWN = 0, 1  # the numbers of "no step here", and of a step that training had not


def steps_of(columns: Mapping[str, Sequence[Any] | None], n: int, source: StepSource) -> Steps:
    """The names of each video's steps by one source; () where the source says none.

    steps: the column of this name. type: the number of a dive, see `steps_of_dive`. stages: the
    names of the columns `stage_<name>` that it has a frame in. none: one step, the whole action.
    """
    given = columns.get(source)
    if source == "none":
        return [(WHOLE,)] * n
    if given is None:
        return [()] * n
    if len(given) != n:
        raise HeadError(f"{len(given)} values of {source} for {n} videos; give one per video")
    if source == "type":
        return [steps_of_dive(label or "") for label in given]
    return [tuple(names or ()) for names in given]


def choose_source(
    columns: Mapping[str, Sequence[Any] | None], n: int, wanted: StepSource, ids: Sequence[str]
) -> StepSource:
    """Where the training videos' steps come from.

    auto: the first of `SOURCES` that says the steps of every video, else none, with a warning
    where one says those of some. `HeadError` where the source that is wanted says not all.
    """
    tried = SOURCES if wanted == "auto" else (wanted,)
    for source in tried:
        lacking = [ids[i] for i, steps in enumerate(steps_of(columns, n, source)) if not steps]
        if not lacking:
            return source
        if wanted != "auto":
            raise HeadError(
                f"{len(lacking)} of {n} training videos have no steps by steps={source} "
                f"({listed(lacking)}); fill in the manifest's column "
                f"{'stage_<name>' if source == 'stages' else source}, or take -p steps=none"
            )
        if len(lacking) < n:
            warnings.warn(
                f"{len(lacking)} of {n} training videos have no steps by {source} "
                f"({listed(lacking)}), so it is not taken",
                AqaWarning,
                stacklevel=4,
            )
    return "none"


def step_numbers(videos: Steps, names: Sequence[str], *, warn: bool = False) -> NDArray[np.intp]:
    """The number of each step's name, (n, most steps of a video), `NONE` behind the last.

    names: those of the training videos; others are `UNKNOWN`. A video without steps is one unknown
    step. warn: say which names training had not.
    """
    known = {name: number for number, name in enumerate(names, start=UNKNOWN + 1)}
    numbers = np.full((len(videos), max(1, *map(len, videos))), NONE)
    for row, steps in zip(numbers, videos, strict=True):
        row[0] = UNKNOWN
        row[: len(steps)] = [known.get(name, UNKNOWN) for name in steps]
    strange = sorted({name for steps in videos for name in steps} - known.keys())
    if warn and (strange or not all(videos)):
        without = sum(not steps for steps in videos)
        said = [f"no training video has the step {listed(strange)}"] if strange else []
        said += [f"{without} of {len(videos)} videos have no steps"] if without else []
        warnings.warn(f"{'; '.join(said)}: taken as an unknown step", AqaWarning, stacklevel=3)
    return numbers
