"""A data set of drawn dives: sampled from a seed, drawn, filmed and written with its truth.

Every video shows one platform dive of a known type with known faults. Video `i` depends on
`(seed, i)` alone, so a data set of 20 videos is the beginning of one of 40 (its splits apart).

>>> dive = sample_dive(0, 3)
>>> frames = list(draw(dive))
>>> len(frames) == dive.n_frames and frames[0].shape == (240, 320, 3)
True
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from aqa.annotations.manifest import write_manifest
from aqa.annotations.split_drawing import random_splits
from aqa.errors import AqaError, UnknownNameError
from aqa.features.clips import ClipRule
from aqa.files import replacing, sync, temporary_name
from aqa.workflows.demo import judging
from aqa.workflows.demo.camera import HEIGHT, WIDTH, Handling, follow
from aqa.workflows.demo.diver import Joint
from aqa.workflows.demo.figure import Colour, Image, Outfit, draw_figure
from aqa.workflows.demo.judging import FAULT_COSTS, Fault
from aqa.workflows.demo.motion import (
    FPS,
    Stages,
    Timing,
    allowed_faults,
    fault_window,
    move,
    stages,
)
from aqa.workflows.demo.program import DIVE_TYPES, DiveType
from aqa.workflows.demo.scene import Look, Scene, Splash, submerge

__all__ = [
    "DIVE_TYPES",
    "FAULT_COSTS",
    "Dive",
    "DiveType",
    "Fault",
    "draw",
    "draw_dives",
    "faulty_clips",
    "joints_of",
    "sample_dive",
]

CLIP_RULE = ClipRule(length=16, stride=16)
"""The rule by which the manifest's `faulty_clips` are counted: the toolkit's default."""

JOINTS = tuple(
    (" ".join(reversed(joint.name.lower().split("_"))), joint)
    for joint in sorted(Joint, key=lambda joint: joint is not Joint.HEAD)
)
"""The joints that are written for each video, with their names; the head comes first."""

FAULTY_FRAMES = 4
"""Frames of a fault a clip must show to count as faulty."""

Rng = np.random.Generator


@dataclass(frozen=True)
class Dive:
    """All that is known of one drawn dive.

    marks: the seven judges', in halves. execution: the sum of the middle three. score: difficulty
    times execution. true_mark: what a judge without error would give. stages: first frames,
    counted from 0. timing, handling, look and outfit are what the picture is drawn from.
    """

    seed: int
    index: int
    type: DiveType
    faults: tuple[Fault, ...]
    stages: Stages
    true_mark: float
    marks: tuple[float, ...]
    timing: Timing
    handling: Handling
    look: Look
    outfit: Outfit

    @property
    def video_id(self) -> str:
        """The name of the video, counted from `dive_0001`."""
        return f"dive_{self.index + 1:04d}"

    @property
    def n_frames(self) -> int:
        """Length of the video in frames."""
        return self.stages.n_frames

    @property
    def difficulty(self) -> float:
        """Difficulty of the type of dive."""
        return self.type.difficulty

    @property
    def execution(self) -> float:
        """Sum of the middle three marks, 0 to 30."""
        return judging.execution(self.marks)

    @property
    def score(self) -> float:
        """Difficulty times execution, to two decimals."""
        return judging.score(self.difficulty, self.marks)


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
    found = _faults(severities, dive_type, bounds)
    mark = judging.true_mark(found)
    return Dive(
        seed=seed,
        index=index,
        type=dive_type,
        faults=found,
        stages=bounds,
        true_mark=mark,
        marks=judging.judge(mark, jury),
        timing=timing,
        handling=_handling(camera),
        look=_look(look),
        outfit=_outfit(look),
    )


def draw(dive: Dive) -> Iterator[Image]:
    """Yield the frames of a dive: uint8 RGB `(240, 320, 3)`, 30 a second."""
    joints, centres = move(dive.type, dive.timing, dive.faults)
    views = follow(centres, dive.handling, FPS)
    scene = Scene(dive.look, HEIGHT / dive.handling.view)
    splash = _splash(dive, float(joints[dive.stages.entry, Joint.HAND_LEFT, 0]))
    for frame, view in enumerate(views):
        image = scene.behind(view, frame)
        if frame < dive.stages.ending:
            empty = image.copy()
            draw_figure(image, joints[frame], view, dive.outfit)
            submerge(image, empty, view)
        splash.draw(image, view, frame)
        yield scene.finish(image, frame)


def joints_of(dive: Dive) -> np.ndarray:
    """Where the diver's joints are drawn: float32 (frames, 17, 2), pixels, in order of `JOINTS`.

    NaN on the frames of the ending, on which no diver is drawn.
    """
    joints, centres = move(dive.type, dive.timing, dive.faults)
    views = follow(centres, dive.handling, FPS)
    order = [joint for _, joint in JOINTS]
    places = np.stack(
        [view.pixels(body[order, :2]) for view, body in zip(views, joints, strict=True)]
    )
    places[dive.stages.ending :] = np.nan
    return places.astype(np.float32)


def draw_dives(
    folder: str | os.PathLike[str],
    n_videos: int = 120,
    seed: int = 0,
    n_splits: int = 5,
    test_fraction: float = 0.25,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a data set: `folder/videos/dive_0001.mp4` ... and `folder/manifest.csv`.

    The joints as drawn go to `folder/poses/dive_0001.npz` ..., for `aqa extract --backbone pose`.

    n_splits, test_fraction: train/test splits, stratified by type of dive, drawn with `seed`.
    progress: called with the number of videos written and their total after each. Returns the
    path of the manifest, which is written last.
    """
    if n_videos < 1:
        raise AqaError(f"drawn dives: n_videos={n_videos} is not a positive number of videos")
    dives = [sample_dive(seed, index) for index in range(n_videos)]
    rows = manifest_rows(dives, n_splits, test_fraction, seed)
    folder = Path(folder)
    _make_folder(folder / "videos")
    _make_folder(folder / "poses")
    for done, dive in enumerate(dives, start=1):
        film(dive, folder / _video_path(dive))
        _write_joints(dive, folder / _poses_path(dive))
        if progress is not None:
            progress(done, n_videos)
    manifest = folder / "manifest.csv"
    write_manifest(manifest, rows)
    return manifest


