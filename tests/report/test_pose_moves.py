from __future__ import annotations

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver

from aqa.models.feedback import PoseFeedback
from aqa.report.figures import FAULTY, SOUND
from aqa.report.pose_moves import LONGEST, pose_figure, shown_frames


def arrows(figure: Figure) -> dict[str, Quiver]:
    """The arrows of the only panel, by colour."""
    (axes,) = [axes for axes in figure.axes if axes.axison]
    return {to_hex(q.get_facecolor()[0]).upper(): q for q in axes.collections}


def test_arrows_point_where_the_score_gains(pose_feedback: PoseFeedback) -> None:
    assert shown_frames(pose_feedback) == [11]
    figure = pose_figure(pose_feedback, {})
    best, other = arrows(figure)[FAULTY], arrows(figure)[SOUND]
    np.testing.assert_allclose(best.XY, [[60, 40]])
    np.testing.assert_allclose(other.XY, [[20, 30]])
    low, high = figure.axes[0].get_ylim()
    assert low > high  # pixels count downwards
    np.testing.assert_allclose([best.U[0], best.V[0]], [0, LONGEST * (low - high)], atol=1e-9)
    np.testing.assert_allclose(other.U[0], best.V[0] / 4)


def test_frames_are_drawn_where_there_are_some(pose_feedback: PoseFeedback) -> None:
    frame = np.full((100, 120, 3), 250, np.uint8)
    (axes,) = pose_figure(pose_feedback, {11: frame}).axes
    assert axes.images[0].get_array().shape == frame.shape
    figure = pose_figure(pose_feedback, {})
    assert not figure.axes[0].images
    assert "there is no video" in figure.get_suptitle()


def test_a_body_in_one_point_that_gains_nothing_can_be_drawn(
    pose_feedback: PoseFeedback,
) -> None:
    pose_feedback.joints[:] = 7
    pose_feedback.gradient[:] = 0
    figure = pose_figure(pose_feedback, {})
    assert np.ptp(figure.axes[0].get_xlim()) > 0
