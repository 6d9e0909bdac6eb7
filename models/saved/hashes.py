"""What a run learned from, as hashes in its record, and whether that is still what it was.

Hashes are of single values and videos: of the score and of each column that the head learned from,
and of each video's features, for the videos that it learned from. Videos and splits that are added
to a manifest or a store change none of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aqa.annotations.columns import ATTRIBUTES, JUDGE_PREFIX, STAGE_PREFIX
from aqa.annotations.manifest import Manifest, Video
from aqa.annotations.pairs import PairTable
from aqa.annotations.splits import Split
from aqa.errors import AqaError, AqaWarning, ChangedError, UnknownNameError, listed
from aqa.features.store import FeatureStore, spec_differences
from aqa.models.heads.base import Head
from aqa.models.saved.record import RECORD, target_of
from aqa.models.saved.seen import seen_by
from aqa.target_names import PAIRS

# Columns of heads that no value of the manifest stands for, or where a file lies.
_NOT_VALUES = ("id", "clips", "row", "splits", "path", "poses")


def learned_hashes(
    head: Head, ids: Sequence[str], manifest: Manifest, store: FeatureStore
) -> dict[str, Any]:
    """Hashes of what a fitted head learned from: column -> id -> hash, and id -> hash of features.

    manifest: seen with the head's target, whose column takes the place of `score`.
    ids: of the videos that it learned from; those that the manifest or the store lack are left out.
    """
    videos = [manifest.by_id[i] for i in ids if i in manifest.by_id]
    names = list(_names(head, videos, manifest.score_column))
    return {
        "columns": {
            name: {v.id: _hash(_value(v, name, manifest)) for v in videos} for name in names
        },
        "clips": "clips" in head.columns,
        "augmentations": len(store.augmentations) if head.takes_views else 1,
        "features": _features(
            store,
            [i for i in ids if i in store],
            len(store.augmentations) if head.takes_views else 1,
            "clips" in head.columns,
        ),
    }


def score_hash(video: Video) -> str:
    """Of a video's score, as a record holds it."""
    return _hash(video.score)


def hash_of(spec: Mapping[str, Any]) -> str:
    """Of a spec, whatever the order of its keys."""
    return _hash(json.dumps(spec, sort_keys=True))


def check_spec_hash(folder: Path, record: Mapping[str, Any]) -> None:
    """Raise `ChangedError` where the record of a run tells of other features than when saved."""
    saved = record.get("hashes", {}).get("spec")
    if saved not in (None, hash_of(record["store"]["spec"])):
        raise ChangedError(
            f"{folder / RECORD}: store.spec, how the features were made, was changed since the "
            "head was fitted; bring the file back, or fit the head again"
        )


def check_learned(
    folder: Path,
    record: Mapping[str, Any],
    manifest: Manifest | None = None,
    store: FeatureStore | None = None,
) -> None:
    """Raise `ChangedError` where a run learned from other values or features than there are now.

    manifest, store: None: not checked. What they do not hold is not checked either.
    """
    hashes = record.get("hashes")
    if hashes is None:
        return
    changes: list[str] = []
    if manifest is not None:
        manifest = _seen_by(folder, record, manifest)
        changes += _changed_columns(hashes.get("columns", {}), manifest)
        changes += _changed_pairs(record, manifest)
    if store is not None and not spec_differences(store.spec, record["store"]["spec"]):
        changes += _changed_features(hashes, store)
    if changes:
        raise ChangedError(
            f"{folder}: it was fitted on other data than there are now: {'; '.join(changes)}; "
            "bring back what was there, or fit the head again"
        )


def _seen_by(folder: Path, record: Mapping[str, Any], manifest: Manifest) -> Manifest:
    """The manifest as the head of a run learned from it, where there is still what it needs."""
    try:
        return seen_by(record, manifest)
    except UnknownNameError:  # a column that is not there is not checked
        return manifest
    except AqaError as error:
        if target_of(record) != PAIRS:
            raise
        raise ChangedError(f"{folder}: it was fitted on pairs: {error}") from None


def pairs_hash(pairs: PairTable, split: Split) -> str:
    """Of the pairs that are learned from or stopped by; whatever their order."""
    parts = pairs.parts(Split(split.name, split.train, split.val))
    learned = [pair for pair, part in zip(pairs.pairs, parts, strict=True) if part]
    return _hash(json.dumps(sorted(learned)))


def _changed_pairs(record: Mapping[str, Any], manifest: Manifest) -> Iterable[str]:
    """Whether the pairs are others than those that a run learned from."""
    saved, split = record["hashes"].get("pairs"), record["split"]
    if saved is not None and manifest.pairs is not None:
        learned = Split(split["name"], tuple(split["train"]), tuple(split["val"]))
        if pairs_hash(manifest.pairs, learned) != saved:
            yield f"the pairs of {manifest.pairs.path} that it learned from have changed"


