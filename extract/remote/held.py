"""A video at an address as a file on this machine, for as long as it is read."""

from __future__ import annotations

import atexit
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from aqa.annotations.urls import shown_url
from aqa.annotations.video import Video
from aqa.errors import AqaError
from aqa.extract.checkpoints.cache import offline
from aqa.extract.remote.cache import VideoCache
from aqa.extract.video.source import VideoError

# Folders of addresses that a store notes.
_MOST_NOTED = 20
_until_the_end = ExitStack()


class HeldVideo(NamedTuple):
    """A video with a path. content: the SHA-256 of what was fetched, as stores note it, or None."""

    video: Video
    content: str | None


@contextmanager
def held(video: Video) -> Iterator[HeldVideo]:
    """The video, whose `path` is on this machine; one at an address is fetched before.

    It stays there until this is left. Any other video is as it was. `VideoError` where it cannot be
    had. Errors that name the fetched file name its address instead.
    """
    if video.url is None or video.path is not None:
        yield HeldVideo(video, None)
        return
    with VideoCache.of_environment().holding(video.url) as file:
        try:
            yield HeldVideo(replace(video, path=file.path), file.content)
        except Exception as error:
            text = str(error) if isinstance(error, AqaError) else f"{video.where}: {error!r}"
            if str(file.path) not in text:
                raise
            raise VideoError(text.replace(str(file.path), video.where)) from None


def held_to_the_end(video: Video) -> Video:
    """As `held`, until this process ends."""
    return _until_the_end.enter_context(held(video)).video


atexit.register(_until_the_end.close)


def file_of(video: Video) -> Path | None:
    """The video's file, or the place that it will be fetched to; None where it has none."""
    if video.url is None:
        return video.path
    return video.path or VideoCache.of_environment().place(video.url)


def can_be_held(video: Video) -> bool:
    """Whether there is a file of the video, or it may be fetched."""
    if video.path is not None or video.url is None:
        return video.path is not None and video.path.exists()
    return not offline() or VideoCache.of_environment().holds(video.url)


def folders_of(videos: Sequence[Video]) -> list[str]:
    """The folders of the addresses that videos are at, without keys; the first of them, if many."""
    urls = (shown_url(video.url) for video in videos if video.url is not None)
    return list(dict.fromkeys(url.rpartition("/")[0] for url in urls))[:_MOST_NOTED]
