"""Splits without the videos that lack a label that a head needs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace

from aqa.annotations.chosen_splits import chosen_splits
from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import PARTS, Split
from aqa.errors import AqaWarning, listed
from aqa.features.store import FeatureStore
from aqa.models.examples import videos_columns
from aqa.models.heads.base import Head
from aqa.models.heads.base.incomplete import incomplete
from aqa.models.run_source import RunError
from aqa.models.runs import Run
from aqa.target_names import SCORE

PLACE = "training or validation"


def complete_split(
    head: Head,
    split: Split,
    manifest: Manifest,
    start: Head | None = None,
    parts: Sequence[str] = ("train", "val"),
) -> tuple[Split, dict[str, str]]:
    """The split without training and validation videos that lack a label that the head needs.

    start: the fitted head that it starts from. parts: those whose videos are looked at. Beside the
    split the videos that were left out: id -> what is lacking.
    """
    ids = [video_id for part in parts for video_id in split.part(part)]
    names = [*learned_scores(head, manifest), *head.needed_columns(start)]
    left_out = _incomplete(names, ids, manifest)
    complete = split.only({i for part in PARTS for i in split.part(part)} - set(left_out))
    if not complete.train:
        first = split.train[0]
        raise RunError(
            f"{manifest.path}: every training video of split {split.name} lacks a label; the "
            f"first, {first}: {left_out[first]}"
        )
    return complete, left_out


def answerable_split(run: Run, split: Split, manifest: Manifest) -> Split:
    """The split without videos that lack a label that the fitted head answers by.

    Training and validation videos that it learned from stay. A warning names the others. Scores,
    and of a head that tells stages these, are what it is compared with. manifest: seen with what
    the head predicts.
    """
    head = run.head
    asked = [
        name
        for name in head.needed_columns()
        if name in head.answer_columns or head.kind == "stages"
    ]
    asked += learned_scores(head, manifest)
    every = [i for part in PARTS for i in split.part(part)]
    lacking = _incomplete(
        asked, [*dict.fromkeys((*run.record["split"]["train"], *every))], manifest
    )
    tested, new = {*split.test}, {*every} - run.learned_from
    left_out = {i: words for i, words in lacking.items() if i in tested | new}
    if left_out:
        place = "test" if left_out.keys() <= tested else f"{PLACE}, or test"
        warnings.warn(f"{run.folder}: {told_left_out(left_out, place)}", AqaWarning, stacklevel=3)
    return split.only({*every} - left_out.keys())


def learned_scores(head: Head, manifest: Manifest) -> tuple[str, ...]:
    """The attribute of videos that a head learns to predict, where that is a score.

    manifest: seen with what the head predicts.
    """
    return () if head.kind == "stages" or manifest.pairs is not None else (SCORE,)


def check_scored(split: Split, manifest: Manifest, parts: Sequence[str] = ("train", "val")) -> None:
    """Raise `RunError` where videos of these parts lack the score that a manifest is seen with."""
    if manifest.pairs is not None:
        raise RunError(
            f"{manifest.pairs.path}: pairs tell no scores, which are needed here; leave out "
            f"--target {manifest.target}, which `aqa fit` and `aqa eval` take"
        )
    if manifest.classes is None:
        manifest.of_target(manifest.target)  # says which targets there are, where it is none
    ids = [video_id for part in parts for video_id in split.part(part)]
    without = [i for i in ids if math.isnan(manifest.by_id[i].score)]
    if without:
        raise RunError(
            f"{manifest.path}: no {manifest.score_column} for {len(without)} of {len(ids)} videos "
            f"of split {split.name}: {listed(without)}; fill the column, or leave them out with "
            "--skip-incomplete"
        )


def check_all_scored(
    tables: Sequence[Manifest], splits: Sequence[str], store: FeatureStore
) -> None:
    """`check_scored` of every split for several targets, before hours go into the first of them.

    tables: the manifest seen with each. splits: their names, see `chosen_splits`.
    """
    for table in tables if len(tables) > 1 else ():
        if table.pairs is None:
            for split in chosen_splits(table, splits):
                check_scored(split.only(store.ids), table)


def scored_split(split: Split, manifest: Manifest) -> Split:
    """The split without videos that lack the score that a manifest is seen with."""
    return split.only({video.id for video in manifest if not math.isnan(video.score)})


def split_without(split: Split, left_out: Mapping[str, str]) -> Split:
    """The split without these training and validation videos."""
    train, val = ([i for i in ids if i not in left_out] for ids in (split.train, split.val))
    return replace(split, train=tuple(train), val=tuple(val))


def told_left_out(left_out: Mapping[str, str], place: str = PLACE) -> str:
    """One line about the videos that were left out, and what each lacks."""
    each = listed([f"{video_id} ({lacking})" for video_id, lacking in left_out.items()], 10)
    return f"left out {len(left_out)} {place} video{'s' * (len(left_out) > 1)}: {each}"


def _incomplete(names: Sequence[str], ids: Sequence[str], manifest: Manifest) -> dict[str, str]:
    """Id -> what it lacks of these attributes of videos, in words; `score` is the target."""
    videos = [manifest.by_id[i] for i in ids if i in manifest.by_id]
    unscored = [video.id for video in videos if SCORE in names and math.isnan(video.score)]
    others = videos_columns(videos, [name for name in names if name != SCORE])
    lacking = {i: [f"no {manifest.score_column}"] for i in unscored}
    for i, words in incomplete([video.id for video in videos], others).items():
        lacking.setdefault(i, []).append(words)
    return {video.id: " and ".join(lacking[video.id]) for video in videos if video.id in lacking}
