"""What is served, to whom, and how much of it at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from aqa.extract.video.limits import VideoLimits

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class ServedModel:
    """Which runs are served, as the options of `aqa report` name them; all paths are absolute.

    workspace: the folder whose runs, manifest and reports these are. head: None takes the best that
    explains its scores. writer: another head, which writes a line on each video; None for none.
    """

    workspace: Path
    head: str | None = None
    splits: tuple[str, ...] = ()
    writer: str | None = None
    target: str | None = None
    align: str = "index"
    manifest: Path | None = None
    store: Path | None = None
    weights: Path | None = None
    backbone: str | None = None
    runs: Path | None = None
    device: str = "auto"


@dataclass(frozen=True)
class Limits:
    """What one request, and all together, may take.

    upload: bytes of a request. files: how many a page may show. feature_bytes: of an upload of
    features. video: of each video, before it is decoded. seconds: to decode and score one video.
    memory: bytes that decoding and scoring may need beside the networks. waiting: how many requests
    may wait for the one that is worked on. idle: seconds without a byte of an upload.
    sending: seconds that an upload may take.
    """

    upload: int = 500 * MEGABYTE
    files: int = 20
    feature_bytes: int = 64 * MEGABYTE
    video: VideoLimits = field(default_factory=VideoLimits)
    seconds: float = 300.0
    memory: int = 2048 * MEGABYTE
    waiting: int = 8
    idle: float = 30.0
    sending: float = 900.0


@dataclass(frozen=True)
class Access:
    """Who may ask.

    hosts: names by which the server may be asked for, beside addresses; another name is a site that
    was made to lead here. token: what every request must show; None where none is needed.
    """

    hosts: frozenset[str] = frozenset({"localhost"})
    token: str | None = None
