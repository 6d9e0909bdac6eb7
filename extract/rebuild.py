"""Makes the backbone of a store once more, for new videos."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from aqa.errors import AqaError
from aqa.extract.backbones import load_backbone
from aqa.extract.backbones.backbone import Backbone
from aqa.extract.checkpoints.catalogue import known_checkpoints
from aqa.extract.checkpoints.download import fetch
from aqa.extract.checkpoints.progress import DownloadBar
from aqa.extract.checkpoints.records import Checkpoint
from aqa.extract.inference import Precision
from aqa.extract.preprocess import Preprocess
from aqa.extract.run import make_spec
from aqa.features.clips import ClipRule
from aqa.features.store import Spec, augmentations_of, spec_differences


def rebuild_backbone(
    spec: Spec, weights: str | Path | None = None, backbone: str | None = None
) -> Backbone:
    """The backbone that a store was made with; `AqaError` where it or its weights are others now.

    weights: a checkpoint file; None takes the one that the spec remembers. backbone: as the user
    typed it; needed where the store's came from a file, since no record makes us run a file.
    """
    made = spec["weights"]
    if made.get("sha256") is None:
        raise AqaError(
            f"the features of {spec['backbone']!r} were imported: "
            "the network behind them is not known, so new videos cannot be scored"
        )
    missing = [name for name in _NEEDED if name not in spec]
    if missing:
        raise AqaError(
            f"the record of the features of {spec['backbone']!r} does not tell {missing[0]}: it is "
            "damaged; extract the features and fit the head again"
        )
    if spec["precision"] not in get_args(Precision):
        raise AqaError(
            f"the record of the features of {spec['backbone']!r} tells of precision "
            f"{spec['precision']!r}, not {', '.join(get_args(Precision))}; fit the head again"
        )
    network = load_backbone(
        _name_of(spec, backbone),
        _weights_of(spec, weights),
        spec["layer"],
        preprocess=_preprocess_of(spec),
        clip_length=spec["clip_length"],
        seed=made.get("seed") or 0,
    )
    same = make_spec(
        network,
        rule_of(spec),
        spec["shape"],
        augmentations_of(spec),
        spec["view_seed"],
        spec["precision"],
        spec["dtype"],
        spec.get("engine"),
    )
    differences = spec_differences(spec, same)
    if differences:
        raise AqaError(f"not the network that the head was fitted on: {'; '.join(differences)}")
    return network


# What a record of extracted features tells, beside what every record does.
_NEEDED = (
    *("backbone", "layer", "clip_length", "stride", "frames", "padding", "tail"),
    *("preprocess", "precision", "views", "view_seed"),
)


def _preprocess_of(spec: Spec) -> Preprocess:
    try:
        return Preprocess.from_dict(spec["preprocess"])
    except (TypeError, ValueError, AttributeError) as error:
        raise AqaError(
            f"the record of the features of {spec['backbone']!r} does not tell how frames were "
            f"prepared ({error}); extract the features and fit the head again"
        ) from None


def rule_of(spec: Spec) -> ClipRule:
    """The clip rule that a store was made with."""
    return ClipRule(
        length=spec["clip_length"],
        stride=spec["stride"],
        video_length=spec["frames"],
        pad=spec["padding"],
        tail=spec["tail"],
        spread=spec.get("spread", False),
        window=spec.get("window"),
        cuts=spec.get("cuts", "ignore"),
    )


def _name_of(spec: Spec, backbone: str | None) -> str:
    """What `load_backbone` takes for the backbone of a store."""
    name: str = spec["backbone"]
    if backbone is not None:
        return backbone
    origin = spec.get("origin")
    if origin is not None and origin["source"] == "file":
        raise AqaError(
            f"the features of {name} were extracted by the file {origin['name']}; "
            f"name it again, with --backbone {origin['name']}, to let it run"
        )
    return name


def _weights_of(spec: Spec, weights: str | Path | None) -> str | Path | None:
    """The weights of a store's backbone, as `load_backbone` takes them."""
    made = spec["weights"]
    if weights is not None or made.get("name") == "shipped":
        return weights
    if made.get("name") == "random":
        return "random"
    public = published_weights(spec)
    if not (made.get("path") and Path(made["path"]).exists()) and public is not None:
        return fetch(public.name, progress=DownloadBar())
    if not made.get("path"):
        raise AqaError(
            "the record of the features does not tell where the weights were; give "
            "their place with --weights"
        )
    if not Path(made["path"]).exists():
        raise AqaError(f"{made['path']}: the weights have moved; give their place with --weights")
    return Path(made["path"])


def published_weights(spec: Spec) -> Checkpoint | None:
    """The published checkpoint that a store's weights were; None where they were no such."""
    made = spec["weights"]
    # All files of the hub have one name: their folders tell them apart.
    parts = Path(made.get("path") or made.get("name") or "").parts
    for known in known_checkpoints():
        own = Path(known.file).parts if known.of_hub else (Path(known.file).name,)
        unknown = known.sha256 is None and parts[-len(own) :] == own
        if known.backbone == spec["backbone"] and (unknown or known.has_hash(made["sha256"])):
            return known
    return None
