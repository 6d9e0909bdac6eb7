"""Interlaced frames to progressive ones, one for one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from av.error import BlockingIOError as NotYet
from av.error import EOFError as EndOfFile
from av.filter import Graph
from av.video.frame import VideoFrame

Numbered = tuple[int, VideoFrame]
# Frames before and after one that bear on it.
CONTEXT = 1


def deinterlaced(frames: Iterator[Numbered]) -> Iterator[Numbered]:
    """The same frames, with the second field of each made anew from the first and its neighbours.

    Frames that are not marked as interlaced stay as they are (FFmpeg's bwdif).
    """
    graph: Graph | None = None
    kind: tuple[int, int, str] | None = None
    numbers: deque[int] = deque()
    for number, frame in frames:
        now = (frame.width, frame.height, frame.format.name)
        if graph is not None and kind != now:
            yield from _out(graph, numbers, last=True)
            graph = None
        if graph is None:
            graph, kind = _graph(frame), now
        numbers.append(number)
        graph.vpush(frame)
        yield from _out(graph, numbers)
    if graph is not None:
        yield from _out(graph, numbers, last=True)


def _graph(frame: VideoFrame) -> Graph:
    graph = Graph()
    graph.threads = 1
    graph.link_nodes(
        graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base,
        ),
        graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced"),
        graph.add("buffersink"),
    ).configure()
    return graph


def _out(graph: Graph, numbers: deque[int], last: bool = False) -> Iterator[Numbered]:
    if last:
        graph.vpush(None)
    while numbers:
        try:
            frame = graph.vpull()
        except (NotYet, EndOfFile):
            return
        yield numbers.popleft(), frame
