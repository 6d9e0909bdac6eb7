from __future__ import annotations

import dataclasses

import numpy as np

from aqa.annotations.manifest import Video
from aqa.features.clips import Clip
from aqa.features.video_features import VideoFeatures
from aqa.models.feedback import (
    Claims,
    ClipReference,
    Told,
    TypePoints,
    give_feedback,
    give_pose_feedback,
)
from aqa.models.heads.base import Explanation, Head
from aqa.models.heads.pose_dct import PoseDCTHead


@dataclasses.dataclass(repr=False, eq=False)
class Echo(Head):
    """Explains a clip by its first feature."""

    columns = ("type",)
    fitted = ()

    def fit_examples(self, train, validation=None, *, others=None, start=None):
        return self

    def predict_examples(self, examples):
        return np.zeros(len(examples))

    def explain(self, example, *, align="index"):
        values = example.features[0][:, 0].astype(float)
        assert {name: list(column) for name, column in example.columns.items()} == {
            "type": ["107B"]
        }
        return Explanation(values, values < 0.5, 0.5, align, {"best dive": np.arange(len(values))})


def video(**row):
    return Video(id="v", path=None, score=1.0, type="107B", row=row)


def feedback(clips, n_frames, offset=0, fps=25.0):
    features = np.linspace(0, 0.9, len(clips))[:, None]
    return give_feedback(
        Echo(), video(), VideoFeatures(features, clips, n_frames, offset, fps), None
    )


def test_clips_that_are_all_padding_are_left_out():
    found = feedback([Clip(-20, -4), Clip(-4, 12), Clip(12, 28)], 28)
    assert [clip.clip for clip in found.clips] == [1, 2]
    assert [(clip.start, clip.stop) for clip in found.clips] == [(0, 12), (12, 28)]
    assert [clip.faulty for clip in found.clips] == [True, False]


def test_frames_and_seconds_count_in_the_file():
    (clip,) = feedback([Clip(0, 16)], 16, offset=50).clips
    assert (clip.start, clip.stop) == (50, 66)
    assert (clip.start_seconds, clip.stop_seconds) == (2.0, 2.64)
    assert clip.exemplar_clips == {"best dive": 0}


def test_without_a_frame_rate_there_are_no_seconds():
    (clip,) = feedback([Clip(0, 16)], 16, fps=float("nan")).clips
    assert clip.start_seconds is None


def test_of_each_joint_the_frame_of_its_largest_gain(monkeypatch):
    gradient = np.zeros((4, 3, 2))
    gradient[2, 0] = 3, -4
    gradient[3, 1] = 0, 1
    gradient[0, 2], gradient[1, 2] = (0, 6), (-7, 0)
    monkeypatch.setattr(PoseDCTHead, "gradient", lambda self, sequence, **_: gradient)
    joints = np.arange(24, dtype=np.float32).reshape(4, 6)
    seen = VideoFeatures(joints, [Clip(i, i + 1) for i in range(4)], 4, 10, 20.0)
    found = give_pose_feedback(PoseDCTHead(), video(), seen, ["head", "hand", "foot"])
    said = [(m.joint, m.frame, m.seconds, m.x, m.y, m.right, m.down) for m in found.moves]
    assert said == [
        ("foot", 11, 0.55, 10, 11, -7, 0),
        ("head", 12, 0.6, 12, 13, 3, -4),
        ("hand", 13, 0.65, 20, 21, 0, 1),
    ]
    assert [move.gain for move in found.moves] == [7, 5, 1]
    assert found.joints.shape == (4, 3, 2)


class Adds(Echo):
    """Its values are points added to a base of 0."""

    def explain(self, example, *, align="index"):
        values = example.features[0][:, 0].astype(float)
        return Explanation(values, values < 0, 0.0, "points", {}, 0.0)


def compared(values, **reference):
    """What is said of clips that add these points; good ones add 5, and the mean adds 3."""
    types = {"": TypePoints(20, (3.0,), (5.0,))}
    told = ClipReference(types, **reference)
    n = len(values)
    seen = VideoFeatures(
        np.array(values, np.float32)[:, None],
        [Clip(16 * i, 16 * i + 16) for i in range(n)],
        16 * n,
        0,
        25.0,
    )
    return give_feedback(Adds(), video(), seen, None, reference=told)


