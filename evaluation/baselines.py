"""What can be predicted of scores without any pixels: from difficulty, type, event, length, place.

What such a baseline reaches too says nothing of how well a head sees. On MTL-AQA's published split
the event alone tells much, since the dives of one final have similar scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import make_column_transformer
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from aqa.annotations.chosen_splits import chosen_splits
from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.errors import UnknownNameError
from aqa.evaluation.classes.baselines import MAJORITY, ClassRidgeCV, column_rule, majority
from aqa.evaluation.classes.rows import measure_class_rows, with_classes
from aqa.evaluation.classes.training import good_share
from aqa.evaluation.complete_splits import check_scored, scored_split
from aqa.evaluation.evaluated import EvaluatedPart, save_evaluated
from aqa.evaluation.families import Tested
from aqa.evaluation.named_columns import named_columns
from aqa.evaluation.neighbours import NEIGHBOURS, neighbour_means
from aqa.evaluation.result import Evaluation, Marks, Result
from aqa.evaluation.results import results_of
from aqa.evaluation.run_stores import stored_split
from aqa.evaluation.score_rows import Row, measure_rows, part_rows
from aqa.evaluation.sparse_ridge import SparseRidgeCV
from aqa.evaluation.summing_up import summed_up
from aqa.features.store import FeatureStore
from aqa.models.run_source import RunError
from aqa.models.target_transforms.class_rule import MIDDLE, ClassRule
from aqa.target_names import SIGN, target_label
from aqa.workspace import BASELINE, run_folder

PREFIX = BASELINE
ALL = "all"
LABELS = ("action", "type", "event", "athlete", "venue")
# Columns of the manifest besides these; other columns only where they are named.
_NUMBERS = ("seconds",)
_PARTS = ("train", "test")
# A larger table of training videos and labels, 40 MB, is not made dense; and then a column of more
# labels than these is left out: time grows with their third power.
_DENSE = 5_000_000
_MOST_LABELS = 1000
# Times the squared weights of standardised numbers and 0-or-1 labels; ours.
ALPHAS = tuple(np.logspace(-2, 3, 11).tolist())


@dataclass(frozen=True)
class Baseline:
    """What is predicted of a split without pixels.

    name: as a head's. learned: rows of predictions.csv of the training videos. tested: the test
    videos. marks: the columns that it saw, and a ridge regression's chosen penalty.
    """

    name: str
    learned: list[dict[str, Any]]
    tested: EvaluatedPart
    marks: Marks


def split_baselines(
    split: Split,
    manifest: Manifest,
    store: FeatureStore | None = None,
    names: Sequence[str] = (),
) -> Iterator[Baseline]:
    """Fit ridge regressions on the training videos of a split; evaluate them on its test videos.

    manifest: seen with what they predict. names: columns joined by `+`, such as `event+type`, or
    `all`; none: each usable column by itself, and all of them. Other columns, which must be named,
    may be added; so may `neighbours`, which is no regression (see `neighbour_means`). A column is
    usable where every video of the split has a value, and training videos differ in it; where there
    are thousands of them, also only if they have at most 1000 labels. store: gives the numbers of
    clips and frames; without one frames are counted by the manifest. A label that no training video
    has tells nothing.

    Of two classes columns tell by a ridge classifier, and `majority`, which says the commoner one,
    comes first where none are named.
    """
    if not split.test:
        raise RunError(
            f"{manifest.path}: split {split.name} has no test videos; "
            "name the splits that have with --split"
        )
    check_scored(split, manifest, _PARTS)
    yield from _majority(split, manifest, names)
    columns = usable_columns(split, manifest, store)
    others = (NEIGHBOURS, *([MAJORITY] if manifest.classes else []))  # that are no columns
    chosen = {name: tuple(name.split("+")) for name in names or columns if name not in others}
    if ALL in chosen or (not names and len(columns) > 1):
        chosen[ALL] = tuple(columns)
    asked = {column for asked_columns in chosen.values() for column in asked_columns}
    ids = (*split.train, *split.test)
    columns |= _usable(named_columns(asked - set(columns), manifest, ids), split)
    unknown = [
        column
        for asked_columns in chosen.values()
        for column in asked_columns
        if column not in columns
    ]
    if unknown:
        raise UnknownNameError(
            "baseline column",
            unknown[0],
            [*columns, ALL, *others],
            remedy=f"every video of split {split.name} of {manifest.path} must have a value, "
            f"and its training videos must differ in it; of many, by {_MOST_LABELS} labels at most",
        )
    _check_folders(chosen, manifest)
    for name, asked_columns in chosen.items():
        yield _evaluate(
            {column: columns[column] for column in asked_columns}, name, split, manifest
        )
    if NEIGHBOURS in names:
        means = neighbour_means(split, manifest)
        predicted = {part: [means[i] for i in split.part(part)] for part in _PARTS}
        yield _baseline(NEIGHBOURS, predicted, Marks(baseline=(NEIGHBOURS,)), split, manifest)


def _check_folders(names: Iterable[str], manifest: Manifest) -> None:
    """Raise `RunError` where the folder of a baseline would be that of another target's, or none.

    `aqa compare` would take the column `a@b` for the column `a`, predicting `b`.
    """
    for name in names:
        if set(name) & {SIGN, "/", "\\"}:
            raise RunError(
                f"{manifest.path}: column {name!r}: its predictions lie in a folder of that name, "
                f"which may hold no {SIGN}, / or \\; rename the column"
            )


def usable_columns(
    split: Split, manifest: Manifest, store: FeatureStore | None
) -> dict[str, dict[str, Any]]:
    """Column -> video -> value, of the columns that can be learned from.

    manifest: seen with what is predicted; its column tells nothing else.
    """
    ids = (*split.train, *split.test)
    columns: dict[str, dict[str, Any]] = {
        name: {i: getattr(manifest.by_id[i], name) for i in ids} for name in (*LABELS, "difficulty")
    }
    if store is not None:
        columns["clips"] = {i: len(store.clips(i)) for i in ids}
    if store is not None and store.spec["clip_length"] is not None:
        columns["frames"] = {i: store.n_frames(i) for i in ids}
    else:
        columns["frames"] = {i: _frames(manifest, i) for i in ids}
    columns.pop(manifest.score_column, None)
    return _usable(columns | named_columns(_NUMBERS, manifest, ids), split)


def _usable(columns: Mapping[str, dict[str, Any]], split: Split) -> dict[str, dict[str, Any]]:
    """Those that every video has and training videos differ in; not labels that are too many."""
    return {
        name: values
        for name, values in columns.items()
        if None not in values.values()
        and len({values[i] for i in split.train}) > 1
        and not (_is_label(values) and _is_too_long(values, split))
    }


def _is_label(values: Mapping[str, Any]) -> bool:
    return any(isinstance(value, str) for value in values.values())


def _n_cells(values: Mapping[str, Any], split: Split) -> int:
    """Of a table with a row per training video and a column per label."""
    return len(split.train) * len({values[i] for i in split.train})


def _is_too_long(values: Mapping[str, Any], split: Split) -> bool:
    too_many = len({values[i] for i in split.train}) > _MOST_LABELS
    return too_many and _n_cells(values, split) > _DENSE


def _frames(manifest: Manifest, video_id: str) -> int | None:
    video = manifest.by_id[video_id]
    return None if video.end_frame is None else video.end_frame - (video.start_frame or 0)


def _evaluate(
    columns: Mapping[str, Mapping[str, Any]], name: str, split: Split, manifest: Manifest
) -> Baseline:
    labels = [at for at, values in enumerate(columns.values()) if _is_label(values)]
    numbers = [at for at in range(len(columns)) if at not in labels]
    many = sum(_n_cells(list(columns.values())[at], split) for at in labels) > _DENSE
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", sparse_output=many), labels),
            (StandardScaler(), numbers),
            sparse_threshold=float(many),
        ),
        # All choose by leaving out one training video after the other.
        SparseRidgeCV(ALPHAS) if many else (ClassRidgeCV if manifest.classes else RidgeCV)(ALPHAS),
    )
    model.fit(_table(columns, split.train), [manifest.by_id[i].score for i in split.train])
    predicted = {part: model.predict(_table(columns, split.part(part))).tolist() for part in _PARTS}
    marks = Marks(baseline=tuple(columns), alpha=float(model[-1].alpha_))
    rule = None
    if manifest.classes is not None:
        rule = column_rule(manifest.classes, model[-1], good_share(split, manifest))
    return _baseline(name, predicted, marks, split, manifest, rule)


def _majority(split: Split, manifest: Manifest, names: Sequence[str]) -> Iterator[Baseline]:
    """Of classes, saying what most training videos are; see `split_baselines` for names."""
    if manifest.classes is None or (names and MAJORITY not in names):
        return
    counts = {part: len(split.part(part)) for part in _PARTS}
    predicted = majority(good_share(split, manifest), counts)
    yield _baseline(MAJORITY, predicted, Marks(baseline=(MAJORITY,)), split, manifest)


def _baseline(
    name: str,
    predicted: Mapping[str, list[float]],
    marks: Marks,
    split: Split,
    manifest: Manifest,
    rule: ClassRule | None = None,
) -> Baseline:
    """What was predicted of the training and test videos, evaluated on the latter.

    rule: how it is read as classes, where the manifest has them; None: from the middle on as good.
    """
    learned, tested = (
        part_rows(
            part,
            split.part(part),
            [manifest.by_id[i].score for i in split.part(part)],
            predicted[part],
        )
        for part in _PARTS
    )
    if manifest.classes is not None:
        rule = rule or ClassRule(manifest.classes, "score", MIDDLE)
        learned, tested = with_classes(learned, rule), with_classes(tested, rule)
        answers = EvaluatedPart(tested, measure_class_rows(tested))
    else:
        answers = EvaluatedPart(tested, measure_rows(tested, manifest))
    return Baseline(f"{PREFIX}{name}", learned, answers, marks)


def keep_baseline(
    baseline: Baseline, split: Split, manifest: Manifest, runs: Path, by: str | None = None
) -> list[Result]:
    """Keep what a baseline predicts beside the runs, for `aqa compare`; its results.

    manifest: seen with what is predicted.
    """
    evaluated = {"test": baseline.tested}
    folder = run_folder(runs, target_label(baseline.name, manifest.target), split.name)
    save_evaluated(folder, evaluated, baseline.marks, baseline.learned)
    kind = "scores" if manifest.classes is None else "classes"
    return results_of(kind, baseline.name, split.name, evaluated, baseline.marks, manifest, by)


def evaluate_baselines(
    manifest: Manifest,
    splits: Sequence[str],
    columns: Sequence[str],
    runs: Path,
    store: FeatureStore | None = None,
    *,
    targets: Sequence[str] = (),
    good: str | None = None,
    skip_missing: bool = False,
    skip_incomplete: bool = False,
    by: str | None = None,
) -> Evaluation:
    """Results of the predictions without pixels, of each split; see `split_baselines`.

    targets, good: see `Manifest.of_targets`. skip_incomplete: leave out videos that lack one. by:
    `type` or `action`, to evaluate each by itself too.
    """
    results: list[Result] = []
    tested: dict[Tested, Sequence[Row]] = {}
    for table in manifest.of_targets(targets, good):
        for split in chosen_splits(table, splits):
            if store is not None:
                split = stored_split(split, table, store, skip_missing)
            if skip_incomplete:
                split = scored_split(split, table)
            for baseline in split_baselines(split, table, store, columns):
                results += keep_baseline(baseline, split, table, runs, by)
                tested[baseline.name, table.target, split.name] = baseline.tested.rows
    if not results:
        raise RunError(
            f"{manifest.path}: no column that scores could be predicted from; "
            "it takes difficulty, type or event, with a value for every video"
        )
    return summed_up(results, {} if by else tested, manifest)


def _table(columns: Mapping[str, Mapping[str, Any]], ids: Sequence[str]) -> NDArray[Any]:
    return np.array([[values[i] for values in columns.values()] for i in ids], dtype=object)
