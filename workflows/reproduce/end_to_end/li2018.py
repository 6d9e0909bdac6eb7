"""What li2018end and li2018scoringnet train end to end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aqa.workflows.reproduce.end_to_end.recipe import EndToEndRecipe

# li2018end §4.1, §5.2 and li2018scoringnet §4.2; both print 10e-4 and 10e-3, read as 1e-4 and
# 1e-3. Neither says how many videos an update takes, nor how many updates there are.
_SCHEDULE: Mapping[str, Any] = {
    "epochs": 50,
    "batch_size": 8,
    "lr_backbone": 1e-4,
    "lr_head": 1e-3,
    "lr_decay": 0.45,
    "lr_decay_every": 600,
    "flip": False,
    "end_shift": 0,
}
_UNSAID = "videos per update and epochs: ours, the paper says neither"
_C3D = "c3d", "c3d-sports1m", "conv5b"
_WHERE = "C3D of Sports-1M; the paper's was pretrained on UCF-101"

_LOSSES = {"MSE": "mse", "Ranking loss": "ranking", "MSE+Ranking loss": "mse+ranking"}


def _last_fragment(dataset: str) -> Mapping[str, tuple[EndToEndRecipe, ...]]:
    # A vault of 100 frames has room for starts of 0 to 4 beside its six clips of 16.
    frames, shift = (151, 5) if dataset == "diving" else (100, 4)
    return {
        f"Li2018 ({printed})": (
            EndToEndRecipe(
                *("fragments", *_C3D),
                clips={"video_length": frames, "tail": "drop"},
                params=("fragment=last", f"loss={loss}"),
                # Of a score in units of some 10 points; half of it stands before the squares.
                settings={**_SCHEDULE, "start_shift": shift, "weight_decay": 1e-5},
                note=f"{_WHERE}; {_UNSAID}",
            ),
        )
        for printed, loss in _LOSSES.items()
    }


_STAGES = {"Take-Flight": "jump,drop", "Entry": "entry", "Take-Flight+Entry": "jump,drop,entry"}
_FIXED = "difficulty_stages=jump,drop", "execution_stages=jump,drop,entry"


def _scoring(*params: str, case: str | None = None) -> EndToEndRecipe:
    return EndToEndRecipe(
        *("scoringnet", "c3d", "c3d-sports1m", "fc6", {"stride": 4}),
        params=params,
        # beta = 0.0005 (§4.2) beside half the squared error of execution, which spreads by 3.8
        # points: 4 * 0.0005 / 3.8^2.
        settings={**_SCHEDULE, "lr_head": 1e-4, "start_shift": 5, "weight_decay": 1.4e-4},
        case=case,
        note=f"{_WHERE}; both branches share one network, and read it by an LSTM; beta=0.0005 as "
        f"a weight decay of 1.4e-4, which is that of execution; {_UNSAID}",
    )


_WITHOUT, _WITH = _scoring("key_fragments=false"), _scoring(*_FIXED)
# li2018scoringnet §4.2: the ranking loss weighs 5 for diving.
_RANKED = "loss=mse+ranking", "alpha=5"

RECIPES: Mapping[str, Mapping[str, tuple[EndToEndRecipe, ...]]] = {
    **{
        f"li2018end-{number}-{dataset}": _last_fragment(dataset)
        for number in (1, 2)
        for dataset in ("diving", "vault")
    },
    "li2018scoringnet-1": {
        "ScoringNet SP on ground-truth fragments (MSE)": tuple(
            _scoring(f"difficulty_stages={stages}", f"execution_stages={stages}", case=printed)
            for printed, stages in _STAGES.items()
        )
    },
    "li2018scoringnet-4": {
        "ScoringNet without KFS (MSE)": (_WITHOUT,),
        "ScoringNet KFS+SP (MSE)": (_WITH,),
    },
    "li2018scoringnet-5": {
        "ScoringNet KFS+SP (MSE)": (_WITH,),
        "ScoringNet KFS+SP (MSE+ranking)": (_scoring(*_FIXED, *_RANKED),),
    },
    "li2018scoringnet-6": {
        "ScoringNet KFS+SP (MSE+ranking)": (_scoring(*_FIXED, *_RANKED),),
    },
    "li2018scoringnet-7": {
        "ScoringNet KFS+SP (MSE+ranking)": (_scoring(*_FIXED, *_RANKED, case="published"),),
    },
}
