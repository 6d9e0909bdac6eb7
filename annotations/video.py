"""One video of a dataset: a row of the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aqa.annotations.urls import is_url, local_path, shown_url, why_not_read
from aqa.errors import AqaError


@dataclass(frozen=True)
class Video:
    """What is known of a video without looking at it.

    id: unique in the manifest.
    path: the video file, or folder of numbered images, absolute; None where features of it were
        imported, and where it is at an address.
    url: the address of the file where it is not on this machine's disks, as `s3://dives/1.mp4`. It
        may hold keys: show `where` instead.
    score: what heads predict, in the judges' points. In a manifest seen with another target, such
        as the technical score, that target, see `Manifest.of_target`; NaN where there is none.
    start_frame, end_frame: the half-open range of frames that shows the action; None: from the
        first frame, to the last.
    difficulty, execution: what the score is the product or the sum of, in points.
    action, type: labels such as `diving` and `107B`.
    event, athlete, venue: labels that a split can keep apart.
    attributes: name -> label, for the names in `columns.ATTRIBUTES`.
    judges: the judges' marks, of the columns judge_1, judge_2, ..., in points.
    stages: name -> the first frame of that stage, in order; frame 0 is `start_frame`.
    steps: names of what the action consists of, in order, of the column steps, which parts them by
        semicolons: `Forward;2.5 Soms.Pike;Entry`.
    commentary: what was said of the action, such as a commentator's words.
    poses: the file or folder of the athlete's joints, absolute.
    similar_within: in points; two videos whose scores differ by less count as similar.
    splits: split name -> train, val, test or empty.
    row: column -> text, for every column, as it was read.
    """

    id: str
    path: Path | None
    score: float
    start_frame: int | None = None
    end_frame: int | None = None
    difficulty: float | None = None
    execution: float | None = None
    action: str | None = None
    type: str | None = None
    event: str | None = None
    athlete: str | None = None
    venue: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    judges: tuple[float, ...] = ()
    stages: Mapping[str, int] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    commentary: str | None = None
    poses: Path | None = None
    similar_within: float | None = None
    splits: Mapping[str, str] = field(default_factory=dict)
    row: Mapping[str, str] = field(default_factory=dict, repr=False)
    url: str | None = field(default=None, repr=False)

    @property
    def where(self) -> str:
        """What messages and records call the file: its path, or its address without keys."""
        if self.url is not None:
            return shown_url(self.url)
        return self.id if self.path is None else str(self.path)

    @property
    def file(self) -> str | Path | None:
        """What is the same for videos of one file; None for a video without one."""
        return self.url or self.path


def called(given: str | Path) -> str:
    """What to call a file that a user names by a path or an address: an address without keys."""
    return shown_url(str(given)) if is_url(given) else str(given)


def place_of(given: str | Path) -> dict[str, Any]:
    """The fields `path` and `url` of a video that a user names by a path or an address.

    Only a text can be an address: a `Path` never is. `AqaError` for an address that is not read.
    """
    if not is_url(given):
        return {"path": Path(given), "url": None}
    url = str(given)
    if why := why_not_read(url):
        raise AqaError(f"{shown_url(url)} is {why}")
    path = local_path(url)
    return {"path": path, "url": url if path is None else None}
