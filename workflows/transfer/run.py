"""`aqa transfer`: learn all other actions of a manifest, and try what was learned on a new one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from aqa.annotations.manifest import Manifest, Video
from aqa.annotations.splits import Split
from aqa.annotations.video_groups import video_groups
from aqa.errors import AqaError, UnknownNameError
from aqa.features.store import FeatureStore
from aqa.metrics import mean_and_std
from aqa.models.examples import Examples
from aqa.models.heads import find_head
from aqa.models.target_transforms import parse_head_params
from aqa.workflows.fit import check_layer
from aqa.workflows.transfer.learning import (
    check_transfer,
    control,
    correlation,
    curves_of,
    learn_others,
)
from aqa.workflows.transfer.results import STARTS, Row, TransferResult

# How many other videos each draw tests (parmar2019action §5.3).
TESTED = 50


def samples_for(n: int) -> tuple[int, ...]:
    """How many videos parmar2019action §5.3 fine-tunes on, where an action has `n` in all."""
    return (25, 75, 125) if n >= 125 + TESTED else (15, 25, 35)


def transfer(
    head: str,
    params: Sequence[str],
    manifest: Manifest,
    store: FeatureStore,
    action: str,
    *,
    samples: Sequence[int] = (),
    draws: int = 5,
    tested: int = TESTED,
    seed: int = 0,
    most_iterations: int | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> TransferResult:
    """Learn from every video of the other actions, then fine-tune and test on this one.

    params: `name=value` texts. samples: how many videos to fine-tune on; parmar2019action's by
    default. most_iterations: fine-tune for no more than so many; None: as parmar2019action. tell:
    is told what happens. `AqaError` where there is no such action, no other, or too few videos of
    it, or where the network behind the features has learned from some of them.
    """
    source = find_head(head)
    values = {"seed": seed, **parse_head_params(source.name, source.head_class, params)}
    check_transfer(source, values)
    check_layer(source, store)
    of_action, others = _parted(manifest, store, action)
    samples = tuple(dict.fromkeys(samples)) or samples_for(len(of_action))
    if max(samples) + tested > len(of_action):
        raise AqaError(
            f"{manifest.path}: {len(of_action)} videos of {action}, too few to fine-tune on "
            f"{max(samples)} and test {tested} others; take fewer with --samples and --test"
        )
    names = tuple(sorted({str(video.action) for video in others}))
    tell(f"{action}: learning {len(others)} videos of {', '.join(names)}")
    together = Split("others", tuple(video.id for video in others))
    groups = video_groups(together, manifest)
    examples = replace(stored_examples(others, store), groups=groups.of(together.train))
    learned = learn_others(source, values, examples)
    videos = stored_examples(of_action, store)
    rows: list[Row] = []
    for row in curves_of(
        learned, videos, samples, draws=draws, tested=tested, seed=seed, most=most_iterations
    ):
        if row["iteration"] == 0 and row["start"] == STARTS[0] and row["samples"] == samples[0]:
            tell(f"{action}: fine-tuning, draw {row['draw'] + 1} of {draws}")
        rows.append(row)
    known = {"multi-action": correlation(learned, videos)}
    zero_shot = known | mean_and_std("random", control(learned, videos))
    return TransferResult(action, names, len(others), len(of_action), tested, zero_shot, rows)


def _parted(
    manifest: Manifest, store: FeatureStore, action: str
) -> tuple[list[Video], list[Video]]:
    """The stored videos of an action, and those of all others."""
    known = sorted({video.action for video in manifest if video.action})
    if action not in known:
        raise UnknownNameError("action", action, known, remedy=f"of {manifest.path}")
    stored = [video for video in manifest if video.id in store and video.action]
    of_action = [video for video in stored if video.action == action]
    others = [video for video in stored if video.action != action]
    if not of_action or not others:
        raise AqaError(
            f"{store.path}: features of {len(of_action)} videos of {action} and {len(others)} of "
            "other actions; it takes both"
        )
    seen = set(store.spec["weights"]["fitted_on"] or ()) & {video.id for video in of_action}
    if seen:
        raise AqaError(
            f"the network behind {store.path} has learned from {len(seen)} videos of {action}; "
            "it is not new to it"
        )
    return of_action, others


def stored_examples(videos: Sequence[Video], store: FeatureStore) -> Examples:
    """What a store holds of videos, with its augmentations, and their actions."""
    ids = [video.id for video in videos]
    return Examples(
        tuple(ids),
        store.load(ids),
        np.array([video.score for video in videos]),
        {"action": [video.action for video in videos]},
        [store.augmented(name).load(ids) for name in store.augmentations[1:]],
    )
