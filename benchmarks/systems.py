"""Draws docs/pictures/system-<paper>.svg: what each of the five papers built, as published.

    python benchmarks/systems.py [FOLDER]

Sizes and losses are the papers'; where one says nothing, the picture says "not stated". The colours
follow the reader's light or dark setting; what is learned and what is taken as it is differ by
their borders too. The words beside each picture stand in docs/papers.md.
"""

from __future__ import annotations

import argparse
from html import escape
from pathlib import Path
from typing import Literal, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
Kind = Literal["data", "given", "learned", "loss"]
KINDS: dict[Kind, str] = {
    "data": "data, fixed steps",
    "given": "pretrained",
    "learned": "learned",
    "loss": "loss",
}
WIDTH, SIDE, GAP = 600, 16, 14  # of the picture, its margin, between two boxes side by side
LINE, PAD = 18, 9  # from one line of text to the next; within a box, above and below
ARROW = 24  # between two rows

STYLE = """
.paper{fill:#fff}.box{stroke-width:1.5}text{font:13px system-ui,sans-serif;fill:#1b1f24}
.head{font-weight:600}.way{stroke:#57606a;stroke-width:1.5}.tip{fill:#57606a}
.data{fill:#fff;stroke:#57606a}.given{fill:#f0f1f3;stroke:#57606a;stroke-dasharray:5 3}
.learned{fill:#dcebfa;stroke:#0b5cad;stroke-width:2.5}
.loss{fill:#fdf0d5;stroke:#9a6700}
@media (prefers-color-scheme:dark){
.paper{fill:#161b22}text{fill:#e6edf3}.way{stroke:#9da7b3}.tip{fill:#9da7b3}
.data{fill:#161b22;stroke:#9da7b3}.given{fill:#262c36;stroke:#9da7b3}
.learned{fill:#123a63;stroke:#58a6ff}
.loss{fill:#3d2e0a;stroke:#d29922}}
"""


class Box(NamedTuple):
    """A part of a system: its kind, its name, and lines of what is said of it."""

    kind: Kind
    name: str
    lines: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        return 2 * PAD + LINE * (1 + len(self.lines))


class System(NamedTuple):
    """A picture: rows of boxes, from the video at the top to the loss at the bottom."""

    title: str
    rows: tuple[tuple[Box, ...], ...]


def box(kind: Kind, name: str, *lines: str) -> Box:
    return Box(kind, name, lines)


SYSTEMS = {
    "jain2020": System(
        "Siamese metric learning and score estimation (jain2020 §III)",
        (
            (
                box("data", "video p", "9 clips of 16 frames"),
                box("data", "video q", "9 clips of 16 frames"),
            ),
            (
                box("given", "C3D: fc6 of each clip", "trained further or frozen: not stated"),
                box("given", "C3D: fc6 of each clip", "trained further or frozen: not stated"),
            ),
            (
                box("learned", "LSTM", "one vector per video; width not stated"),
                box("learned", "the same LSTM", "one vector per video"),
            ),
            (box("learned", "both vectors, joined: dense layers of 128 and 64"),),
            (
                box("learned", "first: metric", "dense layer of 1, sigmoid:", "are they similar?"),
                box(
                    "learned",
                    "then: score of q",
                    "linear layer of 64 to 1;",
                    "all above is frozen now",
                ),
            ),
            (
                box(
                    "loss",
                    "similar: scores differ by less",
                    "than 5 points, for dives;",
                    "which loss: not stated",
                ),
                box(
                    "loss",
                    "squared error of the score",
                    "p is the exemplar: the best",
                    "of q's type",
                ),
            ),
        ),
    ),
    "li2018end": System(
        "An extractor for each fragment (li2018end §3, 4)",
        (
            (
                box(
                    "data", "video of 151 frames", "shorter ones are filled up with frames of zeros"
                ),
            ),
            (
                box("data", "fragment 1", "16 frames"),
                box("data", "fragments 2 to 8", "16 frames each"),
                box("data", "fragment 9", "16 frames"),
            ),
            (
                box("learned", "extractor 1", "13 layers of C3D,", "pretrained"),
                box("learned", "extractors 2 to 8", "the same layers,", "other weights"),
                box("learned", "extractor 9", "13 layers of C3D,", "pretrained"),
            ),
            (
                box(
                    "learned",
                    "joined: convolution 3x3x3, ReLU, max pooling 3x3x3",
                    "twice; widths not stated",
                ),
            ),
            (
                box(
                    "learned",
                    "two dense layers with ReLU and dropout 0.8, then 1: the score",
                    "widths not stated",
                ),
            ),
            (
                box(
                    "loss",
                    "half the mean squared error + alpha x ranking + beta x weights²",
                    "ranking: a better video is to be ahead by 2 points;",
                    "alpha balances the gradients of the first two",
                ),
            ),
        ),
    ),
    "li2018scoringnet": System(
        "ScoringNet: key fragments, difficulty and execution (li2018scoringnet §3)",
        (
            (box("data", "the whole video"),),
            (
                box(
                    "learned",
                    "key fragment segmentation: a stage for every frame",
                    "C3D without pooling in time (4096 per frame), bidirectional LSTM,",
                    "dense layers; stages of dives: noise, pre-starting, take-flight, entry",
                ),
            ),
            (
                box("data", "take-flight"),
                box("data", "take-flight and entry"),
            ),
            (
                box("learned", "difficulty branch", "12 layers of C3D, pretrained"),
                box("learned", "execution branch", "12 layers of C3D, pretrained, its own"),
            ),
            (
                box(
                    "learned",
                    "convolution, ReLU,",
                    "max pooling 3x3x3: twice;",
                    "three dense layers, dropout",
                ),
                box(
                    "learned",
                    "convolution, ReLU,",
                    "max pooling 3x3x3: twice;",
                    "three dense layers, dropout",
                ),
            ),
            (box("data", "difficulty D"), box("data", "execution E")),
            (box("data", "score", "dives: D x E; vaults: D + E"),),
            (
                box(
                    "loss",
                    "D and E, each: half the mean squared error",
                    "+ alpha x ranking + beta x weights²",
                    "alpha = 5 for dives, 10 for vaults; beta = 0.0005",
                    "ranking: as in li2018end, but the margin is not stated",
                    "stages: cross-entropy; all three are added",
                ),
            ),
        ),
    ),
    "farabi2021": System(
        "Average of clips, or Weight-Decider (farabi2021 §3)",
        (
            (box("data", "96 frames: 12 clips of 8, 6 of 16, or 3 of 32"),),
            (
                box(
                    "learned",
                    "ResNet, 3D or (2+1)D, for every clip",
                    "pretrained, and trained further at a smaller rate;",
                    "512 numbers per clip (34 layers) or 2048 (50 and 101 layers)",
                ),
            ),
            (
                box(
                    "learned",
                    "dense layers for every clip, down to 128",
                    "512-256-128 or 2048-512-256-128",
                ),
            ),
            (
                box("data", "average", "the mean of the clips:", "nothing to learn"),
                box(
                    "learned",
                    "or Weight-Decider",
                    "128-64-32-64-128 for every clip,",
                    "softmax over clips in each of the",
                    "128 places: weights of the sum",
                ),
            ),
            (box("learned", "linear layer of 128 to 1: the score"),),
            (box("loss", "squared error + absolute error"),),
        ),
    ),
    "parmar2019action": System(
        "One model over several actions (parmar2019action §4, 5)",
        (
            (
                box(
                    "data",
                    "videos of six actions: 103 frames, of which 6 clips of 16",
                    "of shorter videos the first frames are zeros",
                ),
            ),
            (box("given", "C3D, pretrained on UCF-101, frozen", "its vector fc6 per clip"),),
            (
                box("learned", "C3D-LSTM", "LSTM of 256 over the clips,", "dense layer of 1"),
                box(
                    "learned",
                    "C3D-SVR, to compare with",
                    "mean over the clips,",
                    "support vector regression",
                ),
            ),
            (
                box(
                    "data",
                    "score = output x deviation",
                    "of the action's training scores;",
                    "one model for all six actions",
                ),
                box("data", "score"),
            ),
            (
                box("loss", "squared error of score / deviation"),
                box("loss", "that of the regression"),
            ),
        ),
    ),
}


