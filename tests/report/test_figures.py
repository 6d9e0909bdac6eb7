from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from aqa.errors import AqaError
from aqa.report.embedding_plots import embeddings_figure
from aqa.report.feedback_strip import feedback_figure
from aqa.report.figures import DPI, fitted, lines_of, readable, save_figure, style
from aqa.report.fragments_curve import fragments_figure
from aqa.report.pose_moves import pose_figure
from aqa.report.transfer_curves import transfer_figure

KINDS = ("feedback", "pose", "embeddings", "fragments", "transfer")


@pytest.fixture
def figure(request, feedback, frames, pose_feedback, embeddings, fragment_rows, transfer) -> Figure:
    """A picture of the kind that the test names."""
    make = {
        "feedback": lambda: feedback_figure(feedback([0.9, 0.2]), frames(2), frames(2), "dive_12"),
        "pose": lambda: pose_figure(pose_feedback, {}),
        "embeddings": lambda: embeddings_figure(embeddings, "runs/score/split-1"),
        "fragments": lambda: fragments_figure(fragment_rows),
        "transfer": lambda: transfer_figure(transfer),
    }
    return make[request.param]()


# What a reader finds in each picture: values with their units, and what the marks mean.
TEXTS = {
    "feedback": {"clip 2, faulty", "from 0.50 s", "0.20", "faulty: below 0.5", "exemplar"},
    "pose": {"frame 11, 0.44 s", "left hand", "longest arrow: 2 points per pixel"},
    "embeddings": {"101B", "(no type)", "test", "t-SNE, first axis", "silhouette 0.25 training"},
    "fragments": {"takeoff", "0.60", "Spearman correlation, test videos", "fragment (number of"},
    "transfer": {"25 videos", "75 videos", "iterations of fine-tuning", "from random weights"},
}


@pytest.mark.parametrize("figure", KINDS, indirect=True)
@pytest.mark.parametrize("ending", ["png", "svg", "pdf", "PNG"])
def test_every_picture_is_written_in_every_format(
    tmp_path: Path, figure: Figure, ending: str
) -> None:
    path = tmp_path / "new" / f"picture.{ending}"
    save_figure(figure, path)
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # nothing half-written is left
    if ending.lower() == "png":
        expected = (figure.get_size_inches() * DPI).astype(int)
        np.testing.assert_allclose(cv2.imread(str(path)).shape[1::-1], expected, atol=1)
    else:
        assert path.read_bytes().startswith(b"%PDF" if ending == "pdf" else b"<?xml")


@pytest.mark.parametrize(
    ("figure", "expected"), TEXTS.items(), indirect=["figure"], ids=TEXTS.keys()
)
def test_an_svg_holds_its_texts(tmp_path: Path, figure: Figure, expected: set[str]) -> None:
    save_figure(figure, tmp_path / "a.svg")
    texts = " ".join("".join(e.itertext()).strip() for e in ET.parse(tmp_path / "a.svg").iter())
    assert {text for text in expected if text not in texts} == set()


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path, fragment_rows) -> None:
    for ending in ("svg", "pdf", "png"):
        for name in ("a", "b"):
            save_figure(fragments_figure(fragment_rows), tmp_path / f"{name}.{ending}")
        first, second = (tmp_path / f"{name}.{ending}" for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AqaError, match=r"a.jpg: .* ends in \.png, \.svg or \.pdf"):
        save_figure(Figure(), tmp_path / "a.jpg")
    assert list(tmp_path.iterdir()) == []


def test_a_caller_s_style_is_neither_used_nor_changed(fragment_rows) -> None:
    with matplotlib.rc_context({"font.size": 40, "axes.facecolor": "red"}):
        figure = fragments_figure(fragment_rows)
        assert matplotlib.rcParams["font.size"] == 40
    assert figure.axes[0].xaxis.label.get_size() == 9
    assert figure.axes[0].get_facecolor()[:3] == (1, 1, 1)


def test_no_display_and_no_pyplot(tmp_path: Path) -> None:
    """pyplot would keep every figure, and open a window where it can."""
    code = (
        "import sys; from pathlib import Path; from aqa.report.figures import save_figure\n"
        "from aqa.report.fragments_curve import fragments_figure\n"
        "save_figure(fragments_figure([]), Path('a.png'))\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "MPLBACKEND")}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)


@style()
def test_letters_that_the_font_lacks_are_marked(tmp_path: Path) -> None:
    """A warning of a missing glyph would fail this test."""
    figure = Figure()
    figure.text(0, 0, readable("vidéo \N{CJK UNIFIED IDEOGRAPH-8DF3} $x$\nb"))
    save_figure(figure, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "vidéo \N{REPLACEMENT CHARACTER} $x$" in text


def test_long_texts_become_lines() -> None:
    text = fitted("word " * 30, inches=2.0)
    assert lines_of(text) == len(text.splitlines()) > 3
    assert max(map(len, text.splitlines())) <= 2.0 * 72 / 5
    assert fitted("", 1.0) == " "