def check_beside(runs: Iterable[tuple[Path, Mapping[str, Any]]]) -> None:
    """`check_learned` with the manifest and the store that each run was fitted on.

    runs: folder and record of each. What is not there any more, or cannot be read, is not checked.
    """
    manifests: dict[Path, Manifest | None] = {}
    stores: dict[Path, FeatureStore | None] = {}
    try:
        for folder, record in runs:
            if record.get("hashes") is None:
                continue
            manifest = record.get("manifest")
            store = _found(stores, folder / record["store"]["path"], FeatureStore.open)
            table = manifest and _found(manifests, folder / manifest, Manifest.read)
            check_learned(folder, record, table or None, store)
    finally:
        for opened in stores.values():
            if opened is not None:
                opened.close()


def warn_unchecked(runs: Iterable[tuple[Path, Mapping[str, Any]]]) -> None:
    """One warning for all runs that were made before runs recorded hashes."""
    folders = [str(folder) for folder, record in runs if record.get("hashes") is None]
    if folders:
        warnings.warn(
            f"{listed(folders, 1)}: fitted before aqa recorded what a head learned from, so it is "
            "not known whether scores, features or the model have changed since; to have it "
            "checked, fit again",
            AqaWarning,
            stacklevel=3,
        )


def _found(known: dict[Path, Any], path: Path, read: Callable[[Path], Any]) -> Any:
    """What lies at a path, read once; None where nothing does, or nothing that can be read."""
    path = Path(os.path.normpath(path))
    if path not in known:
        known[path] = None
        if path.exists():
            try:
                known[path] = read(path)
            except AqaError as error:
                cause = str(error).partition("\n")[0]
                warnings.warn(
                    f"{cause}: so it is not checked whether it is what the head learned from",
                    AqaWarning,
                    stacklevel=4,
                )
    return known[path]


# Columns ------------------------------------------------------------------------------------------


def _names(head: Head, videos: Sequence[Video], score_column: str) -> Iterable[str]:
    """The values per video that a head learns from, by the manifest's names for them."""
    if head.kind != "stages" and score_column != PAIRS:
        yield score_column
    for column in dict.fromkeys(head.columns):
        if column == "attributes":
            yield from (name for name in ATTRIBUTES if any(name in v.attributes for v in videos))
        elif column == "commentary":
            yield from [column] if any(video.commentary for video in videos) else []
        elif column == "stages":
            stages = dict.fromkeys(name for video in videos for name in video.stages)
            yield from (STAGE_PREFIX + name for name in stages)
        elif column not in (*_NOT_VALUES, "score", score_column):
            yield column


def _value(video: Video, name: str, manifest: Manifest) -> Any:
    if name == manifest.score_column:
        return video.score
    if name in ATTRIBUTES:
        return video.attributes.get(name)
    if name.startswith(STAGE_PREFIX):
        return video.stages.get(name.removeprefix(STAGE_PREFIX))
    return getattr(video, name, None)


def _has(video: Video, name: str) -> bool:
    """Whether the manifest has the column, be it empty; a video of no table has every one."""
    if name == "judges":
        return not video.row or any(column.startswith(JUDGE_PREFIX) for column in video.row)
    return not video.row or name in video.row


def _hash(value: Any) -> str:
    """Of a value as it is understood: 1 and 1.0 are one score."""
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _changed_columns(columns: Mapping[str, Mapping[str, str]], manifest: Manifest) -> Iterable[str]:
    for name, by_id in columns.items():
        known = [i for i in by_id if i in manifest.by_id and _has(manifest.by_id[i], name)]
        changed = [i for i in known if _hash(_value(manifest.by_id[i], name, manifest)) != by_id[i]]
        if changed:
            yield (
                f"column {name} of {manifest.path} has changed for {len(changed)} of the "
                f"{len(by_id)} videos that it learned from: {listed(changed)}"
            )


# Features -----------------------------------------------------------------------------------------


def _features(
    store: FeatureStore, ids: Sequence[str], augmentations: int, clips: bool
) -> dict[str, str]:
    """Id -> checksum of its features under the first augmentations, and of its clips."""
    stores = [store.augmented(name) for name in store.augmentations[:augmentations]]
    return {
        i: "".join(one.checksum(i) for one in stores) + (_clips(store, i) if clips else "")
        for i in ids
    }


def _clips(store: FeatureStore, video_id: str) -> str:
    return f"{zlib.crc32(np.asarray(store.clips(video_id), np.int32).tobytes()):08x}"


def _changed_features(hashes: Mapping[str, Any], store: FeatureStore) -> Iterable[str]:
    recorded = hashes.get("features", {})
    known = [i for i in recorded if i in store]
    now = _features(store, known, hashes.get("augmentations", 1), hashes.get("clips", False))
    changed = [i for i in known if now[i] != recorded[i]]
    if changed:
        yield (
            f"the features in {store.path} have changed for {len(changed)} of the "
            f"{len(recorded)} videos that it learned from: {listed(changed)}"
        )
