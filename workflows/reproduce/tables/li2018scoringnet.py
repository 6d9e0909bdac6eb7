"""The tables of li2018scoringnet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aqa.workflows.reproduce.declared import PublishedTable, SystemRecipe
from aqa.workflows.reproduce.tables.stores import C3D_DIVING, POSE

# Stages as printed -> the stages of UNLV-Dive's hand labels that they stand for.
_STAGES = {"Take-Flight": "jump,drop", "Entry": "entry", "Take-Flight+Entry": "jump,drop,entry"}
_DENSE = "--backbone c3d --weights FILE --stride 4"
_FIXED = "difficulty_stages=jump,drop", "execution_stages=jump,drop,entry"
# §4.2; alpha weighs the mean over pairs beside the mean over videos.
_TRAINING = "beta=0.0005", "lr_halve_every=600", "lr_factor=0.45"
_RANKING = "loss=mse+ranking", "alpha=5"
_LIGHT = (
    "an LSTM per branch on frozen features; li2018scoringnet trains convolutions over the "
    "fragments' frames, and shifts their start, which stored clips cannot"
)


def _scoring(
    name: str, title: str, recipes: Mapping[str, tuple[SystemRecipe, ...]]
) -> PublishedTable:
    return PublishedTable(
        name=name,
        title=title,
        figures=name,
        dataset="UNLV-Diving",
        importer="unlv-dive-p3d",
        protocol="li2018",
        splits=("published",),
        axis="parts",
        stores={"dense": _DENSE},
        recipes=recipes,
        selected="li2018scoringnet does not say how it chose the iteration; ours is chosen on "
        "training videos",
    )


_KFS = {"ScoringNet KFS": (SystemRecipe("kfs", "dense"),)}
_WITHOUT = SystemRecipe("scoringnet", "dense", ("key_fragments=false", *_TRAINING), note=_LIGHT)
_WITH = SystemRecipe(
    "scoringnet", "dense", (*_FIXED, *_TRAINING), after="ScoringNet KFS", note=_LIGHT
)
_RANKED = replace(_WITH, params=(*_FIXED, *_TRAINING, *_RANKING))
TABLES = (
    _scoring(
        *(
            "li2018scoringnet-1",
            "Difficulty and execution from hand-labelled stages",
        ),
        {
            "ScoringNet SP on ground-truth fragments (MSE)": tuple(
                SystemRecipe(
                    *("scoringnet", "dense"),
                    (
                        f"difficulty_stages={stages}",
                        f"execution_stages={stages}",
                        *_TRAINING,
                    ),
                    case=printed,
                    note=_LIGHT,
                )
                for printed, stages in _STAGES.items()
            )
        },
    ),
    replace(
        _scoring("li2018scoringnet-3", "Frames whose stage is told right", _KFS),
        axis="stages",
        cases={"before": "Noise", "entry": "Entry"},
        selected="li2018scoringnet's hand labels are not published; UNLV-Dive's have other stages, "
        "of which only the entry and the time before the dive are alike",
    ),
    _scoring(
        *("li2018scoringnet-4", "The gain by key fragments"),
        {"ScoringNet without KFS (MSE)": (_WITHOUT,), "ScoringNet KFS+SP (MSE)": (_WITH,), **_KFS},
    ),
    _scoring(
        *("li2018scoringnet-5", "The gain by the ranking loss"),
        {
            "ScoringNet KFS+SP (MSE)": (_WITH,),
            "ScoringNet KFS+SP (MSE+ranking)": (_RANKED,),
            **_KFS,
        },
    ),
    replace(
        _scoring(
            *("li2018scoringnet-6", "Six random splits"),
            {"ScoringNet KFS+SP (MSE+ranking)": (_RANKED,), **_KFS},
        ),
        protocol="scoringnet",
        splits=tuple(f"scoringnet-{k}" for k in range(1, 7)),
    ),
    replace(
        _scoring(
            *("li2018scoringnet-7", "Beside earlier systems"),
            {
                "Pose+DCT": (SystemRecipe("pose-dct", "pose", case="published"),),
                "C3D+LSTM": (SystemRecipe("lstm", "c3d", case="published"),),
                "C3D+SVR": (SystemRecipe("svr", "c3d", case="published"),),
                "ScoringNet KFS+SP (MSE+ranking)": (replace(_RANKED, case="published"),),
                **_KFS,
            },
        ),
        axis="one",
        stores={"dense": _DENSE, "c3d": C3D_DIVING, "pose": POSE},
    ),
)
UNDECLARED = {
    **{
        (f"li2018scoringnet-{number}", "UNLV-Vault"): "the vaults' stages are not published"
        for number in range(2, 8)
    },
    ("li2018scoringnet-7", "MIT-Diving"): (
        "li2018scoringnet's hand labels of its stages are not published"
    ),
}
