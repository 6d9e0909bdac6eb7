"""The tables of li2018end."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from aqa.workflows.reproduce.declared import PublishedTable, SystemRecipe
from aqa.workflows.reproduce.tables.stores import POSE

_FRAGMENT_LOSSES = {
    "MSE": "mse",
    "Ranking loss": "ranking",
    "MSE+Ranking loss": "mse+ranking",
}


def _li(dataset: Literal["diving", "vault"]) -> tuple[PublishedTable, PublishedTable]:
    """Tables 1 and 2 of li2018end, on one of its datasets."""
    frames, clips = (151, 9) if dataset == "diving" else (100, 6)
    printed = {"diving": "UNLV-Diving", "vault": "UNLV-Vault"}[dataset]
    # A start shift of 5 needs 101 of a vault's 100 frames.
    shifts = ",".join(f"shift{k}" for k in range(1, 6 if dataset == "diving" else 5))
    note = f"one frozen extractor and a network of its own on the last of {clips} fragments"
    last = {
        f"Li2018 ({printed_loss})": (
            SystemRecipe("fragments", "conv5b", ("fragment=last", f"loss={loss}"), note=note),
        )
        for printed_loss, loss in _FRAGMENT_LOSSES.items()
    }
    first = PublishedTable(
        name=f"li2018end-1-{dataset}",
        title="Losses on the last fragment",
        figures="li2018end-1",
        dataset=printed,
        importer={"diving": "unlv-dive", "vault": "unlv-vault"}[dataset],
        protocol="li2018",
        splits=("published",),
        axis="one",
        stores={
            "conv5b": "--backbone c3d --weights FILE --layer conv5b --dtype float16 "
            f"--frames {frames} --tail drop --augmentations original,{shifts}",
            "c3d": f"--backbone c3d --weights FILE --frames {frames} --tail drop",
            "pose": POSE,
        },
        recipes=last,
        cases={"": "last fragment"},
        selected="li2018end does not say how it chose the iteration; ours is the last",
    )
    second = replace(
        first,
        name=f"li2018end-2-{dataset}",
        title="Beside earlier systems",
        figures="li2018end-2",
        recipes={
            "Pose+DCT": (SystemRecipe("pose-dct", "pose", case="published"),),
            "C3D+LSTM": (SystemRecipe("lstm", "c3d", case="published"),),
            "C3D+SVR": (SystemRecipe("svr", "c3d", case="published"),),
            **last,
        },
        cases={"": "published, last fragment"},
    )
    return first, second


TABLES = (*_li("diving"), *_li("vault"))
UNDECLARED = {
    ("li2018end-2", "MIT-Skating"): "MIT-Skating has no importer: its scores are not published",
}
