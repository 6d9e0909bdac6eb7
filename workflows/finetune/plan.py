"""What is trained, on what, how, and where the results go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aqa.annotations.manifest import Manifest, Video
from aqa.annotations.splits import Split
from aqa.extract.backbones.backbone import Backbone
from aqa.extract.clips_dataset import ClipVideos, EpochAugmentation
from aqa.features.clips import ClipRule
from aqa.models.examples import videos_columns
from aqa.target_names import target_label
from aqa.workflows.finetune.data import ScoredClips
from aqa.workflows.finetune.epochs import SUFFIXES
from aqa.workflows.finetune.heads import trainable_head
from aqa.workflows.finetune.settings import FinetuneSettings
from aqa.workspace import check_label, run_folder


@dataclass(frozen=True)
class FinetunePlan:
    """Everything that a fine-tuning takes, except the splits.

    head, params: the head and its hyper-parameters, as `name=value`. manifest: seen with what is
    to be predicted, see `Manifest.of_target`. backbone, rule: the network,
    and how videos are cut into clips. start: the folder of a fitted run of the head to start from,
    or the folder of a head, of which the run of the same split is taken; None: an untrained head.
    workers: videos decoded ahead. cache: bytes of decoded training videos to keep in memory, and
    as many of validation videos. skip_missing, skip_incomplete: leave out videos that cannot be
    read, and those that lack a label that the head learns from, which otherwise are errors. test:
    also keep the epoch that is best on the test videos. restart: delete earlier results and
    states, and begin anew.
    """

    head: str
    params: Sequence[str]
    manifest: Manifest
    backbone: Backbone
    rule: ClipRule
    runs: Path
    settings: FinetuneSettings
    start: Path | None = None
    workers: int = 1
    cache: int = 0
    skip_missing: bool = False
    skip_incomplete: bool = False
    test: bool = False
    restart: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one clip's feature."""
        return self.backbone.shape_for(self.rule.length)

    @property
    def columns(self) -> tuple[str, ...]:
        """The manifest's columns that the head learns from."""
        columns = trainable_head(self.head).head_class.columns
        return tuple(name for name in columns if name != "clips")

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of a split whose scores are read."""
        return ("train", "val", "test") if self.test else ("train", "val")

    def folder(self, split: Split, result: str = "chosen") -> Path:
        """Where the run of this result lies."""
        name = trainable_head(self.head).name
        check_label(name)
        label = f"{name}-finetuned{SUFFIXES[result]}"
        return run_folder(self.runs, target_label(label, self.manifest.target), split.name)

    def videos(self, ids: Sequence[str]) -> list[Video]:
        """The videos of these ids."""
        return [self.manifest.by_id[i] for i in ids]

    def scored(self, ids: Sequence[str]) -> ScoredClips:
        """Videos to train on or to evaluate by."""
        videos = self.videos(ids)
        scores = np.array([video.score for video in videos])
        return ScoredClips(self.clips(videos), scores, videos_columns(videos, self.columns))

    def clips(self, videos: Sequence[Video]) -> ClipVideos:
        """The clips of these videos, as the backbone takes them."""
        augment = EpochAugmentation(**self.settings.augmentation)
        preprocess = self.backbone.preprocess
        return ClipVideos(videos, preprocess, self.rule, augment, self.workers, self.cache)
