"""Opens a video file and chooses the stream to read; other files that it names stay closed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from aqa.extract.video.source import VideoError

# Formats that hold their video themselves. Playlists and lists of files (hls, dash, concat, sdp,
# image2, ...) are left out: they open what a text names, which may be any file or address.
FORMATS = (
    *("mov", "matroska", "avi", "flv", "live_flv", "asf", "asf_o", "ogg", "rm", "mxf", "gxf"),
    *("mpeg", "mpegts", "mpegvideo", "m4v", "h261", "h263", "h264", "hevc", "vvc", "av1", "obu"),
    *("ivf", "dv", "nut", "nsv", "nuv", "wtv", "dhav", "mjpeg", "mpjpeg", "vc1", "vc1test", "evc"),
    *("cavsvideo", "avs2", "avs3", "dirac", "dnxhd", "yuv4mpegpipe", "gif", "apng", "webp", "amv"),
    *("swf", "roq", "smk", "bink", "flic", "lxf", "mlv", "ty", "pva", "cine", "ifv", "kux", "r3d"),
    # Sound, so that the error can say that there is no video in it.
    *("mp3", "flac", "wav", "aiff", "aac", "ape", "wv", "tta", "caf", "w64", "au", "amr", "ac3"),
)
_LIMITS = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "file"}


class OpenStream(NamedTuple):
    """An open file, and the video stream in it that is read.

    note: said of a file with several video streams; None for others.
    """

    container: InputContainer
    stream: VideoStream
    note: str | None


def open_stream(path: Path) -> OpenStream:
    """Open a video file; `VideoError` where it is none, or holds no video."""
    try:
        container = av.open(
            # Absolute, since FFmpeg takes what stands before a colon for a protocol.
            os.path.abspath(path),
            mode="r",
            container_options=_LIMITS,
            metadata_errors="replace",
        )
    except (FFmpegError, ValueError, OSError) as error:
        raise _not_a_video(path, error) from None
    try:
        stream, note = _choose(path, container)
    except BaseException:
        container.close()
        raise
    # One thread per video: a bad packet is then told of where it stands, and damaged frames are
    # the same in every run. Several videos are decoded at once by `prefetched`.
    stream.codec_context.thread_count = 1
    return OpenStream(container, stream, note)


def _not_a_video(path: Path, error: Exception) -> VideoError:
    try:
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except OSError as reason:
        return VideoError(f"{path}: {reason.strerror or reason}")
    return VideoError(f"{path}: not a video that can be decoded ({size} bytes)")


def _choose(path: Path, container: InputContainer) -> tuple[VideoStream, str | None]:
    """The default video stream, or the largest; a picture beside sound is none."""
    found = [stream for stream in container.streams.video if stream.codec_context is not None]
    still = Disposition.attached_pic | Disposition.timed_thumbnails
    moving = [stream for stream in found if not stream.disposition & still]
    if not moving:
        only = ", only the still picture of an audio file" if found else ""
        raise VideoError(f"{path}: no video in it that can be decoded{only}")
    marked = [stream for stream in moving if stream.disposition & Disposition.default]
    chosen = max(marked or moving, key=lambda stream: stream.width * stream.height)
    if len(moving) == 1:
        return chosen, None
    why = "the default one" if len(marked) == 1 else "the largest"
    return chosen, (
        f"{len(moving)} video streams: read was stream {chosen.index}, {why} "
        f"({chosen.width}x{chosen.height})"
    )
