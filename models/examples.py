"""What heads learn from and answer for: videos' features, scores and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aqa.annotations.late_stages import refuse_late_stages
from aqa.annotations.manifest import Manifest, Video
from aqa.errors import HeadError
from aqa.features.clips import Clip

if TYPE_CHECKING:
    from aqa.features.store import FeatureStore

# One array per video: float32 (n_clips, dim), or of maps (n_clips, channels, time, height, width);
# the number of clips may differ.
Sequences = Sequence[NDArray[np.floating]]


@dataclass(frozen=True)
class Examples:
    """Videos that a head learns from, or answers for; every field has one entry per video.

    ids: names, for errors and records. features: see `Sequences`. scores: (n,) points, NaN where
    not known. columns: what else is known of each video: attributes of `Video` by their names,
    and `clips`, (n_clips, 2), the half-open range of frames behind each clip, counted from the
    video's `start_frame`; negative frames are padding; where there are views, `view_clips` too, a
    list of the same of each view; and `definition`, the text that measured aspects were declared
    by, None for other features. views: the same videos under each augmentation. blank: the
    feature of a clip of black frames, (dim,); None where not known. pairs: (pairs, 2) numbers of a
    better and a worse video; None where heads learn scores. groups: (n,) numbers; of videos of one
    number, such as those of one athlete, none is held out while another is learned from. None:
    each is by itself.
    """

    ids: tuple[str, ...]
    features: Sequences
    scores: NDArray[np.float64]
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    views: Sequence[Sequences] = ()
    blank: NDArray[np.floating] | None = None
    pairs: NDArray[np.intp] | None = None
    groups: NDArray[np.intp] | None = None

    def __post_init__(self) -> None:
        """Refuse fields that are not of the same videos."""
        n = len(self.features)
        if self.scores.shape != (n,):
            raise HeadError(
                f"expected {n} finite scores, one per video; got shape {self.scores.shape}"
            )
        if len(self.ids) != n:
            raise HeadError(f"{len(self.ids)} ids for {n} videos; give one per video")
        for name, values in self.columns.items():
            if len(values) != n:
                raise HeadError(
                    f"{len(values)} values of {name} for {n} videos; give one per video"
                )
        if self.groups is not None and np.shape(self.groups) != (n,):
            raise HeadError(
                f"groups of shape {np.shape(self.groups)} for {n} videos; one per video"
            )
        for number, view in enumerate(self.views):
            if len(view) != n:
                raise HeadError(f"augmentation {number} has {len(view)} videos for {n}")

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, number: int) -> Examples:
        """One video; scikit-learn cuts what it is given as X by this, see `of`."""
        return self.select([number])

    @classmethod
    def of(
        cls,
        x: Sequences | Examples | Sequence[Examples],
        y: ArrayLike | None = None,
        *,
        views: Sequence[Sequences] = (),
        blank: NDArray[np.floating] | None = None,
        groups: ArrayLike | None = None,
        **columns: Sequence[Any] | None,
    ) -> Examples:
        """Examples of plain arrays, as scikit-learn passes them.

        x: arrays; or examples, or a list of them, whose scores and groups `y` and `groups` take the
        place of: with these as X, a grid search hands columns on to fitting and to answering. y:
        None where scores are not known. groups: (n,) labels, such as athletes' names, of which
        `Examples.groups` is made.
        columns: None for one that is not known; `id` names the videos, which are otherwise called
        `row 0` and so on.
        """
        together = None if groups is None else _numbers_of(groups)
        given = _examples_among(x)
        if given is not None:
            given = given if y is None else replace(given, scores=np.asarray(y, np.float64))
            return given if together is None else replace(given, groups=together)
        names = columns.pop("id", None)
        ids = [f"row {i}" for i in range(len(x))] if names is None else names
        scores = np.full(len(x), np.nan) if y is None else np.asarray(y, np.float64)
        known = {name: values for name, values in columns.items() if values is not None}
        return cls(tuple(ids), cast("Sequences", x), scores, known, views, blank, groups=together)

    def select(self, numbers: Sequence[int] | NDArray[np.integer]) -> Examples:
        """The videos of these numbers, in this order, and the pairs of two of them."""
        chosen = [int(i) for i in numbers]
        return replace(
            self,
            ids=tuple(self.ids[i] for i in chosen),
            features=pick(self.features, chosen),
            scores=self.scores[chosen],
            columns={name: [values[i] for i in chosen] for name, values in self.columns.items()},
            views=[pick(view, chosen) for view in self.views],
            pairs=None if self.pairs is None else _pairs_among(self.pairs, chosen),
            groups=None if self.groups is None else self.groups[chosen],
        )

    def only(self, columns: Sequence[str]) -> dict[str, Sequence[Any]]:
        """The values of those of these columns that are known; `id` are the ids."""
        known = {"id": self.ids, **self.columns}
        return {name: known[name] for name in columns if name in known}


def _numbers_of(labels: ArrayLike) -> NDArray[np.intp]:
    """A number for each label, the same for the same."""
    numbers: NDArray[np.intp] = np.unique(np.asarray(labels), return_inverse=True)[1]
    return numbers


def _pairs_among(pairs: NDArray[np.intp], chosen: Sequence[int]) -> NDArray[np.intp]:
    """The pairs of two of the chosen videos, by their new numbers."""
    new = {number: place for place, number in reversed(list(enumerate(chosen)))}
    kept = [(new[a], new[b]) for a, b in pairs.tolist() if a in new and b in new]
    return np.array(kept, np.intp).reshape(-1, 2)


def _examples_among(x: Sequences | Examples | Sequence[Examples]) -> Examples | None:
    """What was given, where it is examples or a list of them, and not arrays."""
    if isinstance(x, Examples):
        return x
    groups = [group for group in x if isinstance(group, Examples)]
    return _joined(groups) if groups else None


def _joined(groups: Sequence[Examples]) -> Examples:
    """The videos of all groups, one after the other, as the first group knows of them."""
    first, n_views = groups[0], len(groups[0].views)
    return Examples(
        tuple(i for group in groups for i in group.ids),
        [array for group in groups for array in group.features],
        np.concatenate([group.scores for group in groups]),
        {name: [v for group in groups for v in group.columns[name]] for name in first.columns},
        [[array for group in groups for array in group.views[k]] for k in range(n_views)],
        first.blank,
        groups=_joined_groups([group.groups for group in groups]),
    )


def _joined_groups(parts: Sequence[NDArray[np.intp] | None]) -> NDArray[np.intp] | None:
    """The groups of all videos, one after the other; None where some are not known."""
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) else None


def pick(
    sequences: Sequences, numbers: Sequence[int] | NDArray[np.integer]
) -> list[NDArray[np.floating]]:
    """The sequences of these numbers."""
    return [sequences[i] for i in numbers]


@dataclass(frozen=True)
class Features:
    """A store and its videos' features, read once."""

    store: FeatureStore
    arrays: Mapping[str, NDArray[np.float32]]

    @classmethod
    def of(cls, store: FeatureStore) -> Features:
        """Read them all."""
        return cls(store, dict(zip(store.ids, store.load(store.ids), strict=True)))


