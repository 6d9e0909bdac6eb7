"""Stages that start behind the end of their video, which is known once it was decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aqa.annotations.columns import STAGE_PREFIX
from aqa.annotations.manifest import Manifest, Video
from aqa.errors import HeadError


def late_stages(video: Video, n_frames: int) -> str | None:
    """What is wrong with the stages of a video of so many frames, in one line; None: nothing.

    n_frames: from `start_frame` on, as stages are counted.
    """
    late = [f"{STAGE_PREFIX}{name}={at}" for name, at in video.stages.items() if at >= n_frames]
    if not late:
        return None
    return (
        f"{', '.join(late)}: behind its end, it has frames 0 to {n_frames - 1} (stages count from "
        "start_frame)"
    )


def refuse_late_stages(
    manifest: Manifest, ids: Iterable[str], n_frames: Callable[[str], int]
) -> None:
    """Raise `HeadError` where a stage of one of these videos starts behind its end.

    n_frames: id -> how many frames the video has.
    """
    wrong = [f"{i}: {line}" for i in ids if (line := late_stages(manifest.by_id[i], n_frames(i)))]
    if wrong:
        more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise HeadError(
            f"{manifest.path}: {len(wrong)} of its videos have stages behind their end: "
            f"{'; '.join(wrong[:3])}{more}; mend the columns {STAGE_PREFIX}<name>"
        )
