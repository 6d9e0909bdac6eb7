"""New video files in, scores out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from aqa.annotations.manifest import Video
from aqa.errors import AqaError, listed
from aqa.extract.remote.held import held
from aqa.extract.summary import reason_of
from aqa.extract.video.decode import DECODE_ERRORS
from aqa.features.video_features import VideoFeatures
from aqa.models.examples import example_of
from aqa.models.runs import Run
from aqa.models.saved.hashes import check_beside, warn_unchecked
from aqa.models.target_transforms.class_rule import ClassRule, SaidClass, said_class
from aqa.target_names import SCORE
from aqa.workflows.best_head import FIT_ONE
from aqa.workflows.feedback import SeenVideo
from aqa.workflows.known_files import KnownFiles
from aqa.workflows.moments import Why, why_of
from aqa.workflows.new_videos import (
    ExtractedVideo,
    VideoExtractor,
    check_same_features,
    check_told,
    extractor_for,
    predicted_score,
)
from aqa.workflows.training_files import TrainingFiles
from aqa.workflows.trust import Trust, trust_in


@dataclass(frozen=True)
class ScoredVideo:
    """One video's predicted score, in points.

    path: or the address, without keys. score: the mean of `by_split`, which holds one prediction
    per run, by the name of its split.
    said: the class, where runs tell two classes; `score` is then the mean of their answers.
    commentary: what each run writes of the video, by the same names; empty where it writes none.
    warnings: why it may mean less than it seems, one line each. target: what is predicted, see
    `Manifest.of_target`. trust: how far it may be trusted; `warnings` say it too where it may not.
    why: what the first run says of its moments, where that was asked for.
    """

    path: Path | str
    score: float
    by_split: dict[str, float]
    warnings: tuple[str, ...] = ()
    commentary: dict[str, str] = field(default_factory=dict)
    target: str = SCORE
    said: SaidClass | None = None
    trust: Trust = field(default_factory=Trust)
    why: Why | None = None


@dataclass(frozen=True)
class FailedVideo:
    """A video that could not be scored, and why, in a line that does not name it again."""

    path: Path | str
    reason: str


@dataclass
class ScoringOutcome:
    """What became of the videos."""

    done: list[ScoredVideo] = field(default_factory=list)
    failed: list[FailedVideo] = field(default_factory=list)

    @property
    def warnings(self) -> list[str]:
        """One line per warning, with the video that it is about."""
        lines = (f"{video.path}: {line}" for video in self.done for line in video.warnings)
        return list(dict.fromkeys(lines))  # a video is done once for each target


class VideoScorer:
    """Scores video after video with the same runs; the networks stay loaded.

    runs: of one head and one seed, fitted on one kind of store; the predictions of several splits
    are averaged. weights, backbone: see `aqa.extract.rebuild.rebuild_backbone`. `ChangedError`
    where what a run learned from has changed, if it is still where it was; that is asked once. why:
    say why, too.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        *,
        weights: str | Path | None = None,
        backbone: str | None = None,
        device: str = "auto",
        why: bool = False,
    ):
        if len(labels := {run.label for run in runs}) > 1:
            raise AqaError(f"{listed(sorted(labels))}: runs of several heads or seeds; name one")
        fitted = [(run.folder, run.record) for run in runs]
        check_beside(fitted)
        warn_unchecked(fitted)
        self.runs = tuple(runs)
        self._of_targets: dict[str, list[Run]] = {}
        for run in runs:
            self._of_targets.setdefault(run.target, []).append(run)
            run.scoring_head()
        self._rules = {target: _class_rules(own) for target, own in self._of_targets.items()}
        self._network: dict[str, Any] = {"weights": weights, "backbone": backbone, "device": device}
        self._why = why
        if why:
            check_says_why(runs[0])

    @cached_property
    def extractor(self) -> VideoExtractor:
        """What extracts videos as the runs' store was made; its network is built here, once."""
        run = self.runs[0]
        return extractor_for(run.spec, store=run.store, **self._network)

    def load(self) -> None:
        """Build networks, and read which files the runs learned from, before the first video."""
        _ = self.extractor, self._training_files

    @cached_property
    def _training_files(self) -> TrainingFiles:
        return TrainingFiles(self.runs)

    def check(self, video: Video) -> None:
        """Refuse a video of which less is told than the heads need, before it is extracted."""
        for run in self.runs:
            check_told(run, video)
        check_same_features(self.runs)

    def score(self, video: Video, path: Path | str) -> list[ScoredVideo]:
        """One for each target, in the order of the runs; raises one of `DECODE_ERRORS`."""
        with held(video) as (there, _):
            return self.predict(there, path, self.extractor.extract(there))

    def predict(
        self, video: Video, path: Path | str, extracted: ExtractedVideo
    ) -> list[ScoredVideo]:
        """As `score`, of a video whose features are known."""
        learned = self._training_files.warning(video.path) if video.path else ""
        if learned:
            extracted = replace(extracted, warnings=(learned, *extracted.warnings))
        scored = [
            _scored(video, path, extracted, runs, self._rules[target])
            for target, runs in self._of_targets.items()
        ]
        if not self._why:
            return scored
        seen = SeenVideo(video, extracted.features, self.extractor.blank, ())
        firsts = (runs[0] for runs in self._of_targets.values())
        return [
            replace(one, why=why_of(run, seen)) for one, run in zip(scored, firsts, strict=True)
        ]


