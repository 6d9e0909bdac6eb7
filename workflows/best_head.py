"""Which fitted head explains a video, where the user names none."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from aqa.errors import AqaError, AqaWarning, listed
from aqa.models.run_source import chosen_runs, runs_of_one_target
from aqa.models.runs import load_run
from aqa.models.saved.record import read_record
from aqa.models.trust.score_range import SHOWN, ScoreRange
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
    explain, see `Head.gives`. The best is chosen by training videos alone: it has the narrowest
    range of 80 % (see `models.trust.score_range`) beside the range of the training scores, in the
    mean over its runs. Heads without ranges come last: `wd` first, then by name; where all are
    such, a warning says so. `AqaError` where no fitted head explains, or no head is fitted at all,
    with what to fit.
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
    return runs_of_one_target(runs, _best(runs, explaining), splits, target)


def _best(runs: Path, explaining: Mapping[str, Sequence[Path]]) -> str:
    """The head that comes first, see `explaining_runs`; those that predict the score before others.

    explaining: label -> its runs.
    """
    of_score = {label: _of_score(own) for label, own in explaining.items()}
    known = {label: own for label, own in of_score.items() if own} or explaining
    widths = {label: _width(own) for label, own in known.items()}
    told = {label: width for label, width in widths.items() if width is not None}
    if told:
        return min(told, key=lambda label: (told[label], label))
    first = min(known, key=lambda label: (label != EXPLAINING, label))
    if len(known) > 1:
        warnings.warn(
            f"{runs}: which of {listed(sorted(known))} is least off on videos that it has not seen "
            "is not known: they were fitted by an earlier version, with --no-ranges, or on few "
            f"videos; {first} is taken: {EXPLAINING} comes first, then the order of the alphabet; "
            "choose another with --head, or fit them again",
            AqaWarning,
            stacklevel=3,
        )
    return first


def _of_score(folders: Sequence[Path]) -> list[Path]:
    """The runs that predict the score."""
    return [one for one in folders if label_and_target(one.parent.name)[1] == SCORE]


def _gives(folder: Path, answers: frozenset[str]) -> bool:
    """Whether a run's head gives one of these answers; a file of an outsider is not run."""
    try:
        head = load_run(folder).head
    except AqaError:
        return False
    return head.kind == "scores" and not answers.isdisjoint(head.gives)


def _width(folders: Sequence[Path]) -> float | None:
    """How wide the ranges of 80 % of a head's runs are beside that of their training scores.

    The mean over the runs; None where no run's record holds both.
    """
    widths = []
    for folder in folders:
        try:
            record = read_record(folder)
            kept, scores = record.get("range"), record.get("training_scores")
            if kept is not None and scores is not None and scores[1] > scores[0]:
                half = ScoreRange.of(kept, folder).half_widths[SHOWN]
                widths.append(2 * half / (scores[1] - scores[0]))
        except AqaError:  # said when it is opened, if it is of the head that is taken
            continue
    return fmean(widths) if widths else None
