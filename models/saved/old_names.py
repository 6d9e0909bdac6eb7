"""Names that heads, hyper-parameters and saved arrays had before; saved runs still have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# Earlier name of a head -> the present one.
HEADS = {"score": "score-estimation"}

# Present name of a head -> earlier name of a hyper-parameter -> the present one.
PARAMS: dict[str, dict[str, str]] = {
    "siamese": {"clips": "learn_clips"},
    "score-estimation": {
        "clips": "learn_clips",
        "bias": "exemplar",
        "references": "exemplars",
        "reference_from": "exemplar_from",
    },
    "gdlt": {"heads": "attention_heads"},
    "pose-apen": {"head": "root_joint"},
    "pose-dct": {"head": "root_joint"},
    "pose-dft": {"head": "root_joint"},
}

# Present name of a head -> earlier name of a saved array -> the present one.
ARRAYS: dict[str, dict[str, str]] = {
    "score-estimation": {
        "ref_features": "exemplar_features",
        "ref_lengths": "exemplar_lengths",
        "ref_ids": "exemplar_ids",
        "ref_types": "exemplar_types",
    },
}

# Present name of a head -> a hyper-parameter that it did not have -> what it did.
ADDED: dict[str, dict[str, Any]] = {
    "average": {"pad": False},
    "core": {"tree": "levels"},
    "fragments": {"beta": 0.0},
    "mtl": {"captions": False},
    "musdl": {"networks": "shared"},
    "score-estimation": {
        **{"sampling": "every", "difference_weight": 0.0, "self_rows": True},
        **{"score_networks": 0, "max_steps": None},
    },
    "siamese": {"sampling": "every", "difference_weight": 0.0, "max_steps": None},
    "wd": {"pad": False, "dropout": 0.0},
}


# Present name of a head -> hyper-parameters that it has no longer; what they did is in its arrays.
REMOVED: dict[str, tuple[str, ...]] = {"rica2": ("spread_folds",)}

# A hyper-parameter that heads did not always have -> what they did before they had it.
ABSENT: dict[str, Any] = {"refit": False, "caption_once": None, "average_weights": None}


def present_head(name: str) -> str:
    """The present name of a head."""
    return HEADS.get(name, name)


def present_params(head: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Hyper-parameters of a head, by its present name, under their present names.

    Those that the head has been given since are what it did without them.
    """
    renamed, removed = PARAMS.get(head, {}), REMOVED.get(head, ())
    present = {renamed.get(k, k): value for k, value in params.items() if k not in removed}
    if head == "core" and "tree" not in present and isinstance(present.get("depth"), int):
        present["depth"] += 1  # it had 2^depth intervals
    return ADDED.get(head, {}) | present


def complete_params(params: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """Hyper-parameters of a saved run, and what `ABSENT` says of those that it lacks.

    known: the names of the hyper-parameters that its head has now.
    """
    return {**{name: ABSENT[name] for name in known if name in ABSENT}, **params}


def present_state(head: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """Saved arrays of a head, by its present name, under their present names.

    An array's own name is what stands behind those of its owners, as in `head.ref_ids`.
    """
    renamed = ARRAYS.get(head, {})
    arrays = {}
    for key, array in state.items():
        owner, dot, name = key.rpartition(".")
        arrays[owner + dot + renamed.get(name, name)] = array
    return arrays
