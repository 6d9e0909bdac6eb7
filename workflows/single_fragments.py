"""How much each fragment of an action tells of its score (li2018end §5.3, Fig. 2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aqa.annotations.late_stages import refuse_late_stages
from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.evaluation.evaluate_runs import evaluate_runs
from aqa.evaluation.metric import metrics_of
from aqa.features.store import FeatureStore
from aqa.metrics import mean_and_std
from aqa.models.run_source import RunError
from aqa.models.stages import hand_starts, stage_names, stages_at
from aqa.workflows.fit import fit_splits

HEAD, FOLDER = "fragments", "by-fragment"


def fit_each_fragment(
    params: Sequence[str],
    manifest: Manifest,
    store: FeatureStore,
    splits: Sequence[Split],
    runs: Path,
    *,
    seed: int | None = None,
    skip_missing: bool = False,
) -> Iterator[dict[str, Any]]:
    """Fit and evaluate the head `fragments` on one fragment after the other, then on all.

    The runs lie below `runs`/by-fragment/<fragment>. Each row: the fragment's number from 0, or
    `all`; the stage of its middle frame in most videos, "" where stages have no labels; the number
    of splits; and for each metric its mean over splits and its standard deviation, which is None
    where there is one split.
    """
    videos = {i for split in splits for i in (*split.train, *split.val, *split.test)}
    known = sorted(videos & set(store.ids))
    count = min((len(store.clips(i)) for i in known), default=0)
    stages = [*_usual_stages(known, manifest, store, count), ""]
    for fragment, stage in zip([*range(count), "all"], stages, strict=True):
        settings = [*params, f"fragment={fragment}"]
        where = runs / FOLDER / str(fragment)
        fitted = fit_splits(
            *(HEAD, settings, manifest, store, splits, where),
            seed=seed,
            skip_missing=skip_missing,
            ranges=False,
        )
        folders = [run.folder for run in fitted]
        evaluation = evaluate_runs(folders, manifest, store, skip_missing=skip_missing)
        if evaluation.failed:
            raise RunError("\n".join(evaluation.failed))
        row: dict[str, Any] = {
            "fragment": fragment,
            "stage": stage,
            "splits": len(evaluation.results),
        }
        for metric in metrics_of("scores"):
            row |= mean_and_std(
                metric.name, [one.values[metric.name] for one in evaluation.results]
            )
        yield row


def _usual_stages(
    ids: Sequence[str], manifest: Manifest, store: FeatureStore, count: int
) -> list[str]:
    """The stage that each fragment shows in most videos; "" where a video has no labels."""
    stages = [manifest.by_id[i].stages for i in ids]
    if not all(stages):
        return [""] * count
    if store.spec.get("clip_length"):  # else its rows are no frames
        refuse_late_stages(manifest, ids, store.n_frames)
    names = stage_names(stages)
    labels = [
        stages_at(starts, np.asarray(store.clips(i)))
        for i, starts in zip(ids, hand_starts(stages, names, ids), strict=True)
    ]
    usual = [Counter(int(of_video[k]) for of_video in labels) for k in range(count)]
    return [names[counted.most_common(1)[0][0]] for counted in usual]
