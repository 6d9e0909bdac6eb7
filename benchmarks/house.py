"""Draws docs/pictures/house.svg: the rooms of the package, and what imports what.

    python benchmarks/house.py docs/pictures/house.svg

A room is a folder; a line goes down to a room that it imports from. What all rooms import (errors,
files and such) is left out.
"""

from __future__ import annotations

import argparse
import ast
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.patches import FancyBboxPatch

ROOT = Path(__file__).resolve().parents[1]
ROOMS = {
    "commands": "the command line",
    "serve": "the local app and its API",
    "report": "tables, plots, pages",
    "workflows": "fit, score, explain, reproduce, finetune, demo",
    "evaluation": "metrics over runs, comparisons",
    "models": "heads, training, feedback, trust, runs",
    "extract": "video, backbones, checkpoints, joints",
    "features": "the feature store",
    "annotations": "manifest, splits, data sets",
}
WIDTH, HEIGHT = 4.4, 0.62  # of a box, in inches
STEP = 1.15  # between the tops of two layers
SIDE = WIDTH / 2 + 0.25  # from the middle, of a room that stands left or right
# Two ways lead down from the workflows.
SIDES = {"evaluation": -1, "models": -1, "features": -1, "extract": 1, "annotations": 1}


def imports(room: str) -> set[str]:
    """The other rooms that a room's files import from."""
    found = set()
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [one.name for one in node.names] if isinstance(node, ast.Import) else []
            found |= {name.split(".")[1] for name in names if name.startswith("aqa.")}
    return (found & ROOMS.keys()) - {room}


def layers(below: dict[str, set[str]]) -> dict[str, int]:
    """How many rooms lie above each, one upon the other."""
    above = {room: {other for other in below if room in below[other]} for room in below}
    depth: dict[str, int] = {}
    while len(depth) < len(below):
        ready = [r for r in below if r not in depth and above[r] <= depth.keys()]
        if not ready:
            raise SystemExit(f"rooms import each other in a circle: {below.keys() - depth.keys()}")
        depth |= {r: 1 + max((depth[a] for a in above[r]), default=-1) for r in ready}
    return depth


def nearest(below: dict[str, set[str]]) -> dict[str, set[str]]:
    """Without the lines that a way through other rooms makes needless."""

    def reached(room: str) -> set[str]:
        return set().union(*({one} | reached(one) for one in below[room]))

    return {
        room: {one for one in rooms if not any(one in reached(via) for via in rooms)}
        for room, rooms in below.items()
    }


def draw(path: Path) -> None:
    """Draw the rooms as boxes, each above those that it imports from, into an SVG or PNG."""
    below = {room: imports(room) for room in ROOMS}
    depth = layers(below)
    place = {room: (SIDES.get(room, 0) * SIDE, -level * STEP) for room, level in depth.items()}
    matplotlib.rcParams.update({"svg.hashsalt": "house", "svg.fonttype": "none"})
    figure, axes = plt.subplots(figsize=(2 * WIDTH + 1, (max(depth.values()) + 1) * STEP))
    for room, rooms in nearest(below).items():
        for other in rooms:
            (x, y), (to_x, to_y) = place[room], place[other]
            arrow = {"arrowstyle": "-|>", "color": "0.45", "lw": 1.2}
            ends = ((to_x, to_y + HEIGHT / 2), (x, y - HEIGHT / 2))
            axes.annotate("", xy=ends[0], xytext=ends[1], arrowprops=arrow)
    for room, (x, y) in place.items():
        corner = (x - WIDTH / 2, y - HEIGHT / 2)
        box = FancyBboxPatch(corner, WIDTH, HEIGHT, "round,pad=0.02", zorder=4)
        box.set(facecolor="#eef3f8", edgecolor="#31688e")
        axes.add_patch(box)
        axes.text(x, y + 0.12, room, ha="center", va="center", weight="bold", size=12, zorder=5)
        axes.text(x, y - 0.14, ROOMS[room], ha="center", va="center", size=10, zorder=5)
    lowest = min(y for _, y in place.values())
    axes.set(xlim=(-WIDTH - 0.5, WIDTH + 0.5), ylim=(lowest - STEP / 2, STEP / 2))
    axes.axis("off")
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, nargs="?", default=ROOT / "docs/pictures/house.svg")
    draw(parser.parse_args().path)
