"""What other papers print on Fis-V: the technical score (TES) and the component score (PCS).

No text that holds their figures was at hand; the recipes run all the same, on the published split
and the features that these papers share.
"""

from __future__ import annotations

from dataclasses import replace

from aqa.models.heads import uil
from aqa.workflows.reproduce.declared import PublishedTable, SystemRecipe
from aqa.workflows.reproduce.tables.others import NO_HEAD

_COFINAL = SystemRecipe(
    "cofinal",
    "swin",
    (
        *("hidden=448", "attention_heads=7", "decoder_layers=2", "grades=4", "sub_grades=100"),
        *("dropout=0.3", "loss=l1", "lr=0.01", "schedule=cosine", "epochs=200"),
    ),
    note="settings of scripts/train_all_fis.sh in the authors' repository",
)
_UIL = SystemRecipe(
    "uil",
    "swin",
    (
        *(f"hidden={uil.WIDTH}", "queries=136", "layers=2", "dropout=0.7", "lr=0.0001"),
        *("weight_decay=1e-05", "batch_size=32", "epochs=1000", "refit=false"),
    ),
    note="queries, layers, learning rate, batch size and epochs of configs/train_fisv.py in the "
    "authors' repository, the rest as for rhythmic gymnastics; queries start with a standard "
    "deviation of 2, there of 5",
)
_GDLT = SystemRecipe(
    "gdlt", "swin", note="the authors' settings for Fis-V were not at hand: those of the head"
)


def _both(recipe: SystemRecipe) -> tuple[SystemRecipe, ...]:
    """The recipe for each of the two scores."""
    return tuple(replace(recipe, target=name, case=name.upper()) for name in ("tes", "pcs"))


TABLES = (
    PublishedTable(
        name="others-fis-v",
        title="What other papers reach with both scores",
        figures="others-fis-v",
        dataset="Fis-V",
        importer="fis-v",
        protocol="",
        splits=("published",),
        axis="one",
        stores={"swin": "--backbone video-swin-base --weights FILE --clip-length 32"},
        recipes={
            "GDLT (xu2022likert)": _both(_GDLT),
            "CoFInAl (zhou2024)": _both(_COFINAL),
            "UIL-AQA (dong2025)": _both(_UIL),
        },
        missing={"MS-LSTM (xu2019)": NO_HEAD},
        selected="not known, since no paper's text was at hand; the authors' logs on rhythmic "
        "gymnastics, see others-rg-ball and others-rg-ribbon, keep the epoch that is best on the "
        "test videos. Ours is chosen on training videos",
    ),
)
