"""The videos of a manifest, as copies for a page, with their features and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from aqa.annotations.manifest import Manifest, Video
from aqa.extract.remote.held import can_be_held, held
from aqa.extract.video.browser import BrowserVideo, browser_video
from aqa.features.store import FeatureStore
from aqa.features.video_features import VideoFeatures, of_store
from aqa.models.runs import Run

# So many exemplars can be chosen between on a page.
MOST_EXEMPLARS = 3
# So many copies of exemplars are kept for the next video.
_COPIES = 24


class VideoShelf:
    """The videos of a manifest, as copies for the page; those shown last are not encoded again."""

    def __init__(self, manifest: Manifest, store: Path, spec: Mapping[str, Any]):
        self.manifest, self.store, self.spec = manifest, store, dict(spec)
        self._encoded = lru_cache(_COPIES)(browser_video)

    def copy(self, video: Video) -> BrowserVideo:
        """What a page plays; those shown last are not encoded again."""
        # A new file is shown once, and another may lie under its name next time.
        encode = self._encoded if video.id in self.manifest.by_id else browser_video
        with held(video) as (there, _):
            assert there.path is not None
            return encode(there.path, video.start_frame or 0, video.end_frame)

    def features(self, video_id: str) -> VideoFeatures:
        """What the store holds of a video."""
        with FeatureStore.open(self.store, self.spec) as opened:
            return of_store(opened, video_id)

    def scores_of(self, runs: Sequence[Run]) -> tuple[float, ...]:
        """The scores of the videos that any of the runs has learned from, in points."""
        ids = {i for run in runs for i in run.record["split"]["train"]}
        return tuple(self.manifest.by_id[i].score for i in sorted(ids & set(self.manifest.ids)))

    def best(self, run: Run, video: Video) -> list[str]:
        """Training videos with the highest scores of the video's type, or of all if it has none."""
        learned = [self.manifest.by_id[i] for i in run.record["split"]["train"] if self.has(i)]
        others = [one for one in learned if one.id != video.id]
        same = [one for one in others if video.type and one.type == video.type]
        ranked = sorted(same or others, key=lambda one: (-one.score, one.id))
        return [one.id for one in ranked[:MOST_EXEMPLARS]]

    def has(self, video_id: str) -> bool:
        """Whether the video can be shown."""
        video = self.manifest.by_id.get(video_id)
        return video is not None and can_be_held(video)
