"""The picture of embeddings: each drawn in the plane, its videos marked by their type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from aqa.report.figures import INK, PALETTE, fitted, lines_of, readable, style
from aqa.workflows.embed import Embedding, Embeddings

SIDE, LINE = 3.4, 0.2  # inches
_MARKERS = "osD^vPX*"
_LEGEND_COLUMNS = 8
_PARTS = {"train": "training", "test": "test"}


@style()
def embeddings_figure(embeddings: Embeddings, title: str) -> Figure:
    """Scatter plots by t-SNE, two beside each other, with one legend of the types below."""
    marks = _marks(embeddings.types)
    rows = -(-len(embeddings.all) // 2)
    heading = fitted(f"{title}, by t-SNE: what is near in the embedding is near here", 2 * SIDE)
    legend = -(-(len(marks) + 2) // _LEGEND_COLUMNS)
    height = rows * SIDE + LINE * (lines_of(heading) + legend + 1)
    figure = Figure((2 * SIDE, height), layout="constrained")
    figure.suptitle(heading)
    panels = figure.subplots(rows, 2, squeeze=False).flatten()
    for axes, embedding in zip(panels, embeddings.all, strict=False):
        _scatter(axes, embedding, embeddings, marks)
    for axes in panels[len(embeddings.all) :]:
        axes.set_axis_off()
    handles = [_handle(readable(label or "(no type)"), **mark) for label, mark in marks.items()]
    handles += [
        _handle("training", color=INK, marker="o"),
        _handle("test", color=INK, marker="o", markerfacecolor="none"),
    ]
    figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=_LEGEND_COLUMNS,
        columnspacing=1.0,
        handletextpad=0.2,
    )
    return figure


def _marks(types: Sequence[str]) -> dict[str, dict[str, Any]]:
    """A colour and a shape for each type; no two types have both in common."""
    return {
        label: {
            "color": PALETTE[i % len(PALETTE)],
            "marker": _MARKERS[(i + i // len(PALETTE)) % len(_MARKERS)],
        }
        for i, label in enumerate(sorted(set(types)))
    }


def _handle(label: str, **mark: Any) -> Line2D:
    return Line2D([], [], linestyle="", label=label, markersize=5, **mark)


def _scatter(
    axes: Axes, embedding: Embedding, embeddings: Embeddings, marks: Mapping[str, Mapping[str, Any]]
) -> None:
    types = np.asarray(embeddings.types)
    for label, mark in marks.items():
        for tested in (False, True):
            points = embedding.flat[(types == label) & (embeddings.tested == tested)]
            face: dict[str, Any] = {"markerfacecolor": "none"} if tested else {}
            axes.plot(*points.T, linestyle="", markersize=5, alpha=0.9, **mark, **face)
    measured = ", ".join(
        f"{value:.2f} {_PARTS[part]}"
        for part, value in embedding.silhouette.items()
        if value is not None
    )
    axes.set_title(embedding.name + (f"\nsilhouette {measured}" if measured else ""), loc="left")
    axes.set(xticks=[], yticks=[], xlabel="t-SNE, first axis", ylabel="t-SNE, second axis")
