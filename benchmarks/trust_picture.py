"""Draws what `benchmarks/trust.py -o trust.json` measured: may one trust what is said?

python benchmarks/trust_picture.py trust.json -o docs/trust.svg
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aqa.report.figures import INK, PALETTE, save_figure, style

# Metric of a row -> what it is called on the picture.
SHOWN = {
    "named": "the worst moment named is a fault",
    "quiet": "no fault claimed where there is none",
    "unmarked": "the same, by the margin of marks",
    "held": "true score in the range of 80 %",
}
GOALS = {"named": 85, "quiet": 85, "unmarked": 85, "held": 80}


@click.command()
@click.argument("measured", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True)
def main(measured: Path, out: Path) -> None:
    """One panel per head; a dot per split, a line at the goal."""
    kept = json.loads(measured.read_text(encoding="utf-8"))["rows"]
    heads = list(dict.fromkeys(row["head"] for row in kept))
    save_figure(drawn(heads, kept), out)
    click.echo(f"written to {out}")


@style()
def drawn(heads: Sequence[str], kept: Sequence[Mapping[str, Any]]) -> Figure:
    """A panel for each head."""
    figure = Figure((3.0 + 2.2 * len(heads), 2.2), layout="constrained")
    panels = figure.subplots(1, len(heads), sharey=True, squeeze=False)[0]
    for axes, head in zip(panels, heads, strict=True):
        panel(axes, head, [row for row in kept if row["head"] == head])
    return figure


def panel(axes: Axes, head: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """What one head's runs do."""
    for y, (name, goal) in enumerate(GOALS.items()):
        values = [row[name] for row in rows if name in row]
        axes.plot([goal, goal], [y - 0.35, y + 0.35], color=INK, linewidth=1)
        axes.plot(values, [y] * len(values), "o", color=PALETTE[y], alpha=0.6, markersize=5)
    axes.set(title=head, xlim=(0, 102), ylim=(len(GOALS) - 0.5, -0.5), xlabel="%")
    axes.set_yticks(range(len(GOALS)), list(SHOWN.values()))


if __name__ == "__main__":
    main()
