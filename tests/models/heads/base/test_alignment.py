from __future__ import annotations

import numpy as np

from aqa.models.heads.base.alignment import by_dtw, by_index

VIDEO = np.eye(5)


def test_by_index_ends_with_the_last_clip():
    assert by_index(np.zeros((4, 2)), np.zeros((3, 2))).tolist() == [0, 1, 2, 2]
    assert by_index(np.zeros((2, 2)), np.zeros((3, 2))).tolist() == [0, 1]


def test_dtw_of_a_video_with_itself_is_by_index():
    assert by_dtw(VIDEO, VIDEO).tolist() == [0, 1, 2, 3, 4]


def test_dtw_finds_a_late_start():
    late = np.concatenate([VIDEO[:1], VIDEO[:1], VIDEO[:1], VIDEO[1:]])
    assert by_dtw(late, VIDEO).tolist() == [0, 0, 0, 1, 2, 3, 4]
    matched = by_dtw(VIDEO, late)
    assert matched[1:].tolist() == [3, 4, 5, 6]
    assert matched[0] in (0, 1, 2)


def test_dtw_keeps_the_order():
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.normal(size=(6, 3)), rng.normal(size=(9, 3))
        assert (np.diff(by_dtw(a, b)) >= 0).all()


def test_dtw_of_single_clips():
    assert by_dtw(VIDEO[:1], VIDEO).tolist() == [0]
    assert by_dtw(VIDEO, VIDEO[:1]).tolist() == [0] * 5


def test_where_all_clips_are_alike_both_videos_go_on_together():
    assert by_dtw(np.ones((4, 2)), np.ones((4, 2))).tolist() == [0, 1, 2, 3]
