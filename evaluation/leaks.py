"""Which test videos a run has learned from, and what else its results must say."""

from __future__ import annotations

from aqa.annotations.manifest import Manifest
from aqa.annotations.overlaps import performances, performances_of
from aqa.annotations.splits import Split
from aqa.evaluation.result import Marks
from aqa.features.store import FeatureStore, made_up
from aqa.models.run_source import RunError
from aqa.models.runs import Run


def run_marks(
    run: Run, split: Split, store: FeatureStore, allow_leak: bool, manifest: Manifest
) -> Marks:
    """What a result must say of the run; `RunError` for a leak that is not allowed."""
    leaks = [*find_leaks(run, split, store), *_performances(run, split, manifest)]
    if leaks and not allow_leak:
        raise RunError(
            f"{run.folder}: split {split.name}: {'; '.join(leaks)}; "
            "its result would mean nothing (--allow-leak shows it, marked)"
        )
    return Marks(
        run.known_difficulty,
        _told(run, split, manifest) or None,
        tuple(leaks),
        made_up=made_up(run.spec) or made_up(store.spec),
    )


def _told(run: Run, split: Split, manifest: Manifest) -> str:
    """What the head is told of the test videos: nothing of a column that none of them has."""
    tested = [manifest.by_id[video_id] for video_id in split.test if video_id in manifest.by_id]
    names = run.told.split(", ") if run.told else []
    return ", ".join(n for n in names if any(getattr(video, n, True) for video in tested))


def _performances(run: Run, split: Split, manifest: Manifest) -> list[str]:
    """Whether the head has learned from other videos of what test videos show."""
    learned = run.performances | performances_of(manifest, run.learned_from)
    again = [
        i
        for i in split.test
        if i in manifest.by_id
        and i not in run.learned_from
        and performances(manifest.by_id[i]) & learned
    ]
    if not again:
        return []
    return [
        f"the head has learned from other videos of what {len(again)} of {len(split.test)} test "
        f"videos show, such as {again[0]}"
    ]


def find_leaks(run: Run, split: Split, store: FeatureStore) -> list[str]:
    """Who has learned from test videos: the head, or the network behind its features."""
    fitted_on = store.spec["weights"]["fitted_on"] or ()
    seen = {"the head": run.learned_from, f"the network behind {store.path}": set(fitted_on)}
    tested = set(split.test)
    return [
        f"{who} has learned from {len(tested & ids)} of {len(split.test)} test videos"
        for who, ids in seen.items()
        if tested & ids
    ]
