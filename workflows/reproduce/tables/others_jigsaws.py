"""What other papers print on JIGSAWS: the global rating of three tasks, over four folds each.

A task's figure is the plain mean of its folds' correlations, as tang2020's code has it; the mean of
the three tasks goes through Fisher's z. Figures with one surgeon, or one repetition of all, left
out were read nowhere, so no table has these splits.
"""

from __future__ import annotations

from aqa.annotations.datasets.jigsaws import ELEMENTS, N_FOLDS
from aqa.workflows.reproduce.declared import PublishedTable, SystemRecipe
from aqa.workflows.reproduce.tables.others import FROZEN, NO_HEAD

_TASKS = {
    "suturing": "Suturing",
    "needle_passing": "Needle Passing",
    "knot_tying": "Knot Tying",
}
# Clips of 16 frames, as far apart as the authors' 160 frames of a video of mean length are.
_STORE = "--backbone i3d --weights FILE --sampling 16x17"
TABLES = (
    PublishedTable(
        name="others-jigsaws",
        title="What other papers reach over four folds",
        figures="others-jigsaws",
        dataset="JIGSAWS",
        importer="jigsaws",
        protocol="",
        # Folds first, so that a rehearsal of the first splits has every task.
        splits=tuple(f"{task}-fold-{k}" for k in range(1, N_FOLDS + 1) for task in _TASKS),
        axis="actions",
        stores={"i3d": _STORE},
        recipes={
            "USDL (tang2020)": (SystemRecipe("usdl", "i3d", ("bins=25", "std=1"), note=FROZEN),),
            "MUSDL (tang2020)": (
                SystemRecipe(
                    *("musdl", "i3d"),
                    ("bins=5", "std=1", "low=1", "high=5", f"middle={len(ELEMENTS)}"),
                    marks=tuple(f"score_{element}" for element in ELEMENTS),
                    note=f"{FROZEN}; the six rated elements are its marks, and all are added up",
                ),
            ),
            "CoRe (yu2021)": (SystemRecipe("core", "i3d", ("group=none",), note=FROZEN),),
        },
        missing={
            "TPT (bai2022)": NO_HEAD,
            "Multi-path (liu2021)": NO_HEAD,
        },
        cases=_TASKS,
        selected="a task's figure of USDL and MUSDL is the mean of the last ten epochs of the "
        "authors' log, which chooses nothing; of two runs that the log holds, the first. Beside it "
        "stand the second and the epoch that is best on the test folds. Of the others it is not "
        "known. Ours is chosen on training videos",
        notes=(
            "of a video every 17th frame is seen, in clips of 16; the authors spread 160 frames "
            "over each video, whatever its length (92 s on average, at 30 frames per second)",
        ),
    ),
)