def draw(name: str) -> str:
    """The picture of a paper's system, as SVG."""
    system = SYSTEMS[name]
    parts, top = [_text(SIDE, 26, system.title, "head")], 44
    above: list[float] = []
    for row in system.rows:
        height = max(one.height for one in row)
        width = (WIDTH - 2 * SIDE - GAP * (len(row) - 1)) / len(row)
        middles = [SIDE + number * (width + GAP) + width / 2 for number in range(len(row))]
        if above:
            ways = max(above, middles, key=len)  # straight down, from or to each box
            parts += [_arrow(way, top - ARROW, top) for way in ways]
        for one, middle in zip(row, middles, strict=True):
            parts.append(_box(one, middle - width / 2, top, width, height))
        above, top = middles, top + height + ARROW
    parts.append(_legend(system, top))
    size = f'viewBox="0 0 {WIDTH} {top + 32}" width="{WIDTH}" height="{top + 32}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
        f"<title>{escape(system.title)}</title><style>{STYLE}</style>"
        f'<rect class="paper" width="{WIDTH}" height="{top + 32}"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _arrow(x: float, top: float, bottom: float) -> str:
    tip = f"{x - 5:g},{bottom - 8:g} {x + 5:g},{bottom - 8:g} {x:g},{bottom - 1:g}"
    way = f'<line class="way" x1="{x:g}" y1="{top:g}" x2="{x:g}" y2="{bottom - 8:g}"/>'
    return f'{way}<polygon class="tip" points="{tip}"/>'


def _box(one: Box, left: float, top: float, width: float, height: float) -> str:
    place = f'x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" rx="6"'
    middle, first = left + width / 2, top + (height - one.height) / 2 + PAD + 13
    said = [(one.name, "head"), *((line, "") for line in one.lines)]
    texts = [
        _text(middle, first + LINE * number, text, kind, "middle")
        for number, (text, kind) in enumerate(said)
    ]
    return f'<rect class="box {one.kind}" {place}/>' + "".join(texts)


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'


def _legend(system: System, top: int) -> str:
    used = {one.kind for row in system.rows for one in row}
    parts, left = [], SIDE
    for kind, meaning in KINDS.items():
        if kind in used:
            parts.append(
                f'<rect class="box {kind}" x="{left}" y="{top}" width="26" height="16" rx="4"/>'
            )
            parts.append(_text(left + 32, top + 13, meaning))
            left += 52 + 7 * len(meaning)
    return "".join(parts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "docs/pictures")
    folder = parser.parse_args().folder
    for name in SYSTEMS:
        (folder / f"system-{name}.svg").write_text(draw(name), encoding="utf-8")
