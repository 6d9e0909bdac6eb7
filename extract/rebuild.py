"""The network that a feature store was made with, loaded again for new videos."""

from __future__ import annotations

from pathlib import Path

from aqa.errors import AqaError
from aqa.extract.backbones import load_backbone
from aqa.extract.backbones.base import Backbone
from aqa.extract.preprocess import Preprocess
from aqa.extract.run import make_spec
from aqa.features.clips import ClipRule
from aqa.features.store import Spec, spec_differences, views_of


def rebuild_backbone(
    spec: Spec, weights: str | Path | None = None, backbone: str | None = None
) -> Backbone:
    """The backbone that a store was made with; `AqaError` where its weights are others now.

    weights: a checkpoint file; None takes the one that the spec remembers. backbone: as typed,
    needed where it is not one of ours; None takes the name that the spec remembers.
    """
    network = load_backbone(
        backbone or spec["backbone"],
        _weights(spec, weights),
        spec["layer"],
        seed=spec["weights"]["seed"] or 0,
    )
    network.preprocess = Preprocess.from_dict(spec["preprocess"])
    remade = make_spec(
        network,
        rule_of(spec),
        spec["shape"],
        views_of(spec),
        spec["view_seed"],
        spec["precision"],
        spec["dtype"],
    )
    differences = spec_differences(spec, remade)
    if differences:
        raise AqaError(f"not the network that the head was fitted on: {'; '.join(differences)}")
    return network


def _weights(spec: Spec, given: str | Path | None) -> str | Path | None:
    """What to load: a file, the word `random`, or None for the weights that are shipped."""
    made = spec["weights"]
    if made["sha256"] is None:
        raise AqaError(
            f"the features of {spec['backbone']!r} were imported: "
            "the network behind them is not known, so new videos cannot be scored"
        )
    if given is not None or made["name"] == "shipped":
        return given
    if made["name"] == "random":
        return "random"
    if not Path(made["path"]).exists():
        raise AqaError(f"{made['path']}: the weights have moved; give their place with --weights")
    return Path(made["path"])


def rule_of(spec: Spec) -> ClipRule:
    """The clip rule that a store was made with."""
    return ClipRule(
        length=spec["clip_length"],
        stride=spec["stride"],
        frames=spec["frames"],
        pad=spec["padding"],
        tail=spec["tail"],
    )
