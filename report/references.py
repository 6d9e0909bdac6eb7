"""Cited works as lines of text."""

from __future__ import annotations

from collections.abc import Iterable

from aqa.papers import Paper, cited
from aqa.report.tables import wrapped


def references(papers: Iterable[Paper]) -> str:
    """Each work's key and what it stands for, wrapped to the terminal's width."""
    return wrapped("\n".join(f"{paper.key}: {paper}" for paper in papers), indent="    ")


def foot(*texts: str) -> str:
    """What the keys in texts stand for, under an empty line; empty where they cite nothing."""
    papers = cited(*texts)
    return f"\n\n{references(papers)}" if papers else ""
