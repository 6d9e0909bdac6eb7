from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from aqa.report.embedding_plots import COLOURS, embeddings_figure
from aqa.report.embeddings_table import embeddings_json
from aqa.report.figures import FAINT
from aqa.workflows.embed import Embeddings


def test_each_video_is_a_mark_of_its_type(embeddings: Embeddings) -> None:
    figure = embeddings_figure(embeddings, "runs/score/split-1")
    panels = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title("left").split("\n")[0] for axes in panels] == ["LSTM", "D2"]
    for axes, embedding in zip(panels, embeddings.all, strict=True):
        places = np.concatenate([line.get_xydata() for line in axes.lines])
        assert {tuple(p) for p in places} == {tuple(p) for p in embedding.flat}
        hollow = [line for line in axes.lines if line.get_markerfacecolor() == "none"]
        assert sum(len(line.get_xdata()) for line in hollow) == embeddings.tested.sum()
    assert panels[0].get_title("left").endswith("silhouette 0.25 training")
    assert panels[1].get_title("left").endswith("silhouette 0.50 training, -0.10 test")


def test_no_two_of_many_types_look_the_same(embeddings: Embeddings) -> None:
    types = [f"type {i}" for i in range(50)]
    flat = np.random.default_rng(0).normal(size=(50, 2))
    many = dataclasses.replace(
        embeddings,
        types=types,
        tested=np.zeros(50, bool),
        all=[dataclasses.replace(embeddings.all[0], flat=flat)],
    )
    figure = embeddings_figure(many, "run")
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata())]
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == 50
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 52


# How red-green colour-blind eyes see linear RGB (Machado, Oliveira and Fernandes 2009, severity 1).
EYES = {
    "normal": np.eye(3),
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
}


def seen(colours: tuple[str, ...], eyes: np.ndarray) -> np.ndarray:
    """Colours as these eyes see them, in CIELAB, where equal distances look about equal."""
    linear = np.array([to_rgb(colour) for colour in colours]) ** 2.2
    rgb = np.clip(linear @ np.transpose(eyes), 0, 1) ** (1 / 2.2)
    return cv2.cvtColor(rgb[None].astype(np.float32), cv2.COLOR_RGB2LAB)[0]


@pytest.mark.parametrize("eyes", EYES)
def test_sixteen_types_have_colours_that_differ(eyes: str) -> None:
    lab = seen(COLOURS, np.asarray(EYES[eyes]))
    assert len(lab) == 16
    apart = np.linalg.norm(lab[:, None] - lab, axis=-1)
    of_one_shape = [apart[i, i + 8] for i in range(8)]
    assert min(of_one_shape) > 30
    assert apart[~np.eye(16, dtype=bool)].min() > (25 if eyes == "normal" else 6)


def test_colours_tell_scores(embeddings: Embeddings) -> None:
    figure = embeddings_figure(embeddings, "run", "score")
    *panels, bar = figure.axes
    assert bar.get_ylabel() == "score (points)"
    for axes in panels:
        trained, tested = axes.collections
        assert trained.get_clim() == tested.get_clim() == (20, 30)  # of all videos
        np.testing.assert_array_equal(trained.get_array(), np.arange(20, 28))
        figure.draw_without_rendering()
        assert to_hex(tested.get_facecolor()[-1]).upper() == FAINT  # has no score
    (legend,) = figure.legends
    shown = [text.get_text() for text in legend.get_texts()]
    assert shown == ["training", "test", "score not known"]


def test_another_target_names_the_bar(embeddings: Embeddings) -> None:
    figure = embeddings_figure(dataclasses.replace(embeddings, target="tes"), "run", "score")
    assert figure.axes[-1].get_ylabel() == "tes"


def test_json_tells_scores(embeddings: Embeddings) -> None:
    given = embeddings_json(embeddings, "run")
    assert given["target"] == "score"
    points = given["embeddings"][0]["points"]
    assert [point["score"] for point in points] == [*range(20, 31), None]
