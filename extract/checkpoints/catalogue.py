"""The public checkpoints that the backbones can load."""

from __future__ import annotations

from collections.abc import Sequence

from aqa.errors import UnknownNameError
from aqa.extract.backbones.registry import backbone_names, get_architecture
from aqa.extract.checkpoints.packaged_networks import PACKAGED
from aqa.extract.checkpoints.records import Checkpoint


def known_checkpoints() -> tuple[Checkpoint, ...]:
    """The records of all public checkpoints, as the backbones' files hold them."""
    architectures = map(get_architecture, backbone_names())
    return tuple(known for one in architectures for known in one.checkpoints)


def checkpoints_of(backbones: Sequence[str]) -> tuple[Checkpoint, ...]:
    """The records of the public checkpoints of these backbones; `UnknownNameError` for others."""
    return tuple(known for name in backbones for known in get_architecture(name).checkpoints)


def find_checkpoint(name: str) -> Checkpoint:
    """The record of that name; `UnknownNameError` where there is none."""
    records = {known.name: known for known in known_checkpoints()}
    if name not in records:
        raise UnknownNameError("checkpoint", name, [*records, *PACKAGED])
    return records[name]
