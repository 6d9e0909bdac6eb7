"""The tables of li2018scoringnet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from aqa.workflows.reproduce.declared import PublishedTable, SystemRecipe
from aqa.workflows.reproduce.tables.stores import C3D_DIVING, C3D_VAULT, POSE

# Fragments as printed -> the stages that they stand for: of dives those of UNLV-Dive's hand labels,
# of vaults those of li2018scoringnet, which are to be labelled.
_STAGES = {
    "diving": {
        "Take-Flight": "jump,drop",
        "Entry": "entry",
        "Take-Flight+Entry": "jump,drop,entry",
    },
    "vault": {
        "Pre-Flight": "pre_flight",
        "Posting-Flight": "post_flight",
        "Landing": "landing",
        "Posting-Flight+Landing": "post_flight,landing",
    },
}
# Stages as the manifest has them -> as printed.
_TOLD = {
    "diving": {"before": "Noise", "entry": "Entry"},
    "vault": {
        **{"before": "Noise", "pre_flight": "Pre-Flight"},
        **{"post_flight": "Posting-Flight", "landing": "Landing"},
    },
}
# What difficulty and execution are read from (§4.3).
_FIXED = {
    "diving": ("difficulty_stages=jump,drop", "execution_stages=jump,drop,entry"),
    "vault": ("difficulty_stages=post_flight", "execution_stages=post_flight,landing"),
}
# §4.2.
_ALPHA = {"diving": 5, "vault": 10}
_TRAINING = "beta=0.0005", "lr_halve_every=600", "lr_factor=0.45"
_DENSE = (
    "--backbone c3d --weights FILE --stride 4 "
    "--augmentations original,shift1,shift2,shift3,shift4,shift5"
)
_LIGHT = (
    "an LSTM per branch on frozen features of a clip every 4 frames; li2018scoringnet trains "
    "convolutions over all frames of the fragments"
)
_MARGIN = (
    "{light}; alpha={alpha} weighs the mean over pairs beside the mean over videos, where "
    "li2018scoringnet's {alpha} weighs the sum over the pairs of a batch beside half that mean; "
    "for n videos a batch and a deviation S of the scores that were an alpha of n (n - 1) "
    "{alpha} / S, and it states no n"
)
_PRINTED = {"diving": "UNLV-Diving", "vault": "UNLV-Vault"}
_LABELS = {
    "diving": "UNLV-Dive's hand labels stand for li2018scoringnet's, which are not published: "
    "Take-Flight is jump and drop",
    "vault": "li2018scoringnet's hand labels are not published: key fragments run where you fill "
    "in the manifest's columns stage_pre_flight, stage_post_flight and stage_landing, the first "
    "frame of each",
}
_CHOSEN = (
    "li2018scoringnet does not say how it chose the iteration; ours is chosen on training videos"
)


def _tables(dataset: Literal["diving", "vault"]) -> Iterator[PublishedTable]:
    """Tables 1 (of vaults: 2) and 3 to 7, on one dataset."""
    fixed, alpha = _FIXED[dataset], _ALPHA[dataset]
    find = {"ScoringNet KFS": (SystemRecipe("kfs", "dense"),)}
    without = SystemRecipe("scoringnet", "dense", ("key_fragments=false", *_TRAINING), note=_LIGHT)
    scoring = replace(without, params=(*fixed, *_TRAINING), after="ScoringNet KFS")
    ranked = replace(
        scoring,
        params=(*scoring.params, "loss=mse+ranking", f"alpha={alpha}"),
        note=_MARGIN.format(light=_LIGHT, alpha=alpha),
    )

    def table(
        number: int, title: str, recipes: Mapping[str, tuple[SystemRecipe, ...]], **more: Any
    ) -> PublishedTable:
        name = f"li2018scoringnet-{number}"
        made = PublishedTable(
            name=name if dataset == "diving" else f"{name}-vault",
            title=title,
            figures=name,
            dataset=_PRINTED[dataset],
            importer={"diving": "unlv-dive-p3d", "vault": "unlv-vault"}[dataset],
            protocol="li2018",
            splits=("published",),
            axis="parts",
            stores={"dense": _DENSE},
            recipes=recipes,
            selected=_CHOSEN,
            notes=(_LABELS[dataset],),
        )
        return replace(made, **more)

    yield table(
        1 if dataset == "diving" else 2,
        "Difficulty and execution from hand-labelled stages",
        {
            "ScoringNet SP on ground-truth fragments (MSE)": tuple(
                replace(
                    without,
                    params=(
                        *(f"difficulty_stages={stages}", f"execution_stages={stages}"),
                        *_TRAINING,
                    ),
                    case=printed,
                )
                for printed, stages in _STAGES[dataset].items()
            )
        },
    )
    yield table(
        *(3, "Frames whose stage is told right", find),
        axis="stages",
        cases=_TOLD[dataset],
        notes=(
            _LABELS[dataset]
            if dataset == "vault"
            else f"{_LABELS[dataset]}; only the entry and the time before the dive can be compared",
        ),
    )
    yield table(
        *(4, "The gain by key fragments"),
        {
            "ScoringNet without KFS (MSE)": (without,),
            "ScoringNet KFS+SP (MSE)": (scoring,),
            **find,
        },
    )
    yield table(
        *(5, "The gain by the ranking loss"),
        {
            "ScoringNet KFS+SP (MSE)": (scoring,),
            "ScoringNet KFS+SP (MSE+ranking)": (ranked,),
            **find,
        },
    )
    yield table(
        *(6, "Six random splits"),
        {"ScoringNet KFS+SP (MSE+ranking)": (ranked,), **find},
        protocol="scoringnet",
        splits=tuple(f"scoringnet-{k}" for k in range(1, 7)),
    )
    yield table(
        *(7, "Beside earlier systems"),
        {
            "Pose+DCT": (SystemRecipe("pose-dct", "pose", case="published"),),
            "C3D+LSTM": (SystemRecipe("lstm", "c3d", case="published"),),
            "C3D+SVR": (SystemRecipe("svr", "c3d", case="published"),),
            "ScoringNet KFS+SP (MSE+ranking)": (replace(ranked, case="published"),),
            **find,
        },
        axis="one",
        stores={
            "dense": _DENSE,
            "c3d": C3D_DIVING if dataset == "diving" else C3D_VAULT,
            "pose": POSE,
        },
    )


TABLES = (*_tables("diving"), *_tables("vault"))
UNDECLARED = {
    ("li2018scoringnet-7", "MIT-Diving"): (
        "li2018scoringnet's hand labels of its stages are not published"
    ),
}
