"""Which fitted head explains a video, where the user names none."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from aqa.errors import AqaError
from aqa.models.run_source import chosen_runs, runs_of_one_target
from aqa.models.runs import METRICS_FILE, load_run
from aqa.target_names import SCORE, label_and_target
from aqa.workspace import every_run_folder, nothing_fitted

# A head that explains its scores, to be fitted where none of that kind is, and how.
EXPLAINING = "wd"
FIT_ONE = f"aqa fit --head {EXPLAINING}"


def explaining_runs(
    runs: Path,
    head: str | None,
    splits: Sequence[str] = (),
    answers: frozenset[str] = frozenset({"clips"}),
    target: str | None = None,
) -> list[Path]:
    """The folders of runs of one head: the named one, or the best that explains its scores.

    target: what it predicts, see `runs_of_one_target`. answers: one of these a head must give to
    explain, see `Head.gives`. The best has the highest mean Spearman correlation on its test
    videos; heads that were not evaluated come last, by name. `AqaError` where no fitted head
    explains, or no head is fitted at all, with what to fit.
    """
    if head is not None:
        return runs_of_one_target(runs, head, splits, target)
    if not every_run_folder(runs):
        raise nothing_fitted(runs, EXPLAINING)
    folders = chosen_runs(runs, (), splits, (target,) if target else ())
    labels: dict[str, list[Path]] = {}
    for folder in folders:
        labels.setdefault(label_and_target(folder.parent.name)[0], []).append(folder)
    if len(labels) == 1:
        return runs_of_one_target(runs, next(iter(labels)), splits, target)
    explaining = {label: own for label, own in labels.items() if _gives(own[0], answers)}
    if not explaining:
        raise AqaError(
            f"{runs}: none of {', '.join(labels)} says which moments cost points; fit a head that "
            f"does: {FIT_ONE}"
        )
    best = max(explaining, key=lambda label: fmean(map(_spearman, _of_score(explaining[label]))))
    return runs_of_one_target(runs, best, splits, target)


def _of_score(folders: Sequence[Path]) -> Sequence[Path]:
    """The runs that predict the score; all of them where none does."""
    return [one for one in folders if label_and_target(one.parent.name)[1] == SCORE] or folders


def _gives(folder: Path, answers: frozenset[str]) -> bool:
    """Whether a run's head gives one of these answers; a file of an outsider is not run."""
    try:
        head = load_run(folder).head
    except AqaError:
        return False
    return head.kind == "scores" and not answers.isdisjoint(head.gives)


def _spearman(folder: Path) -> float:
    """The rank correlation on the run's test videos; below every one where it is not known."""
    try:
        metrics = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8"))
        found = float(metrics["test"]["spearman"])
    except (OSError, ValueError, KeyError, TypeError):
        return -2.0
    return found if math.isfinite(found) else -2.0
