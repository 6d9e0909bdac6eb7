"""Writing a store: videos are added one by one, each for good."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any

import filelock
import h5py
import numpy as np
from numpy.typing import NDArray

from aqa import __version__
from aqa.features.clips import Clip
from aqa.features.store.format import Room, copy_videos, lay_out, open_store_file
from aqa.features.store.raw_file import RawStoreFile
from aqa.features.store.reader import FeatureStore
from aqa.features.store.spec import Spec, StoreError, augmentations_of
from aqa.files import lock_of, replacing


class FeatureStoreWriter:
    """Adds videos to a store; each is safely on disk when `append` returns. A context manager.

    path: created where absent; extended where it was made with the same spec. `StoreError` where
    it was made with another spec, or where another process is writing it.
    spec: what made the features; its `shape` and `dtype` are those of one clip's feature.
    blank: the response to a blank clip, (*shape,), if there is one.
    ids: the videos that are going to be written, so that the file is laid out for them.
    provenance: what else to record: the machine, versions of libraries.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        spec: Spec,
        *,
        blank: NDArray[np.floating] | None = None,
        ids: Iterable[str] = (),
        provenance: Mapping[str, Any] | None = None,
    ):
        self.path = Path(path)
        self.spec = spec
        self._shape, self._dtype = tuple(spec["shape"]), spec["dtype"]
        self._n_augmentations = len(augmentations_of(spec))
        self._blank = None if blank is None else np.asarray(blank, self._dtype)
        self._provenance = {
            "aqa": __version__,
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            **(provenance or {}),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = lock_of(self.path)
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise StoreError(
                f"{self.path}: another process is writing it; wait for it, "
                "or name another file with --store"
            ) from None
        self._file: RawStoreFile | None = None
        try:
            self._start(list(ids))
        except BaseException:
            self._lock.release()
            raise

    def _start(self, ids: list[str]) -> None:
        """Read what the file holds already, if there is one, and plan the room."""
        for leftover in self.path.parent.glob(f".{self.path.name}.*.tmp"):
            leftover.unlink()  # of a killed writer: this process holds the lock
        self._ids: list[str] = []
        self._n_rows = 0
        self._asked: dict[str, tuple[int, int | None]] = {}
        self._sizes: dict[str, int | None] = {}
        if self.path.exists():
            with FeatureStore.open(self.path, self.spec) as store:
                self._ids, self._n_rows = list(store.ids), store.n_clips
                self._asked = {video_id: store.frame_range(video_id) for video_id in store.ids}
                self._sizes = {video_id: store.n_bytes(video_id) for video_id in store.ids}
                self._provenance = store.provenance
        planned = [*self._ids, *(i for i in ids if i not in self._asked)]
        self._room = Room(
            max(len(planned), 1),
            max(16 * len(planned) * self._n_augmentations, self._n_rows),
            max((len(i.encode()) for i in planned), default=1),
        )

    @property
    def ids(self) -> tuple[str, ...]:
        """The finished videos."""
        return tuple(self._ids)

    def __contains__(self, video_id: str) -> bool:
        return video_id in self._asked

    def frame_range(self, video_id: str) -> tuple[int, int | None]:
        """The frame range of a finished video, as it was asked for."""
        return self._asked[video_id]

    def n_bytes(self, video_id: str) -> int | None:
        """The size of the file that a finished video was read from; None where not known."""
        return self._sizes[video_id]

    def append(
        self,
        video_id: str,
        augmented: Sequence[tuple[NDArray[np.floating], Sequence[Clip]]],
        *,
        n_frames: int,
        frame_range: tuple[int, int | None] = (0, None),
        fps: float = float("nan"),
        n_bytes: int | None = None,
    ) -> None:
        """Add a video: for each augmentation its features and the clip behind each row.

        augmented: features of shape (n_clips, *shape), in the order of the spec's `views`.
        n_frames: how many were read. frame_range: the half-open range that was asked for; None: to
        the end. fps: frames per second. n_bytes: size of the video file. `StoreError` where the id
        is taken, the features do not fit the spec, or the disk is full.
        """
        if video_id in self._asked:
            raise StoreError(f"{self.path}: video {video_id!r} is in it already")
        if len(augmented) != self._n_augmentations:
            raise StoreError(
                f"{self.path}: {video_id!r} under {len(augmented)} augmentations, "
                f"not {self._n_augmentations}"
            )
        checked = [(self._check(video_id, *one), one[1]) for one in augmented]
        n_clips = sum(len(clips) for _, clips in checked)
        try:
            file = self._make_room(video_id, n_clips)
            file.write_video(len(self._ids), self._n_rows, video_id, checked)
            file.write_source(len(self._ids), frame_range, n_frames, fps, n_bytes)
            file.commit(len(self._ids) + 1)
        except OSError as error:
            raise StoreError(
                f"{self.path}: {error.strerror or error}; the {len(self._ids)} finished videos "
                "are kept, and the same command goes on"
            ) from None
        self._ids.append(video_id)
        self._asked[video_id] = frame_range
        self._sizes[video_id] = n_bytes
        self._n_rows += n_clips

    def _check(
        self, video_id: str, features: NDArray[np.floating], clips: Sequence[Clip]
    ) -> NDArray[np.floating]:
        """The features as they will be written; `StoreError` where they do not fit the spec."""
        features = np.ascontiguousarray(features, self._dtype)
        if features.shape != (len(clips), *self._shape) or not len(clips):
            raise StoreError(
                f"{self.path}: video {video_id!r} has features of shape {features.shape}, "
                f"expected ({len(clips)}, {', '.join(map(str, self._shape))}) and a clip or more"
            )
        if not np.isfinite(features).all():
            raise StoreError(f"{self.path}: video {video_id!r} has features that are not finite")
        return features

    def _make_room(self, video_id: str, n_clips: int) -> RawStoreFile:
        """The open file, which has room for one more video of so many clips."""
        n_videos, n_rows, width = self._room
        need_rows, need_width = self._n_rows + n_clips, len(video_id.encode())
        room = Room(
            n_videos if len(self._ids) < n_videos else 2 * n_videos,
            n_rows if need_rows <= n_rows else max(2 * n_rows, need_rows),
            max(width, need_width),
        )
        if self._file is None or room != self._room:
            self._file = self._lay_out(room)
        return self._file

    def _lay_out(self, room: Room) -> RawStoreFile:
        """Put a file with this much room, holding what is finished, in place of the old."""
        if self._file is not None:
            self._file.close()
            self._file = None
        with replacing(self.path) as temporary:
            self._create(temporary, room)
        self._room = room
        return RawStoreFile(self.path)

    def _create(self, path: Path, room: Room) -> None:
        with h5py.File(path, "w", libver="earliest") as new:
            lay_out(new, self.spec, self._provenance, room)
            if self._ids:
                with open_store_file(self.path) as old:
                    copy_videos(old, new, self._ids, self._n_rows)
            elif self._blank is not None:
                new["blank"] = self._blank

    def close(self) -> None:
        """Trim the arrays to what they hold and let go of the file."""
        try:
            if self._ids:
                width = max(len(i.encode()) for i in self._ids)
                exact = Room(len(self._ids), self._n_rows, width)
                if self._file is None:
                    self._file = RawStoreFile(self.path)
                if self._file.room != exact:
                    self._file = self._lay_out(exact)
        finally:
            if self._file is not None:
                self._file.close()
                self._file = None
            self._lock.release()

    def __enter__(self) -> FeatureStoreWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
