"""Videos that the tests make themselves, as cameras and broadcasters make them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.filter import Graph


def textured_frames(
    n_frames: int, size: tuple[int, int] = (96, 128), step: int = 3
) -> list[np.ndarray]:
    """RGB frames over which a smooth pattern moves: each differs from every other."""
    height, width = size
    y, x = np.mgrid[:height, : width + step * n_frames]
    waves = [np.sin(x / 9 + k) * np.cos(y / (11 + k)) for k in range(3)]
    pattern = np.stack([128 + 90 * wave for wave in waves], axis=-1).astype(np.uint8)
    return [np.ascontiguousarray(pattern[:, step * i : step * i + width]) for i in range(n_frames)]


@pytest.fixture
def textured() -> Callable[..., list[np.ndarray]]:
    """Makes RGB frames over which a smooth pattern moves."""
    return textured_frames


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Encodes RGB frames with a codec into a file; skips where this FFmpeg lacks the encoder."""

    def make(
        name: str,
        frames: Sequence[np.ndarray],
        codec: str = "libx264",
        *,
        pix_fmt: str = "yuv420p",
        rate: int = 25,
        gop: int = 12,
        b_frames: int | None = None,
        times: Sequence[int] | None = None,
        options: Mapping[str, str] | None = None,
        colours: Mapping[str, Any] | None = None,
        container_options: Mapping[str, str] | None = None,
    ) -> Path:
        if codec not in av.codecs_available:
            pytest.skip(f"this FFmpeg has no {codec}")
        path = tmp_path / name
        with av.open(str(path), "w", container_options=dict(container_options or {})) as container:
            stream = container.add_stream(codec, rate=rate, options=dict(options or {}))
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = pix_fmt
            context = stream.codec_context
            context.gop_size = gop
            if b_frames is not None:
                context.max_b_frames = b_frames
            if times is not None:
                context.time_base = Fraction(1, 1000)
            for key, value in (colours or {}).items():
                setattr(context, key, value)
            convert = encoder_input(frames[0], pix_fmt, **(colours or {}))
            for number, image in enumerate(frames):
                frame = convert(image)
                frame.time_base = Fraction(1, rate) if times is None else Fraction(1, 1000)
                frame.pts = number if times is None else times[number]
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return make


def encoder_input(
    first: np.ndarray, pix_fmt: str, colorspace: int = 5, color_range: int = 1
) -> Callable[[np.ndarray], av.VideoFrame]:
    """Turns RGB images into the frames that an encoder takes, by FFmpeg's own filter."""
    graph = Graph()
    matrix, span = {1: 709, 5: 601, 9: 2020}[colorspace], {1: "tv", 2: "pc"}
    graph.link_nodes(
        graph.add_buffer(
            width=first.shape[1],
            height=first.shape[0],
            format=av.VideoFormat("rgb24"),
            time_base=Fraction(1, 1000),
        ),
        graph.add("scale", f"out_color_matrix=bt{matrix}:out_range={span[color_range]}:flags=area"),
        graph.add("format", pix_fmt),
        graph.add("buffersink"),
    ).configure()

    def convert(image: np.ndarray) -> av.VideoFrame:
        graph.vpush(av.VideoFrame.from_ndarray(image, format="rgb24"))
        return graph.vpull()

    return convert


def packet_places(path: Path) -> list[tuple[int, int]]:
    """Where the packets of a file's video lie: (first byte, number of bytes), in order of time."""
    with av.open(str(path)) as container:
        found = [(p.pts, p.pos, p.size) for p in container.demux(video=0) if p.size]
    return [(at, size) for _, at, size in sorted(found)]


def spoil(path: Path, numbers: Sequence[int], keep: int = 0) -> Path:
    """A copy in which the packets of these frames are noise, but for their first bytes."""
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    places = packet_places(path)
    for number in numbers:
        at, size = places[number]
        data[at + keep : at + size] = rng.bytes(size - keep)
    target = path.with_name(f"spoilt-{path.name}")
    target.write_bytes(data)
    return target


@pytest.fixture
def spoilt() -> Callable[..., Path]:
    """Makes a copy of a video in which the packets of some frames are noise."""
    return spoil
