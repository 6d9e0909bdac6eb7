"""How a printed system that was trained end to end is declared: network, schedule, head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class EndToEndRecipe:
    """A backbone and a head that `aqa finetune` trains together.

    weights: the public checkpoint that training starts from, or `random`. layer: where the
    network ends; None: its default. clips: of `ClipRule`, beside the clip length, which is the
    weights' own. params: of the head, as `aqa fit -p` takes them. settings: of
    `FinetuneSettings`. case: the cell that the recipe is for, where each recipe has one cell.
    note: what differs from the paper, or what the paper does not say.
    """

    head: str
    backbone: str
    weights: str
    layer: str | None = None
    clips: Mapping[str, Any] = field(default_factory=dict)
    params: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    case: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Rehearsal:
    """What a recipe is run with instead of what its paper has; the figures then mean nothing.

    backbone: a backbone that comes with its weights, over the manifest's own splits. epochs: to
    train for.
    """

    backbone: str | None = None
    epochs: int | None = None

    def __str__(self) -> str:
        epochs = f"{self.epochs} epoch{'' if self.epochs == 1 else 's'}" if self.epochs else ""
        return " for ".join(part for part in (self.backbone or "the network", epochs) if part)
