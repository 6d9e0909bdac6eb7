from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from aqa.report.feedback_strip import CLIPS_PER_ROW, feedback_figure
from aqa.report.figures import FAULTY, SOUND


def frame_axes(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.images]


def curves(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if not axes.images]


def edge(axes: Axes) -> str:
    return to_hex(axes.spines["left"].get_edgecolor()).upper()


def test_each_clip_has_its_frame_and_the_exemplar_s_below(feedback, frames) -> None:
    figure = feedback_figure(feedback([0.9, 0.2, 0.6]), frames(3, 111), frames(3, 222), "e")
    shown = frame_axes(figure)
    greys = [int(axes.images[0].get_array()[0, 0, 0]) for axes in shown]
    assert greys == [111] * 3 + [222] * 3
    assert [axes.get_title("left").split("\n")[0] for axes in shown[:3]] == [
        *("clip 1", "clip 2, faulty", "clip 3"),
    ]
    for above, below in zip(shown[:3], shown[3:], strict=True):
        assert above.get_position().x0 == below.get_position().x0
        assert above.get_position().y0 > below.get_position().y1
    (curve,) = curves(figure)
    assert curve.get_position().y1 < shown[3].get_position().y0
    assert "compared with exemplar e" in figure.texts[0].get_text()


def test_the_exemplar_has_no_marks_even_if_its_frames_are_the_video_s_own(feedback, frames) -> None:
    same = frames(2)
    shown = frame_axes(feedback_figure(feedback([0.9, 0.2]), same, same, "e"))
    assert [bool(axes.get_title("left")) for axes in shown] == [True, True, False, False]


def test_faulty_clips_differ_in_colour_and_in_shape(feedback, frames) -> None:
    figure = feedback_figure(feedback([0.9, 0.2]), frames(2))
    assert [edge(axes) for axes in frame_axes(figure)] == [SOUND, FAULTY]
    marks = [line for line in curves(figure)[0].lines if line.get_marker() in "ov"]
    assert [(line.get_marker(), line.get_color()) for line in marks] == [
        ("o", SOUND),
        ("v", FAULTY),
    ]
    assert [tuple(line.get_xydata()[0]) for line in marks] == [(0, 0.9), (1, 0.2)]


@pytest.mark.parametrize(("clips", "rows"), [(1, 1), (6, 1), (8, 1), (9, 2), (23, 3)])
def test_long_videos_go_on_in_further_rows(feedback, frames, clips: int, rows: int) -> None:
    values = np.linspace(0.1, 0.9, clips).tolist()
    figure = feedback_figure(feedback(values), frames(clips), frames(clips), "e")
    assert len(frame_axes(figure)) == 2 * clips
    assert len(curves(figure)) == rows
    assert len({axes.get_ylim() for axes in curves(figure)}) == 1  # one scale for all
    longest = max(round(np.ptp(axes.get_xlim())) for axes in curves(figure))
    assert longest == -(-clips // rows) <= CLIPS_PER_ROW


def labels_out_of_view(axes: Axes) -> list[Text]:
    low, high = axes.get_ylim()
    return [
        tick.label1 for tick in axes.yaxis.get_major_ticks() if not low <= tick.get_loc() <= high
    ]


@pytest.mark.parametrize("clips", [1, 6, 23])
@pytest.mark.parametrize("size", [(24, 32), (640, 360), (20, 300)])
def test_no_text_overlaps_another(feedback, frames, clips: int, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(clips)
    found = feedback(rng.uniform(-300, 300, clips).tolist(), "points added to a base of 61.57")
    name = "a long name of an exemplar, its venue and its day (and 3 more, not shown)"
    figure = feedback_figure(found, frames(clips, size=size), frames(clips), name)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    undrawn = [label for axes in curves(figure) for label in labels_out_of_view(axes)]
    texts = [t for t in figure.findobj(Text) if t.get_text().strip() and t not in undrawn]
    boxes = [t.get_window_extent(canvas.get_renderer()) for t in texts]
    inside = Bbox.from_bounds(0, 0, *figure.bbox.size)
    for i, box in enumerate(boxes):
        assert Bbox.intersection(box, inside).bounds == box.bounds, texts[i]
        for k in range(i):
            apart = Bbox.intersection(box, boxes[k])
            assert apart is None or apart.width * apart.height < 4, (texts[i], texts[k])


@pytest.mark.parametrize("values", [[0.0], [-3.0, 5.0], [0.5] * 12, [-300.0, -1.0]])
def test_every_value_is_inside_its_plot(feedback, frames, values: list[float]) -> None:
    figure = feedback_figure(feedback(values), frames(len(values)))
    for axes in curves(figure):
        low, high = axes.get_ylim()
        assert low < min(values)
        assert max(values) < high
