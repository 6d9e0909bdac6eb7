"""How much each fragment of an action tells of its score (li2018end §5.3, Fig. 2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.evaluation.metrics import METRICS, mean_and_std
from aqa.features.store import FeatureStore
from aqa.models.runs import RunError
from aqa.models.stages import hand_starts, stage_names, stages_at
from aqa.workflows.experiment import evaluate_runs
from aqa.workflows.fit import fit_splits

HEAD, FOLDER = "fragments", "by-fragment"


def sweep_fragments(
    params: Sequence[str],
    manifest: Manifest,
    store: FeatureStore,
    splits: Sequence[Split],
    runs: Path,
    *,
    seed: int = 0,
    skip_missing: bool = False,
) -> Iterator[dict[str, Any]]:
    """Fit and judge the head `fragments` on one fragment after the other, and then on all.

    The runs lie below `runs`/by-fragment/<fragment>. Each row: the fragment's number from 0, or
    `all`; the stage that its middle frame is in for most videos, "" where stages have no labels;
    the number of splits; and of each metric the mean over splits and the standard deviation,
    None of one split.
    """
    videos = {i for split in splits for i in (*split.train, *split.val, *split.test)}
    known = sorted(videos & set(store.ids))
    count = min((len(store.clips(i)) for i in known), default=0)
    stages = [*_usual_stages(known, manifest, store, count), ""]
    for fragment, stage in zip([*range(count), "all"], stages, strict=True):
        own = [*params, f"fragment={fragment}"]
        where = runs / FOLDER / str(fragment)
        fitted = fit_splits(
            HEAD, own, manifest, store, splits, where, seed=seed, skip_missing=skip_missing
        )
        folders = [run.folder for run in fitted]
        results, failed = evaluate_runs(folders, manifest, store, skip_missing=skip_missing)
        if failed:
            raise RunError("\n".join(failed))
        row: dict[str, Any] = {"fragment": fragment, "stage": stage, "splits": len(results)}
        for metric in METRICS:
            row |= mean_and_std(metric, [result[metric] for result in results])
        yield row


def _usual_stages(
    ids: Sequence[str], manifest: Manifest, store: FeatureStore, count: int
) -> list[str]:
    """The stage that each fragment shows in most videos; "" where some have no labels."""
    stages = [manifest.by_id[i].stages for i in ids]
    if not all(stages):
        return [""] * count
    names = stage_names(stages)
    labels = [
        stages_at(starts, np.asarray(store.clips(i)))
        for i, starts in zip(ids, hand_starts(stages, names, ids), strict=True)
    ]
    return [
        names[Counter(int(own[k]) for own in labels).most_common(1)[0][0]] for k in range(count)
    ]
