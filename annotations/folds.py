"""Folds of a split's training videos: what is chosen or measured while fitting is held out by them.

Videos of one athlete are in one fold, so that no head is measured on a person whom it knows. So
are videos of one performance, and those of one event or venue where the split itself keeps these
apart: what is held out is then as new to a head as test videos are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from aqa.annotations.columns import PERFORMANCE
from aqa.annotations.group_drawing import parts_at_random, parts_of_groups
from aqa.annotations.manifest import Manifest
from aqa.annotations.overlaps import performances
from aqa.annotations.split_drawing import connected_groups
from aqa.annotations.splits import Split, shared_labels
from aqa.annotations.video import Video
from aqa.errors import AqaError, UnknownNameError

ALWAYS = (PERFORMANCE, "athlete")
AS_THE_SPLIT_DOES = ("event", "venue")
# A metric of held-out videos takes so many.
_LEAST = 2


@dataclass(frozen=True)
class Folds:
    """The training videos `ids` in parts, each of which is held out once.

    held_out: the ids of each part, sorted. kept_apart: columns of the manifest of which no label is
    in two parts. shared: columns that should be among these, and whose labels connect too many
    videos for so many parts.
    """

    ids: tuple[str, ...]
    held_out: tuple[tuple[str, ...], ...]
    kept_apart: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[tuple[list[str], list[str]]]:
        """(learned from, held out) of each fold."""
        for out in self.held_out:
            held = set(out)
            yield [i for i in self.ids if i not in held], list(out)

    @property
    def said(self) -> str:
        """What of the manifest they keep apart, in words; "" for nothing."""
        kept = f"no {' or '.join(self.kept_apart)} in two of them" if self.kept_apart else ""
        shared = f"the same {' or '.join(self.shared)} in several" if self.shared else ""
        return ", ".join(filter(None, (kept, shared)))


def draw_folds(
    split: Split, manifest: Manifest, n: int, seed: int, by: Sequence[str] | None = None
) -> Folds:
    """Divide a split's training videos into `n` folds, drawn by the seed.

    by: columns whose labels are kept apart; None: those of `columns_kept_apart`, of which the last
    are given up where whole groups do not make `n` folds. `AqaError` where they do not make them
    of the columns of `by`, or one is no column of the manifest. A video without a label is a group
    by itself.
    """
    columns = list(columns_kept_apart(split, manifest) if by is None else by)
    known = manifest[0].row
    for name in columns:
        if name not in known:
            raise UnknownNameError("column", name, list(known), remedy=f"of {manifest.path}")
    asked = tuple(columns)
    while columns:
        groups = [labels_of_video(manifest.by_id[i], columns) for i in split.train]
        parts = _grouped(groups, n, seed)
        if parts is not None:
            return _folds(split, parts, tuple(columns), asked[len(columns) :])
        if by is not None:
            raise AqaError(
                f"{manifest.path}: split {split.name}: training videos that share no "
                f"{' or '.join(asked)} are too few groups for {n} folds; keep fewer columns apart "
                "with --by, or use fewer --folds"
            )
        columns.pop()
    return _folds(split, parts_at_random(len(split.train), n, seed), (), asked)


def columns_kept_apart(split: Split, manifest: Manifest) -> tuple[str, ...]:
    """The columns whose labels no two folds should share, the most telling first."""
    return tuple(
        name
        for name in (*ALWAYS, *AS_THE_SPLIT_DOES)
        if any(manifest.by_id[i].row.get(name) for i in split.train)
        and (name in ALWAYS or _keeps_apart(split, manifest, name))
    )


def _keeps_apart(split: Split, manifest: Manifest, column: str) -> bool:
    """Whether no test video shares a label with videos that are learned from."""
    labels = {video.id: video.row.get(column) or None for video in manifest}
    tested = any(labels[i] for i in split.test)
    return tested and not shared_labels(split, labels)[1]


def labels_of_video(video: Video, columns: Sequence[str]) -> set[tuple[str, str]]:
    """(column, label) of each of a video's labels in these columns."""
    labels = {(name, video.row[name]) for name in columns if name != PERFORMANCE}
    if PERFORMANCE in columns:
        labels |= {(PERFORMANCE, key) for key in performances(video)}
    return {(name, label) for name, label in labels if label}


def _folds(
    split: Split, parts: Sequence[Collection[int]], kept: tuple[str, ...], shared: tuple[str, ...]
) -> Folds:
    held_out = tuple(tuple(sorted(split.train[k] for k in part)) for part in parts)
    return Folds(split.train, held_out, kept, shared)


def _grouped(groups: Sequence[Collection[object]], n: int, seed: int) -> list[list[int]] | None:
    """Positions of the videos of each fold, see `parts_of_groups`; None: too few groups."""
    parts = parts_of_groups(connected_groups(groups), n, seed)
    return parts if min(map(len, parts)) >= _LEAST else None
