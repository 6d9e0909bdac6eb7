"""Key fragments: the clips of certain stages, which a part of the score is read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from aqa.errors import HeadError
from aqa.models.stages import hand_starts, stages_at

# A video's features, (n_clips, dim).
Clips = TypeVar("Clips", NDArray[np.floating], Tensor)
Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class KeyFragments:
    """Which clips of a video each part of the score is read from.

    wanted: for each part the names of its stages, as typed: `takeoff,flight`. names: of all
    stages, in order. whole: every part is read from the whole video.
    """

    wanted: Mapping[str, str]
    names: tuple[str, ...]
    whole: bool = False

    def numbers(self) -> dict[str, list[int]]:
        """The numbers of the stages of each part; `HeadError` for a name that is no stage."""
        return {
            score_part: _numbers(f"{score_part}_stages", texts, self.names)
            for score_part, texts in self.wanted.items()
        }

    def check(self, columns: Columns, ids: Sequence[str]) -> None:
        """Raise `HeadError` where a video has not all hand-labelled stages."""
        if not self.whole:
            self.numbers()
            hand_starts(columns["stages"], self.names, ids)

    def clips_read(self, columns: Mapping[str, Any]) -> NDArray[np.intp] | None:
        """The numbers of the clips of one video that any part is read from; None for all."""
        if self.whole:
            return None
        (starts,) = hand_starts([columns["stages"]], self.names)
        each = [key_clips(starts, columns["clips"], stages) for stages in self.numbers().values()]
        return np.unique(np.concatenate(each))

    def labelled(
        self, sequences: Sequence[Clips], columns: Columns, ids: Sequence[str] | None = None
    ) -> dict[str, list[Clips]]:
        """For each part the clips that it is read from, by the hand-labelled stages.

        ids: what errors call the videos.
        """
        if self.whole:
            return {score_part: list(sequences) for score_part in self.wanted}
        if columns.get("clips") is None:
            raise HeadError("key fragments are told by each video's `clips`; give them")
        starts = hand_starts(columns.get("stages") or [{}] * len(sequences), self.names, ids)
        return self.picked(sequences, columns["clips"], starts)

    def picked(
        self,
        sequences: Sequence[Clips],
        clips: Sequence[NDArray[np.integer]],
        starts: Sequence[NDArray[np.integer]],
    ) -> dict[str, list[Clips]]:
        """For each part the clips that it is read from; starts: the first frame of each stage."""
        return {
            score_part: [
                sequence[key_clips(stage_starts, ranges, stages)]
                for sequence, stage_starts, ranges in zip(sequences, starts, clips, strict=True)
            ]
            for score_part, stages in self.numbers().items()
        }


def key_clips(
    starts: NDArray[np.integer], clips: NDArray[np.integer], stages: Sequence[int]
) -> NDArray[np.intp]:
    """The numbers of the clips whose middle frame is in one of these stages.

    Where there is none, because the stages are shorter than the clips are apart, the one whose
    middle is nearest to the start of the first of the stages.
    """
    inside = np.flatnonzero(np.isin(stages_at(starts, clips), stages))
    if len(inside):
        return inside
    return np.abs(clips.mean(axis=1) - starts[stages[0]]).argmin(keepdims=True)


def _numbers(param_name: str, texts: str, names: Sequence[str]) -> list[int]:
    """The numbers of stages that a hyper-parameter names."""
    wanted = [text.strip() for text in texts.split(",")]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise HeadError(
            f"{param_name}={texts}: no stage {', '.join(unknown)}; the stages are "
            f"{', '.join(names)}; choose among them with -p {param_name}=..."
        )
    return sorted(names.index(name) for name in wanted)
