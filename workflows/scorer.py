"""A fitted head that stays loaded: opened once, it scores and explains video after video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aqa.annotations.manifest import Manifest, Video
from aqa.annotations.video import called, place_of
from aqa.errors import AqaError
from aqa.extract.rebuild import rule_of
from aqa.extract.remote.held import held
from aqa.extract.summary import reason_of
from aqa.extract.video.decode import DECODE_ERRORS
from aqa.features.clips import Clip, ClipRule
from aqa.features.store import Spec
from aqa.features.video_features import VideoFeatures
from aqa.models.run_source import runs_of_one_target
from aqa.models.runs import Run, load_run
from aqa.workflows.feedback import AnyFeedback, SeenVideo, feedback_on
from aqa.workflows.model_places import places_for
from aqa.workflows.new_videos import ExtractedVideo
from aqa.workflows.score import ScoredVideo, VideoScorer
from aqa.workflows.video_reports import VideoReporter, VideosReport
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from typing_extensions import Self

# What features that came without a file are called.
_NO_FILE = "features"


class Scorer:
    """The runs of one head, which score video after video; networks are built once.

    runs: of one head and target; predictions of several are averaged. manifest, store: where the
    exemplars of `report` are, and their features; without a store, the runs' own. weights: where
    the backbone's checkpoint is now. backbone: `path/to/net.py:make`, where the store was made with
    that file. align: see `aqa.explain`. writers: runs of another head that writes, for `report`;
    see `VideoReporter`.

    What the runs learned from is checked once; what changes on the disk later is not seen. It is
    for one thread at a time.

        scorer = aqa.Scorer.open("dives", "svr")
        for path in paths:
            print(path, scorer.score(path).score)
    """

    def __init__(
        self,
        runs: Sequence[Run],
        manifest: Manifest | None = None,
        store: Path | None = None,
        *,
        align: str = "index",
        weights: str | Path | None = None,
        backbone: str | None = None,
        device: str = "auto",
        writers: Sequence[Run] = (),
    ):
        targets = {run.target for run in runs}
        if len(targets) != 1:
            raise AqaError(f"{', '.join(sorted(targets))}: choose one target, with --target")
        self.runs, self.writers = tuple(runs), tuple(writers)
        self.manifest, self._store, self._align = manifest, store, align
        self._opened = ExitStack()
        self._scorer = VideoScorer(runs, weights=weights, backbone=backbone, device=device)

    @classmethod
    def open(
        cls,
        workspace: str | Path = ".",
        head: str | None = None,
        *,
        model: str | Path | None = None,
        splits: Sequence[str] = (),
        target: str | None = None,
        **settings: Any,
    ) -> Scorer:
        """The runs of a fitted head in a workspace, or in a pack.

        head: by default `svr`, of a model its only one. model: a file of `aqa pack` in place of the
        workspace; it stays unpacked until `close`. settings: those of `Scorer`, after `store`.
        """
        with ExitStack() as stack:
            places = places_for(
                stack, Workspace(Path(workspace)), model, weights=settings.pop("weights", None)
            )
            named = places.head(head, "svr")
            folders = runs_of_one_target(places.runs, named, splits, target)
            manifest = Manifest.read(places.manifest) if places.manifest.exists() else None
            runs = [load_run(folder, (named,)) for folder in folders]
            made = cls(runs, manifest, weights=places.weights, **settings)
            made._opened = stack.pop_all()
        return made

    def close(self) -> None:
        """Delete what a pack was unpacked to; the scorer cannot be used any more."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def load(self) -> None:
        """Build the networks now, so that the first video does not wait for them."""
        self._scorer.load()

    def score(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        type: str | None = None,
        difficulty: float | None = None,
        action: str | None = None,
    ) -> ScoredVideo:
        """What `aqa score` says of a video file; `AqaError` where it cannot be read.

        path: or an address, as a text. name: what the video is called, by default its path. type,
        difficulty, action: for heads that take them.
        """
        video = self._video(path, name, type, difficulty, action)
        named = Path(video.id) if video.url is None else video.id
        with held(video) as (there, _):
            return self._scorer.predict(there, named, self._extracted(there))[0]

    def score_features(
        self,
        features: ArrayLike,
        *,
        name: str = _NO_FILE,
        type: str | None = None,
        difficulty: float | None = None,
        action: str | None = None,
    ) -> ScoredVideo:
        """As `score`, of clip features such as the runs' store holds: (n_clips, dim), or maps.

        `AqaError` for arrays of another shape.
        """
        video = Video(name, None, np.nan, type=type, difficulty=difficulty, action=action)
        self._scorer.check(video)
        seen = self._seen(features, name)
        return self._scorer.predict(video, Path(name), ExtractedVideo(seen))[0]

    def explain(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        type: str | None = None,
        difficulty: float | None = None,
        action: str | None = None,
    ) -> AnyFeedback:
        """What the first run says of each clip of a video, or writes of it; see `aqa feedback`."""
        video = self._video(path, name, type, difficulty, action)
        extracted = self._extracted(video)
        blank = self._scorer.extractor.blank
        seen = SeenVideo(video, extracted.features, blank, extracted.warnings, extracted.measured)
        return feedback_on(self.runs[0], seen, self._align)

    def report(
        self,
        files: Sequence[str | Path] | Mapping[str, str | Path],
        *,
        type: str | None = None,
        difficulty: float | None = None,
        action: str | None = None,
    ) -> VideosReport:
        """All that a page on video files shows; `aqa.report.page.videos_page` makes the page.

        files: paths; or names -> paths, where the page should call them otherwise. A video that
        fails stops nothing: it is in the report's `failed`.
        """
        named = files if isinstance(files, Mapping) else {called(path): path for path in files}
        reporter, done, failed = self.reporter, [], {}
        for name, path in named.items():
            try:
                done.append(reporter.new(self._video(path, name, type, difficulty, action)))
            except DECODE_ERRORS as error:
                failed[name] = _reason(called(path), error)
        return reporter.together(done, failed)

    @cached_property
    def reporter(self) -> VideoReporter:
        """What makes reports, with the networks of this scorer."""
        if self.manifest is None:
            raise AqaError("a report shows exemplars: give the manifest that the head learned from")
        return VideoReporter(
            self.runs,
            self.manifest,
            self._store,
            align=self._align,
            extractor=self._scorer.extractor,
            writers=self.writers,
        )

    def _video(
        self,
        path: str | Path,
        name: str | None,
        type: str | None,
        difficulty: float | None,
        action: str | None,
    ) -> Video:
        known = called(path) if name is None else name
        told = {"type": type, "difficulty": difficulty, "action": action}
        video = Video(known, score=np.nan, **place_of(path), **told)  # type: ignore[arg-type]
        self._scorer.check(video)
        return video

    def _extracted(self, video: Video) -> ExtractedVideo:
        try:
            return self._scorer.extractor.extract(video)
        except DECODE_ERRORS as error:
            raise AqaError(f"{video.id}: {_reason(video.where, error)}") from None

    def _seen(self, features: ArrayLike, name: str) -> VideoFeatures:
        spec = self.runs[0].spec
        if "joints" in spec:
            raise AqaError(f"{name}: the head was fitted on joints, not on clip features")
        array = _checked(features, tuple(spec["shape"]), name)
        clips, n_frames = _clips(spec, len(array), name)
        return VideoFeatures(array, clips, n_frames, 0, float("nan"))


