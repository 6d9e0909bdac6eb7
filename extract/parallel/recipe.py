"""How another process makes the same network: a recipe, and what must come out of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aqa.errors import AqaError
from aqa.extract.backbones import load_backbone
from aqa.extract.backbones.backbone import Backbone
from aqa.extract.preprocess import Preprocess


@dataclass(frozen=True)
class NetworkRecipe:
    """Makes a backbone once more, elsewhere.

    source, weights, layer, preprocess, clip_length, seed: as `load_backbone` takes them. sha256: of
    the weights; code_sha256: of the file that the network's code is in, where that is not ours.
    """

    source: str
    weights: str | None
    layer: str
    preprocess: Preprocess
    clip_length: int
    seed: int
    sha256: str
    code_sha256: str | None

    @classmethod
    def of(cls, backbone: Backbone) -> NetworkRecipe:
        """The recipe of a backbone; `AqaError` for a network that only this process can make."""
        weights, origin = backbone.weights, backbone.origin
        if origin is not None and origin.source == "object":
            raise AqaError(
                f"{backbone.name}: a network that Python code passed cannot be made again in other "
                "processes; put it in a file and name that (FILE.py:FUNCTION), or use one process"
            )
        given = weights.path or ("random" if weights.name == "random" else None)
        return cls(
            backbone.source,
            given,
            backbone.layer,
            backbone.preprocess,
            backbone.clip_length,
            weights.seed or 0,
            weights.sha256,
            None if origin is None else origin.sha256,
        )

    def make(self) -> Backbone:
        """The backbone; `AqaError` where its weights or its code are not the same."""
        backbone = load_backbone(
            self.source,
            None if self.weights is None else _path_or_name(self.weights),
            self.layer,
            preprocess=self.preprocess,
            clip_length=self.clip_length,
            seed=self.seed,
        )
        code = None if backbone.origin is None else backbone.origin.sha256
        for what, found, wanted in (
            ("weights", backbone.weights.sha256, self.sha256),
            ("code", code, self.code_sha256),
        ):
            if found != wanted:
                raise AqaError(
                    f"{self.weights or self.source}: the {what} of {backbone.name} have the "
                    f"SHA-256 {found}, not {wanted}; they must not change during an extraction"
                )
        return backbone


def _path_or_name(weights: str) -> str | Path:
    return weights if weights == "random" else Path(weights)
