from __future__ import annotations

import dataclasses

import numpy as np

from aqa.report.embedding_plots import embeddings_figure
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