def _reason(path: Path | str, error: Exception) -> str:
    """Why a file failed, without its place."""
    return reason_of(path, error).removeprefix(f"{path}: ")


def _checked(features: ArrayLike, shape: tuple[int, ...], name: str) -> NDArray[np.float32]:
    wanted = " x ".join(map(str, ("clips", *shape)))
    try:
        array = np.asarray(features)
        if array.dtype.kind not in "fiu":
            raise ValueError
        array = array.astype(np.float32)
    except (ValueError, TypeError, OverflowError):
        raise AqaError(f"{name}: no array of numbers; it takes {wanted}") from None
    if array.ndim != 1 + len(shape) or array.shape[1:] != shape or len(array) == 0:
        given = " x ".join(map(str, array.shape))
        raise AqaError(f"{name}: features of {given}; the head was fitted on {wanted}")
    if not np.isfinite(array).all():
        raise AqaError(f"{name}: it holds numbers that are not finite")
    return array


def _clips(spec: Spec, n: int, name: str) -> tuple[Sequence[Clip], int]:
    """The clips of so many rows, and of how many frames they are if the video is filled by them."""
    rule = rule_of(spec) if "clip_length" in spec else ClipRule()
    if rule.spread:
        n_frames = rule.video_length or rule.length
    else:
        n_frames = rule.video_length or rule.length + (n - 1) * rule.stride
    clips = rule.clips(n_frames)
    if len(clips) != n:
        raise AqaError(
            f"{name}: {n} clips; videos of {n_frames} frames, which the head was fitted on, have "
            f"{len(clips)}"
        )
    return clips, n_frames
