"""Reading a store: features by video id, and what is known of each video."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from aqa.errors import UnknownNameError
from aqa.features.clips import Clip
from aqa.features.store.format import VideoTable, open_store_file
from aqa.features.store.spec import Spec, StoreError, augmentations_of, check_spec
from aqa.features.store.verify import find_problems


class FeatureStore(Mapping[str, NDArray[np.float32]]):
    """Clip features by video id: `store["001"]` is float32 (n_clips, *shape).

    They are those of the original pixels; `store.augmented("flip")` is the same store with the
    features of an augmentation. A store that is being written shows those videos that were
    finished when it was opened.
    """

    def __init__(self, path: Path, file: h5py.File):
        self.path = path
        self._file = file
        self.spec: Spec = json.loads(file.attrs["spec"])
        self.provenance: dict[str, Any] = json.loads(file.attrs["provenance"])
        self._videos = VideoTable.read(file)
        self._numbers = {video_id: i for i, video_id in enumerate(self.ids)}
        self._number = 0

    @property
    def ids(self) -> tuple[str, ...]:
        """The finished videos, in the order in which they were written."""
        return self._videos.ids

    @property
    def augmentations(self) -> tuple[str, ...]:
        """The names of the augmentations that it holds; the first is the original."""
        return augmentations_of(self.spec)

    def augmented(self, name: str) -> FeatureStore:
        """This store with the features and clips of another augmentation; they share the file."""
        if name not in self.augmentations:
            raise UnknownNameError(f"augmentation of {self.path}", name, self.augmentations)
        other = copy.copy(self)
        other._number = self.augmentations.index(name)
        return other

    @classmethod
    def open(cls, path: str | os.PathLike[str], spec: Spec | None = None) -> FeatureStore:
        """Open a store for reading.

        spec: refuse, with `StoreError`, a store that was made with other settings.
        """
        path = Path(path)
        file = open_store_file(path)
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
        start, stop = self._videos.rows[self._find(video_id), self._number]
        return self._file["features"][start:stop].astype(np.float32, copy=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, video_id: object) -> bool:
        return video_id in self._numbers

    @property
    def n_clips(self) -> int:
        """How many clips it holds, of all augmentations of all finished videos."""
        return self._videos.n_rows

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
        start, stop = self._videos.rows[self._find(video_id), self._number]
        return [Clip(int(a), int(b)) for a, b in self._file["clips"][start:stop]]

    def frame_range(self, video_id: str) -> tuple[int, int | None]:
        """The half-open frame range that was asked for; None: to the end of the video."""
        start, stop = self._videos.frames[self._find(video_id)]
        return int(start), None if stop < 0 else int(stop)

    def n_bytes(self, video_id: str) -> int | None:
        """The size of the file that the video was read from; None where not known."""
        size = int(self._videos.n_bytes[self._find(video_id)])
        return None if size < 0 else size

    def n_frames(self, video_id: str) -> int:
        """How many frames of the video were cut into clips."""
        return int(self._videos.n_frames[self._find(video_id)])

    def fps(self, video_id: str) -> float:
        """Frames per second; NaN where the video file does not say."""
        return float(self._videos.fps[self._find(video_id)])

    def checksum(self, video_id: str) -> str:
        """A text that changes where the features of a video do: 8 hexadecimal digits."""
        return f"{int(self._videos.crc32[self._find(video_id), self._number]):08x}"

    def load(self, ids: Sequence[str]) -> list[NDArray[np.float32]]:
        """The features of these videos, in their order; neighbouring rows are read in one go."""
        rows = np.array([self._videos.rows[self._find(i), self._number] for i in ids]).reshape(
            -1, 2
        )
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
        """Read and check all of the store; one line per problem, none for a sound store."""
        found = find_problems(self._file, self.spec, self._videos)
        return [f"{self.path}: {problem}" for problem in found]

    def _find(self, video_id: str) -> int:
        try:
            return self._numbers[video_id]
        except KeyError:
            raise UnknownNameError(f"video of {self.path}", video_id, self.ids) from None

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
