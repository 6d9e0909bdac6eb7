"""Fine-tuned weights: the network as it is trained, and a file that says what it has seen."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors
from torch import Tensor, nn

from aqa.extract.checkpoints.files import WeightsError, save_fitted
from aqa.extract.preprocess import Preprocess

if TYPE_CHECKING:
    from aqa.extract.backbones.base import Backbone, Layout

_KEY = "aqa_tuned"


class PictureNet(nn.Module):
    """A copy of a backbone's network that takes pictures: uint8 (n, T, H, W, 3) -> (n, *shape).

    Its batch norms are not folded, so that it can be trained.
    """

    def __init__(self, backbone: Backbone):
        super().__init__()
        self.net = copy.deepcopy(backbone.net)
        self._preprocess = backbone.preprocess

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        features: Tensor = self.net(self._preprocess.tensor(pictures))
        return features


@dataclass(frozen=True)
class Tuned:
    """What a file of fine-tuned weights says of itself, beside its tensors.

    backbone, layout: as whose weights it is loaded; its tensors have the names of that layout.
    layer: where the network ends. clip_length, preprocess: what it was trained on. Which videos
    it has learned from, or was chosen by, `read_fitted_on` tells.
    """

    backbone: str
    layout: str
    layer: str
    clip_length: int
    preprocess: Preprocess


def read_tuned(path: Path) -> Tuned | None:
    """What a checkpoint file says of its fine-tuning; None where it was not fine-tuned here."""
    if path.suffix != ".safetensors" or not path.is_file():
        return None
    try:
        with safetensors.safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(_KEY)
    except (safetensors.SafetensorError, OSError):
        return None  # what is wrong with the file, reading its tensors tells
    if text is None:
        return None
    try:
        record = json.loads(text)
        preprocess = Preprocess.from_dict(record.pop("preprocess"))
        return Tuned(preprocess=preprocess, **record)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise WeightsError(
            f"{path}: what it says of its fine-tuning cannot be read: {error}"
        ) from None


def save_tuned(
    path: Path, backbone: Backbone, layout: Layout, net: Mapping[str, Tensor], seen: Sequence[str]
) -> None:
    """Write fine-tuned weights in one step.

    backbone: that they were tuned from. layout: whose names the tensors get. net: the state of
    its network. seen: the videos that it has learned from now; those from before are added.
    """
    tuned = Tuned(
        backbone=backbone.name,
        layout=layout.name,
        layer=backbone.layer,
        clip_length=backbone.clip_length,
        preprocess=backbone.preprocess,
    )
    fitted_on = {*(backbone.weights.fitted_on or ()), *seen}
    record: dict[str, Any] = {
        **{field.name: getattr(tuned, field.name) for field in dataclasses.fields(tuned)},
        "preprocess": tuned.preprocess.to_dict(),
    }
    state = {layout.key(key): value for key, value in net.items()}
    save_fitted(path, state, fitted_on, {_KEY: json.dumps(record)})
