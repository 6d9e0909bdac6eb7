"""Reading a store: features by video id, and what is known of each video."""

from __future__ import annotations

import copy
import os
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaWarning, UnknownNameError
from aqa.features.clips import Clip
from aqa.features.store.checked_file import CheckedFile, open_checked
from aqa.features.store.network_file import network_of
from aqa.features.store.spec import Spec, StoreError, augmentations_of, check_spec, made_up
from aqa.features.store.verify import find_problems


class FeatureStore(Mapping[str, NDArray[np.float32]]):
    """Clip features by video id: `store["001"]` is float32 (n_clips, *shape).

    They are those of the original pixels; `store.augmented("flip")` is the same store with the
    features of an augmentation. A store that is being written shows those videos that were
    finished when it was opened.
    """

    def __init__(self, file: CheckedFile):
        self.path = file.path
        self.file = file
        self.spec: Spec = file.spec
        self.provenance: dict[str, Any] = file.provenance
        self._videos = file.videos
        self._numbers = {video_id: i for i, video_id in enumerate(self.ids)}
        self._number = 0
        # The videos whose record, and the (video, augmentation) whose features, are as written.
        self._sound_records: set[int] = set()
        self._sound_features: set[tuple[int, int]] = set()

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

        spec: refuse, with `StoreError`, a store that was made with other settings. Made-up
        features are a warning.
        """
        path = Path(path)
        store = cls(open_checked(path))
        if made_up(store.spec) is not None:
            warnings.warn(
                f"{path}: the features are made up ({made_up(store.spec)}): what a head reaches on "
                "them means nothing",
                AqaWarning,
                stacklevel=2,
            )
        if spec is not None:
            try:
                check_spec(path, store.spec, spec)
            except StoreError:
                store.close()
                raise
        return store

    def __getitem__(self, video_id: str) -> NDArray[np.float32]:
        return self.load([video_id])[0]

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
        return tuple(self.spec["shape"])

    @property
    def blank(self) -> NDArray[np.float32]:
        """The network's response to an all-black clip, float32 (*shape,)."""
        if self.file.texts.blank is None:
            raise StoreError(f"{self.path}: an imported store has no response to a blank clip")
        return self.file.texts.blank.astype(np.float32, copy=False)

    def clips(self, video_id: str) -> list[Clip]:
        """The frame ranges behind the rows of `store[video_id]`."""
        number = self._find(video_id)
        start, stop = self._videos.rows[number, self._number]
        clips = self.file.clips[start:stop]
        if self._videos.is_covered:
            wanted = self._videos.tables["clips_crc32"][number, self._number]
            self._refuse(video_id, "clips", zlib.crc32(clips.data), wanted)
        return [Clip(int(a), int(b)) for a, b in clips]

    def frame_range(self, video_id: str) -> tuple[int, int | None]:
        """The half-open frame range that was asked for; None: to the end of the video."""
        start, stop = self._videos.tables["frames"][self._find(video_id)]
        return int(start), None if stop < 0 else int(stop)

    def n_bytes(self, video_id: str) -> int | None:
        """The size of the file that the video was read from; None where not known."""
        size = int(self._videos.tables["n_bytes"][self._find(video_id)])
        return None if size < 0 else size

    def n_frames(self, video_id: str) -> int:
        """How many frames of the video were cut into clips."""
        return int(self._videos.tables["n_frames"][self._find(video_id)])

    def fps(self, video_id: str) -> float:
        """Frames per second; NaN where the video file does not say."""
        return float(self._videos.tables["fps"][self._find(video_id)])

    def content(self, video_id: str) -> str | None:
        """What tells the video's content from any other's; None where not known."""
        return self._videos.text("content", self._find(video_id))

    def decoder(self, video_id: str) -> str | None:
        """What decoded the video; None where not known."""
        return self._videos.text("decoder", self._find(video_id))

    @property
    def decoders(self) -> tuple[str, ...]:
        """What its videos were decoded with, as far as it is known."""
        return tuple(dict.fromkeys(d for i in self.ids if (d := self.decoder(i))))

    def checksum(self, video_id: str) -> str:
        """A text that changes where the features of a video do: 8 hexadecimal digits."""
        return f"{int(self._videos.tables['crc32'][self._find(video_id), self._number]):08x}"

    def load(self, ids: Sequence[str]) -> list[NDArray[np.float32]]:
        """The features of these videos, in their order; neighbouring rows are read in one go.

        `StoreError` where they are not what was written, which is looked at once per video.
        """
        numbers = [self._find(i) for i in ids]
        rows = self._videos.rows[numbers, self._number].reshape(-1, 2)
        order = np.argsort(rows[:, 0])
        ahead, behind = rows[order[1:], 0], rows[order[:-1], 1]
        found: dict[int, NDArray[np.float32]] = {}
        for run in np.split(order, np.flatnonzero(ahead != behind) + 1):
            if not len(run):
                continue
            first, last = rows[run[0], 0], rows[run[-1], 1]
            stored = self.file.rows("features", int(first), int(last))
            for i in run.tolist():
                self._check_features(ids[i], numbers[i], stored[slice(*(rows[i] - first))])
            block = stored.astype(np.float32, copy=False)
            found |= {i: block[slice(*(rows[i] - first))] for i in run.tolist()}
        return [found[i] for i in range(len(rows))]

    def _check_features(self, video_id: str, number: int, features: NDArray[Any]) -> None:
        if (number, self._number) not in self._sound_features:
            wanted = self._videos.tables["crc32"][number, self._number]
            self._refuse(video_id, "features", zlib.crc32(features.data), wanted)
            self._sound_features.add((number, self._number))

    def _refuse(self, video_id: str, what: str, found: int, written: int) -> None:
        if found != written:
            raise StoreError(
                f"{self.path}: the {what} of {video_id} are not what was written (checksum); "
                "remove the store and extract it again"
            )

    def check_records(self) -> None:
        """Raise `StoreError` where what it says of a video, besides its clips, has changed."""
        self.file.refuse_problems()
        for video_id in self.ids:
            self._find(video_id)

    @property
    def uncovered(self) -> str | None:
        """What no checksum covers, in a store of an earlier version."""
        if self._videos.is_covered:
            return None
        return (
            "made by an earlier version of aqa: only its features have a checksum; "
            "ids, clips, settings and the blank response have none, so that nobody can tell "
            f"whether they have changed; `aqa store checksum {self.path}` adds checksums of what "
            "they are now"
        )

    def verify(self) -> list[str]:
        """Read and check all of the store; one line per problem, none for a sound store.

        What of an old store cannot be checked is in `uncovered`.
        """
        problems = [f"{self.path}: {problem}" for problem in find_problems(self.file)]
        network = network_of(self.spec, self.path)
        if network is not None:
            try:
                network.read()
            except StoreError as error:
                problems.append(str(error))
        return problems

    def _find(self, video_id: str) -> int:
        """The number of a video, whose record is looked at when it is asked for first."""
        try:
            number = self._numbers[video_id]
        except KeyError:
            raise UnknownNameError(f"video of {self.path}", video_id, self.ids) from None
        if number not in self._sound_records:
            self.file.refuse_problems()
            if not self._videos.record_is_sound(number):
                raise StoreError(
                    f"{self.path}: what it says of {video_id} is not what was written (checksum); "
                    "remove the store and extract it again"
                )
            self._sound_records.add(number)
        return number

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
