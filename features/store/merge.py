"""Several stores that were made alike, put together into one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aqa.errors import listed
from aqa.features.store.few_open import FewOpen
from aqa.features.store.network_file import copy_network
from aqa.features.store.reader import FeatureStore
from aqa.features.store.spec import Spec, StoreError, spec_differences
from aqa.features.store.writer import FeatureStoreWriter
from aqa.files import changing, replacing

# How much responses to a black clip may differ, as a share of their length: machines round.
_BLANKS_DIFFER = 1e-3
# What a store's provenance says that is of one part alone.
_OF_A_PART = ("aqa", "created", "shard", "merged")


@dataclass(frozen=True)
class Merged:
    """What a merge did. n_videos: in the store now. n_added: that it did not hold before.

    missing: shards, such as `3/8`, of which no part is there.
    """

    n_videos: int
    n_added: int
    missing: tuple[str, ...]


def merge_stores(
    parts: Sequence[Path], output: Path, order: Iterable[str] = (), *, partial: bool = False
) -> Merged:
    """Put the videos of all parts into one store, which is written in one step.

    A store that is there already is a part, too, so that a merge can be given again when there are
    more parts. order: ids in the order that videos are to have; those of no such id come last.
    Features, clips and what is known of each video stay as they are; each is checked as it is read.
    partial: merge what there is, where a shard has no part.

    `StoreError`, and nothing written, where a shard has no part; where parts were made with
    other settings, with both values; where a video is in two of them with other features; or where
    one is damaged.
    """
    with changing(output) as real, FewOpen() as files:
        paths = [*([output] if real.exists() else []), *_distinct(parts, real)]
        if not paths:
            raise StoreError(f"{output}: no parts to merge")
        stores: list[FeatureStore] = []
        for path in paths:
            with FeatureStore.open(path) as store:  # what it says of its videos stays in memory
                store.check_records()
                _check_alike(stores[0] if stores else store, store)
                stores.append(store)
        places = _places(stores)
        wanted = dict.fromkeys(i for i in order if i in places)
        ids = [*wanted, *(i for i in places if i not in wanted)]
        if not ids:
            raise StoreError(f"{paths[0]}: the parts hold no videos")
        missing = _missing(stores)
        if missing and not partial:
            raise StoreError(
                f"{output}: not written, as there is no part of the shards {listed(missing)}; "
                "extract these too, or merge what there is with --partial"
            )
        copy_network(stores[0].spec, stores[0].path, output)
        with replacing(output, keep_mode=True) as temporary:
            temporary.unlink()  # the writer makes it
            with FeatureStoreWriter(
                temporary,
                _spec(stores),
                blank=stores[0].file.texts.blank,
                ids=ids,
                provenance=_provenance(stores),
                durable=False,
            ) as writer:
                for video_id in ids:
                    copy_video(video_id, _opened(places[video_id], video_id, files), writer)
        n_before = len(stores[0]) if real.exists() and stores[0].path == output else 0
        return Merged(len(ids), len(ids) - n_before, missing)


def _distinct(parts: Sequence[Path], output: Path) -> list[Path]:
    """The parts, each once, without the output itself, which a pattern may have caught."""
    real = {Path(os.path.realpath(part)): part for part in parts}
    real.pop(output, None)
    return list(real.values())


def _check_alike(first: FeatureStore, other: FeatureStore) -> None:
    differences = spec_differences(other.spec, first.spec)
    if differences:
        raise StoreError(
            f"{other.path} was made with other settings than {first.path}: {'; '.join(differences)}"
        )
    blanks = first.file.texts.blank, other.file.texts.blank
    if (blanks[0] is None) != (blanks[1] is None):
        known, unknown = (first, other) if blanks[1] is None else (other, first)
        raise StoreError(
            f"{unknown.path} has no response to a blank clip, {known.path} has one: they were not "
            "made alike"
        )
    if blanks[0] is None or blanks[1] is None:
        return
    here, there = blanks[0].astype(np.float64), blanks[1].astype(np.float64)
    if np.linalg.norm(here - there) > _BLANKS_DIFFER * max(float(np.linalg.norm(here)), 1e-12):
        raise StoreError(
            f"{other.path}: its network responds to a blank clip unlike that of {first.path}; "
            "extract it again"
        )


def _places(stores: Sequence[FeatureStore]) -> dict[str, FeatureStore]:
    """Where each video is taken from: the first that holds it; the others must hold the same."""
    places: dict[str, FeatureStore] = {}
    for store in stores:
        for video_id in store.ids:
            first = places.setdefault(video_id, store)
            if first is not store and _record(first, video_id) != _record(store, video_id):
                raise StoreError(
                    f"{store.path} and {first.path} both hold {video_id}, with other features or "
                    "of another file; leave one of them out, or extract the video again"
                )
    return places


def _record(store: FeatureStore, video_id: str) -> tuple[Any, ...]:
    """What must be the same of a video that two stores hold."""
    checksums = tuple(store.augmented(name).checksum(video_id) for name in store.augmentations)
    return checksums, store.frame_range(video_id), store.content(video_id)


def _opened(store: FeatureStore, video_id: str, files: FewOpen) -> FeatureStore:
    """The same store, open; `StoreError` where it holds another video by now."""
    opened = files.get(store.path)
    if video_id not in opened or _record(opened, video_id) != _record(store, video_id):
        raise StoreError(f"{store.path}: {video_id} has changed during the merge; merge again")
    return opened


def copy_video(video_id: str, store: FeatureStore, writer: FeatureStoreWriter) -> None:
    """Append a video of one store to another of the same spec, with all that is known of it."""
    seen = [store.augmented(name) for name in store.augmentations]
    writer.append(
        video_id,
        [(one[video_id], one.clips(video_id)) for one in seen],
        n_frames=store.n_frames(video_id),
        frame_range=store.frame_range(video_id),
        fps=store.fps(video_id),
        n_bytes=store.n_bytes(video_id),
        content=store.content(video_id),
        decoder=store.decoder(video_id),
    )


def _spec(stores: Sequence[FeatureStore]) -> Spec:
    """The first one's, with the ids of training videos of the network that any of them knows."""
    spec = dict(stores[0].spec)
    known = [
        store.spec["weights"]["fitted_on"]
        for store in stores
        if store.spec["weights"].get("fitted_on") is not None
    ]
    if known:
        fitted_on = list(dict.fromkeys(video_id for ids in known for video_id in ids))
        spec["weights"] = {**spec["weights"], "fitted_on": fitted_on}
    return spec


