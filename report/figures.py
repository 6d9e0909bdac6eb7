"""What all pictures share: their style and colours, and how they are written to a file.

Figures are drawn without a display and without pyplot, so nothing of a caller's is changed.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font
from numpy.typing import NDArray

from aqa.files import check_picture, replacing

Image = NDArray[np.uint8]

# Okabe and Ito's colours, which colour-blind readers can tell apart; black is kept for text.
PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#96820F", "#6E6E6E",
)  # fmt: skip
SOUND, FAULTY = PALETTE[0], PALETTE[1]
INK, FAINT = "#282828", "#C8C8C8"
# Pixels per inch of a PNG, and of the frames inside an SVG or a PDF.
DPI = 150
FONT_SIZE = 9.0
# Keeps text readable where a line goes through it.
BEHIND_TEXT = {"boxstyle": "square,pad=0.05", "facecolor": "white", "edgecolor": "none"}

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": FONT_SIZE,
    "axes.titlesize": FONT_SIZE,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "text.parse_math": False,  # a $ in a video's name is a $
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "aqa",  # the same figure, the same bytes
    "pdf.fonttype": 42,
}
_NO_DATES = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


@contextmanager
def style() -> Iterator[None]:
    """Draw in this style, whatever style the caller has set; also a decorator."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


@style()
def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, SVG or PDF, by the ending of the file's name, in one step."""
    check_picture(path)
    ending = path.suffix.lower()
    with replacing(path) as temporary:
        figure.savefig(temporary, format=ending[1:], dpi=DPI, metadata=_NO_DATES[ending])


@style()
def svg_of(figure: Figure) -> bytes:
    """A figure as an SVG for pages: where its font is missing, one of the same width is taken."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata=_NO_DATES[".svg"])
    return buffer.getvalue().replace(b"'DejaVu Sans'", b"'DejaVu Sans', Verdana, sans-serif")


def readable(text: str) -> str:
    """The text with a mark in place of each character that the font of the pictures lacks."""
    glyphs = _glyphs()
    return "".join(
        c if c == "\n" or ord(c) in glyphs else "\N{REPLACEMENT CHARACTER}" for c in text
    )


@cache
def _glyphs() -> frozenset[int]:
    return frozenset(FT2Font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap())


def fitted(text: str, inches: float, size: float = FONT_SIZE) -> str:
    """The text as lines that are no wider than so many inches at this font size in points."""
    letters = max(4, int(inches * 72 / (0.6 * size)))
    return "\n".join(textwrap.wrap(readable(text), letters)) or " "


def lines_of(text: str) -> int:
    """How many lines a fitted text has."""
    return text.count("\n") + 1
