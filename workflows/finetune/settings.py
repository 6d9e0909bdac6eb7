"""The settings of fine-tuning, each stated once; imports nothing heavy, for `--help`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal


def setting(
    default: Any,
    help: str,
    *,
    unit: str = "",
    source: str = "ours",
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    none: str = "",
) -> Any:
    """A setting: its default, what it means, its unit and who states it.

    A number is from `low` to `high`, or more than `above`. none: what a default of None does.
    """
    metadata = {"help": help, "unit": unit, "source": source, "none": none}
    bounds = {"low": low, "high": high, "above": above}
    return dataclasses.field(default=default, metadata={**metadata, **bounds})


@dataclass(frozen=True)
class FinetuneSettings:
    """All that a training depends on, beside its videos, its backbone and its head."""

    epochs: int = setting(
        50, "Passes over the training videos", unit="epochs", source="farabi2021 §4.2", low=1
    )
    batch_size: int = setting(
        2,
        "Training videos per update of the weights, over all processes together",
        unit="videos",
        source="farabi2021 §4.2",
        low=1,
    )
    accumulate: int = setting(
        1,
        "Gradient accumulation steps: each process works through its videos of an update in this "
        "many parts, which takes less memory",
        unit="steps",
        low=1,
    )
    lr_backbone: float | None = setting(
        None,
        "Adam learning rate of the backbone",
        low=0,
        none="1e-5, farabi2021 §4.2; with --weights random that of the head",
    )
    lr_head: float = setting(
        1e-4, "Adam learning rate of the head", source="farabi2021 §4.2", above=0
    )
    lr_decay: float = setting(
        1.0,
        "Factor on both learning rates after every --lr-decay-every updates; li2018end: 0.45",
        above=0,
        high=1,
    )
    lr_decay_every: int = setting(
        600,
        "Updates after which both learning rates are multiplied by --lr-decay",
        unit="updates",
        source="li2018end §5.2",
        low=1,
    )
    weight_decay: float = setting(
        0.0,
        "L2 penalty of all weights: twice what stands before the sum of their squares in the loss",
        low=0,
    )
    batch_norm: Literal["frozen", "live"] | None = setting(
        None,
        "Statistics of the backbone's batch norms; frozen: as pretrained, since batches are tiny; "
        "live: those of each batch. Their weights and biases learn either way",
        none="frozen; with --weights random live",
    )
    precision: Literal["float32", "bfloat16", "float16"] = setting(
        "float32",
        "Arithmetic of the backbone; bfloat16 takes less memory. Its weights and the head stay "
        "float32",
    )
    clips_at_once: int | None = setting(
        None,
        "Clips whose activations are kept for the backward pass; those of the others are computed "
        "again (gradient checkpointing), which saves memory and costs time",
        unit="clips",
        low=1,
        none="all",
    )
    flip: bool = setting(
        True, "Mirror each video in a random half of the epochs", source="farabi2021 §4.2"
    )
    end_shift: int = setting(
        5,
        "Leave out a random number of frames at the end of a video, from 0 to this one, in each "
        "epoch",
        unit="frames",
        source="farabi2021 §4.2",
        low=0,
    )
    start_shift: int = setting(
        0,
        "Start every clip of a video a random number of frames later, from 0 to this one, in each "
        "epoch; li2018end and li2018scoringnet: 5",
        unit="frames",
        low=0,
    )
    seed: int = setting(
        0,
        "Seed of everything random: the order of videos, augmentation, dropout",
        low=0,
        high=2**32 - 1,
    )

    def resolved(self, untrained: bool) -> FinetuneSettings:
        """The settings with what depends on the backbone; untrained: its weights are random."""
        rate, norms = (self.lr_head, "live") if untrained else (1e-5, "frozen")
        return dataclasses.replace(
            self,
            lr_backbone=rate if self.lr_backbone is None else self.lr_backbone,
            batch_norm=self.batch_norm or norms,  # type: ignore[arg-type]
        )

    @property
    def augmentation(self) -> dict[str, Any]:
        """How videos differ from epoch to epoch, as `EpochAugmentation` takes it."""
        names = ["flip", "end_shift", "seed"]
        # Only where it is used: records of earlier versions do not know of it.
        names += ["start_shift"] if self.start_shift else []
        return {name: getattr(self, name) for name in names}

    def record(self) -> dict[str, dict[str, Any]]:
        """For the records of runs and of unfinished trainings: `recipe` and `augment`."""
        recipe = dataclasses.asdict(self)
        for name in ("flip", "end_shift", "start_shift"):
            del recipe[name]
        # Without effect where they are at their defaults; earlier versions had none of them.
        if self.lr_decay == 1:
            del recipe["lr_decay"], recipe["lr_decay_every"]
        if not self.weight_decay:
            del recipe["weight_decay"]
        return {"recipe": recipe, "augment": self.augmentation}
