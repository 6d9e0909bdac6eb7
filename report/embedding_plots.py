"""The picture of embeddings: each drawn in the plane, its videos coloured by type or by score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle

from aqa.number_text import fixed
from aqa.report.figures import FAINT, INK, PALETTE, fitted, lines_of, readable, style
from aqa.target_names import SCORE
from aqa.workflows.embed import Embedding, Embeddings

SIDE, LINE = 3.4, 0.2  # inches
# Beside the palette's eight: of all others, far from these and from each other as readers with
# normal and with red-green colour-blind eyes see them; farthest where two have the same shape.
COLOURS = (
    *PALETTE,
    *("#FFB4A5", "#4B0F78", "#783C0F", "#003C1E", "#2DE1E1", "#A5003C", "#4B1E3C", "#A5E169"),
)
_MARKERS = "osD^vPX*"
_LEGEND_COLUMNS = 8
_PARTS = {"train": "training", "test": "test"}
_SCORE_MARKERS = (("o", "training"), ("^", "test"))
# Equal steps for colour-blind eyes too, and in grey.
_SCORE_COLOURS = colormaps["viridis"].with_extremes(bad=FAINT)


@style()
def embeddings_figure(embeddings: Embeddings, title: str, colour: str = "type") -> Figure:
    """Scatter plots by t-SNE, two beside each other, with one legend below.

    colour: `type`, or `score`: what the run was fitted to, with a bar that tells the colours.
    """
    by_score = colour == "score"
    marks = {} if by_score else _marks(embeddings.types)
    handles = _score_handles(embeddings) if by_score else _type_handles(marks)
    rows = -(-len(embeddings.all) // 2)
    heading = fitted(f"{title}, by t-SNE: what is near in the embedding is near here", 2 * SIDE)
    legend = -(-len(handles) // _LEGEND_COLUMNS)
    height = rows * SIDE + LINE * (lines_of(heading) + legend + 1)
    figure = Figure((2 * SIDE + (0.8 if by_score else 0), height), layout="constrained")
    figure.suptitle(heading)
    panels = figure.subplots(rows, 2, squeeze=False).flatten()
    for axes, embedding in zip(panels, embeddings.all, strict=False):
        if by_score:
            _scatter_scores(axes, embedding, embeddings)
        else:
            _scatter_types(axes, embedding, embeddings, marks)
        _name(axes, embedding)
    for axes in panels[len(embeddings.all) :]:
        axes.set_axis_off()
    if by_score:
        unit = "score (points)" if embeddings.target == SCORE else readable(embeddings.target)
        figure.colorbar(panels[0].collections[0], ax=panels.tolist(), label=unit, aspect=40)
    figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=_LEGEND_COLUMNS,
        columnspacing=1.0,
        handletextpad=0.2,
    )
    return figure


def _marks(types: Sequence[str]) -> dict[str, dict[str, Any]]:
    """A colour and a shape for each type: 16 colours, and no two types have both in common."""
    return {
        label: {
            "color": COLOURS[i % len(COLOURS)],
            "marker": _MARKERS[(i + i // len(COLOURS)) % len(_MARKERS)],
        }
        for i, label in enumerate(sorted(set(types)))
    }


def _type_handles(marks: Mapping[str, Mapping[str, Any]]) -> list[Line2D]:
    return [
        *(_handle(readable(label or "(no type)"), **mark) for label, mark in marks.items()),
        _handle("training", color=INK, marker="o"),
        _handle("test", color=INK, marker="o", markerfacecolor="none"),
    ]


def _score_handles(embeddings: Embeddings) -> list[Line2D]:
    handles = [_handle(part, color=INK, marker=marker) for marker, part in _SCORE_MARKERS]
    if np.isnan(embeddings.scores).any():
        handles.append(_handle("score not known", color=FAINT, marker="s"))
    return handles


def _handle(label: str, **mark: Any) -> Line2D:
    return Line2D([], [], linestyle="", label=label, markersize=5, **mark)


def _scatter_types(
    axes: Axes, embedding: Embedding, embeddings: Embeddings, marks: Mapping[str, Mapping[str, Any]]
) -> None:
    types = np.asarray(embeddings.types)
    for label, mark in marks.items():
        for tested in (False, True):
            points = embedding.flat[(types == label) & (embeddings.tested == tested)]
            face: dict[str, Any] = {"markerfacecolor": "none"} if tested else {}
            axes.plot(*points.T, linestyle="", markersize=5, alpha=0.9, **mark, **face)


def _scatter_scores(axes: Axes, embedding: Embedding, embeddings: Embeddings) -> None:
    """All panels have the same scale of colours; a video whose score is not known is grey."""
    scores = np.ma.masked_invalid(embeddings.scores)
    scale = Normalize(scores.min(), scores.max()) if scores.count() else Normalize(0, 1)
    for tested, (marker, _) in enumerate(_SCORE_MARKERS):
        chosen = embeddings.tested == bool(tested)
        across, up = embedding.flat[chosen].T
        axes.scatter(
            across,
            up,
            c=scores[chosen],
            s=28,
            norm=scale,
            cmap=_SCORE_COLOURS,
            marker=MarkerStyle(marker),
            edgecolors=INK,
            linewidths=0.4,
            plotnonfinite=True,
        )


def _name(axes: Axes, embedding: Embedding) -> None:
    measured = ", ".join(
        f"{fixed(value, 2)} {_PARTS[part]}"
        for part, value in embedding.silhouette.items()
        if value is not None
    )
    axes.set_title(embedding.name + (f"\nsilhouette {measured}" if measured else ""), loc="left")
    axes.set(xticks=[], yticks=[], xlabel="t-SNE, first axis", ylabel="t-SNE, second axis")
