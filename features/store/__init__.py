"""The feature store: one HDF5 file of clip features, readable with plain h5py.

    /                   attributes: format, version, spec (JSON), provenance (JSON)
    /features           (rows, *shape) float32 or float16, one row a clip
    /clips              (rows, 2) int32, the half-open frame range of each row
    /blank              (*shape,), the response to an all-black clip (absent in imported stores)
    /videos/id          (videos,) UTF-8
    /videos/rows        (videos, views, 2) int64, the half-open range of a view's rows
    /videos/frames      (videos, 2) int64, the asked for half-open frame range; stop -1: to the end
    /videos/n_bytes     (videos,) int64, size of the file it was read from; -1: not known
    /videos/n_frames    (videos,) int64, how many frames were read and cut into clips
    /videos/fps         (videos,) float64, frames a second; NaN where unknown
    /videos/crc32       (videos, views) uint32, of a view's bytes in /features
    /count              () int64, how many videos are finished

A view is a way to look at the pixels: the `original` comes first, augmented copies follow; the
spec's `views` names them. While a store is being written its arrays are longer than what they
hold: `count` videos are finished, what lies behind them is spare room. When the writer closes,
every array has its exact length.

Why it survives a kill at any instant: HDF5 lays the arrays out once, contiguous and with room to
spare, and is then closed. Rows are written at their byte offsets, so HDF5's own structures never
change; a video exists once the eight bytes of `count` say so. Growing and trimming write a new
file that replaces the old one in one step.
"""

from __future__ import annotations

import copy
import json
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any

import filelock
import h5py
import numpy as np
from numpy.typing import NDArray

from aqa import __version__
from aqa.errors import AqaError, UnknownNameError, listed
from aqa.features.clips import Clip
from aqa.files import replacing

FORMAT = "aqa feature store"
VERSION = 1
# Names under which the same weights may be known; they are no reason to refuse a store.
_NOT_IDENTITY = ("weights.name", "weights.path", "weights.fitted_on")

Spec = dict[str, Any]


class StoreError(AqaError):
    """A feature store that cannot be read, or that was made in another way than asked for."""


def spec_differences(have: Spec, want: Spec) -> list[str]:
    """One line for each setting in which two specs differ, as `stride is 16, not 8`."""
    have, want = _flat(have), _flat(want)
    return [
        f"{key} is {json.dumps(have.get(key))}, not {json.dumps(want.get(key))}"
        for key in dict.fromkeys([*have, *want])
        if key not in _NOT_IDENTITY and have.get(key) != want.get(key)
    ]


