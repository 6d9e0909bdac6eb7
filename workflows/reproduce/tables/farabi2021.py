"""The tables of farabi2021."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aqa.workflows.reproduce.declared import PublishedTable, SystemRecipe
from aqa.workflows.reproduce.tables.stores import POSE

# Videos are flipped, and their end is shifted by up to 5 frames (§4.1, §4.3): here by 0, 2 or 4, so
# that a store is six times as large and not twelve times.
_SHOWN = "--augmentations original,end2,end4,flip,flip+end2,flip+end4"
_MTL_STORES = {
    **{
        f"{name}-16": f"--backbone {name} --weights FILE --frames 96 {_SHOWN}"
        for name in ("r3d-34", "r2plus1d-34", "r3d-50", "r2plus1d-50", "r3d-101")
    },
    "ig65m-8": f"--backbone r2plus1d-34-ig65m --weights FILE --clip-length 8 --frames 96 {_SHOWN}",
    "ig65m-32": "--backbone r2plus1d-34-ig65m --weights FILE --clip-length 32 --frames 96 "
    f"{_SHOWN}",
    "c3d": "--backbone c3d --weights FILE --frames 96",
    "pool5": f"--backbone c3d --weights FILE --layer pool5 --frames 96 {_SHOWN}",
    "i3d": "--backbone i3d --weights FILE --frames 103 --stride 10",
    "pose": POSE,
}
_FROZEN = (
    "frozen features of six views of a video; farabi2021 trains the network too: `aqa finetune`"
)
_NO_CAPTIONS = (
    "learns no captions, which the table does not print and which share no weight with scores on "
    "frozen features"
)
_RESNETS = {
    "ResNet34-3D": "r3d-34",
    "ResNet34-(2+1)D": "r2plus1d-34",
    "ResNet50-3D": "r3d-50",
    "ResNet50-(2+1)D": "r2plus1d-50",
    "ResNet101-3D": "r3d-101",
}
_AGGREGATES = {"AVG": "average", "WD": "wd"}


def _farabi(
    figures: str, title: str, recipes: Mapping[str, tuple[SystemRecipe, ...]]
) -> PublishedTable:
    return PublishedTable(
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


TABLES = (
    _farabi(
        *("farabi2021-1a", "Averaging and learned weights on five networks, clips of 16 frames"),
        {
            f"{printed}-{short}": (
                SystemRecipe(head, f"{name}-16", case="16 frames", note=_FROZEN),
            )
            for printed, name in _RESNETS.items()
            for short, head in _AGGREGATES.items()
        },
    ),
    _farabi(
        *("farabi2021-1b", "Clips of 8, 16 and 32 frames"),
        {
            f"ResNet34-(2+1)D-{short}": tuple(
                SystemRecipe(head, store, case=f"{frames} frames", note=_FROZEN)
                for frames, store in ((8, "ig65m-8"), (16, "r2plus1d-34-16"), (32, "ig65m-32"))
            )
            for short, head in _AGGREGATES.items()
        },
    ),
    replace(
        _farabi(
            *("farabi2021-3", "Beside earlier systems"),
            {
                "Pose+DCT": (SystemRecipe("pose-dct", "pose", case="official"),),
                "C3D-SVR": (SystemRecipe("svr", "c3d", case="official"),),
                "C3D-LSTM": (SystemRecipe("lstm", "c3d", case="official"),),
                "USDL-Regression": (
                    SystemRecipe(
                        *("mtl", "i3d", ("classify=false", "hidden=256", "captions=false")),
                        case="official",
                        note=f"{_FROZEN}; a layer of 256 on the clips' mean; the row's network is "
                        f"not stated; {_NO_CAPTIONS}",
                    ),
                ),
                "C3D-AVG-STL": (
                    SystemRecipe(
                        *("mtl", "pool5", ("classify=false", "hidden=4096", "captions=false")),
                        case="official",
                        note=f"{_FROZEN}; {_NO_CAPTIONS}",
                    ),
                ),
                "C3D-AVG-MTL": (
                    SystemRecipe(
                        *("mtl", "pool5", ("hidden=4096", "captions=false")),
                        case="official",
                        note=f"frozen features; {_NO_CAPTIONS}",
                    ),
                ),
                "MUSDL": (
                    SystemRecipe(
                        *("musdl", "i3d", ("difficulty=multiply",)),
                        case="official",
                        note="frozen features; is given the difficulty, as MUSDL is",
                    ),
                ),
                "C3D-WD": (SystemRecipe("wd", "pool5", case="16 frames", note=_FROZEN),),
                "ResNet34-(2+1)D-WD": (
                    SystemRecipe("wd", "ig65m-32", case="32 frames", note=_FROZEN),
                ),
                "ResNet50-3D-WD": (
                    SystemRecipe("wd", "r3d-50-16", case="16 frames", note=_FROZEN),
                ),
                "ResNet101-3D-AVG": (
                    SystemRecipe("average", "r3d-101-16", case="16 frames", note=_FROZEN),
                ),
            },
        ),
        missing={
            "MSCADC-STL": "is trained from scratch: `aqa reproduce farabi2021-3 --end-to-end`",
            "MSCADC-MTL": "is trained from scratch: `aqa reproduce farabi2021-3 --end-to-end`",
        },
    ),
    replace(
        _farabi("farabi2021-text-3.2", "Seconds per epoch, on a machine that is not stated", {}),
        missing={
            "ResNet34-(2+1)D-AVG": "a time, not a score: see benchmarks/README.md",
            "WD increment over AVG": "a time, not a score: see benchmarks/README.md",
        },
    ),
)
