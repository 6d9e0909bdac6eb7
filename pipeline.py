"""Both stages joined: a video file in, a score out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from aqa.errors import AqaError
from aqa.extract.backbones import load_backbone
from aqa.extract.backbones.base import Backbone
from aqa.extract.encode import Encoder, encode_video
from aqa.extract.preprocess import Preprocess
from aqa.extract.reader import ClipReader
from aqa.extract.run import VIDEO_FAULTS, make_spec
from aqa.features.clips import ClipRule
from aqa.features.manifest import Video
from aqa.features.store import Spec, spec_differences, views_of
from aqa.models.runs import Run


@dataclass(frozen=True)
class Scored:
    """One video's predicted score, in points: the mean over `by_split`, one value a run."""

    path: Path
    score: float
    by_split: dict[str, float]
    warning: str | None = None


@dataclass
class Scoring:
    """What became of the videos: scores, and (path, reason) of those that failed."""

    scored: list[Scored] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)


def rebuild_backbone(spec: Spec, weights: str | Path | None = None) -> Backbone:
    """The backbone that a store was made with; `AqaError` where its weights are others now.

    weights: a checkpoint file; None takes the one that the spec remembers.
    """
    made = spec["weights"]
    if made["sha256"] is None:
        raise AqaError(
            f"the features of {spec['backbone']!r} were imported: "
            "the network behind them is not known, so new videos cannot be scored"
        )
    if weights is None and made["name"] != "shipped":
        weights = "random" if made["name"] == "random" else made["path"]
    backbone = load_backbone(
        spec["backbone"], weights, spec["layer"], seed=0 if made["seed"] is None else made["seed"]
    )
    backbone.preprocess = Preprocess.from_dict(spec["preprocess"])
    differences = spec_differences(
        spec,
        make_spec(
            backbone,
            rule_of(spec),
            spec["shape"],
            views_of(spec),
            spec["view_seed"],
            spec["precision"],
            spec["dtype"],
        ),
    )
    if differences:
        raise AqaError(f"not the network that the head was fitted on: {'; '.join(differences)}")
    return backbone


def rule_of(spec: Spec) -> ClipRule:
    """The clip rule that a store was made with."""
    return ClipRule(
        length=spec["clip_length"],
        stride=spec["stride"],
        frames=spec["frames"],
        pad=spec["padding"],
        tail=spec["tail"],
    )


def score_videos(
    paths: Sequence[Path],
    runs: Sequence[Run],
    *,
    weights: str | Path | None = None,
    device: str = "auto",
) -> Scoring:
    """Extract videos as the runs' store was made, and predict with each run.

    runs: of one head, fitted on one kind of store; several are averaged. A video that fails is
    reported in the result and stops nothing.
    """
    spec = runs[0].spec
    for run in runs[1:]:
        differences = spec_differences(spec, run.spec)
        if differences:
            raise AqaError(
                f"{runs[0].folder} and {run.folder} were fitted on different features: "
                f"{'; '.join(differences)}; choose one with --split"
            )
    backbone = rebuild_backbone(spec, weights)
    rule = rule_of(spec)
    encoder = Encoder(backbone, device, precision=spec["precision"])
    blank = encoder.blank(rule.length)
    scoring = Scoring()
    for path in paths:
        video = Video(id=str(path), path=path, score=np.nan)
        reader = ClipReader(video, backbone.preprocess, rule, encoder.batch_size)
        try:
            ((features, _),) = encode_video(reader, encoder, blank)
        except VIDEO_FAULTS as error:
            scoring.failed.append((path, str(error)))
            continue
        by_split = {run.split: float(run.head.predict([features])[0]) for run in runs}
        mean = float(np.mean(list(by_split.values())))
        scoring.scored.append(Scored(path, mean, by_split, reader.warning))
    return scoring
