"""Videos that show the same performance: of two datasets, or twice in one.

The manifest's column `performance` holds keys, separated by semicolons. Two videos with a key in
common show the same performance, whatever their ids; importers write the keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from aqa.annotations.columns import PERFORMANCE
from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.annotations.video import Video


def performances(video: Video) -> frozenset[str]:
    """The keys of the performance that a video shows; empty where the manifest has none."""
    keys = video.row.get(PERFORMANCE, "").split(";")
    return frozenset(key.strip() for key in keys) - {""}


def performances_of(manifest: Manifest, ids: Iterable[str]) -> set[str]:
    """The keys of all these videos; ids that the manifest has not are passed over."""
    videos = (manifest.by_id[i] for i in ids if i in manifest.by_id)
    return {key for video in videos for key in performances(video)}


def shown_again(split: Split, manifest: Manifest) -> tuple[str, ...]:
    """The test videos whose performance another video shows, of the training or validation part."""
    learned = performances_of(manifest, (*split.train, *split.val))
    return tuple(i for i in split.test if performances(manifest.by_id[i]) & learned)


def overlap_warnings(splits: Sequence[Split], manifest: Manifest) -> list[str]:
    """A line for each split in which test videos show what training videos show."""
    lines = []
    for split in splits:
        if again := shown_again(split, manifest):
            lines.append(
                f"split {split.name}: {len(again)} of {len(split.test)} test videos show a "
                f"performance that train or val shows too, such as {again[0]} (column "
                f"{PERFORMANCE}): what is measured on them is remembered, not learned"
            )
    return lines


def marks_keys(
    scored: Mapping[str, tuple[str, float, float, Sequence[float | None]]],
) -> dict[str, str | None]:
    """A key for each id of a dataset, of its type, score, difficulty and marks in their order.

    scored: id -> (type, score, difficulty, marks). Two datasets that took the same dive from the
    same result list give it the same key. None where a mark is missing, or where two videos of
    this dataset have the same.
    """
    keys = {
        i: f"{kind} {score:g}/{difficulty:g} " + " ".join(f"{m:g}" for m in marks if m is not None)
        for i, (kind, score, difficulty, marks) in scored.items()
        if marks and None not in marks
    }
    counts = Counter(keys.values())
    return {i: key if (key := keys.get(i)) and counts[key] == 1 else None for i in scored}