def _flat(spec: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in spec.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = list(value) if isinstance(value, tuple) else value
    return flat


def views_of(spec: Spec) -> tuple[str, ...]:
    """The names of a store's views; the first is the original."""
    return tuple(spec.get("views", ("original",)))


class FeatureStore(Mapping[str, NDArray[np.float32]]):
    """Clip features by video id: `store["001"]` is float32 (n_clips, *shape).

    They are those of the original pixels; `store.view("flip")` is the same store seen through an
    augmented view. A store that is being written shows the videos that were finished when it was
    opened.
    """

    def __init__(self, path: Path, file: h5py.File):
        self.path = path
        self._file = file
        self.spec: Spec = json.loads(file.attrs["spec"])
        self.provenance: dict[str, Any] = json.loads(file.attrs["provenance"])
        count = int(file["count"][()])
        videos = file["videos"]
        self.ids: tuple[str, ...] = tuple(videos["id"].asstr()[:count])
        self._rows = videos["rows"][:count]
        self._frames = videos["frames"][:count]
        self._n_bytes = videos["n_bytes"][:count]
        self._n_frames = videos["n_frames"][:count]
        self._fps = videos["fps"][:count]
        self._crc32 = videos["crc32"][:count]
        self._index = {video_id: i for i, video_id in enumerate(self.ids)}
        self._view = 0

    @property
    def views(self) -> tuple[str, ...]:
        """The names of the views; the first is the original."""
        return views_of(self.spec)

    def view(self, name: str) -> FeatureStore:
        """This store with the features and clips of another view; they share the file."""
        if name not in self.views:
            raise UnknownNameError(f"view of {self.path}", name, self.views)
        other = copy.copy(self)
        other._view = self.views.index(name)
        return other

    @classmethod
    def open(cls, path: str | os.PathLike[str], spec: Spec | None = None) -> FeatureStore:
        """Open a store for reading.

        spec: refuse, with `StoreError`, a store that was made with other settings.
        """
        path = Path(path)
        file = _open_h5(path)
        try:
            store = cls(path, file)
        except (KeyError, ValueError, TypeError, OSError, RuntimeError) as error:
            file.close()
            raise StoreError(f"{path}: a damaged feature store: {error}") from None
        if spec is not None:
            try:
                check_spec(path, store.spec, spec)
            except StoreError:
                store.close()
                raise
        return store

    def __getitem__(self, video_id: str) -> NDArray[np.float32]:
        start, stop = self._rows[self._find(video_id), self._view]
        return self._file["features"][start:stop].astype(np.float32, copy=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, video_id: object) -> bool:
        return video_id in self._index

    @property
    def n_clips(self) -> int:
        """Clips of all views of all finished videos."""
        return int(self._rows[-1, -1, 1]) if len(self.ids) else 0

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one clip's feature: `(dim,)` for vectors."""
        return tuple(self._file["features"].shape[1:])

    @property
    def blank(self) -> NDArray[np.float32]:
        """The network's response to an all-black clip, float32 (*shape,)."""
        if "blank" not in self._file:
            raise StoreError(f"{self.path}: an imported store has no response to a blank clip")
        return self._file["blank"][()].astype(np.float32, copy=False)

    def clips(self, video_id: str) -> list[Clip]:
        """The frame ranges behind the rows of `store[video_id]`."""
        start, stop = self._rows[self._find(video_id), self._view]
        return [Clip(int(a), int(b)) for a, b in self._file["clips"][start:stop]]

    def frames(self, video_id: str) -> tuple[int, int | None]:
        """The half-open frame range that was asked for; None: to the end of the video."""
        start, stop = self._frames[self._find(video_id)]
        return int(start), None if stop < 0 else int(stop)

    def n_bytes(self, video_id: str) -> int | None:
        """The size of the file that the video was read from; None where not known."""
        size = int(self._n_bytes[self._find(video_id)])
        return None if size < 0 else size

    def n_frames(self, video_id: str) -> int:
        """How many frames of the video were cut into clips."""
        return int(self._n_frames[self._find(video_id)])

    def fps(self, video_id: str) -> float:
        """Frames a second; NaN where the video did not tell."""
        return float(self._fps[self._find(video_id)])

    def load(self, ids: Sequence[str]) -> list[NDArray[np.float32]]:
        """The features of many videos; only their rows are read, and rows that touch at once."""
        rows = np.array([self._rows[self._find(i), self._view] for i in ids]).reshape(-1, 2)
        order = np.argsort(rows[:, 0])
        ahead, behind = rows[order[1:], 0], rows[order[:-1], 1]
        found: dict[int, NDArray[np.float32]] = {}
        for run in np.split(order, np.flatnonzero(ahead != behind) + 1):
            if len(run):
                first, last = rows[run[0], 0], rows[run[-1], 1]
                block = self._file["features"][first:last].astype(np.float32, copy=False)
                found |= {i: block[slice(*(rows[i] - first))] for i in run.tolist()}
        return [found[i] for i in range(len(rows))]

    def verify(self) -> list[str]:
        """Read and check all of a store; one line a problem, none for a sound store."""
        problems = self._miscounted()
        if not problems:
            repeated = sorted(i for i, n in Counter(self.ids).items() if n > 1)
            problems += [f"ids that stand twice: {listed(repeated)}"] if repeated else []
            problems += self._unsound_rows()
        return [f"{self.path}: {problem}" for problem in problems]

    def _miscounted(self) -> list[str]:
        """Arrays that hold less, or something else, than the store says."""
        file, count = self._file, int(self._file["count"][()])
        missing = [name for name in ("features", "clips") if name not in file]
        if missing:
            return [f"/{name} is missing" for name in missing]
        needed = {"features": self.n_clips, "clips": self.n_clips}
        needed |= {f"videos/{name}": count for name in file["videos"]}
        kinds = {
            "features": (tuple(self.spec["shape"]), self.spec["dtype"]),
            "clips": ((2,), "int32"),
            "videos/rows": ((len(self.views), 2), "int64"),
        }
        return [
            f"/{name} has {len(file[name])} rows, {n} are counted"
            for name, n in needed.items()
            if not 0 <= n <= len(file[name])
        ] + [
            f"/{name} is {file[name].dtype}, a row {file[name].shape[1:]}, not {dtype}, {shape}"
            for name, (shape, dtype) in kinds.items()
            if (file[name].shape[1:], file[name].dtype) != (shape, dtype)
        ]

    def _unsound_rows(self) -> Iterator[str]:
        expected = 0
        for i, v in np.ndindex(self._crc32.shape):
            name = f"{self.ids[i]} ({self.views[v]})"
            start, stop = (int(row) for row in self._rows[i, v])
            features, clips = (self._file[name][start:stop] for name in ("features", "clips"))
            if start != expected or stop <= start:
                yield f"{name}: rows {start}-{stop} do not follow row {expected}"
            elif zlib.crc32(features.tobytes()) != self._crc32[i, v]:
                yield f"{name}: its features are not what was written (checksum)"
            elif not np.isfinite(features).all():
                yield f"{name}: features that are not finite"
            elif problem := self._unsound_clips(clips, int(self._n_frames[i])):
                yield f"{name}: {problem}"
            expected = stop

    def _unsound_clips(self, clips: NDArray[np.int32], n_frames: int) -> str | None:
        """What is wrong with the clips of a view, (n, 2), which may be of padding alone."""
        first, last = clips.T
        wrong = {
            "ends before it starts": first >= last,
            "does not start after the one before it": np.r_[False, first[1:] <= first[:-1]],
        }
        if length := self.spec.get("clip_length"):
            wanted = max(length, self.spec.get("frames") or 0)
            outside = (first < -wanted) | (first >= max(n_frames, wanted))
            wrong[f"is not in its {n_frames} frames"] = outside
        found = (f"clip {np.argmax(own)} {what}" for what, own in wrong.items() if own.any())
        return next(found, None)

    def _find(self, video_id: str) -> int:
        try:
            return self._index[video_id]
        except KeyError:
            raise UnknownNameError(f"video of {self.path}", video_id, self.ids) from None

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_spec(path: Path, have: Spec, want: Spec) -> None:
    """Raise `StoreError` naming both values of every setting in which the specs differ."""
    differences = spec_differences(have, want)
    if differences:
        raise StoreError(
            f"{path} was made with other settings: {'; '.join(differences)}. "
            "Ask for the same settings, or name another file with --store"
        )


def _open_h5(path: Path) -> h5py.File:
    if not path.exists():
        raise StoreError(f"{path}: no such feature store; make it with `aqa extract`")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise StoreError(f"{path}: not a readable HDF5 file: {error}") from None
    if file.attrs.get("format") != FORMAT:
        file.close()
        raise StoreError(f"{path}: an HDF5 file, but not a feature store of this project")
    version = file.attrs.get("version")
    if version != VERSION:
        file.close()
        raise StoreError(f"{path}: store version {version}; this aqa reads version {VERSION}")
    return file


class FeatureStoreWriter:
    """Adds videos to a store, each for good before `append` returns; a context manager.

    path: created where absent; extended where it was made with the same spec, refused with
    `StoreError` where not, or where another process is writing it.
    spec: what made the features; its `shape` and `dtype` are those of one clip's feature.
    blank: the response to a blank clip, (*shape,), if there is one.
    ids: the videos that are going to be written, for the room to lay out.
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
        self._n_views = len(views_of(spec))
        self._blank = None if blank is None else np.asarray(blank, self._dtype)
        self._provenance = {
            "aqa": __version__,
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            **(provenance or {}),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = filelock.FileLock(self.path.with_name(f".{self.path.name}.lock"))
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise StoreError(
                f"{self.path}: another process is writing it; wait for it, "
                "or name another file with --store"
            ) from None
        self._file: _Layout | None = None
        try:
            self._start(list(ids))
        except BaseException:
            self._lock.release()
            raise

    def _start(self, ids: list[str]) -> None:
        for leftover in self.path.parent.glob(f".{self.path.name}.*.tmp"):
            leftover.unlink()  # of a killed writer: this process holds the lock
        self._ids: list[str] = []
        self._n_rows = 0
        self._asked: dict[str, tuple[int, int | None]] = {}
        self._sizes: dict[str, int | None] = {}
        if self.path.exists():
            with FeatureStore.open(self.path, self.spec) as store:
                self._ids, self._n_rows = list(store.ids), store.n_clips
                self._asked = {video_id: store.frames(video_id) for video_id in store.ids}
                self._sizes = {video_id: store.n_bytes(video_id) for video_id in store.ids}
                self._provenance = store.provenance
        planned = [*self._ids, *(i for i in ids if i not in self._asked)]
        self._room = (
            max(len(planned), 1),
            max(16 * len(planned) * self._n_views, self._n_rows),
            max((len(i.encode()) for i in planned), default=1),
        )

    @property
    def ids(self) -> tuple[str, ...]:
        """The finished videos."""
        return tuple(self._ids)

    def __contains__(self, video_id: str) -> bool:
        return video_id in self._asked

    def frames(self, video_id: str) -> tuple[int, int | None]:
        """The frame range of a finished video, as it was asked for."""
        return self._asked[video_id]

    def n_bytes(self, video_id: str) -> int | None:
        """The size of the file that a finished video was read from; None where not known."""
        return self._sizes[video_id]

    def append(
        self,
        video_id: str,
        views: Sequence[tuple[NDArray[np.floating], Sequence[Clip]]],
        *,
        n_frames: int,
        frames: tuple[int, int | None] = (0, None),
        fps: float = float("nan"),
        n_bytes: int | None = None,
    ) -> None:
        """Add a video: for each view its features (n_clips, *shape) and the clip behind each row.

        n_frames: how many were read. frames: the range that was asked for. fps: frames a second.
        n_bytes: size of the file.
        """
        if video_id in self._asked:
            raise StoreError(f"{self.path}: video {video_id!r} is in it already")
        if len(views) != self._n_views:
            raise StoreError(
                f"{self.path}: {len(views)} views of {video_id!r}, not {self._n_views}"
            )
        checked = [(self._check(video_id, *view), view[1]) for view in views]
        n_clips = sum(len(clips) for _, clips in checked)
        try:
            file = self._make_room(video_id, n_clips)
            file.write_video(len(self._ids), self._n_rows, video_id, checked)
            file.write_source(len(self._ids), frames, n_frames, fps, n_bytes)
            file.commit(len(self._ids) + 1)
        except OSError as error:
            raise StoreError(
                f"{self.path}: {error.strerror or error}; the {len(self._ids)} finished videos "
                "are kept, and the same command goes on"
            ) from None
        self._ids.append(video_id)
        self._asked[video_id] = frames
        self._sizes[video_id] = n_bytes
        self._n_rows += n_clips

    def _check(
        self, video_id: str, features: NDArray[np.floating], clips: Sequence[Clip]
    ) -> NDArray[np.floating]:
        features = np.ascontiguousarray(features, self._dtype)
        if features.shape != (len(clips), *self._shape) or not len(clips):
            raise StoreError(
                f"{self.path}: video {video_id!r} has features of shape {features.shape}, "
                f"expected ({len(clips)}, {', '.join(map(str, self._shape))}) and a clip or more"
            )
        if not np.isfinite(features).all():
            raise StoreError(f"{self.path}: video {video_id!r} has features that are not finite")
        return features

    def _make_room(self, video_id: str, n_clips: int) -> _Layout:
        n_videos, n_rows, width = self._room
        need_rows, need_width = self._n_rows + n_clips, len(video_id.encode())
        room = (
            n_videos if len(self._ids) < n_videos else 2 * n_videos,
            n_rows if need_rows <= n_rows else max(2 * n_rows, need_rows),
            max(width, need_width),
        )
        if self._file is None or room != self._room:
            self._file = self._lay_out(room)
        return self._file

    def _lay_out(self, room: tuple[int, int, int]) -> _Layout:
        """Put a file with this much room, holding what is finished, in place of the old."""
        if self._file is not None:
            self._file.close()
            self._file = None
        with replacing(self.path) as temporary:
            self._create(temporary, *room)
        self._room = room
        return _Layout(self.path)

    def _create(self, path: Path, n_videos: int, n_rows: int, id_width: int) -> None:
        text = h5py.string_dtype("utf-8", id_width)
        count = len(self._ids)
        with h5py.File(path, "w", libver="earliest") as new:
            new.attrs["format"], new.attrs["version"] = FORMAT, VERSION
            new.attrs["spec"] = json.dumps(self.spec)
            new.attrs["provenance"] = json.dumps(self._provenance)
            _allocate(new, "features", (n_rows, *self._shape), self._dtype)
            _allocate(new, "clips", (n_rows, 2), "int32")
            _allocate(new, "videos/id", (n_videos,), text)
            _allocate(new, "videos/rows", (n_videos, self._n_views, 2), "int64")
            _allocate(new, "videos/frames", (n_videos, 2), "int64")
            _allocate(new, "videos/n_bytes", (n_videos,), "int64")
            _allocate(new, "videos/n_frames", (n_videos,), "int64")
            _allocate(new, "videos/fps", (n_videos,), "float64")
            _allocate(new, "videos/crc32", (n_videos, self._n_views), "uint32")
            _allocate(new, "count", (), "int64")[()] = count
            if not count:
                if self._blank is not None:
                    new["blank"] = self._blank
                return
            with _open_h5(self.path) as old:
                if "blank" in old:
                    new["blank"] = old["blank"][()]
                for name in ("features", "clips"):
                    _copy_rows(old[name], new[name], self._n_rows)
                for name in ("rows", "frames", "n_bytes", "n_frames", "fps", "crc32"):
                    _copy_rows(old["videos"][name], new["videos"][name], count)
                new["videos/id"][:count] = np.array([i.encode() for i in self._ids], text)

    def close(self) -> None:
        """Trim the arrays to what they hold and let go of the file."""
        try:
            if self._ids:
                exact = (len(self._ids), self._n_rows, max(len(i.encode()) for i in self._ids))
                if self._file is None:
                    self._file = _Layout(self.path)
                if self._file.capacity != exact:
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


class _Layout:
    """Where the rows of a laid-out store lie in the file, and how to write them there."""

    def __init__(self, path: Path):
        with h5py.File(path, "r") as file:
            names = ["features", "clips", "count", *(f"videos/{n}" for n in file["videos"])]
            self._at = {name: _position(file[name]) for name in names}
            n_videos, n_rows = len(file["videos/id"]), len(file["features"])
            self.id_dtype = file["videos/id"].dtype
        self.capacity = (n_videos, n_rows, self.id_dtype.itemsize)
        self._descriptor = os.open(path, os.O_RDWR)

    def write_video(
        self,
        number: int,
        row: int,
        video_id: str,
        views: Sequence[tuple[NDArray[np.floating], Sequence[Clip]]],
    ) -> None:
        """The features of the video of this number, from this row on, view after view."""
        ranges = []
        for features, clips in views:
            self.write("features", row, features)
            self.write("clips", row, np.asarray(clips, np.int32))
            ranges.append([row, row + len(clips)])
            row += len(clips)
        crc32 = [zlib.crc32(features.tobytes()) for features, _ in views]
        self.write("videos/id", number, np.array([video_id.encode()], self.id_dtype))
        self.write("videos/rows", number, np.array(ranges, np.int64))
        self.write("videos/crc32", number, np.array(crc32, np.uint32))

    def write_source(
        self,
        number: int,
        frames: tuple[int, int | None],
        n_frames: int,
        fps: float,
        n_bytes: int | None,
    ) -> None:
        """What was asked for, what was read, and of what."""
        stop = -1 if frames[1] is None else frames[1]
        self.write("videos/frames", number, np.array([frames[0], stop], np.int64))
        self.write("videos/n_frames", number, np.array(n_frames, np.int64))
        self.write("videos/n_bytes", number, np.array(-1 if n_bytes is None else n_bytes, np.int64))
        self.write("videos/fps", number, np.array(fps, np.float64))

    def write(self, name: str, row: int, values: NDArray[Any]) -> None:
        """Write bytes where the row of an array lies."""
        offset, row_bytes = self._at[name]
        _write_all(self._descriptor, values.tobytes(), offset + row * row_bytes)

    def commit(self, count: int) -> None:
        """Make the first `count` videos exist: the data is on the disk before the number."""
        os.fsync(self._descriptor)
        self.write("count", 0, np.array(count, np.int64))

    def close(self) -> None:
        os.fsync(self._descriptor)
        os.close(self._descriptor)


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def _position(dataset: h5py.Dataset) -> tuple[int, int]:
    offset = dataset.id.get_offset()
    if offset is None:
        raise StoreError(f"{dataset.file.filename}: {dataset.name} is not laid out contiguously")
    row_shape = dataset.shape[1:]
    return offset, int(np.prod(row_shape, dtype=np.int64)) * dataset.dtype.itemsize


def _allocate(file: h5py.File, name: str, shape: tuple[int, ...], dtype: Any) -> h5py.Dataset:
    """A contiguous array whose place in the file is fixed now; unwritten parts stay holes."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    return file.create_dataset(name, shape, dtype, dcpl=properties, track_times=False)


def _copy_rows(old: h5py.Dataset, new: h5py.Dataset, n: int) -> None:
    step = max(1, (64 << 20) // max(old.dtype.itemsize * int(np.prod(old.shape[1:])), 1))
    for start in range(0, n, step):
        new[start : min(start + step, n)] = old[start : min(start + step, n)]


def import_arrays(
    path: str | os.PathLike[str],
    arrays: Mapping[str, NDArray[np.floating]],
    *,
    source: str,
    fitted_on: Sequence[str] | None = None,
    dtype: str = "float32",
) -> None:
    """Make a store from arrays that were computed elsewhere.

    arrays: id -> (n_clips, dim), or (dim,) for one feature a video. source: what they are; it
    stands in the spec as the backbone. fitted_on: the videos that the network behind them has
    learned from, if known: a head cannot be evaluated honestly on those.
    """
    path = Path(path)
    if path.exists():
        raise StoreError(f"{path}: it exists; remove it or name another file with --store")
    if not arrays:
        raise StoreError(f"{source}: it holds no videos")
    with np.errstate(over="ignore"):  # what overflows is found not finite below
        rows = {
            i: np.asarray(array[None] if array.ndim == 1 else array, dtype)
            for i, array in arrays.items()
        }
    shape = tuple(next(iter(rows.values())).shape[1:])
    for video_id, array in rows.items():
        if array.shape[1:] != shape or not len(array):
            raise StoreError(
                f"{source}: video {video_id!r} has an array of shape {array.shape}, "
                f"expected (clips, {', '.join(map(str, shape))}) as the first one has"
            )
        if not np.isfinite(array).all():
            raise StoreError(f"{source}: video {video_id!r} has values that are not finite")
    spec: Spec = {
        "backbone": source,
        "weights": {
            "name": None,
            "sha256": None,
            "fitted_on": None if fitted_on is None else list(fitted_on),
        },
        "layer": None,
        "shape": list(shape),
        "dtype": dtype,
        "clip_length": None,
        "stride": None,
        "frames": None,
        "padding": None,
        "tail": None,
        "preprocess": None,
        "views": ["original"],
    }
    try:
        with FeatureStoreWriter(path, spec, ids=rows) as writer:
            for video_id, array in rows.items():
                clips = [Clip(i, i + 1) for i in range(len(array))]
                writer.append(video_id, [(array, clips)], n_frames=len(array))
    except BaseException:
        path.unlink(missing_ok=True)  # it was not there before
        raise
