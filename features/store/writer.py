"""Writing a store: videos are added one by one, each for good."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import filelock
import numpy as np
from numpy.typing import NDArray

from aqa import __version__
from aqa.features.clips import Clip
from aqa.features.store.checked_file import open_checked
from aqa.features.store.format import TEXT_BYTES, Room
from aqa.features.store.raw_file import RawStoreFile, places_in
from aqa.features.store.reader import FeatureStore
from aqa.features.store.skeleton import Texts
from aqa.features.store.spec import Spec, StoreError, augmentations_of
from aqa.features.store.whole_file import write_whole
from aqa.files import make_folder, real_path, replacing, taken_lock
from aqa.temporaries import clean

# A file is laid out for so many times the videos that are to be written, and for so many at least.
_SPARE, _FEWEST_VIDEOS, _FEWEST_ROWS, _SHORTEST_ID = 4, 64, 1024, 64
# How many clips a video is expected to have.
_CLIPS = 16


class FeatureStoreWriter:
    """Adds videos to a store; each is safely on disk when `append` returns. A context manager.

    path: created where absent; extended where it was made with the same spec. `StoreError` where
    it was made with another spec, is damaged, or where another process is writing it.
    spec: what made the features; its `shape` and `dtype` are those of one clip's feature.
    blank: the response to a blank clip, (*shape,), if there is one.
    ids: the videos that are going to be written, so that the file is laid out for them.
    provenance: what else to record: the machine, versions of libraries.
    durable: False for a file that nobody else knows of, and that is put into its place when it is
    whole: it is not locked, and it is left to the system when its bytes reach the disk.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        spec: Spec,
        *,
        blank: NDArray[np.floating] | None = None,
        ids: Iterable[str] = (),
        provenance: Mapping[str, Any] | None = None,
        durable: bool = True,
    ):
        self.path = Path(path)
        self.spec = spec
        self._shape, self._dtype = tuple(spec["shape"]), spec["dtype"]
        self._n_augmentations = len(augmentations_of(spec))
        about = {
            "aqa": __version__,
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            **(provenance or {}),
        }
        blank = None if blank is None else np.ascontiguousarray(blank, self._dtype)
        self._texts = Texts(json.dumps(spec), json.dumps(about), blank)
        self._durable = durable
        self._file: RawStoreFile | None = None
        self._lock = None
        if durable:
            self._lock = self._acquire()
        else:
            make_folder(self.path.parent)
        try:
            self._start(list(ids))
        except BaseException:
            self._let_go()
            raise

    def _acquire(self) -> filelock.FileLock:
        lock = taken_lock(self.path)
        if lock is None:
            raise StoreError(
                f"{self.path}: another process is writing it; wait for it, "
                "or name another file with --store"
            )
        real = real_path(self.path)
        clean(real)
        for leftover in real.parent.glob(f".{glob.escape(real.name)}.*.tmp"):
            if leftover.name.split(".")[-2].isdigit() and leftover.name.count(".") == (
                real.name.count(".") + 3
            ):
                leftover.unlink()  # of a killed writer of an earlier version, which had this lock
        return lock

    def _start(self, ids: list[str]) -> None:
        """Read what the file holds already, if there is one, and plan the room."""
        self._known: dict[str, _Known] = {}
        self._n_rows = 0
        if self.path.exists():
            with FeatureStore.open(self.path, self.spec) as store:
                self._resume(store)
        planned = len({*self._known, *ids})
        width = max((len(i.encode()) for i in (*self._known, *ids)), default=1)
        self._planned = Room(planned, _CLIPS * planned * self._n_augmentations, width)

    def _resume(self, store: FeatureStore) -> None:
        """Take up a file as it stands, which may not grow in place."""
        store.check_records()
        self._known = {video_id: _Known.of(store, video_id) for video_id in store.ids}
        self._n_rows, self._texts = store.n_clips, store.file.texts
        places = places_in(store.file)
        if places is not None:
            with self._disk_errors():
                self._file = RawStoreFile(self.path, places, self._durable)

    @property
    def ids(self) -> tuple[str, ...]:
        """The finished videos."""
        return tuple(self._known)

    @property
    def decoders(self) -> tuple[str, ...]:
        """What the finished videos were decoded with, as far as it is known."""
        return tuple(dict.fromkeys(one.decoder for one in self._known.values() if one.decoder))

    def __contains__(self, video_id: str) -> bool:
        return video_id in self._known

    def frame_range(self, video_id: str) -> tuple[int, int | None]:
        """The frame range of a finished video, as it was asked for."""
        return self._known[video_id].frame_range

    def n_bytes(self, video_id: str) -> int | None:
        """The size of the file that a finished video was read from; None where not known."""
        return self._known[video_id].n_bytes

    def content(self, video_id: str) -> str | None:
        """What tells the content of a finished video from any other's; None where not known."""
        return self._known[video_id].content

    def append(
        self,
        video_id: str,
        augmented: Sequence[tuple[NDArray[np.floating], Sequence[Clip]]],
        *,
        n_frames: int,
        frame_range: tuple[int, int | None] = (0, None),
        fps: float = float("nan"),
        n_bytes: int | None = None,
        content: str | None = None,
        decoder: str | None = None,
    ) -> None:
        """Add a video: for each augmentation its features and the clip behind each row.

        augmented: features of shape (n_clips, *shape), in the order of the spec's `views`.
        n_frames: how many were read. frame_range: the half-open range that was asked for; None: to
        the end. fps: frames per second. n_bytes: size of the video file. content: a hash that tells
        its content from any other's. decoder: what decoded it. `StoreError` where the id is taken,
        the features do not fit the spec, or the disk is full.
        """
        if video_id in self._known:
            raise StoreError(f"{self.path}: video {video_id!r} is in it already")
        if len(augmented) != self._n_augmentations:
            raise StoreError(
                f"{self.path}: {video_id!r} under {len(augmented)} augmentations, "
                f"not {self._n_augmentations}"
            )
        self._encoded(video_id, video_id, None)
        checked = [(self._check(video_id, *one), one[1]) for one in augmented]
        known = {
            "frames": np.array([frame_range[0], -1 if frame_range[1] is None else frame_range[1]]),
            "n_bytes": np.int64(-1 if n_bytes is None else n_bytes),
            "n_frames": np.int64(n_frames),
            "fps": np.float64(fps),
            "content": self._encoded(video_id, content or "", TEXT_BYTES),
            "decoder": self._encoded(video_id, decoder or "", TEXT_BYTES),
        }
        n_clips = sum(len(clips) for _, clips in checked)
        with self._disk_errors():
            file = self._file_with_room(video_id, n_clips)
            file.write_video(len(self._known), self._n_rows, video_id, checked, known)
            file.commit(len(self._known) + 1)
        self._known[video_id] = _Known(frame_range, n_bytes, content, decoder)
        self._n_rows += n_clips

    def renew(self) -> None:
        """Write what is finished anew, in the form of this version; the old file is replaced."""
        with self._disk_errors():
            self._file = self._with_more_room(Room(len(self._known), self._n_rows, 1))

    def _encoded(self, video_id: str, text: str, n_bytes: int | None) -> bytes:
        """A text as UTF-8, of so many bytes at most."""
        data = text.encode("utf-8", "replace")
        if data.decode() != text or "\0" in text or (n_bytes is not None and len(data) > n_bytes):
            limit = f" of at most {n_bytes} bytes" if n_bytes else ""
            raise StoreError(f"{self.path}: video {video_id!r}: {text!r} is no text{limit}")
        return data

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

    def _file_with_room(self, video_id: str, n_clips: int) -> RawStoreFile:
        """The open file, which has room for one more video of so many clips."""
        needed = Room(len(self._known) + 1, self._n_rows + n_clips, len(video_id.encode()))
        if self._file is None or any(
            n > room for n, room in zip(needed, self._file.room, strict=True)
        ):
            self._file = self._with_more_room(needed)
        return self._file

    def _with_more_room(self, needed: Room) -> RawStoreFile:
        """Put a file that holds what is finished, with room for more, in place of the old."""
        if self._file is not None:
            self._file.close()
            self._file = None
        n_videos, n_rows, width = map(max, needed, self._planned)
        room = Room(
            max(_SPARE * n_videos, _FEWEST_VIDEOS),
            max(_SPARE * n_rows, _FEWEST_ROWS),
            _SHORTEST_ID if width <= _SHORTEST_ID else 2 * width,
        )
        with replacing(self.path, keep_mode=True) as temporary:
            if self._known:
                with closing(open_checked(self.path)) as old:
                    places = write_whole(temporary, self.spec, self._texts, room, old)
            else:
                places = write_whole(temporary, self.spec, self._texts, room)
        return RawStoreFile(self.path, places, self._durable)

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        """Turn what the disk refuses into one line."""
        try:
            yield
        except OSError as error:
            if not self._durable:
                raise
            reason = error.strerror or str(error).removeprefix(f"{self.path}: ")
            raise StoreError(
                f"{self.path}: {reason}; the {len(self._known)} finished videos "
                "are kept, and the same command goes on"
            ) from None

    def close(self) -> None:
        """Trim the arrays to what they hold and let go of the file."""
        try:
            if self._file is not None:
                with self._disk_errors():
                    self._file.trim(len(self._known), self._n_rows)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        try:
            if self._file is not None:
                self._file.close()
                self._file = None
        finally:
            if self._lock is not None:
                self._lock.release()

    def __enter__(self) -> FeatureStoreWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except StoreError:
            if error is None:
                raise  # else the first error is the one to tell


class _Known(NamedTuple):
    """What a finished video was read from; None where that is not known."""

    frame_range: tuple[int, int | None]
    n_bytes: int | None
    content: str | None
    decoder: str | None

    @classmethod
    def of(cls, store: FeatureStore, video_id: str) -> _Known:
        """What a store says of a video."""
        return cls(
            store.frame_range(video_id),
            store.n_bytes(video_id),
            store.content(video_id),
            store.decoder(video_id),
        )
