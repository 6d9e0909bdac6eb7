"""What became of the videos of an extraction, and which of them a store already holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aqa.annotations.manifest import Video
from aqa.errors import AqaError
from aqa.extract.pace import Pace
from aqa.extract.progress import ExtractionProgress
from aqa.extract.video.identity import content_like, size_of, sizes_before
from aqa.features.store import FeatureStoreWriter


@dataclass
class ExtractionSummary:
    """What an extraction did.

    done: ids of videos that were extracted now. reused: of those that the store held already.
    n_clips: clips extracted now. failed: (video id, reason). warnings: lines about videos that
    were extracted all the same, or about all of them. pace: how fast it went, and what took the
    time.
    """

    done: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    n_clips: int = 0
    pace: Pace = field(default_factory=Pace)

    def fail(self, video_id: str, reason: str, progress: ExtractionProgress) -> None:
        """Note a video that failed, and tell so."""
        self.failed.append((video_id, reason))
        progress.line(f"failed: {video_id}: {reason}")

    def warn(self, video_id: str, warning: str, progress: ExtractionProgress) -> None:
        """Note what was wrong with a video that was extracted all the same, and tell so."""
        self.warnings.append(warning)
        progress.line(f"warning: {video_id}: {warning}")

    def warn_of_all(self, warning: str, progress: ExtractionProgress) -> None:
        """Note a warning that is not about one video, and tell so."""
        self.warnings.append(warning)
        progress.line(f"warning: {warning}")


def reason_of(file: Path | str | None, error: Exception) -> str:
    """One line on what went wrong with a file; `AqaError` names it already."""
    return str(error) if isinstance(error, AqaError) else f"{file}: {error!r}"


def sort_out_stored(
    videos: Sequence[Video],
    file_of: Callable[[Video], Path | None],
    writer: FeatureStoreWriter,
    summary: ExtractionSummary,
    progress: ExtractionProgress,
) -> list[Video]:
    """The videos that a store does not hold; notes the others in the summary.

    Those are reused, or have failed where the store holds other frames or another file of them.
    """
    missing = []
    for video in videos:
        if video.id not in writer:
            missing.append(video)
            continue
        change = _change_since(video, file_of(video), writer)
        if change:
            reason = f"{writer.path} holds {change}; name another file with --store"
            summary.fail(video.id, reason, progress)
        else:
            summary.reused.append(video.id)
    return missing


def _change_since(video: Video, file: Path | None, writer: FeatureStoreWriter) -> str | None:
    """What is different about a video since it was stored."""
    asked, stored = (video.start_frame or 0, video.end_frame), writer.frame_range(video.id)
    if asked != stored:
        return f"its frames {stored}, the manifest says {asked}"
    return None if file is None else _other_file(video.id, file, writer)


def _other_file(video_id: str, file: Path, writer: FeatureStoreWriter) -> str | None:
    """How a file differs from the one that a stored video was read from, if it does.

    Stores made before version 0.2 know only its size.
    """
    size, size_then = size_of(file), writer.n_bytes(video_id)
    content_then = writer.content(video_id)
    if size is None:
        return None
    if size_then is not None and size != size_then:
        if content_then is None and size_then in sizes_before(file):
            return None
        return f"features of another file of {size_then} bytes, {file} has {size}"
    if content_then is not None and content_like(content_then, file) != content_then:
        return f"features of another file: {file} has the same size and other content"
    return None
