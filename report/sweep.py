"""A search as text: every setting with its mean over splits, the best first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aqa.evaluation.metric import metric_of
from aqa.number_text import fixed
from aqa.report.tables import table, wrapped
from aqa.workflows.sweep.grid import Setting, searched
from aqa.workflows.sweep.run import Tried, best_of
from aqa.workflows.sweep.trial import Search


def sweep_table(search: Search, tried: Sequence[Tried]) -> str:
    """A line per setting: its values, its mean over splits, and of how many it is the best."""
    metric = metric_of(search.metric)
    means = setting_means(tried)
    splits = list(dict.fromkeys(one.split for one in tried))
    won = [best_of(search, [one for one in tried if one.split == s]).setting for s in splits]
    names = searched(list(means))
    sign = 1 if metric.lower_better else -1
    order = sorted(means, key=lambda s: np.inf if means[s] is None else sign * float(means[s] or 0))
    digits = metric.digits_for(means.values())
    rows = [
        [
            *values_of(setting, names),
            _shown(means[setting], _deviation(tried, setting), digits),
            str(won.count(setting) or ""),
        ]
        for setting in order
    ]
    title = f"{metric.title or metric.name} on held-out training videos, {search.folds} folds"
    title += f", mean of {len(splits)} splits" if len(splits) > 1 else f", split {splits[0]}"
    header = [*names, f"{metric.title or metric.name} +- over folds", "best of"]
    failed = [one for one in tried if one.trial.failed]
    notes = [
        f"failed: {' '.join(one.setting)}, split {one.split}: {one.trial.failed}" for one in failed
    ]
    drawn = table(rows, header, len(names))
    return "\n".join([wrapped(title), drawn, *map(wrapped, notes)])


def setting_means(tried: Sequence[Tried]) -> dict[Setting, float | None]:
    """Each setting's mean over splits; None where it failed on one."""
    settings = dict.fromkeys(one.setting for one in tried)
    found: dict[Setting, float | None] = {}
    for setting in settings:
        own = [one.trial for one in tried if one.setting == setting]
        whole = all(trial.values for trial in own)
        found[setting] = float(np.mean([trial.mean for trial in own])) if whole else None
    return found


def values_of(setting: Setting, names: Sequence[str]) -> list[str]:
    """The values of these hyper-parameters in a setting."""
    known = dict(text.split("=", 1) for text in setting)
    return [known[name] for name in names]


def _deviation(tried: Sequence[Tried], setting: Setting) -> float | None:
    """The standard deviation over the folds of all splits."""
    values = [v for one in tried if one.setting == setting for v in one.trial.values]
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _shown(mean: float | None, deviation: float | None, digits: int) -> str:
    if mean is None:
        return "failed"
    spread = "" if deviation is None else f" +- {deviation:.{digits}f}"
    return f"{fixed(mean, digits)}{spread}"