def score_videos(
    paths: Sequence[Path | str],
    runs: Sequence[Run],
    *,
    weights: str | Path | None = None,
    backbone: str | None = None,
    device: str = "auto",
    type: str | None = None,
    difficulty: float | None = None,
    action: str | None = None,
    why: bool = False,
    known: KnownFiles | None = None,
) -> ScoringOutcome:
    """Extract videos as the runs' store was made, and predict with each run.

    Where the runs predict several targets, there is one `ScoredVideo` for each. The other arguments
    are those of `VideoScorer`. type, difficulty, action: of all the videos, for a head that takes
    it. known: files of which a manifest says more, which is used where it is not told. A path that
    is a text may be an address. A video that fails stops nothing: it is in `failed`.
    """
    scorer = VideoScorer(runs, weights=weights, backbone=backbone, device=device, why=why)
    told = {"type": type, "difficulty": difficulty, "action": action}
    files = known or KnownFiles(None)
    videos = [files.as_new(path, told) for path in paths]
    for video in videos:
        scorer.check(video)
    outcome = ScoringOutcome()
    for video in videos:
        path = video.path or video.where
        try:
            outcome.done += scorer.score(video, path)
        except DECODE_ERRORS as error:
            reason = reason_of(path, error).removeprefix(f"{path}: ")
            outcome.failed.append(FailedVideo(path, reason))
    return outcome


def check_says_why(run: Run) -> None:
    """Refuse a head that says nothing of clips, nor writes of the whole video."""
    if run.head.gives and {"clips", "commentary"}.isdisjoint(run.head.gives):
        raise AqaError(
            f"{run.folder}: {run.name} says where joints should be, not which moments cost points; "
            "use `aqa feedback`"
        )
    if not run.head.gives:
        raise AqaError(
            f"{run.folder}: {run.name} says nothing of single moments; leave out --head to take "
            f"one that does, or fit one: {FIT_ONE}"
        )


def _class_rules(runs: Sequence[Run]) -> dict[str, ClassRule]:
    """How answers are read as classes, by split; empty where they are scores."""
    rules = {run.split: rule for run in runs if (rule := run.class_rule) is not None}
    odd = [run for run in runs if run.split not in rules]
    kinds = {(rule.classes, rule.says) for rule in rules.values()}
    if rules and (odd or len(kinds) > 1):
        other = odd[0] if odd else runs[-1]
        raise AqaError(
            f"{runs[0].folder} and {other.folder} tell other classes; choose one with --split"
        )
    return rules


def _scored(
    video: Video,
    path: Path | str,
    extracted: ExtractedVideo,
    runs: Sequence[Run],
    rules: Mapping[str, ClassRule],
) -> ScoredVideo:
    """What runs of the same target say of a video. rules: by their splits."""
    seen, heads = extracted.features, {run.split: run.scoring_head() for run in runs}
    by_split = {split: predicted_score(head, video, seen) for split, head in heads.items()}
    written = {
        split: _write(head, video, seen)
        for split, head in heads.items()
        if "commentary" in head.gives
    }
    mean = float(np.mean(list(by_split.values())))
    said = said_class(rules, by_split) if rules else None
    trust = trust_in(runs, by_split, video, seen)
    warnings = (*((trust.unlike,) if trust.unlike else ()), *extracted.warnings)
    return ScoredVideo(
        path,
        mean,
        by_split,
        warnings,
        written,
        runs[0].target,
        said,
        trust,
    )


def _write(head: Any, video: Video, seen: VideoFeatures) -> str:
    said: list[str] = head.commentary(
        example_of(video, seen.features, seen.clips, head.answer_columns)
    )
    return said[0]