def _provenance(stores: Sequence[FeatureStore]) -> Mapping[str, Any]:
    """What all parts say alike, values that differ beside one another, and that of each part."""
    parts: list[dict[str, Any]] = []
    for store in stores:
        earlier = store.provenance.get("merged")
        parts += earlier if isinstance(earlier, list) else [store.provenance]
    parts = [part for i, part in enumerate(parts) if part not in parts[:i]]
    keys = dict.fromkeys(key for part in parts for key in part if key not in _OF_A_PART)
    common: dict[str, Any] = {}
    for key in keys:
        values = [part[key] for part in parts if key in part]
        distinct = [value for i, value in enumerate(values) if value not in values[:i]]
        common[key] = distinct[0] if len(distinct) == 1 else ", ".join(map(str, distinct))
    return {**common, "merged": parts}


def _missing(stores: Sequence[FeatureStore]) -> tuple[str, ...]:
    """Shards that belong to those that are there, and are not among them."""
    parts = [part for part in _provenance(stores)["merged"] if isinstance(part, Mapping)]
    there = {str(part["shard"]) for part in parts if "shard" in part}
    counts = {text.partition("/")[2] for text in there}
    if len(counts) != 1 or not (count := counts.pop()).isdecimal():
        return ()
    wanted = [f"{number}/{count}" for number in range(1, min(int(count), 10**6) + 1)]
    return tuple(text for text in wanted if text not in there)
