"""Every table of the five papers, declared, a file per paper; and what others print.

What a recipe does differently from its paper stands in its note; a system without a recipe stands
in `missing`, with the reason. Figures of li2018end, li2018scoringnet and farabi2021 come from
networks trained end to end: recipes on stored features are their light versions, and expected to
reach less.
"""

from __future__ import annotations

from aqa.errors import UnknownNameError
from aqa.workflows.reproduce.declared import PublishedTable
from aqa.workflows.reproduce.tables import (
    farabi2021,
    jain2020,
    li2018end,
    li2018scoringnet,
    others,
    others_fis_v,
    others_jigsaws,
    parmar2019action,
)

_PAPERS = (
    *(jain2020, li2018end, li2018scoringnet, farabi2021, parmar2019action),
    *(others, others_fis_v, others_jigsaws),
)

TABLES: dict[str, PublishedTable] = {
    table.name: table for paper in _PAPERS for table in paper.TABLES
}
UNDECLARED = {**li2018end.UNDECLARED, **li2018scoringnet.UNDECLARED}
"""Printed tables that cannot be run: table and dataset -> the reason."""


def get_table(name: str) -> PublishedTable:
    """The table of that name; `UnknownNameError` where there is none."""
    if name not in TABLES:
        raise UnknownNameError("table", name, list(TABLES))
    return TABLES[name]
