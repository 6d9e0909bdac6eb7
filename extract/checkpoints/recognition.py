"""Which backbone a checkpoint file is for, and what the file leaves open.

A published file whose hash is known tells all: its record names the preprocessing and the clip
length. Of any other file the tensors tell the backbone and the layout, and the number of classes
may tell the clip length; what is still open is said as a warning, with the option that decides.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aqa.errors import AqaWarning
from aqa.extract.backbones.architecture import Architecture
from aqa.extract.backbones.registry import backbone_names, get_architecture
from aqa.extract.checkpoints.fine_tuned import FineTuned
from aqa.extract.checkpoints.layouts import Layout, State, mismatches
from aqa.extract.checkpoints.records import Checkpoint, WeightsError


@dataclass(frozen=True)
class Training:
    """How a checkpoint's weights were trained, as far as the file tells.

    checkpoint: the published one that it is, by its hash; None where it is none of them.
    profiles: the preprocessing profiles, clip_lengths: the frames per clip that it can have been
    trained with; one of each where that is known.
    """

    checkpoint: Checkpoint | None
    profiles: tuple[str, ...]
    clip_lengths: tuple[int, ...]


def training_of(
    architecture: Architecture, layout: Layout, sha256: str, classes: int | None
) -> Training:
    """How weights were trained, by the file's SHA-256 and the number of its classes."""
    for known in architecture.checkpoints:
        if known.has_hash(sha256):
            return Training(known, (known.profile,), (known.clip_length,))
    published = architecture.checkpoints
    alike = [known for known in published if known.classes == classes] or published
    lengths = sorted({known.clip_length for known in alike}) or [architecture.clip_length]
    return Training(None, layout.profiles, tuple(lengths))


def chosen_profile(path: Path, training: Training) -> str:
    """The preprocessing that weights were trained with; a warning where several are possible."""
    first, *others = training.profiles
    if others:
        _warn_of_choice(path, "how frames were preprocessed for it", training.profiles, first)
    return first


def chosen_clip_length(
    path: Path, architecture: Architecture, training: Training, asked: int | None
) -> int:
    """The frames per clip that the weights are for; a warning where several are possible.

    asked: by the user, for the clips to come. It settles what the file leaves open, but weights
    that are for 16 frames are still that where clips of 8 are asked for.
    """
    lengths = training.clip_lengths
    if len(lengths) == 1:
        return lengths[0]
    usual = architecture.clip_length if architecture.clip_length in lengths else lengths[0]
    if asked is None:
        _warn_of_choice(path, "how many frames a clip must have", lengths, usual)
    return asked if asked in lengths else usual


_OPTIONS = {str: "--preprocess", int: "--clip-length"}


def _warn_of_choice(path: Path, what: str, choices: Sequence[str | int], taken: str | int) -> None:
    *most, last = map(str, choices)
    warnings.warn(
        f"{path}: the file does not tell {what}: {', '.join(most)} or {last}; {taken} is taken; "
        f"give {_OPTIONS[type(taken)]} to decide",
        AqaWarning,
        stacklevel=2,
    )


def recognise(architecture: Architecture, state: State, path: Path) -> Layout:
    """Find the layout that a checkpoint is in; strict, so a near miss is a `WeightsError`."""
    layout = fitting_layout(architecture, state)
    if layout is not None:
        return layout
    fitting = identified(state)
    if fitting:
        names = " or ".join(other.name for other, _ in fitting)
        raise WeightsError(
            f"{path}: a checkpoint of {names} (layout {fitting[0][1].name}), not of "
            f"{architecture.name}: use --backbone {fitting[0][0].name}"
        )
    _, layout = nearest(state, [architecture])
    problems = layout_problems(architecture, layout, state)
    raise WeightsError(
        f"{path}: not a checkpoint of {architecture.name}; "
        f"held against the nearest layout, {layout.name!r}: {'; '.join(problems)}; "
        f"such files: {layout.source}"
    )


def fine_tuned_layout(
    architecture: Architecture, record: FineTuned, state: State, path: Path
) -> Layout:
    """The layout of a file of fine-tuned weights, which ends where they do; strict as well."""
    if record.backbone != architecture.name:
        raise WeightsError(
            f"{path}: fine-tuned weights of {record.backbone}, not of {architecture.name}: "
            f"use --backbone {record.backbone}"
        )
    known = [layout.name for layout in architecture.layouts]
    if record.layer not in architecture.layers or record.layout not in known:
        raise WeightsError(
            f"{path}: damaged fine-tuned weights: {architecture.name} has no layer "
            f"{record.layer!r} or no layout {record.layout!r}"
        )
    layout = replace(architecture.layout(record.layout), last_layer=record.layer)
    problems = layout_problems(architecture, layout, state)
    if problems:
        raise WeightsError(f"{path}: damaged fine-tuned weights: {'; '.join(problems)}")
    return layout


def identify(state: State) -> tuple[Architecture, Layout] | None:
    """The backbone and the layout that a checkpoint fits, among all of this package.

    Of several with the same network, the one that weights of as many classes were published for,
    or the first.
    """
    fitting = identified(state)
    return fitting[0] if fitting else None


def identified(state: State) -> list[tuple[Architecture, Layout]]:
    """All backbones of the network that a checkpoint fits, each with the layout.

    Where weights of as many classes were published for some of them, these alone.
    """
    fitting = [
        (architecture, layout)
        for architecture in map(get_architecture, backbone_names())
        if (layout := fitting_layout(architecture, state)) is not None
    ]
    return [one for one in fitting if _has_published_classes(*one, state)] or fitting


def nearest(state: State, architectures: Iterable[Architecture]) -> tuple[Architecture, Layout]:
    """Of several backbones' layouts, the one that has most tensors in common with a checkpoint."""
    pairs = [(one, layout) for one in architectures for layout in one.layouts]
    return max(pairs, key=lambda pair: shared(pair[0], pair[1], state))


def _has_published_classes(architecture: Architecture, layout: Layout, state: State) -> bool:
    classes = layout.classes(state)
    return any(
        (known.layout, known.classes) == (layout.name, classes)
        for known in architecture.checkpoints
    )


def fitting_layout(architecture: Architecture, state: State) -> Layout | None:
    """The layout of a backbone that a checkpoint is in, tensor by tensor."""
    fitting = (x for x in architecture.layouts if not layout_problems(architecture, x, state))
    return next(fitting, None)


def layout_problems(architecture: Architecture, layout: Layout, state: State) -> list[str]:
    """What keeps a checkpoint from being in a layout."""
    return mismatches(layout.without_classifier(state), architecture.expected_keys(layout))


def shared(architecture: Architecture, layout: Layout, state: State) -> tuple[int, int]:
    """How many tensors of a checkpoint have a layout's names and shapes, and its names alone."""
    expected = architecture.expected_keys(layout)
    named = expected.keys() & state.keys()
    return sum(state[key].shape == expected[key] for key in named), len(named)
