"""Tells whether a video file is one that a run has learned from, by its content, not its name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aqa.errors import AqaError, listed
from aqa.extract.video.identity import content_like
from aqa.features.store import FeatureStore
from aqa.models.runs import Run


def training_files(run: Run) -> dict[str, str]:
    """Id -> hash of its file's content, of the videos that a run has learned from.

    A packed run holds them itself; of others they are in the store that it was fitted on. Those
    that are not known are left out.
    """
    kept: dict[str, str] | None = run.record.get("learned_files")
    if kept is not None:
        return dict(kept)
    if not run.store.exists():
        return {}
    try:
        with FeatureStore.open(run.store) as store:
            found = {i: store.content(i) for i in sorted(run.learned_from & set(store.ids))}
    except AqaError:  # a store that cannot be read is told of where it is needed
        return {}
    return {i: content for i, content in found.items() if content}


# Of a video that a head has learned from.
SAYS_NOTHING = "its score says nothing of how well others are scored"


class TrainingFiles:
    """The files that several runs have learned from."""

    def __init__(self, runs: Sequence[Run]):
        self.runs = tuple(runs)
        self._known = [training_files(run) for run in runs]

    def ids_of(self, path: Path) -> list[str]:
        """The ids under which any of the runs has learned from this file."""
        known = {pair for files in self._known for pair in files.items()}
        return sorted({i for i, content in known if content_like(content, path) == content})

    def unlearned(self, path: Path) -> list[Run]:
        """The runs that have not learned from this file."""
        ids = self.ids_of(path)
        return [run for run in self.runs if run.learned_from.isdisjoint(ids)]

    def warning(self, path: Path) -> str:
        """That a file is a training video, in words; "" where it is none that is known."""
        ids = self.ids_of(path)
        if not ids:
            return ""
        learned = sum(not run.learned_from.isdisjoint(ids) for run in self.runs)
        every = learned == len(self.runs)
        whose = "the head has" if every else f"{learned} of {len(self.runs)} runs have"
        return f"{whose} learned from this very video ({listed(ids, 3)}): {SAYS_NOTHING}"
