from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import Manifest, Video
from aqa.evaluation.feedback import FeedbackError, explains, faulty_clips
from aqa.models.examples import Examples
from aqa.models.heads.base import HeadError
from aqa.models.heads.lstm import LSTMHead
from aqa.models.heads.pose_dct import PoseDCTHead
from aqa.models.heads.score_estimation import ScoreEstimationHead
from aqa.models.heads.siamese import SiameseHead
from aqa.models.heads.svr import SVRHead
from aqa.models.heads.wd import WDHead


def video(**row):
    return Video(id="v", path=None, score=1.0, type="107B", row=row)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (SVRHead(), False),
        (SiameseHead(), False),
        (LSTMHead(), False),
        (LSTMHead(label="incremental"), True),
        (WDHead(), True),
        (ScoreEstimationHead(), True),
        (ScoreEstimationHead(metric="none"), False),
        (PoseDCTHead(), False),  # it speaks of joints, not of clips
    ],
)
def test_which_heads_explain(head, expected):
    assert explains(head) is expected


def test_a_head_that_cannot_explain_says_which_can():
    with pytest.raises(HeadError, match=r"SVRHead gives no feedback: .* use --head score"):
        SVRHead().explain(Examples.of([np.zeros((2, 3))]))


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
