"""Tells which checkpoint a file is, and what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aqa.extract.backbones.registry import backbone_names, get_architecture
from aqa.extract.checkpoints.catalogue import known_checkpoints
from aqa.extract.checkpoints.fine_tuned import read_fine_tuned
from aqa.extract.checkpoints.layouts import State
from aqa.extract.checkpoints.recognition import (
    Training,
    fine_tuned_layout,
    identified,
    layout_problems,
    nearest,
    shared,
    training_of,
)
from aqa.extract.checkpoints.records import Checkpoint, WeightsError
from aqa.extract.checkpoints.state_files import read_fitted_on, read_state
from aqa.files import sha256_of


def verify(path: Path) -> Checkpoint:
    """Which known checkpoint a file is, by its hash.

    Raises `WeightsError` where it is none of those whose hash is known, with the hash it has.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file")
    digest = sha256_of(path)
    known = known_checkpoints()
    for checkpoint in known:
        if checkpoint.has_hash(digest):
            return checkpoint
    named = next((checkpoint for checkpoint in known if checkpoint.file == path.name), None)
    if named and named.sha256:
        raise WeightsError(
            f"{path}: named as {named.name}, whose SHA-256 {named.stated_hash}; "
            f"that of the file is {digest}"
        )
    why = "whose publisher gives none" if named else "of no checkpoint known here"
    raise WeightsError(
        f"{path}: SHA-256 {digest}, {why}; `aqa weights inspect {path}` says what is in it"
    )


@dataclass(frozen=True)
class Inspection:
    """What a checkpoint file holds.

    sha256: of the file. backbone, layout: what it loads as. last_layer: the deepest layer that it
    has weights for. profiles: the preprocessing, clip_lengths: the frames per clip that it was
    trained with; several where the file does not tell. classes: outputs of its classifier, None
    without one. fitted_on: the videos that it was fitted on, None where it does not say so.
    parameters: how many numbers it holds, those of the classifier among them, counters and
    running statistics not. checkpoint: the published one that it is, by its hash. other_backbones:
    those of the same network, which load it as well.
    """

    path: Path
    sha256: str
    backbone: str
    layout: str
    last_layer: str
    profiles: tuple[str, ...]
    clip_lengths: tuple[int, ...]
    classes: int | None
    fitted_on: tuple[str, ...] | None
    parameters: int
    checkpoint: Checkpoint | None
    other_backbones: tuple[str, ...]


_NOT_LEARNED = ("running_mean", "running_var", "num_batches_tracked")


def inspect(path: Path) -> Inspection:
    """Look into a checkpoint file; `WeightsError` where it is of no backbone."""
    state, tuned = read_state(path), read_fine_tuned(path)
    if tuned is None:
        fitting = identified(state)
    else:
        named = get_architecture(tuned.backbone)
        fitting = [(named, fine_tuned_layout(named, tuned, state, path))]
    if not fitting:
        raise WeightsError(f"{path}: {_of_none(state)}")
    (architecture, layout), *others = fitting
    sha256, classes = sha256_of(path), layout.classes(state)
    if tuned is None:
        training = training_of(architecture, layout, sha256, classes)
    else:
        same = [name for name, how in architecture.profiles.items() if how == tuned.preprocess]
        training = Training(None, tuple(same), (tuned.clip_length,))
    return Inspection(
        path=path,
        sha256=sha256,
        backbone=architecture.name,
        layout=layout.name,
        last_layer=tuned.layer if tuned else layout.last_layer,
        profiles=training.profiles,
        clip_lengths=training.clip_lengths,
        classes=classes,
        fitted_on=read_fitted_on(path),
        parameters=sum(v.numel() for k, v in state.items() if not k.endswith(_NOT_LEARNED)),
        checkpoint=training.checkpoint,
        other_backbones=tuple(other.name for other, _ in others),
    )


def _of_none(state: State) -> str:
    """What keeps a file from being of any backbone, where it is almost of one."""
    architecture, layout = nearest(state, map(get_architecture, backbone_names()))
    if 2 * shared(architecture, layout, state)[1] < len(state):
        keys = ", ".join(list(state)[:3])
        return (
            f"{len(state)} tensors ({keys}, ...) that are no backbone's; "
            f"known: {', '.join(backbone_names())}"
        )
    problems = layout_problems(architecture, layout, state)
    return (
        f"of no backbone; the nearest is {architecture.name} (layout {layout.name}): "
        f"{'; '.join(problems)}"
    )