def examples_of(
    ids: Sequence[str],
    manifest: Manifest,
    features: Features,
    columns: Sequence[str],
    *,
    views: bool = False,
    blank: bool = False,
) -> Examples:
    """Videos of a store as a head with these `columns` takes them.

    views, blank: read the store's augmentations, and the feature of a clip of black frames.
    """
    from aqa.features.video_features import blank_of

    store, videos = features.store, [manifest.by_id[i] for i in ids]
    if "stages" in columns and store.spec.get("clip_length"):  # else its rows are no frames
        refuse_late_stages(manifest, ids, store.n_frames)
    clips = [store.clips(i) for i in ids] if "clips" in columns else []
    known = videos_columns(videos, [n for n in columns if n not in ("id", "definition")], clips)
    if "definition" in columns:
        known["definition"] = [store.spec.get("definition")] * len(videos)
    augmented = [store.augmented(name) for name in store.augmentations[1:]] if views else []
    if augmented and clips:
        known["view_clips"] = [[np.asarray(one.clips(i)) for one in augmented] for i in ids]
    return Examples(
        tuple(ids),
        [features.arrays[i] for i in ids],
        np.array([video.score for video in videos], np.float64),
        known,
        [one.load(ids) for one in augmented],
        blank_of(store) if blank else None,
    )


def ranked_examples_of(
    ids: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    manifest: Manifest,
    features: Features,
    columns: Sequence[str],
    **options: Any,
) -> Examples:
    """Videos as `examples_of` gives them, and pairs of a better and a worse one of them."""
    examples = examples_of(ids, manifest, features, columns, **options)
    place = {video_id: number for number, video_id in enumerate(ids)}
    numbers = [(place[better], place[worse]) for better, worse in pairs]
    return replace(examples, pairs=np.array(numbers, np.intp).reshape(-1, 2))


def example_of(
    video: Video,
    features: NDArray[np.floating],
    clips: Sequence[Clip],
    columns: Sequence[str],
    blank: NDArray[np.floating] | None = None,
) -> Examples:
    """One video, in a store or not, as a head with these `columns` takes it."""
    known = videos_columns([video], [name for name in columns if name != "id"], [clips])
    scores = np.array([video.score], np.float64)
    return Examples((video.id,), [features], scores, known, (), blank)


def videos_columns(
    videos: Sequence[Video], columns: Sequence[str], clips: Sequence[Sequence[Clip]] = ()
) -> dict[str, list[Any]]:
    """Attributes of videos, as heads with such `columns` take them; `clips` come from the store."""
    return {
        name: [np.asarray(ranges) for ranges in clips]
        if name == "clips"
        else [getattr(video, name) for video in videos]
        for name in columns
    }
