"""Which videos are still to do, which a worker holds, and which have cost a worker its life."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from aqa.annotations.manifest import Video
from aqa.extract.video_encoder import Encoded, NumberedVideo, VideoGroup

# Actions of one file that are handed out at once, so that they are read in one pass.
_ACTIONS = 8


class WorkQueue:
    """Hands out videos in their order, each until it is done.

    ahead: how many videos may be finished or at work behind the oldest that is not finished, so
    that those which wait for it to be written are not too many.

    A video whose worker died is handed out once more, alone, so that it is certain which video is
    to blame if that worker dies too.
    """

    def __init__(self, videos: Sequence[Video], ahead: int):
        self._groups = deque(grouped(videos))
        self._again: deque[VideoGroup] = deque()
        self._alone: set[int] = set()
        self._n, self._ahead = len(videos), ahead
        self._oldest = 0  # of those that are not done
        self._done_early: set[int] = set()  # those behind it that are

    @property
    def is_finished(self) -> bool:
        """Whether every video is done."""
        return self._oldest == self._n

    def take(self, is_idle: bool) -> VideoGroup | None:
        """The next group for a worker; None where it gets none now. is_idle: it holds no other."""
        if self._again:
            return self._again.popleft() if is_idle else None
        if self._groups and self._groups[0][0].number <= self._oldest + self._ahead:
            return self._groups.popleft()
        return None

    def is_alone(self, number: int) -> bool:
        """Whether a worker that holds this video gets no other beside it."""
        return number in self._alone

    def done(self, number: int) -> bool:
        """Note that a video is done; False where it was already."""
        if self._is_done(number):
            return False
        self._done_early.add(number)
        while self._oldest in self._done_early:
            self._done_early.remove(self._oldest)
            self._oldest += 1
        return True

    def _is_done(self, number: int) -> bool:
        return number < self._oldest or number in self._done_early

    def lost(self, held: Iterable[NumberedVideo]) -> list[NumberedVideo]:
        """Take back what a dead worker held; gives the videos that were tried twice."""
        given_up = []
        for one in held:
            if self._is_done(one.number):
                continue
            if one.number in self._alone:
                given_up.append(one)
            else:
                self._alone.add(one.number)
                self._again.append((one,))
        return given_up


def grouped(videos: Sequence[Video]) -> Iterator[VideoGroup]:
    """Videos one by one, but neighbours of one file together."""
    group: list[NumberedVideo] = []
    for number, video in enumerate(videos):
        if group and (video.file != group[0].video.file or len(group) == _ACTIONS):
            yield tuple(group)
            group = []
        group.append(NumberedVideo(number, video))
    if group:
        yield tuple(group)


def in_order(results: Iterable[Encoded]) -> Iterator[Encoded]:
    """Results by their numbers, 0, 1, 2, ...; those that come early wait."""
    early: dict[int, Encoded] = {}
    due = 0
    for result in results:
        early[result.number] = result
        while due in early:
            yield early.pop(due)
            due += 1