def film(dive: Dive, path: Path) -> None:
    """Write the video of a dive; a reader sees the whole file or none."""
    temporary = temporary_name(path).with_suffix(path.suffix)
    try:
        _encode(dive, temporary, path)
        sync(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def manifest_rows(
    dives: Sequence[Dive], n_splits: int, test_fraction: float, seed: int
) -> list[dict[str, object]]:
    """The rows of the manifest, one a dive."""
    rows = [_row(dive) for dive in dives]
    splits = random_splits(
        [dive.video_id for dive in dives],
        n=n_splits,
        test=test_fraction,
        seed=seed,
        strata=[dive.type.name for dive in dives],
    )
    for split in splits:
        tested = set(split.test)
        for dive, row in zip(dives, rows, strict=True):
            row[f"split_{split.name}"] = "test" if dive.video_id in tested else "train"
    return rows


def faulty_clips(faults: Sequence[Fault], n_frames: int) -> tuple[int, ...]:
    """The clips of `CLIP_RULE`, from 0, with at least `FAULTY_FRAMES` frames of one fault."""
    return tuple(
        number
        for number, clip in enumerate(CLIP_RULE.clips(n_frames))
        if any(
            min(clip.stop, fault.stop) - max(clip.start, fault.start) >= FAULTY_FRAMES
            for fault in faults
        )
    )


def _row(dive: Dive) -> dict[str, object]:
    faults = dive.faults
    return {
        "video_id": dive.video_id,
        "path": _video_path(dive),
        "poses": _poses_path(dive),
        "score": dive.score,
        "difficulty": dive.difficulty,
        "execution": dive.execution,
        "action": "diving",
        "type": dive.type.name,
        "position": dive.type.position,
        "rotation": dive.type.direction,
        "somersaults": dive.type.half_somersaults / 2,
        "twists": dive.type.half_twists / 2,
        **{f"judge_{number}": mark for number, mark in enumerate(dive.marks, start=1)},
        **{f"stage_{name}": dive.stages._asdict()[name] for name in _STAGES},
        "faults": ";".join(f"{fault.name}={fault.cost:.2f}" for fault in faults),
        "fault_frames": ";".join(f"{fault.name}={fault.start}-{fault.stop}" for fault in faults),
        "faulty_clips": ";".join(map(str, faulty_clips(faults, dive.n_frames))),
    }


_STAGES = ("takeoff", "flight", "entry", "ending")


def _video_path(dive: Dive) -> str:
    return f"videos/{dive.video_id}.mp4"


def _poses_path(dive: Dive) -> str:
    return f"poses/{dive.video_id}.npz"


def _write_joints(dive: Dive, path: Path) -> None:
    names = np.array([name for name, _ in JOINTS])
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, joints=joints_of(dive), names=names)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AqaError(
            f"{path}: cannot be made: {error.strerror}; name a folder that can be written to"
        ) from None


def _encode(dive: Dive, temporary: Path, path: Path) -> None:
    codec = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(os.fspath(temporary), codec, FPS, (WIDTH, HEIGHT))
    try:
        if not writer.isOpened():
            raise AqaError(
                f"{path}: OpenCV cannot write an mp4v video here; check that the folder can be "
                "written to and that this OpenCV has FFmpeg, as opencv-python-headless does"
            )
        for frame in draw(dive):
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    finally:
        writer.release()
    written = _count_frames(temporary)
    if written != dive.n_frames:
        raise AqaError(
            f"{path}: {written} of {dive.n_frames} frames were written; check the space on its disk"
        )


def _count_frames(path: Path) -> int:
    reader = cv2.VideoCapture(os.fspath(path))
    try:
        return round(reader.get(cv2.CAP_PROP_FRAME_COUNT))
    finally:
        reader.release()


def _splash(dive: Dive, x: float) -> Splash:
    large = [fault for fault in dive.faults if fault.name == "large_splash"]
    severity, start = (large[0].severity, large[0].start) if large else (0.0, 0)
    return Splash(x, dive.stages.entry, severity, start, dive.look.texture)


# Sampling ---------------------------------------------------------------------------------------

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
    found = [
        Fault(name, severity, *fault_window(name, dive_type, bounds))
        for name, severity in severities.items()
    ]
    return tuple(sorted(found, key=lambda fault: (fault.start, fault.name)))


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
