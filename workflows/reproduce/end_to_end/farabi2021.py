"""What farabi2021 trains end to end on MTL-AQA, and the earlier systems of its Table 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aqa.workflows.reproduce.end_to_end.recipe import EndToEndRecipe

# farabi2021 §4.1, §4.2: flips, and an end among the last 6 frames, are finetune's defaults.
_SCHEDULE: Mapping[str, Any] = {
    "epochs": 50,
    "batch_size": 2,
    "lr_backbone": 1e-5,
    "lr_head": 1e-4,
    "batch_norm": "live",
    "flip": True,
    "end_shift": 5,
}
_CLIPS: Mapping[str, Any] = {"video_length": 96, "tail": "drop"}
_NORMS = (
    "farabi2021 does not say how its networks' batch norms are trained; here with the statistics "
    "of each batch"
)
_WEIGHTS = {
    "ResNet34-3D": ("r3d-34", "r3d-34-k"),
    "ResNet34-(2+1)D": ("r2plus1d-34", "r2plus1d-34-k"),
    "ResNet50-3D": ("r3d-50", "r3d-50-k"),
    "ResNet50-(2+1)D": ("r2plus1d-50", "r2plus1d-50-k"),
    "ResNet101-3D": ("r3d-101", "r3d-101-k"),
}
_IG65M = {8: "r2plus1d-34-ig65m-8f-k400", 32: "r2plus1d-34-ig65m-32f-k400"}
_HEADS = {"AVG": "average", "WD": "wd"}


def _resnet(printed: str, head: str, frames: int = 16, case: str | None = None) -> EndToEndRecipe:
    backbone, weights = _WEIGHTS[printed]
    if frames in _IG65M:
        backbone, weights = "r2plus1d-34-ig65m", _IG65M[frames]
    return EndToEndRecipe(
        *(_HEADS[head], backbone, weights),
        clips=_CLIPS,
        settings=_SCHEDULE,
        case=case or f"{frames} frames",
        note=_NORMS,
    )


# The settings that the code of parmar2019what and of tang2020 has; no paper prints them.
_MTL_AQA: Mapping[str, Any] = {
    "epochs": 100,
    "batch_size": 3,
    "lr_backbone": 1e-4,
    "lr_head": 1e-4,
    "flip": True,
    "end_shift": 6,
}
_MUSDL: Mapping[str, Any] = {
    "epochs": 100,
    "batch_size": 4,
    "lr_backbone": 1e-4,
    "lr_head": 1e-4,
    "flip": True,
    "end_shift": 0,
    "start_shift": 6,
}
_OF_THE_CODE = "schedule: that of its authors' code"


def _avg(*params: str, note: str = "") -> EndToEndRecipe:
    """C3D-AVG: the mean of pool5 over six clips, a layer of 4096."""
    return EndToEndRecipe(
        *("mtl", "c3d", "c3d-sports1m", "pool5", _CLIPS),
        params=("hidden=4096", *params),
        settings=_MTL_AQA,
        case="official",
        note=_OF_THE_CODE + note,
    )


def _mscadc(*params: str, note: str = "") -> EndToEndRecipe:
    return EndToEndRecipe(
        *("mtl", "mscadc", "random", None, {"video_length": 103, "spread": True}),
        params=params,
        settings=_MTL_AQA,
        case="official",
        note=f"{_OF_THE_CODE}, which starts from a body pretrained by its authors, published "
        f"nowhere; ours starts from random weights{note}",
    )


def _i3d(head: str, *params: str, weight_decay: float = 0.0, note: str = "") -> EndToEndRecipe:
    return EndToEndRecipe(
        *(head, "i3d", "i3d-k400", None, {"video_length": 103, "stride": 10}),
        params=params,
        settings={**_MUSDL, "weight_decay": weight_decay},
        case="official",
        note=_OF_THE_CODE + note,
    )


RECIPES: Mapping[str, Mapping[str, tuple[EndToEndRecipe, ...]]] = {
    "farabi2021-1a": {
        f"{printed}-{short}": (_resnet(printed, short),) for printed in _WEIGHTS for short in _HEADS
    },
    "farabi2021-1b": {
        f"ResNet34-(2+1)D-{short}": tuple(
            _resnet("ResNet34-(2+1)D", short, frames) for frames in (8, 16, 32)
        )
        for short in _HEADS
    },
    "farabi2021-3": {
        "MSCADC-STL": (_mscadc("classify=false", "captions=false"),),
        "MSCADC-MTL": (
            _mscadc("caption_hidden=512", note="; its tasks share one branch, and one clip"),
        ),
        "USDL-Regression": (
            _i3d("average", "loss=mse", note="; farabi2021 does not say what the regression is"),
        ),
        "MUSDL": (
            _i3d(
                *("musdl", "difficulty=multiply"),
                weight_decay=1e-5,
                note="; is given the difficulty, as MUSDL is",
            ),
        ),
        "C3D-AVG-STL": (_avg("classify=false", "captions=false"),),
        "C3D-AVG-MTL": (_avg("caption_hidden=512"),),
        "C3D-WD": (
            EndToEndRecipe(
                *("wd", "c3d", "c3d-sports1m", "pool5", _CLIPS),
                settings=_SCHEDULE,
                case="16 frames",
                note="farabi2021 does not say which layer of C3D; ours: pool5",
            ),
        ),
        "ResNet34-(2+1)D-WD": (_resnet("ResNet34-(2+1)D", "WD", 32),),
        "ResNet50-3D-WD": (_resnet("ResNet50-3D", "WD"),),
        "ResNet101-3D-AVG": (_resnet("ResNet101-3D", "AVG"),),
    },
}
