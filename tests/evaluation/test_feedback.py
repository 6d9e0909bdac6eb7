from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import Manifest, Video
from aqa.evaluation.feedback import (
    Cut,
    FeedbackError,
    explains,
    faulty_clips,
    give_feedback,
    give_pose_feedback,
)
from aqa.features.clips import Clip
from aqa.models.heads.base import Explanation, Head, HeadError
from aqa.models.heads.lstm import LSTMHead
from aqa.models.heads.pose_dct import PoseDCTHead
from aqa.models.heads.score import ScoreHead
from aqa.models.heads.siamese import SiameseHead
from aqa.models.heads.svr import SVRHead
from aqa.models.heads.wd import WDHead


@dataclasses.dataclass(repr=False, eq=False)
class Echo(Head):
    """Explains a clip by its first feature."""

    columns = ("type",)
    fitted = ()

    def fit(self, x, y, validation=None):
        return self

    def predict(self, x):
        return np.zeros(len(x))

    def explain(self, x, blank, *, align="index", **columns):
        values = x[0][:, 0].astype(float)
        assert columns == {"type": ["107B"]}
        return Explanation(values, values < 0.5, 0.5, align, {"expert": np.arange(len(values))})


def video(**row):
    return Video(id="v", path=None, score=1.0, type="107B", row=row)


def feedback(clips, n_frames, offset=0, fps=25.0):
    features = np.linspace(0, 0.9, len(clips))[:, None]
    return give_feedback(Echo(), video(), Cut(features, clips, n_frames, offset, fps), None)


def test_clips_that_are_all_padding_are_left_out():
    found = feedback([Clip(-20, -4), Clip(-4, 12), Clip(12, 28)], 28)
    assert [clip.clip for clip in found.clips] == [1, 2]
    assert [(clip.start, clip.stop) for clip in found.clips] == [(0, 12), (12, 28)]
    assert [clip.faulty for clip in found.clips] == [True, False]


def test_frames_and_seconds_count_in_the_file():
    (clip,) = feedback([Clip(0, 16)], 16, offset=50).clips
    assert (clip.start, clip.stop) == (50, 66)
    assert (clip.start_seconds, clip.stop_seconds) == (2.0, 2.64)
    assert clip.reference_clips == {"expert": 0}


def test_without_a_frame_rate_there_are_no_seconds():
    (clip,) = feedback([Clip(0, 16)], 16, fps=float("nan")).clips
    assert clip.start_seconds is None


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (SVRHead(), False),
        (SiameseHead(), False),
        (LSTMHead(), False),
        (LSTMHead(label="incremental"), True),
        (WDHead(), True),
        (ScoreHead(), True),
        (ScoreHead(metric="none"), False),
    ],
)
def test_which_heads_explain(head, expected):
    assert explains(head) is expected


def test_a_head_that_cannot_explain_says_which_can():
    with pytest.raises(HeadError, match=r"SVRHead gives no feedback: .* use --head score"):
        SVRHead().explain([np.zeros((2, 3))], None)


@pytest.mark.parametrize(("text", "expected"), [("", set()), ("2", {2}), ("0;5;6", {0, 5, 6})])
def test_faulty_clips_are_numbers_from_0(text, expected):
    manifest = Manifest([], Path("m.csv"))
    assert faulty_clips(video(faulty_clips=text), 7, manifest) == expected


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({}, "m.csv: no column faulty_clips"),
        ({"faulty_clips": "2,5"}, "'2,5' is not clip numbers such as 2;5"),
        ({"faulty_clips": "-1"}, "'-1' is not clip numbers"),
        ({"faulty_clips": "7"}, "v has clips 0 to 6 in the store, and faulty_clips=7"),
    ],
)
def test_faulty_clips_that_cannot_be_are_named(row, problem):
    with pytest.raises(FeedbackError, match=problem):
        faulty_clips(video(**row), 7, Manifest([], Path("m.csv")))


def test_of_each_joint_the_frame_of_its_largest_gain(monkeypatch):
    gradient = np.zeros((4, 3, 2))
    gradient[2, 0] = 3, -4
    gradient[3, 1] = 0, 1
    gradient[0, 2], gradient[1, 2] = (0, 6), (-7, 0)
    monkeypatch.setattr(PoseDCTHead, "gradient", lambda self, sequence, **_: gradient)
    joints = np.arange(24, dtype=np.float32).reshape(4, 6)
    cut = Cut(joints, [Clip(i, i + 1) for i in range(4)], 4, 10, 20.0)
    found = give_pose_feedback(PoseDCTHead(), video(), cut, ["head", "hand", "foot"])
    said = [(m.joint, m.frame, m.seconds, m.x, m.y, m.right, m.down) for m in found.moves]
    assert said == [
        ("foot", 11, 0.55, 10, 11, -7, 0),
        ("head", 12, 0.6, 12, 13, 3, -4),
        ("hand", 13, 0.65, 20, 21, 0, 1),
    ]
    assert [move.gain for move in found.moves] == [7, 5, 1]
    assert found.joints.shape == (4, 3, 2)
    assert not explains(PoseDCTHead())  # of clips it says nothing, so there is nothing to evaluate
