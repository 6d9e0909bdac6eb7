"""Dives drawn by lot: dive `i` of a data set depends on its seed and on `i` alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aqa.errors import AqaError, UnknownNameError
from aqa.workflows.demo.camera import Handling
from aqa.workflows.demo.dive import Dive
from aqa.workflows.demo.figure import Colour, Outfit
from aqa.workflows.demo.look import Look
from aqa.workflows.demo.motion import Stages, Timing, allowed_faults, fault_window, stages
from aqa.workflows.demo.panel import FAULT_COSTS, Fault, panel_marks, true_mark
from aqa.workflows.demo.program import DIVE_TYPES, DiveType

Rng = np.random.Generator

_TYPE_STREAM = 1  # keeps the draw of the types apart from that of a single dive

_SKINS: tuple[Colour, ...] = ((232, 190, 160), (214, 164, 130), (178, 124, 92), (124, 82, 60))
_HAIRS: tuple[Colour, ...] = ((42, 30, 24), (88, 56, 32), (176, 138, 84), (24, 24, 28))
_SUITS: tuple[Colour, ...] = (
    (186, 28, 44), (20, 40, 110), (16, 16, 20), (20, 110, 70), (120, 30, 120), (220, 120, 20),
)  # fmt: skip
_STRIPES: tuple[Colour, ...] = ((244, 244, 240), (250, 214, 60), (120, 220, 240))
_WALLS: tuple[Colour, ...] = ((196, 204, 206), (168, 190, 204), (206, 198, 180), (150, 170, 178))
_SKIES: tuple[Colour, ...] = ((96, 150, 214), (120, 166, 212), (150, 176, 204))
_ACCENTS: tuple[Colour, ...] = ((22, 78, 160), (170, 40, 60), (20, 120, 110), (90, 60, 140))
_WATERS: tuple[Colour, ...] = ((30, 128, 182), (36, 150, 176), (24, 104, 160), (50, 160, 160))


def sample_dive(
    seed: int,
    index: int,
    *,
    type: str | None = None,
    faults: Mapping[str, float] | None = None,
) -> Dive:
    """Sample dive `index` (from 0) of the data set `seed`.

    type: the name of a dive of `DIVE_TYPES`; sampled where None. faults: fault name -> severity
    in (0, 1]; sampled where None, none where empty. Whatever is given here, all else stays as
    sampled: the same venue, diver, camera and judges.
    """
    if seed < 0 or index < 0:
        raise AqaError(f"drawn dives: seed={seed} and index={index} must not be negative")
    streams = np.random.SeedSequence([seed, index]).spawn(5)
    time, fault, look, camera, jury = (np.random.default_rng(stream) for stream in streams)
    dive_type = _type(seed, index) if type is None else _known_type(type)
    timing = _timing(time)
    bounds = stages(dive_type, timing)
    severities = _severities(fault, dive_type) if faults is None else faults
    dive_faults = _faults(severities, dive_type, bounds)
    mark = true_mark(dive_faults)
    return Dive(
        seed=seed,
        index=index,
        type=dive_type,
        faults=dive_faults,
        stages=bounds,
        true_mark=mark,
        marks=panel_marks(mark, jury),
        timing=timing,
        handling=_handling(camera),
        look=_look(look),
        outfit=_outfit(look),
    )


def _pick(rng: Rng, choices: Sequence[Colour]) -> Colour:
    return choices[int(rng.integers(len(choices)))]


def _type(seed: int, index: int) -> DiveType:
    """Every run of as many dives as there are types shows each type once."""
    names = list(DIVE_TYPES)
    run, place = divmod(index, len(names))
    order = np.random.default_rng([seed, run, _TYPE_STREAM]).permutation(len(names))
    return DIVE_TYPES[names[int(order[place])]]


def _known_type(name: str) -> DiveType:
    if name not in DIVE_TYPES:
        raise UnknownNameError("type of dive", name, DIVE_TYPES)
    return DIVE_TYPES[name]


def _timing(rng: Rng) -> Timing:
    return Timing(
        stand=int(rng.integers(1, 35)),
        takeoff=int(rng.integers(14, 19)),
        ending=int(rng.integers(14, 32)),
        up=float(rng.uniform(2.4, 3.2)),
        out=float(rng.uniform(0.95, 1.35)),
    )


def _severities(rng: Rng, dive_type: DiveType) -> dict[str, float]:
    """No to three faults; a body cannot be both short of and past the vertical."""
    wanted = int(rng.choice(4, p=(0.25, 0.35, 0.25, 0.15)))
    order = [str(name) for name in rng.permutation(list(FAULT_COSTS))]
    severities = rng.uniform(0.25, 1.0, len(order))
    either = [name for name in order if name in ("over_rotation", "slant_entry")]
    possible = [name for name in order if name in allowed_faults(dive_type) and name != either[1]]
    return dict(zip(possible[:wanted], severities.tolist(), strict=False))


def _faults(
    severities: Mapping[str, float], dive_type: DiveType, bounds: Stages
) -> tuple[Fault, ...]:
    """The faults in the order in which they are seen."""
    if {"over_rotation", "slant_entry"} <= severities.keys():
        raise AqaError("faults: over_rotation and slant_entry exclude each other; give one of them")
    for name in severities:
        if name not in FAULT_COSTS:
            raise UnknownNameError("fault", name, FAULT_COSTS)
        if name not in allowed_faults(dive_type):
            raise AqaError(
                f"faults: {name} is no fault of a {dive_type.position}, {dive_type.name}"
            )
    faults = [
        Fault(name, severity, *fault_window(name, dive_type, bounds))
        for name, severity in severities.items()
    ]
    return tuple(sorted(faults, key=lambda fault: (fault.start, fault.name)))


def _handling(rng: Rng) -> Handling:
    return Handling(
        view=float(rng.uniform(3.6, 4.4)),
        lag=float(rng.uniform(0.8, 1.6)),
        drift=float(rng.uniform(0.02, 0.12)),
        tremble=float(rng.uniform(0.004, 0.018)),
        phases=tuple(rng.uniform(0.0, 2.0 * np.pi, 4).tolist()),
    )


def _look(rng: Rng) -> Look:
    venue = "hall" if rng.uniform() < 0.6 else "open_air"
    return Look(
        venue=venue,
        wall=_pick(rng, _WALLS if venue == "hall" else _SKIES),
        accent=_pick(rng, _ACCENTS),
        water=_pick(rng, _WATERS),
        gain=float(rng.uniform(0.85, 1.08)),
        gamma=float(rng.uniform(0.85, 1.2)),
        tint=tuple(rng.uniform(0.95, 1.03, 3).tolist()),
        noise=float(rng.uniform(1.0, 5.0)),
        texture=int(rng.integers(2**31)),
    )


def _outfit(rng: Rng) -> Outfit:
    return Outfit(
        skin=_pick(rng, _SKINS),
        hair=_pick(rng, _HAIRS),
        suit=_pick(rng, _SUITS),
        stripe=_pick(rng, _STRIPES),
        one_piece=bool(rng.uniform() < 0.6),
    )
