"""Which videos are exemplars, and which exemplar a video is compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aqa.errors import HeadError
from aqa.models.examples import Examples
from aqa.models.heads.base.checks import check_fit
from aqa.models.heads.base.comparing import check_types

Numbers = NDArray[np.intp]

# Where exemplars of other types change the clips' values by less on average, nothing is compared.
LEAST_EFFECT = 0.05


def choose_exemplars(
    scores: NDArray[np.float64], types: Sequence[str], *, worst: bool, count: int
) -> dict[str, Numbers]:
    """The best (or worst) `count` videos of each type, and those with the same score as the last.

    jain2020 Table III counts all videos with a type's highest score as its experts.
    """
    labels = np.asarray(types, str)
    chosen = {}
    for label in np.unique(labels):
        videos_of_type = np.flatnonzero(labels == label)
        ranked = np.sort(scores[videos_of_type]) if worst else np.sort(scores[videos_of_type])[::-1]
        limit = ranked[min(count, len(videos_of_type)) - 1]
        near = scores[videos_of_type] <= limit if worst else scores[videos_of_type] >= limit
        chosen[str(label)] = videos_of_type[near]
    return chosen


def choose_spares(
    scores: NDArray[np.float64],
    types: Sequence[str],
    chosen: dict[str, Numbers],
    *,
    worst: bool,
    count: int,
) -> dict[str, Numbers]:
    """The videos that come next in each type, where one of the `chosen` is the video itself.

    None where ties leave `count` of them without it. See `choose_exemplars`.
    """
    labels = np.asarray(types, str)
    spares = {}
    for label, own in chosen.items():
        others = np.setdiff1d(np.flatnonzero(labels == label), own)
        wanted = len(own) <= count and len(others) > 0
        best = (scores[others].min() if worst else scores[others].max()) if wanted else np.nan
        spares[label] = others[scores[others] == best]
    return spares


def exemplars_of(
    scores: NDArray[np.float64],
    types: Sequence[str],
    *,
    worst: bool,
    count: int,
    constant: str | None,
    spares: bool,
) -> tuple[Numbers, list[str], NDArray[np.bool_]]:
    """The numbers of the exemplars, the type that each is for, and which of them are spare.

    constant: the type whose exemplars are for all, "". Spare ones, if wanted, stand behind.
    """
    chosen = choose_exemplars(scores, types, worst=worst, count=count)
    if constant is not None:
        if constant not in chosen:
            known = ", ".join(sorted(chosen)) or "none"
            raise HeadError(f"constant_type={constant!r} is no training video's; known: {known}")
        chosen = {constant: chosen[constant]}
    numbers = first = np.concatenate(list(chosen.values()))
    if spares:
        next_best = choose_spares(scores, types, chosen, worst=worst, count=count)
        numbers = np.concatenate([first, *next_best.values()])
    labels = ["" if constant is not None else types[i] for i in numbers]
    return numbers, labels, np.arange(len(numbers)) >= len(first)


def pool_of(
    train: Examples, types: list[str], others: Examples | None
) -> tuple[Examples, list[str]]:
    """Training videos, then the others, for `exemplar_from=all`; and the types of all."""
    if others is None:
        raise HeadError("exemplar_from=all takes the split's test videos as `others`")
    more, more_scores = check_fit(others.features, others.scores, least=1, ids=others.ids)
    pool = Examples(
        (*train.ids, *others.ids),
        [*train.features, *more],
        np.concatenate([train.scores, more_scores]),
    )
    return pool, types + check_types(others.columns.get("type"), len(more), strict=False)


def same_video(a: NDArray[np.floating], b: NDArray[np.floating]) -> bool:
    """Whether (n_clips, dim) features are of one video, up to the rounding of stores."""
    return a.shape == b.shape and all(
        np.allclose(one, other, rtol=1e-3, atol=1e-3) for one, other in zip(a, b, strict=True)
    )


def without_themselves(
    first: Numbers,
    second: Numbers,
    videos: Sequence[NDArray[np.floating]],
    exemplars: Sequence[NDArray[np.floating]],
    labels: Sequence[str],
    spare: NDArray[np.bool_],
) -> tuple[Numbers, Numbers]:
    """Rows of exemplar `first[i]` and video `second[i]` in which no video meets itself.

    A video that is an exemplar meets the other exemplars of its type instead, the `spare` ones
    too; where its type has no other, the exemplars of every type. labels, spare: of the exemplars.
    """
    own = np.array(
        [same_video(exemplars[e], videos[v]) for e, v in zip(first, second, strict=True)], bool
    )
    rows = [*zip(first[~own].tolist(), second[~own].tolist(), strict=True)]
    for number in np.unique(second[own]):
        met = {labels[e] for e in first[second == number]}
        others = [e for e in range(len(labels)) if not same_video(exemplars[e], videos[number])]
        of_type = [e for e in others if spare[e] and labels[e] in met]
        if not of_type and not (second[~own] == number).any():
            of_type = [e for e in others if not spare[e]]
        rows += [(e, int(number)) for e in of_type]
    rows.sort(key=lambda row: (row[1], row[0]))
    pairs = np.array(rows, np.intp).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def meaning_of_clips(effects: Sequence[float], learned_clips: bool) -> str:
    """What the clips' values are, and no more than that.

    effects: by how much each exemplar of another type would change them, on average over clips.
    """
    meaning = "similarity to the exemplar"
    if effects and np.mean(effects) < LEAST_EFFECT:
        meaning = (
            "how good a clip is by itself, not compared: exemplars of other types change it by "
            f"{np.mean(effects):.3f} only"
        )
    return meaning if learned_clips else f"{meaning}; as good as chance, since learn_clips=false"
