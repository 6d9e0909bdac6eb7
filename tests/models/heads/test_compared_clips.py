"""Feedback of heads whose clips add points: compared with training videos, and made up of sums."""

from __future__ import annotations

import numpy as np
import pytest

from aqa.annotations.manifest import Video
from aqa.features.clips import Clip
from aqa.features.video_features import VideoFeatures
from aqa.models.feedback import ClipReference, Told, TypePoints, give_feedback
from aqa.models.heads import get_head
from aqa.models.heads.base import Head
from aqa.models.target_transforms import transformed

PARTS = ((0.5, -0.5, 0.5, -0.5), (1.0, 0.0, 2.0, 0.0))
TYPES = {"": TypePoints(40, *PARTS), "A": TypePoints(13, (9.0,) * 4, (9.0,) * 4)}
GOOD = Told(40, 0.7, 0.6, 0.65, 0.4, True)
CHANCE = Told(40, 0.4, 0.9, 0.5, 0.48, False)


def fitted(name: str, performances, **params) -> Head:
    head = transformed(get_head(name), {"epochs": 3, "device": "cpu", **params})
    difficulty = np.linspace(1, 3, len(performances.x)).tolist()
    columns = {"difficulty": difficulty, "type": ["A"] * len(performances.x)}
    return head.fit(performances.x, performances.y, **columns)


def seen(performances, clips: int = 4) -> VideoFeatures:
    features = np.concatenate(performances.x)[:clips]
    ranges = [Clip(16 * i - 16, 16 * i) for i in range(clips)]  # the first is padding
    return VideoFeatures(features, ranges, 16 * clips - 16, 0, 25.0)


def feedback(head: Head, performances, reference, kind: str | None = None):
    video = Video(id="v", path=None, score=1.0, type=kind, difficulty=2.5, row={})
    return give_feedback(head, video, seen(performances), None, reference=reference)


@pytest.fixture(scope="module")
def wd(performances) -> Head:
    return fitted("wd", performances)


def test_a_clip_is_faulty_where_it_is_a_margin_below_what_is_good(wd, performances) -> None:
    found = feedback(wd, performances, ClipReference(TYPES, 0.75, GOOD))
    values = np.array([clip.value for clip in found.clips])
    limits = np.array(PARTS[1][1:]) - 0.75
    assert found.mark == "faulty"
    assert [clip.limit for clip in found.clips] == limits.tolist()
    assert [clip.average for clip in found.clips] == list(PARTS[0][1:])
    assert [clip.faulty for clip in found.clips] == (values <= limits).tolist()
    assert not any(clip.below_average for clip in found.clips)
    assert "0.75 points or more below" in found.rule
    assert "all 40 training videos (the video's type is not known)" in found.rule
    assert (
        "of those that it calls faulty 70 % are, and it finds 60 % of the faulty ones"
        in found.evidence
    )
    assert "(F1 0.65; 0.40 if every clip" in found.evidence


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"margin": 0.75, "told": CHANCE}, "not told better than by chance (F1 0.50; 0.48 if"),
        ({"untold": "m.csv: no column faulty_clips"}, "m.csv: no column faulty_clips"),
    ],
)
def test_what_is_not_told_is_below_average_and_not_faulty(wd, performances, given, why) -> None:
    found = feedback(wd, performances, ClipReference(TYPES, **given))
    means = np.array(PARTS[0][1:])
    values = np.array([clip.value for clip in found.clips])
    assert found.mark == "below average"
    assert [clip.below_average for clip in found.clips] == (values < means).tolist()
    assert not any(clip.faulty for clip in found.clips)
    assert [clip.marked for clip in found.clips] == [clip.below_average for clip in found.clips]
    assert found.evidence.startswith("not called faulty: ")
    assert why in found.evidence


def test_videos_of_a_type_are_compared_with_their_own(wd, performances) -> None:
    found = feedback(wd, performances, ClipReference(TYPES, 0.5, GOOD), "A")
    assert "the 13 training videos of type A" in found.rule
    assert [clip.limit for clip in found.clips] == [8.5] * 3
    found = feedback(wd, performances, ClipReference(TYPES, 0.5, GOOD), "B")
    assert "all 40 training videos (too few are of type B)" in found.rule


def test_a_run_of_before_says_below_average_and_what_to_do(wd, performances) -> None:
    found = feedback(wd, performances, None)
    assert found.mark == "below average"
    assert found.rule == "below 0"
    assert "one made by today's `aqa fit` or `aqa finetune` does" in found.evidence
    assert [clip.below_average for clip in found.clips] == [c.value < 0 for c in found.clips]
    assert [clip.average for clip in found.clips] == [None] * 3


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("wd", {}),
        ("average", {"centre_scores": True}),
        ("average", {"difficulty": "multiply"}),
        ("lstm", {"label": "incremental"}),
        ("type-lstm", {"label": "incremental"}),
        ("lstm-svr", {"label": "incremental", "folds": 2}),
    ],
)
def test_base_clips_and_padding_add_up_to_the_score(name, params, performances) -> None:
    head = fitted(name, performances, **params)
    total = feedback(head, performances, None, "A").total
    factor = 2.5 if "difficulty" in params else 1
    assert total.sum * factor == pytest.approx(total.score, rel=1e-4)
    assert total.padding != 0
    assert total.of == ("score / difficulty" if "difficulty" in params else "score")