TOLD = Told(30, 0.7, 0.6, 0.65, 0.4, True)


def test_what_is_marked_is_not_yet_said_outright():
    found = compared([4.0, 3.5, 1.0, -2.0], margin=1.5, told=TOLD, claims=Claims(4.0, 9))
    assert [clip.faulty for clip in found.clips] == [False, True, True, True]
    assert [clip.stands_out for clip in found.clips] == [False, False, True, True]
    assert [clip.said for clip in found.clips] == ["", "perhaps faulty", "faulty", "faulty"]
    assert {clip.outright_limit for clip in found.clips} == {1.0}
    assert "4.00 or more below" in found.outright_rule
    assert "15 % of good training videos" in found.outright_rule


def test_without_hand_labels_far_below_average_is_said():
    found = compared([4.0, 2.5, 1.0], untold="nobody knows", claims=Claims(4.0, 9))
    assert [clip.said for clip in found.clips] == ["", "below average", "far below average"]
    assert [clip.stands_out for clip in found.clips] == [False, False, True]
    assert not any(clip.faulty for clip in found.clips)


def test_where_no_margin_is_known_nothing_is_said_outright():
    found = compared([4.0, 2.5, -9.0], margin=1.5, told=TOLD, claims=Claims(None, 3))
    assert [clip.said for clip in found.clips] == ["", "perhaps faulty", "perhaps faulty"]
    assert not any(clip.stands_out for clip in found.clips)
    assert "too few" in found.outright_rule


def test_a_clip_above_the_mean_does_not_stand_out():
    found = compared([3.5], untold="nobody knows", claims=Claims(1.0, 9))
    assert [(clip.said, clip.stands_out) for clip in found.clips] == [("", False)]


def test_a_run_of_before_says_of_each_marked_clip_what_it_did():
    found = compared([4.0, 3.5, 1.0], margin=1.5, told=TOLD)
    assert [clip.said for clip in found.clips] == ["", "faulty", "faulty"]
    assert [clip.stands_out for clip in found.clips] == [False, True, True]
    assert found.outright_rule == ""


def test_what_stands_out_is_never_less_than_what_is_marked():
    found = compared([3.0, 2.0], margin=2.5, told=TOLD, claims=Claims(1.0, 9))
    assert [clip.said for clip in found.clips] == ["", "faulty"]


class Leans(PoseDCTHead):
    """The score gains by a knee that goes right, twice as much on the second frame."""

    def gradient(self, example):
        frames, joints = len(example.features[0]), example.features[0].shape[1] // 2
        found = np.zeros((frames, joints, 2))
        found[:, 3, 0] = 0.5 * np.arange(1, frames + 1)
        return found


def test_moves_of_joints_are_told_by_the_torso_and_in_degrees():
    names = ["left shoulder", "right shoulder", "left hip", "left knee", "left ankle", "right hip"]
    body = [(10, 0), (30, 0), (10, 40), (10, 60), (10, 80), (30, 40)]
    joints = np.tile(np.float32(body), (2, 1, 1)).reshape(2, -1)
    clips = [Clip(i, i + 1) for i in range(2)]
    found = give_pose_feedback(Leans(), video(), VideoFeatures(joints, clips, 2, 0, 20.0), names)
    assert found.torso == 40
    assert "tenth of the torso" in found.meaning
    knee = found.moves[0]
    assert (knee.joint, knee.frame, knee.gain, knee.direction) == ("left knee", 1, 1.0, "right")
    assert knee.step_gain == 4.0  # 4 pixels are a tenth of the torso
    bent = 180 - 2 * np.degrees(np.arctan(4 / 20))
    assert (knee.angle.at, knee.angle.before) == ("left knee", 180)
    np.testing.assert_allclose(knee.angle.after, bent)
    np.testing.assert_allclose(found.for_one_point[:, 3, 0], [2, 1])  # pixels, at 0.5 and 1 each


def test_a_pose_that_no_small_change_mends_has_no_arrows():
    joints = np.float32([[10, 0, 30, 0, 10, 1, 12, 2, 30, 1]])
    names = ["left shoulder", "right shoulder", "left hip", "left knee", "right hip"]
    seen = VideoFeatures(joints, [Clip(0, 1)], 1, 0, 20.0)
    (pose,) = give_pose_feedback(Leans(), video(), seen, names).for_one_point
    assert np.isnan(pose).all()
