"""Drawing splits: at random, stratified, grouped, balanced, or one label left out at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from aqa.annotations.group_drawing import whole_groups
from aqa.annotations.splits import Split
from aqa.errors import AqaError


def random_splits(
    ids: Sequence[str],
    *,
    n: int,
    test: float,
    seed: int,
    strata: Sequence[str] | None = None,
) -> list[Split]:
    """Draw `n` independent train/test splits, named `1` to `n`.

    ids: the videos. test: how many of them are tested (int), or which share of them (float,
    0 < test < 1), rounded within each stratum, but at least one of a stratum of two or more.
    seed: split k depends on `(seed, k)` alone. strata: one label per video, such as its type: each
    label keeps its share of the test videos, and at least one training video.
    """
    labels = strata if strata is not None else [""] * len(ids)
    if len(labels) != len(ids):
        raise AqaError(f"random splits: {len(labels)} strata for {len(ids)} videos")
    chosen = [_stratified(labels, test, np.random.default_rng([seed, k])) for k in range(1, n + 1)]
    return [_split(str(k), ids, tested) for k, tested in enumerate(chosen, start=1)]


def grouped_splits(
    ids: Sequence[str],
    groups: Sequence[Sequence[str]],
    *,
    n: int,
    test: float,
    seed: int,
) -> list[Split]:
    """Draw `n` splits, named `1` to `n`, whose test videos share no label with training videos.

    groups: for each video, its labels, such as its event and its athlete; videos that share a
    label are always in the same part. test: as in `random_splits`; the test part is as near to it
    as whole groups allow. `AqaError` where shared labels connect all videos.
    """
    if len(groups) != len(ids):
        raise AqaError(f"grouped splits: {len(groups)} groups for {len(ids)} videos")
    labels = _connected(groups)
    chosen = [_grouped(labels, test, np.random.default_rng([seed, k])) for k in range(1, n + 1)]
    return [_split(str(k), ids, tested) for k, tested in enumerate(chosen, start=1)]


def kfold_splits(
    ids: Sequence[str], *, folds: int, seed: int, strata: Sequence[str] | None = None
) -> list[Split]:
    """Divide the videos into `folds` test parts of equal size; each video is tested once.

    strata: one label per video: each label's videos are spread evenly over the folds.
    """
    labels = strata if strata is not None else [""] * len(ids)
    _check_folds(folds, len(ids), "videos")
    rng = np.random.default_rng([seed, folds])
    names = np.asarray(labels)
    groups = [rng.permutation(np.flatnonzero(names == label)) for label in np.unique(names)]
    order = np.concatenate(sorted(groups, key=len, reverse=True))
    return _folded(ids, [set(order[k::folds].tolist()) for k in range(folds)])


def grouped_kfold_splits(
    ids: Sequence[str], groups: Sequence[Sequence[str]], *, folds: int, seed: int
) -> list[Split]:
    """As `kfold_splits`, with videos that share a label in one fold, see `grouped_splits`.

    The folds are as equal as whole groups allow: the largest group goes first, always into the
    fold that has the fewest videos.
    """
    components = _connected(groups)
    names, counts = np.unique(components, return_counts=True)
    _check_folds(folds, len(names), "groups of videos that share no label")
    rng = np.random.default_rng([seed, folds])
    tested: list[set[int]] = [set() for _ in range(folds)]
    places = rng.permutation(len(names))
    for place in places[np.argsort(-counts[places], kind="stable")]:
        smallest = min(tested, key=len)
        smallest.update(np.flatnonzero(components == names[place]).tolist())
    return _folded(ids, tested)


def _check_folds(folds: int, n: int, what: str) -> None:
    if not 2 <= folds <= n:
        raise AqaError(f"{folds} folds of {n} {what}: from 2 to {n} can be made")


def _folded(ids: Sequence[str], tested: Sequence[set[int]]) -> list[Split]:
    return [_split(str(k), ids, fold) for k, fold in enumerate(tested, start=1)]


def leave_one_out(ids: Sequence[str], labels: Sequence[str]) -> list[Split]:
    """One split per label: its videos are tested, all others train (parmar2019action §5.2).

    labels: one per video. Each split is named after its label.
    """
    if len(labels) != len(ids):
        raise AqaError(f"leave one out: {len(labels)} labels for {len(ids)} videos")
    names = sorted(set(labels))
    if len(names) < 2:
        raise AqaError(f"leave one out: {names[0]!r} is the only label, so nothing is left")
    return [
        _split(name, ids, {i for i, label in enumerate(labels) if label == name}) for name in names
    ]


def with_validation(
    splits: Sequence[Split],
    ids: Sequence[str],
    labels: Sequence[Sequence[str]],
    *,
    val: float,
    seed: int,
    grouped: bool,
) -> list[Split]:
    """The same splits, with a part of the training videos of each held out as `val`.

    labels: for each of `ids`, its stratum, or, if `grouped`, its groups as in `grouped_splits`.
    val: how many training videos, or which share of them, as `test` in `random_splits`.
    """
    by_id = dict(zip(ids, labels, strict=True))
    held_out = []
    for k, split in enumerate(splits, start=1):
        rng = np.random.default_rng([seed, k, 1])  # not the numbers that the test part is drawn by
        labels_of_train = [by_id[video_id] for video_id in split.train]
        if grouped:
            chosen = _grouped(_connected(labels_of_train), val, rng)
        else:
            chosen = _stratified(["/".join(names) for names in labels_of_train], val, rng)
        drawn = _split(split.name, split.train, chosen)
        held_out.append(replace(split, train=drawn.train, val=drawn.test))
    return held_out


def _split(name: str, ids: Sequence[str], tested: set[int]) -> Split:
    """A split of all ids; those at the positions `tested` are its test part."""
    return Split(
        name=name,
        train=tuple(v for i, v in enumerate(ids) if i not in tested),
        test=tuple(v for i, v in enumerate(ids) if i in tested),
    )


def _check_size(size: float, n: int) -> None:
    """`AqaError` for a count (int) or share (float) that cannot be drawn from `n` videos."""
    if isinstance(size, int) and not 1 <= size < n:
        raise AqaError(f"a part of {size} videos cannot be drawn from {n}: from 1 to {n - 1} can")
    if not isinstance(size, int) and not 0 < size < 1:
        raise AqaError(f"a part of {size} is neither a count nor a share between 0 and 1")


def _stratified(labels: Sequence[str], size: float, rng: np.random.Generator) -> set[int]:
    """Draw positions, of each label its share; one position of each label stays undrawn."""
    _check_size(size, len(labels))
    names = np.asarray(labels)
    groups = [np.flatnonzero(names == label) for label in np.unique(names)]
    counts = np.array([len(group) for group in groups])
    if isinstance(size, int):
        sizes = _apportioned(size, counts - 1)
    else:
        sizes = [min(max(round(size * count), 1), count - 1) for count in counts.tolist()]
    drawn: set[int] = set()
    for group, count in zip(groups, sizes, strict=True):
        drawn.update(rng.permutation(group)[:count].tolist())
    return drawn


def _apportioned(total: int, room: NDArray[np.int_]) -> list[int]:
    """Divide `total` into whole numbers in proportion to `room`, by largest remainders."""
    if total > room.sum():
        raise AqaError(
            f"a part of {total} videos would leave a stratum nothing: at most {room.sum()}"
        )
    shares = total * room / room.sum()
    sizes = np.floor(shares).astype(int)
    largest = np.argsort(sizes - shares, kind="stable")[: total - sizes.sum()]
    sizes[largest] += 1
    return [int(size) for size in sizes]


def _connected(groups: Sequence[Sequence[str]]) -> NDArray[np.int_]:
    """As `connected_groups`, of videos that have one label in each of several columns."""
    return connected_groups([set(enumerate(labels)) for labels in groups])


def connected_groups(groups: Sequence[Collection[object]]) -> NDArray[np.int_]:
    """For each video, the number of its component: videos connected by labels they share.

    groups: the labels of each video.
    """
    n = len(groups)
    labels: dict[object, int] = {}  # the nodes from n on; videos are those below
    edges = [
        (k, labels.setdefault(one, n + len(labels))) for k, own in enumerate(groups) for one in own
    ]
    rows, nodes = zip(*edges, strict=True) if edges else ((), ())
    size = n + len(labels)
    graph = coo_array((np.ones(len(edges)), (rows, nodes)), shape=(size, size))
    components: NDArray[np.int_] = connected_components(graph, directed=False)[1][:n]
    return components


def _grouped(components: NDArray[np.int_], size: float, rng: np.random.Generator) -> set[int]:
    """Draw whole components whose videos, together, come as near to the size as possible."""
    n = len(components)
    _check_size(size, n)
    wanted = size if isinstance(size, int) else size * n
    if len(np.unique(components)) < 2:
        raise AqaError(
            f"grouped splits: shared labels connect all {n} videos; keep fewer columns apart"
        )
    return set(whole_groups(components, wanted, rng).tolist())


def balanced_splits(
    ids: Sequence[str],
    labels: Sequence[str],
    *,
    n: int = 10,
    test: int = 15,
    kinds: int | Sequence[str] = 6,
    seed: int = 0,
) -> list[Split]:
    """Draw `n` splits, named `1` to `n`, with as many test videos of each label.

    kinds: how many labels, the most frequent ones (of equally frequent ones, the first in the
    alphabet), or which labels. Of each of them, `test` videos are tested and all others train;
    videos of other labels, or without one (""), are in no part. That is how jain2020 Tables I-V
    were made; which videos its ten splits hold is not published, so these are new ones.
    """
    if len(labels) != len(ids):
        raise AqaError(f"balanced splits: {len(labels)} labels for {len(ids)} videos")
    if not isinstance(test, int) or test < 1 or kinds == 0:
        raise AqaError(f"balanced splits: test={test} of each of {kinds} kinds: counts from 1 on")
    names, counts = np.unique([label for label in labels if label], return_counts=True)
    if isinstance(kinds, int):
        frequent = names[np.argsort(-counts, kind="stable")][:kinds]
        if len(frequent) < kinds:
            raise AqaError(f"balanced splits: {len(names)} kinds of videos where {kinds} are asked")
    else:
        frequent = np.asarray(kinds)
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
