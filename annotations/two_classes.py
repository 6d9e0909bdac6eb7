"""Labels of two values, such as good and bad: which they are, and which of them is the good one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aqa.annotations.columns import LABEL
from aqa.annotations.numbers import number_of
from aqa.annotations.video import Video
from aqa.errors import AqaError, listed
from aqa.target_names import SCORE

# What --good takes to learn two numbers as scores.
NEITHER = "none"
_GOOD = frozenset(
    ("good", "correct", "right", "yes", "true", "pass", "passed", "ok", "success", "proper")
)
_BAD = frozenset(
    ("bad", "incorrect", "wrong", "no", "false", "fail", "failed", "failure", "poor", "faulty")
)


@dataclass(frozen=True)
class TwoClasses:
    """The two values of a column, as the table spells them; good is the one that is predicted."""

    column: str
    bad: str
    good: str

    def number(self, text: str) -> float:
        """What a head learns of a label: 1 for the good one, 0 for the other; NaN of none."""
        if not text.strip():
            return math.nan
        return float(_key(text) == _key(self.good))

    def label(self, good: bool) -> str:
        """The label of a class."""
        return self.good if good else self.bad

    def told(self) -> str:
        """What is said of them when a head is fitted."""
        return (
            f"{self.column} has two values, {self.bad} and {self.good}: learned as classes, "
            f"{self.good} is good (--good chooses; --good {NEITHER} learns two numbers as scores)"
        )

    def to_dict(self) -> dict[str, str]:
        """As run.json has it."""
        return {"column": self.column, "bad": self.bad, "good": self.good}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> TwoClasses:
        """Those in a mapping that holds other things too."""
        return cls(record["column"], record["bad"], record["good"])


def find_classes(column: str, texts: Iterable[str], good: str | None = None) -> TwoClasses | None:
    """The two classes of a column's values; None where they are numbers to learn as scores.

    texts: the cells; empty ones are left out. good: the value that is good, as the user names it;
    None takes the higher of two numbers, and of two words the one that says so. `AqaError` where
    words, or a column `label`, have not just two values, or where it is unclear which is good.
    """
    spelled: dict[float | str, str] = {}
    for text in texts:
        if text.strip():
            spelled.setdefault(_key(text), text.strip())
    of_numbers = [isinstance(key, float) for key in spelled]
    numbers = all(of_numbers)
    if numbers and good == NEITHER:
        return None
    if any(of_numbers) and not numbers and len(spelled) > 2 and column != LABEL:
        return None  # scores, some of which are mistyped
    if numbers and column != LABEL and len(spelled) != 2:
        if good is not None:
            raise AqaError(
                f"column {column}: --good {good} is for two values, and it has {len(spelled)}; "
                "leave it out"
            )
        return None
    if len(spelled) != 2:
        raise AqaError(
            f"column {column}: it holds {len(spelled)} different values, "
            f"{listed(spelled.values(), 3)}; a label has two, such as good and bad"
            + (f" (--good {NEITHER} learns numbers as scores)" if numbers else "")
        )
    key = _chosen(column, spelled, good)
    (other,) = spelled.keys() - {key}
    return TwoClasses(column, spelled[other], spelled[key])


def classes_among(
    videos: Sequence[Video], column: str, good: str | None = None
) -> TwoClasses | None:
    """The two classes that a column of a manifest holds, see `find_classes`."""
    return find_classes(column, [_cell(video, column) for video in videos], good)


def with_classes(videos: Sequence[Video], classes: TwoClasses) -> list[Video]:
    """The videos, their score being 1 for good and 0 for bad; NaN where there is no label.

    What a difference in points means is known of the score alone, so `similar_within` is left out
    of another column's.
    """
    return [
        replace(
            video,
            score=classes.number(_cell(video, classes.column)),
            similar_within=video.similar_within if classes.column == SCORE else None,
        )
        for video in videos
    ]


def _cell(video: Video, column: str) -> str:
    """What stands in a column; of a video that comes from no table, its score."""
    if video.row:
        return video.row.get(column, "")
    return "" if math.isnan(video.score) else repr(float(video.score))


def _chosen(column: str, spelled: Mapping[float | str, str], good: str | None) -> float | str:
    """Which of two values is good."""
    first, second = spelled
    if good is not None:
        if good == NEITHER and NEITHER not in spelled:
            raise AqaError(
                f"column {column}: only numbers are learned as scores, and not "
                f"{spelled[first]} and {spelled[second]}; write 1 for good and 0 for bad"
            )
        if _key(good) not in spelled:
            raise AqaError(
                f"column {column}: --good {good} is none of its values, {spelled[first]} and "
                f"{spelled[second]}"
            )
        return _key(good)
    if isinstance(first, float) and isinstance(second, float):
        return max(first, second)
    says = {key: (key in _GOOD) - (key in _BAD) for key in spelled}
    if says[first] == says[second]:
        raise AqaError(
            f"column {column}: which of {spelled[first]} and {spelled[second]} is good? say it "
            f"with --good {spelled[first]}"
        )
    return max(says, key=lambda key: says[key])


def _key(text: str) -> float | str:
    """What a label is compared by: its number, or its text in small letters."""
    number = number_of(text.strip())
    return text.strip().casefold() if number is None else number
