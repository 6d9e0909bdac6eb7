"""Every table of the five papers, declared: data, splits, features, and a recipe a system.

What a recipe does differently from its paper stands in its note; a system without a recipe stands
in `missing`, with the reason. Figures of li2018end, li2018scoringnet and farabi2021 come from
networks trained end to end: recipes on stored features are their light versions, and expected to
reach less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from aqa.errors import UnknownNameError
from aqa.workflows.transfer import Start

# How the cells of a table are told apart: one number; one a split and their mean; one a type, an
# action (and Fisher's mean of them), an action that may be new (and the plain mean of those that
# are), a stage; difficulty, execution and final; faulty clips; an action and how many samples.
Axis = Literal[
    "one", "splits", "types", "actions", "new actions", "stages", "parts", "feedback", "samples"
]
# Which videos a recipe learns from and is tested on. splits: those of the splits. each action:
# one action alone, in turn. one action: learns that of the recipe, tested on all. other actions:
# tested on each one in turn. untrained: as other actions, with the weights before training.
# fine-tuned: as `aqa transfer` draws them.
Scope = Literal["splits", "each action", "one action", "other actions", "untrained", "fine-tuned"]


@dataclass(frozen=True)
class Recipe:
    """How a printed system is run: a head with parameters, on a store of the workspace.

    store: its name, that of stores/<store>.h5. case: the cell it is for, where the table has one
    a recipe. after: the system whose runs it starts from. action: the one it learns, with that
    scope. start: the weights that fine-tuning begins with, with that one. note: what differs from
    the paper.
    """

    head: str
    store: str
    params: tuple[str, ...] = ()
    case: str | None = None
    after: str | None = None
    scope: Scope = "splits"
    action: str | None = None
    start: Start | None = None
    note: str = ""


@dataclass(frozen=True)
class Table:
    """One published table on one dataset.

    figures: the table of `figures.csv`. dataset: as printed. importer, protocol: for `aqa import`
    and `aqa split`. splits: the names that the protocol gives. stores: name -> the options of
    `aqa extract` that make it. recipes: printed system -> recipes. missing: system -> why there
    is none. cases: our name of a case -> the printed one. selected: how the paper chose what it
    prints, where that was on the test videos or is not said.
    """

    name: str
    title: str
    figures: str
    dataset: str
    importer: str
    protocol: str
    splits: tuple[str, ...]
    axis: Axis
    stores: Mapping[str, str]
    recipes: Mapping[str, tuple[Recipe, ...]]
    missing: Mapping[str, str] = field(default_factory=dict)
    cases: Mapping[str, str] = field(default_factory=dict)
    selected: str = ""


_FRAGMENT_LOSSES = {
    "MSE": "mse",
    "Ranking loss": "ranking",
    "MSE+Ranking loss": "mse+ranking",
}
_NO_SKATING = "MIT-Skating has no importer: its scores are not at hand"
_C3D_DIVING = "--backbone c3d --weights FILE --frames 144"
_POSE = "--backbone pose --poses FOLDER"

_EARLIER = (
    *("Pose+DCT", "Pose+DFT", "C3D+LSTM (F)", "C3D+LSTM (I)"),
    *("C3D+LSTM+SVR (F)", "C3D+LSTM+SVR (I)", "S3D"),
)
_JAIN = {
    "Pose+DCT": (Recipe("pose-dct", "pose"),),
    "Pose+DFT": (Recipe("pose-dft", "pose"),),
    "C3D+LSTM (F)": (Recipe("lstm", "c3d"),),
    "C3D+LSTM (I)": (Recipe("lstm", "c3d", ("label=incremental",)),),
    "C3D+LSTM+SVR (F)": (Recipe("lstm-svr", "c3d"),),
    "C3D+LSTM+SVR (I)": (Recipe("lstm-svr", "c3d", ("label=incremental",)),),
    "S3D": (Recipe("s3d", "p3d", note="frozen P3D: jain2020 fine-tunes one for each stage"),),
    "Dive-specific C3D+LSTM (F)": (Recipe("type-lstm", "c3d"),),
    "Siamese constant expert bias (type 1)": (
        Recipe("score", "c3d", ("bias=constant", "constant_type=407C")),
    ),
    "Siamese worst-performer bias per type": (Recipe("score", "c3d", ("bias=worst",)),),
    "Siamese expert bias per type": (Recipe("score", "c3d"),),
}
_JAIN_STORES = {"c3d": _C3D_DIVING, "pose": _POSE, "p3d": "--backbone p3d-199 --weights FILE"}
_JAIN_SPLITS = tuple(f"jain2020-diving-{k}" for k in range(1, 11))


def _jain(name: str, title: str, axis: Axis, **more: object) -> Table:
    table = Table(
        name=name,
        title=title,
        figures=name,
        dataset="UNLV-Diving",
        importer="unlv-dive-p3d",
        protocol="jain2020-diving --kinds 407C,207B,307C,109C,626,5255B",
        splits=_JAIN_SPLITS,
        axis=axis,
        stores=_JAIN_STORES,
        recipes=_JAIN,
    )
    return replace(table, **more)  # type: ignore[arg-type]


_TYPES = ("407C", "207B", "307C", "109C", "626", "5255B")
_EXPERT = _JAIN["Siamese expert bias per type"]
_JAIN_TABLES = (
    _jain("jain2020-1", "Spearman on ten splits of UNLV-Diving", "splits"),
    _jain("jain2020-2", "MSE on ten splits of UNLV-Diving", "splits"),
    _jain(
        *("jain2020-4", "Spearman and MSE of each type of dive", "types"),
        recipes={name: _JAIN[name] for name in (*_EARLIER, "Siamese expert bias per type")},
        cases={kind: f"type {k}" for k, kind in enumerate(_TYPES, start=1)},
    ),
    _jain(
        *("jain2020-5", "What metric learning brings", "splits"),
        recipes={
            "C3D+LSTM (F)": _JAIN["C3D+LSTM (F)"],
            "Siamese expert bias, no DML": (Recipe("score", "c3d", ("metric=none",)),),
            "Siamese expert bias, DML 3000 pairs": _EXPERT,
            "Siamese expert bias, DML 26000 pairs": (
                Recipe("score", "c3d-views", note="views of ours: jain2020 does not state its own"),
            ),
        },
        missing={"Siamese expert bias, DML 14000 pairs": "which augmentations is not stated"},
        stores={**_JAIN_STORES, "c3d-views": f"{_C3D_DIVING} --views original,zoom,bright"},
    ),
    _jain(
        *("jain2020-text-V-D", "Four experts of type 3 as the constant reference", "splits"),
        recipes={
            "Siamese constant expert bias (4 experts of type 3)": (
                Recipe("score", "c3d", ("bias=constant", "constant_type=307C")),
            )
        },
    ),
    _jain(
        *("jain2020-6", "Tuck vaults, with the metric learned on dives", "splits"),
        dataset="UNLV-Vault (tuck)",
        importer="unlv-vault",
        protocol="random -n 5 --test 40 --name tuck",
        splits=tuple(f"tuck-{k}" for k in range(1, 6)),
        recipes={
            **{k: v for k, v in _JAIN.items() if k.startswith("C3D+LSTM")},
            "Siamese expert bias per type": (
                Recipe("score", "c3d", note="metric learned on the vaults, not taken from dives"),
            ),
        },
        stores={"c3d": "--backbone c3d --weights FILE --frames 96"},
    ),
    _jain(
        *("jain2020-8", "Which clips are faulty", "feedback"),
        dataset="UNLV-Diving + MTL-AQA commentary",
        recipes={
            "C3D+LSTM (I)": _JAIN["C3D+LSTM (I)"],
            "Siamese clip feedback": _EXPERT,
        },
        missing={"C3D+LSTM+SVR (I)": "its SVR scores no single clips here"},
    ),
)


def _li(dataset: Literal["diving", "vault"]) -> tuple[Table, Table]:
    """Tables 1 and 2 of li2018end, on one of its datasets."""
    frames, clips = (151, 9) if dataset == "diving" else (100, 6)
    printed = {"diving": "UNLV-Diving", "vault": "UNLV-Vault"}[dataset]
    note = f"one frozen extractor and a network of its own on the last of {clips} fragments"
    last = {
        f"Li2018 ({printed_loss})": (
            Recipe("fragments", "conv5b", ("fragment=last", f"loss={loss}"), note=note),
        )
        for printed_loss, loss in _FRAGMENT_LOSSES.items()
    }
    first = Table(
        name=f"li2018end-1-{dataset}",
        title=f"Losses on the last fragment, {printed}",
        figures="li2018end-1",
        dataset=printed,
        importer={"diving": "unlv-dive", "vault": "unlv-vault"}[dataset],
        protocol="li2018",
        splits=("published",),
        axis="one",
        stores={
            "conv5b": "--backbone c3d --weights FILE --layer conv5b --dtype float16 "
            f"--frames {frames} --tail drop",
            "c3d": f"--backbone c3d --weights FILE --frames {frames} --tail drop",
            "pose": _POSE,
        },
        recipes=last,
        cases={"": "last fragment"},
        selected="li2018end does not say how the iteration was chosen; the last is ours",
    )
    second = replace(
        first,
        name=f"li2018end-2-{dataset}",
        title=f"li2018end beside earlier systems, {printed}",
        figures="li2018end-2",
        recipes={
            "Pose+DCT": (Recipe("pose-dct", "pose", case="published"),),
            "C3D+LSTM": (Recipe("lstm", "c3d", case="published"),),
            "C3D+SVR": (Recipe("svr", "c3d", case="published"),),
            **last,
        },
        cases={"": "published, last fragment"},
    )
    return first, second


_MTL_STORES = {
    **{
        f"{name}-16": f"--backbone {name} --weights FILE --frames 96"
        for name in ("r3d-34", "r2plus1d-34", "r3d-50", "r2plus1d-50", "r3d-101")
    },
    "ig65m-8": "--backbone r2plus1d-34-ig65m --weights FILE --clip-length 8 --frames 96",
    "ig65m-32": "--backbone r2plus1d-34-ig65m --weights FILE --clip-length 32 --frames 96",
    "c3d": "--backbone c3d --weights FILE --frames 96",
    "pool5": "--backbone c3d --weights FILE --layer pool5 --frames 96",
    "i3d": "--backbone i3d --weights FILE --frames 103 --stride 10",
    "pose": _POSE,
}
_FROZEN = "frozen features; farabi2021 trains the network too: `aqa finetune`"
_RESNETS = {
    "ResNet34-3D": "r3d-34",
    "ResNet34-(2+1)D": "r2plus1d-34",
    "ResNet50-3D": "r3d-50",
    "ResNet50-(2+1)D": "r2plus1d-50",
    "ResNet101-3D": "r3d-101",
}
_AGGREGATES = {"AVG": "average", "WD": "wd"}


def _farabi(figures: str, title: str, recipes: Mapping[str, tuple[Recipe, ...]]) -> Table:
    return Table(
        name=figures,
        title=title,
        figures=figures,
        dataset="MTL-AQA",
        importer="mtl-aqa",
        protocol="mtl-aqa",
        splits=("published",),
        axis="one",
        stores=_MTL_STORES,
        recipes=recipes,
        selected="farabi2021 does not say which epoch it prints; ours is chosen on training videos",
    )


_FARABI_TABLES = (
    _farabi(
        *("farabi2021-1a", "Averaging and learned weights on five networks, clips of 16 frames"),
        {
            f"{printed}-{short}": (Recipe(head, f"{name}-16", case="16 frames", note=_FROZEN),)
            for printed, name in _RESNETS.items()
            for short, head in _AGGREGATES.items()
        },
    ),
    _farabi(
        *("farabi2021-1b", "Clips of 8, 16 and 32 frames"),
        {
            f"ResNet34-(2+1)D-{short}": tuple(
                Recipe(head, store, case=f"{frames} frames", note=_FROZEN)
                for frames, store in ((8, "ig65m-8"), (16, "r2plus1d-34-16"), (32, "ig65m-32"))
            )
            for short, head in _AGGREGATES.items()
        },
    ),
    replace(
        _farabi(
            *("farabi2021-3", "farabi2021 beside earlier systems"),
            {
                "Pose+DCT": (Recipe("pose-dct", "pose", case="official"),),
                "C3D-SVR": (Recipe("svr", "c3d", case="official"),),
                "C3D-LSTM": (Recipe("lstm", "c3d", case="official"),),
                "USDL-Regression": (
                    Recipe("average", "i3d", ("loss=mse",), case="official", note=_FROZEN),
                ),
                "C3D-AVG-STL": (Recipe("average", "pool5", case="official", note=_FROZEN),),
                "C3D-AVG-MTL": (
                    Recipe("mtl", "pool5", case="official", note="frozen features, no captions"),
                ),
                "MUSDL": (
                    Recipe(
                        *("musdl", "i3d", ("difficulty=multiply",)),
                        case="official",
                        note="frozen features; told the difficulty, as MUSDL is",
                    ),
                ),
                "C3D-WD": (Recipe("wd", "pool5", case="16 frames", note=_FROZEN),),
                "ResNet34-(2+1)D-WD": (Recipe("wd", "ig65m-32", case="32 frames", note=_FROZEN),),
                "ResNet50-3D-WD": (Recipe("wd", "r3d-50-16", case="16 frames", note=_FROZEN),),
                "ResNet101-3D-AVG": (
                    Recipe("average", "r3d-101-16", case="16 frames", note=_FROZEN),
                ),
            },
        ),
        missing={
            "MSCADC-STL": "its network is trained end to end from weights that nobody publishes",
            "MSCADC-MTL": "its network is trained end to end from weights that nobody publishes",
        },
    ),
    replace(
        _farabi("farabi2021-text-3.2", "Seconds an epoch, on a machine that is not stated", {}),
        missing={
            "ResNet34-(2+1)D-AVG": "a time, not a score: see benchmarks/README.md",
            "WD increment over AVG": "a time, not a score: see benchmarks/README.md",
        },
    ),
)

# The stages that UNLV-Dive's hand labels name, for those of li2018scoringnet.
_STAGES = {"Take-Flight": "jump,drop", "Entry": "entry", "Take-Flight+Entry": "jump,drop,entry"}
_DENSE = "--backbone c3d --weights FILE --stride 4"
_FIXED = "difficulty_stages=jump,drop", "execution_stages=jump,drop,entry"
_LIGHT = "an LSTM a branch on frozen features; li2018scoringnet trains convolutions over the fragments' frames"


def _scoring(name: str, title: str, recipes: Mapping[str, tuple[Recipe, ...]]) -> Table:
    return Table(
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
        selected="li2018scoringnet does not say how the iteration was chosen; ours is, on training videos",
    )


_KFS = {"ScoringNet KFS": (Recipe("kfs", "dense"),)}
_WITHOUT = Recipe("scoringnet", "dense", ("key_fragments=false",), note=_LIGHT)
_WITH = Recipe("scoringnet", "dense", _FIXED, after="ScoringNet KFS", note=_LIGHT)
_RANKED = replace(_WITH, params=(*_FIXED, "loss=mse+ranking"))
_SCORINGNET_TABLES = (
    _scoring(
        *(
            "li2018scoringnet-1",
            "Difficulty and execution from each stage, labelled by hand, dives",
        ),
        {
            "ScoringNet SP on ground-truth fragments (MSE)": tuple(
                Recipe(
                    *("scoringnet", "dense"),
                    (f"difficulty_stages={stages}", f"execution_stages={stages}"),
                    case=printed,
                    note=_LIGHT,
                )
                for printed, stages in _STAGES.items()
            )
        },
    ),
    replace(
        _scoring("li2018scoringnet-3", "Stages told, dives", _KFS),
        axis="stages",
        cases={"before": "Noise", "entry": "Entry"},
        selected="li2018scoringnet's hand labels are not published; UNLV-Dive's have other stages, of which "
        "only the entry and the time before are alike",
    ),
    _scoring(
        *("li2018scoringnet-4", "What key fragments bring, dives"),
        {"ScoringNet without KFS (MSE)": (_WITHOUT,), "ScoringNet KFS+SP (MSE)": (_WITH,), **_KFS},
    ),
    _scoring(
        *("li2018scoringnet-5", "What the ranking loss brings, dives"),
        {
            "ScoringNet KFS+SP (MSE)": (_WITH,),
            "ScoringNet KFS+SP (MSE+ranking)": (_RANKED,),
            **_KFS,
        },
    ),
    replace(
        _scoring(
            *("li2018scoringnet-6", "Six random splits, dives"),
            {"ScoringNet KFS+SP (MSE+ranking)": (_RANKED,), **_KFS},
        ),
        protocol="scoringnet",
        splits=tuple(f"scoringnet-{k}" for k in range(1, 7)),
    ),
    replace(
        _scoring(
            *("li2018scoringnet-7", "li2018scoringnet beside earlier systems, dives"),
            {
                "Pose+DCT": (Recipe("pose-dct", "pose", case="published"),),
                "C3D+LSTM": (Recipe("lstm", "c3d", case="published"),),
                "C3D+SVR": (Recipe("svr", "c3d", case="published"),),
                "ScoringNet KFS+SP (MSE+ranking)": (replace(_RANKED, case="published"),),
                **_KFS,
            },
        ),
        axis="one",
        stores={"dense": _DENSE, "c3d": _C3D_DIVING, "pose": _POSE},
    ),
)

_ACTIONS = {
    "diving": "Diving",
    "gym_vault": "Gymvault",
    "ski_big_air": "BigSki",
    "snowboard_big_air": "BigSnow",
    "sync_diving_3m": "SyncDive3m",
    "sync_diving_10m": "SyncDive10m",
}
_ONE_FOR_ALL = Table(
    name="parmar2019action-2",
    title="One model for each action, and one for all",
    figures="parmar2019action-2",
    dataset="AQA-7",
    importer="aqa-7",
    protocol="aqa-7",
    splits=("published",),
    axis="actions",
    stores={
        "c3d": "--backbone c3d --weights FILE --frames 103 --tail drop "
        "--views original,shift1,shift2,shift3,shift4,shift5",
        "pose": _POSE,
    },
    recipes={
        "Pose+DCT": (Recipe("pose-dct", "pose", scope="each action"),),
        "C3D-SVR single-action": (Recipe("svr", "c3d", scope="each action"),),
        "C3D-LSTM single-action": (Recipe("lstm", "c3d", scope="each action"),),
        "C3D-LSTM all-action": (Recipe("lstm", "c3d", ("scale=action",)),),
    },
    cases=_ACTIONS,
)
_OTHERS = "C3D-LSTM zero-shot: multi-action (5 others)"
_AQA7_TABLES = (
    _ONE_FOR_ALL,
    replace(
        _ONE_FOR_ALL,
        name="parmar2019action-3",
        title="Actions that the model has not learned",
        figures="parmar2019action-3",
        axis="new actions",
        recipes={
            "C3D-LSTM zero-shot: random init": (
                Recipe(
                    *("lstm", "c3d", ("scale=action",)),
                    scope="untrained",
                    after=_OTHERS,
                    note="ten seeds (ours); features scaled as the trained network's",
                ),
            ),
            **{
                f"C3D-LSTM zero-shot: trained on {printed}": (
                    Recipe("lstm", "c3d", scope="one action", action=action),
                )
                for action, printed in _ACTIONS.items()
            },
            _OTHERS: (Recipe("lstm", "c3d", ("scale=action",), scope="other actions"),),
        },
        selected="parmar2019action does not say which videos of the new action it tests; ours are those of its "
        "test split. A model's own action is printed higher than parmar2019action-2 has it",
    ),
    replace(
        _ONE_FOR_ALL,
        name="parmar2019action-4",
        title="Fine-tuned to a new action, from random weights and from the five others",
        figures="parmar2019action-4",
        axis="samples",
        recipes={
            "C3D-LSTM fine-tune from random init": (
                Recipe("lstm", "c3d", scope="fine-tuned", start="random"),
            ),
            "C3D-LSTM fine-tune from multi-action": (
                Recipe("lstm", "c3d", scope="fine-tuned", start="multi-action"),
            ),
        },
        selected="parmar2019action prints the best iteration on the test videos, and so is measured beside it; "
        "`last iteration` chooses nothing",
    ),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        *_JAIN_TABLES,
        *(table for dataset in ("diving", "vault") for table in _li(dataset)),
        *_SCORINGNET_TABLES,
        *_FARABI_TABLES,
        *_AQA7_TABLES,
    )
}
# Printed, and not declared yet or not to be had: table, or table and dataset -> why.
UNDECLARED = {
    ("li2018end-2", "MIT-Skating"): _NO_SKATING,
    **{
        (f"li2018scoringnet-{number}", "UNLV-Vault"): "the vaults' stages are not published"
        for number in range(2, 8)
    },
    (
        "li2018scoringnet-7",
        "MIT-Diving",
    ): "li2018scoringnet's hand labels of its stages are not published",
}


def get_table(name: str) -> Table:
    """The table of that name; `UnknownNameError` where there is none."""
    if name not in TABLES:
        raise UnknownNameError("table", name, list(TABLES))
    return TABLES[name]
