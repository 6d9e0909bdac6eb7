"""How a backbone and a head are trained together; imports nothing heavy, for `--help`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Recipe:
    """The settings of end-to-end training; where farabi2021 §4.2 states one, it is the default.

    epochs: over the training videos (farabi2021). batch_size: videos an update, over all processes
    (farabi2021). accumulate: passes that a process goes through its share of an update in; the
    gradient is that of the whole where the loss is a mean over videos. lr_backbone, lr_head: of
    Adam, for pretrained and for new layers (farabi2021), constant. batch_norm: of the backbone;
    `frozen` keeps the pretrained statistics, since batches are tiny (ours), `live` takes those of
    each pass and goes on averaging; weights and biases learn either way. precision: of the
    backbone's arithmetic; its weights and the head stay float32. clips_at_once: clips whose
    activations are kept; a pass of more is cut, and what was not kept is computed again on the way
    back (gradient checkpointing); None keeps all. seed: of the order, of augmentation and of
    dropout.
    """

    epochs: int = 50
    batch_size: int = 2
    accumulate: int = 1
    lr_backbone: float = 1e-5
    lr_head: float = 1e-4
    batch_norm: Literal["frozen", "live"] = "frozen"
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    clips_at_once: int | None = None
    seed: int = 0
