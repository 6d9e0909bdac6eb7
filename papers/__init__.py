"""The works that the code, the help and the documents cite, by key: `jain2020 §III-C`.

A key is the first author's family name and the year, and a word of the title where that is not
enough to tell two works apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from aqa.papers.assessment import ASSESSMENT
from aqa.papers.methods import METHODS
from aqa.papers.networks import NETWORKS
from aqa.papers.paper import Paper

__all__ = ["KEY", "PAPERS", "Paper", "cited"]

PAPERS: Mapping[str, Paper] = MappingProxyType(
    {paper.key: paper for paper in (*ASSESSMENT, *NETWORKS, *METHODS)}
)
"""Key -> work, the five papers that this project rebuilds first."""

KEY = re.compile(r"\b[a-z]{2,}(?:19|20)\d\d[a-z]*\b")
"""What a key looks like; not everything that looks like one is one."""


def cited(*texts: str) -> list[Paper]:
    """The works whose keys stand in texts, in the order of `PAPERS`; unknown keys are left out."""
    keys = {key for text in texts for key in KEY.findall(text)}
    return [paper for key, paper in PAPERS.items() if key in keys]
