"""Splits: named, disjoint lists of video ids; and the makers of splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from aqa.errors import AqaError

Part = Literal["train", "val", "test"]
PARTS: tuple[str, ...] = get_args(Part)
# The split of every video, for a head that is going to score others and is not tested here.
EVERYTHING = "all"


@dataclass(frozen=True)
class Split:
    """Which videos a head learns from (`train`), is stopped by (`val`) and is judged on (`test`).

    `val` may be empty: heads then hold out a part of `train` themselves.
    """

    name: str
    train: tuple[str, ...]
    val: tuple[str, ...] = ()
    test: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        seen: dict[str, str] = {}
        for part in PARTS:
            for video_id in self.part(part):
                if video_id in seen:
                    raise AqaError(
                        f"split {self.name}: {video_id!r} is in {seen[video_id]} and in {part}"
                    )
                seen[video_id] = part

    def part(self, name: str) -> tuple[str, ...]:
        """The ids of one part: `train`, `val` or `test`."""
        ids: tuple[str, ...] = getattr(self, name)
        return ids

    def only(self, ids: Sequence[str] | set[str]) -> Split:
        """The same split without the videos that are not in `ids`."""
        keep = set(ids)
        train, val, test = (tuple(i for i in self.part(p) if i in keep) for p in PARTS)
        return replace(self, train=train, val=val, test=test)


def random_splits(
    ids: Sequence[str],
    *,
    n: int,
    test: float,
    seed: int,
    strata: Sequence[str] | None = None,
) -> list[Split]:
    """Draw `n` independent train/test splits, named `1` to `n`.

    ids: the videos. test: the share of them that is tested, 0 < test < 1; rounded within each
    stratum, at least one a stratum of two or more. seed: of the draw; split k depends on
    `(seed, k)` alone. strata: one label a video, such as its type, whose shares are kept.
    """
    if not 0 < test < 1:
        raise AqaError(f"random splits: test={test} is not a share between 0 and 1")
    labels = np.asarray(strata if strata is not None else [""] * len(ids))
    if len(labels) != len(ids):
        raise AqaError(f"random splits: {len(labels)} strata for {len(ids)} videos")
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    splits = []
    for k in range(1, n + 1):
        rng = np.random.default_rng([seed, k])
        tested: set[int] = set()
        for group in groups:
            size = min(max(round(test * len(group)), 1), len(group) - 1)
            tested.update(rng.permutation(group)[:size].tolist())
        splits.append(
            Split(
                name=str(k),
                train=tuple(v for i, v in enumerate(ids) if i not in tested),
                test=tuple(v for i, v in enumerate(ids) if i in tested),
            )
        )
    return splits


def balanced_splits(
    ids: Sequence[str],
    labels: Sequence[str],
    *,
    n: int = 10,
    test: int = 15,
    kinds: int = 6,
    seed: int = 0,
) -> list[Split]:
    """Draw `n` splits, named `1` to `n`, that test as many videos of each kind (000 Tables I-V).

    Of the `kinds` most frequent labels (ties: the label that sorts first), `test` videos each are
    tested and all others train; videos of other labels are in no part. 000 has not published
    which videos its ten splits hold, so these are new ones of the same make.
    """
    if len(labels) != len(ids):
        raise AqaError(f"balanced splits: {len(labels)} labels for {len(ids)} videos")
    names, counts = np.unique(np.asarray(labels, str), return_counts=True)
    frequent = names[np.argsort(-counts, kind="stable")][:kinds]
    groups = {str(name): np.flatnonzero(np.asarray(labels, str) == name) for name in frequent}
    for name, group in groups.items():
        if len(group) <= test:
            raise AqaError(
                f"balanced splits: {len(group)} videos of {name!r}, too few to test {test} and to "
                "train on others; ask for fewer with test=..., or for fewer kinds"
            )
    known = np.sort(np.concatenate(list(groups.values())))
    splits = []
    for k in range(1, n + 1):
        rng = np.random.default_rng([seed, k])
        tested = {i for group in groups.values() for i in rng.permutation(group)[:test].tolist()}
        splits.append(
            Split(
                name=str(k),
                train=tuple(ids[i] for i in known if i not in tested),
                test=tuple(ids[i] for i in known if i in tested),
            )
        )
    return splits
