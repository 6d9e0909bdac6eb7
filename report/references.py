"""Cited works as lines of text."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable

from aqa.papers import Paper, cited


def references(papers: Iterable[Paper]) -> str:
    """Each work's key and what it stands for, wrapped to the terminal's width."""
    return "\n".join(_entry(f"{paper.key}: {paper}") for paper in papers)


def foot(*texts: str) -> str:
    """What the keys in texts stand for, under an empty line; empty where they cite nothing."""
    papers = cited(*texts)
    return f"\n\n{references(papers)}" if papers else ""


def _entry(text: str) -> str:
    width = shutil.get_terminal_size().columns
    return textwrap.fill(text, width, subsequent_indent="    ", break_on_hyphens=False)
